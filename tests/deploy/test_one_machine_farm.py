"""`make farm`: a whole farm on one machine, as somebody meets it who has just cloned the repository."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from tests.cleaning import manifest_of
from tests.components import needs_program
from tests.deploy.watched_farm import HOUSE, Prometheus
from tests.s3_server import REMEDY
from tests.servers import wait_until
from tools.farm.ports import bucket_offsets, chosen_ports, free_row, is_free
from tools.farm.servers import bucket_program

from douga_shared.manifest import FrameState

FRAMES = ("A0001.png", "A0007a.png")
MARK = "FARM_OF_THIS_TEST"
WORKERS = 2


@pytest.fixture
def ports() -> dict[str, str]:
    """Free ports, as the environment names them."""
    return {
        "QUEUE_PORT": str(free_row(range(1))),
        "BUCKET_PORT": str(free_row(bucket_offsets())),
        "PROMETHEUS_PORT": str(free_row(range(1))),
        "METRICS_PORT": str(free_row(range(WORKERS + 1))),
    }


@contextmanager
def running(folder: Path, ports: dict[str, str], *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start it; killed at the end if it still runs."""
    if bucket_program() is None:
        needs_program("weed", REMEDY)
    log = folder / "farm.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tools.farm", "--folder", str(folder / "farm"), *options],
            cwd=HOUSE,
            env={**os.environ, **ports, MARK: str(folder)},
            stdout=out,
            stderr=out,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(30)
        for pid in left_running(folder):
            os.kill(pid, signal.SIGKILL)


def wait_said(process: subprocess.Popen[bytes], folder: Path, words: str) -> None:
    """Wait until it has said something."""
    log = folder / "farm.log"
    wait_until(lambda: words in log.read_text() or process.poll() is not None, f"it says '{words}'", 150)
    assert words in log.read_text(), log.read_text()


def left_running(folder: Path) -> list[int]:
    """Processes that the farm in this folder has started, whoever is their parent now."""
    mark = f"{MARK}={folder}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:  # gone since, or somebody else's
            continue
    return found


def taken(ports: dict[str, str]) -> list[int]:
    """Ports of the farm at which somebody listens."""
    metrics, bucket = int(ports["METRICS_PORT"]), int(ports["BUCKET_PORT"])
    all_ports = [int(ports["QUEUE_PORT"]), int(ports["PROMETHEUS_PORT"])]
    all_ports += [metrics + offset for offset in range(WORKERS + 1)]
    all_ports += [bucket + offset for offset in bucket_offsets()]
    return [port for port in all_ports if not is_free(port)]


def test_the_farm_draws_the_example_is_watched_and_leaves_nothing_behind(
    tmp_path: Path, ports: dict[str, str]
) -> None:
    """An order is drawn, fetched and counted by Prometheus; Ctrl-C ends all of it in peace."""
    needs_program("prometheus", "apt-get install prometheus")
    scans = tmp_path / "walk"
    scans.mkdir()
    for name in FRAMES:
        shutil.copy(HOUSE / "examples" / "walk" / name, scans)
    with running(tmp_path, ports, "--scans", str(scans)) as farm:
        wait_said(farm, tmp_path, "Ctrl-C stops the farm")
        prometheus = Prometheus(f"http://127.0.0.1:{ports['PROMETHEUS_PORT']}")
        for expr in (
            f'sum(douga_frames_total{{outcome="done"}}) == {len(FRAMES)}',
            f"count(douga_worker_ready == 1) == {WORKERS}",
            "farm:batch_verdict:code",
        ):
            wait_until(lambda: bool(prometheus.latest(expr)), f"Prometheus says: {expr}", 60)  # noqa: B023
        assert {
            f"walk/clean/{Path(name).stem}{suffix}" for name in FRAMES for suffix in (".png", ".svg")
        } <= (drawings_in_the_bucket(tmp_path / "farm" / "settings.sh"))
        farm.send_signal(signal.SIGINT)
        assert 0 == farm.wait(90), (tmp_path / "farm.log").read_text()
        assert [] == left_running(tmp_path)
        assert [] == taken(ports)
    here = tmp_path / "farm" / "drawings" / "walk"
    assert len(FRAMES) == manifest_of(here).count(FrameState.DONE)
    assert (here / "report" / "index.html").is_file()


def drawings_in_the_bucket(settings: Path) -> set[str]:
    """What lies in the bucket, asked as another shell would."""
    program = (
        "from douga_producer.client import open_farm\n"
        "with open_farm() as farm:\n"
        "    for info in farm.open_store('s3://studio/').list('walk/clean/'): print(info.object_key)\n"
    )
    answer = subprocess.run(
        ["bash", "-e", "-c", f". '{settings}'; exec '{sys.executable}' -c \"$1\"", "bash", program],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(answer.stdout.splitlines())


def test_sigterm_ends_it_like_ctrl_c_and_a_second_one_is_refused(
    tmp_path: Path, ports: dict[str, str]
) -> None:
    """Two farms in one folder would write to the same files."""
    with running(tmp_path, ports, "--servers") as farm:
        wait_said(farm, tmp_path, "The farm's servers run.")
        second = subprocess.run(
            [sys.executable, "-m", "tools.farm", "--servers", "--folder", str(tmp_path / "farm")],
            cwd=HOUSE,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (1, True) == (second.returncode, "already" in second.stderr)
        farm.terminate()
        assert 0 == farm.wait(60), (tmp_path / "farm.log").read_text()
        assert [] == left_running(tmp_path)
        assert [] == taken(ports)


def test_a_queue_that_dies_ends_the_farm(tmp_path: Path, ports: dict[str, str]) -> None:
    """It says which part ended, and leaves nothing behind either."""
    with running(tmp_path, ports, "--servers") as farm:
        wait_said(farm, tmp_path, "The farm's servers run.")
        os.kill(queue_process(ports["QUEUE_PORT"]), signal.SIGKILL)
        assert 1 == farm.wait(60)
        assert "queue ended by itself (signal 9)" in (tmp_path / "farm.log").read_text()
        assert [] == left_running(tmp_path)


def queue_process(port: str) -> int:
    """Valkey writes its address over its own command line, and over its environment."""
    titles = Path("/proc").glob("[0-9]*/cmdline")
    (found,) = [path for path in titles if f" 127.0.0.1:{port}".encode() in read_if_there(path)]
    return int(found.parent.name)


def read_if_there(path: Path) -> bytes:
    """Nothing, of a process that is gone since."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_port_that_was_asked_for_and_is_taken_is_an_error() -> None:
    """Nobody searches for a queue that listens elsewhere than was said."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken_port = str(other.getsockname()[1])
        with pytest.raises(click.ClickException, match=f"QUEUE_PORT={taken_port}: somebody listens"):
            chosen_ports({"QUEUE_PORT": taken_port}, WORKERS)


def test_a_port_that_is_no_number_is_an_error() -> None:
    """It is named."""
    with pytest.raises(click.ClickException, match="QUEUE_PORT=many: no port"):
        chosen_ports({"QUEUE_PORT": "many"}, WORKERS)


def test_workers_and_exporter_stand_in_a_row() -> None:
    """The first worker and the exporter have the numbers of the compose file, the others follow."""
    first = free_row(range(4))
    found = chosen_ports({"METRICS_PORT": str(first)}, 3)
    assert ((first, first + 2, first + 3), first + 1) == (found.workers, found.exporter)
