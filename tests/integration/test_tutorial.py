"""The README's tutorial of the farm, typed as it stands: every command, in as many shells as it says."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cleaning import manifest_of
from tests.components import needs_program
from tests.s3_server import REMEDY
from tests.servers import wait_until

from douga_shared.errors import ExitCode
from douga_shared.manifest import FrameState

REPOSITORY = Path(__file__).parents[2]
TITLE = "### The farm, step by step"
FRAMES = ("A0001.png", "A0007a.png")
INSTALLING = "tools/setup-venv.sh"
SERVERS_RUN = "The farm's servers run."
BUCKET_PORTS = 5
"""The bucket's server takes so many ports in a row, and for each one ten thousand above it."""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone, all installed; of the example only some frames, to be quick."""
    program = Path(sys.executable).with_name("weed")
    if not program.exists():
        needs_program("weed", REMEDY)
    if not Path(sys.executable).with_name("douga").exists():
        pytest.fail("the tutorial calls .venv/bin/douga: install Douga itself, pip install -e .")
    shutil.copytree(REPOSITORY / "tools", tmp_path / "tools")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    scans = tmp_path / "examples" / "walk"
    scans.mkdir(parents=True)
    for name in FRAMES:
        shutil.copy(REPOSITORY / "examples" / "walk" / name, scans / name)
    return tmp_path


def test_the_tutorial_of_the_farm_works_as_it_is_written(clone: Path) -> None:
    """Servers, a worker, an order, its progress, the drawings and the report; Ctrl-C ends what still runs."""
    environment = reader_environment()
    installing, servers, worker, *orders = commands()
    assert installing.startswith(INSTALLING)
    with (
        shell(servers, clone, environment, "servers", SERVERS_RUN),
        shell(worker, clone, environment, "worker", "serving"),
    ):
        third = subprocess.run(
            ["bash", "-e", "-c", "\n".join(orders)],
            cwd=clone,
            env=environment,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert ExitCode.OK == third.returncode, f"{third.stdout}\n{third.stderr}"
    out = clone / "out" / "walk-farm"
    assert len(FRAMES) == manifest_of(out).count(FrameState.DONE)
    for name in FRAMES:
        assert (out / name).is_file()
        assert (out / name).with_suffix(".svg").is_file()
    assert (out / "report" / "index.html").is_file()


def commands() -> list[str]:
    """The blocks of commands in the README's tutorial: what stands indented.

    The first installs, the next two are shells that stay open, the others go one after another into a third.
    """
    _, _, behind = (REPOSITORY / "README.md").read_text().partition(TITLE)
    tutorial, _, _ = behind.partition("\n##")
    blocks = re.findall(r"(?:^    .+\n)+", tutorial, re.MULTILINE)
    assert 4 < len(blocks), "the README's tutorial is not where this test looks for it"
    return ["\n".join(line.strip() for line in block.splitlines()) for block in blocks]


def reader_environment() -> dict[str, str]:
    """What somebody's shell holds who has set nothing but free ports."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOUGA_", "AWS_"))}
    return kept | {
        "QUEUE_PORT": str(_free_ports(1)),
        "BUCKET_PORT": str(_free_ports(BUCKET_PORTS)),
    }


@contextmanager
def shell(
    command: str, folder: Path, environment: dict[str, str], name: str, sign_of_life: str
) -> Iterator[None]:
    """Run something in a shell of its own until Ctrl-C; ready when it has said its sign of life."""
    log = folder / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["bash", "-e", "-c", command],
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        wait_until(
            lambda: sign_of_life in log.read_text() or process.poll() is not None,
            f"'{command}' says '{sign_of_life}'",
            120,
        )
        assert process.poll() is None, log.read_text()
        yield
        os.killpg(process.pid, signal.SIGINT)
        assert ExitCode.OK == process.wait(60), log.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


def _free_ports(count: int) -> int:
    """The first of so many free ports in a row whose twins are free too."""
    for _ in range(1000):
        first = random.SystemRandom().randrange(11_000, 22_000)
        if all(_is_free(port) and _is_free(port + 10_000) for port in range(first, first + count)):
            return first
    raise AssertionError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
