"""Workers that are killed, told to stop or lied to by their clocks; nobody looks after the job meanwhile.

No test here runs ``douga resume`` or ``douga reconcile``: leases and queue alone bring everything back.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from subprocess import Popen
from typing import Any

import pytest
from tests.cleaning import rough_png
from tests.farm import LEASE_SECONDS, FarmOfTests, assert_all_done_once, bucket_farm
from tests.farm_corners import assert_queue_is_empty
from tests.farm_worker import CRASHING, POISONED
from tests.s3_server import SeaweedS3
from tests.servers import wait_until

from douga_shared.errors import ExitCode

Record = Callable[[str, object], None]
LONG = "600"
"""Seconds of a lease that no test waits for."""
FRAMES_IN_FLIGHT = 6
"""Of a worker of the tests: more can be in no network at once, nor be drawn in vain."""
_SHIFTED_CLOCK = """
import os, time
_time, _shift = time.time, os.environ.get("CLOCK_SHIFT")
def _shifted():
    try:
        with open(_shift) as file:
            return _time() + float(file.read())
    except ValueError:
        return _time()
if _shift:
    time.time = _shifted
"""


@pytest.fixture
def farm(s3_server: SeaweedS3, s3_prefix: str, tmp_path: Path) -> Iterator[FarmOfTests]:
    """A farm of this test's own."""
    with bucket_farm(tmp_path, s3_server, s3_prefix) as farm:
        yield farm


@pytest.mark.timeout(480)  # A minute on a quiet machine; 22 workers start, so a busy one takes long.
@pytest.mark.parametrize(
    ("kills", "frames"), [(8, 200), pytest.param(20, 500, marks=[pytest.mark.soak, pytest.mark.timeout(900)])]
)
def test_no_frame_is_lost_or_done_twice_by_many_kills(
    farm: FarmOfTests, record_property: Record, kills: int, frames: int
) -> None:
    """The user sees the bar go on; logs say 'messages go back to the queue' and 'now tried alone'."""
    # Small chunks, or half the frames of so short a job would twice be in bad company and be tried alone.
    farm.environment |= {"DOUGA_CHUNK_FRAMES": "2", "STUB_SECONDS": "0.05"}
    names = farm.add_scans(frames)
    job_id = farm.order(outputs=["png"], has_report=False)
    began = time.monotonic()
    supervisor = _Supervisor(farm, seed=20)
    supervisor.kill_until(kills)
    killing = time.monotonic() - began
    assert not farm.standing(job_id).is_complete
    wait_until(supervisor.redeliveries.are_complete, "the chunks of the last one killed are back", 60)
    farm.wait_complete(job_id, 240)
    took = time.monotonic() - began
    logs = [farm.log_of(worker) for worker in farm.workers]
    record_property("seconds", f"{took:.1f}, {killing:.1f} of them with kills")
    record_property("kills_while_drawing", supervisor.kills_while_drawing)
    waits = supervisor.redeliveries.seconds
    # Long where no worker lived long enough to look for leases that ran out.
    record_property(
        "redelivery_seconds", f"{median(waits):.1f}, {max(waits):.1f} at most, {len(waits)} chunks"
    )
    record_property("tried_alone", sum(log.count("now tried alone") for log in logs))
    record_property("drawn_in_vain", farm.cleaned() - frames)
    assert_all_done_once(farm, job_id, names)
    assert_queue_is_empty(farm)
    assert supervisor.kills_while_drawing >= kills // 2
    assert frames <= farm.cleaned() <= frames + supervisor.kills * FRAMES_IN_FLIGHT
    assert any("go back to the queue: their leases were not renewed" in log for log in logs)
    wait_until(lambda: not _left_behind(farm), "nothing is left of workers that were killed")


def test_a_killed_workers_chunks_are_taken_within_the_lease_and_five_seconds(
    farm: FarmOfTests, record_property: Record
) -> None:
    """A worker that is up looks for them; its log says that messages go back to the queue."""
    names = farm.add_scans(16)
    victim = farm.start_worker(STUB_SECONDS="0.3")
    farm.wait_ready(victim)
    job_id = farm.order()
    farm.wait_cleaned(2)
    heir = farm.start_worker()
    farm.wait_ready(heir)
    farm.kill(victim)
    died_at = time.monotonic()
    wait_until(
        lambda: bool(chunks_in_works(farm.log_of(heir))), "the heir takes the chunk", LEASE_SECONDS + 5
    )
    record_property("redelivery_seconds", round(time.monotonic() - died_at, 1))
    farm.wait_complete(job_id)
    assert "1 messages go back to the queue: their leases were not renewed" in farm.log_of(heir)
    assert_all_done_once(farm, job_id, names)


def test_what_was_stored_before_the_kill_is_not_done_again(farm: FarmOfTests) -> None:
    """All of a chunk was drawn when its worker died, but neither counted nor acked: nothing is rewritten."""
    names = farm.add_scans(8)
    farm.environment |= {"DOUGA_CHUNK_FRAMES": "8", "STUB_SECONDS": "0.2"}
    victim = farm.start_worker()
    farm.wait_ready(victim)
    job_id = farm.order()
    farm.wait_cleaned(1)
    with farm.valkey.client() as client:
        # Whatever changes something waits now, so that frames can be neither settled nor acked.
        client.client_pause(120_000, all=False)
        wait_until(lambda: len(farm.done_markers()) == len(names), "all drawings are stored")
        stored = _objects(farm)
        farm.kill(victim)
        client.client_unpause()
    assert 0 == farm.standing(job_id).done
    farm.start_worker()
    farm.wait_complete(job_id)
    assert_all_done_once(farm, job_id, names)
    assert len(names) == farm.cleaned()
    assert stored == {name: etag for name, etag in _objects(farm).items() if name in stored}


def test_a_worker_told_to_stop_hands_back_what_it_has_not_begun(
    farm: FarmOfTests, record_property: Record
) -> None:
    """SIGTERM amid a chunk: exit code 0, nothing is drawn twice, and the rest waits for no lease."""
    names = farm.add_scans(24)
    farm.environment |= {"DOUGA_LEASE_SECONDS": LONG, "DOUGA_CHUNK_FRAMES": "12", "STUB_SECONDS": "0.1"}
    leaver = farm.start_worker()
    farm.wait_ready(leaver)
    job_id = farm.order()
    farm.wait_cleaned(2)
    began = time.monotonic()
    assert ExitCode.OK == farm.stop(leaver)
    record_property("drain_seconds", round(time.monotonic() - began, 1))
    begun = farm.cleaned()
    assert begun < 24
    log = farm.log_of(leaver)
    assert "told to stop: finishing what is begun, handing back the rest" in log
    # Celery's own word is no line of the log.
    assert "Warm shutdown" not in log
    assert log.rstrip().endswith("stopped")
    standing = farm.standing(job_id)
    assert (begun, 0) == (standing.done, standing.running)
    farm.start_worker()
    farm.wait_complete(job_id)
    assert_all_done_once(farm, job_id, names)
    assert 24 == farm.cleaned()


@pytest.mark.parametrize("signs", [[signal.SIGTERM] * 3, [signal.SIGINT]], ids=["thrice", "ctrl-c"])
def test_impatience_and_ctrl_c_end_a_worker_as_orderly(
    farm: FarmOfTests, signs: list[signal.Signals]
) -> None:
    """A second SIGTERM changes nothing; Ctrl-C reaches all its processes, and only the worker minds."""
    names = farm.add_scans(12)
    farm.environment |= {"DOUGA_LEASE_SECONDS": LONG, "DOUGA_CHUNK_FRAMES": "12", "STUB_SECONDS": "0.2"}
    worker = farm.start_worker()
    farm.wait_ready(worker)
    job_id = farm.order()
    farm.wait_cleaned(1)
    for sign in signs:
        os.killpg(worker.pid, sign) if sign is signal.SIGINT else worker.send_signal(sign)
        wait_until(lambda: "told to stop" in farm.log_of(worker), "the worker has heard it")
    assert ExitCode.OK == worker.wait(60)
    assert "Traceback" not in farm.log_of(worker)
    standing = farm.standing(job_id)
    assert (farm.cleaned(), 0) == (standing.done, standing.running)
    farm.start_worker()
    farm.wait_complete(job_id)
    assert_all_done_once(farm, job_id, names)
    assert 12 == farm.cleaned()


def test_a_worker_whose_network_hangs_leaves_at_the_end_of_its_grace(
    farm: FarmOfTests, record_property: Record
) -> None:
    """Exit code 0 and the log says that a frame is left behind; another worker has it at once."""
    farm.environment |= {"DOUGA_LEASE_SECONDS": LONG}
    names = _put_wide_scan(farm)
    worker = farm.start_worker(STUB_POISON="hang", DOUGA_GRACE_SECONDS="2")
    farm.wait_ready(worker)
    job_id = farm.order()
    wait_until(lambda: POISONED in farm.log_of(worker), "the network hangs")
    began = time.monotonic()
    assert ExitCode.OK == farm.stop(worker)
    record_property("drain_seconds", round(time.monotonic() - began, 1))
    assert "leaving a frame behind that did not finish in the grace period" in farm.log_of(worker)
    farm.start_worker()
    farm.wait_complete(job_id)
    assert_all_done_once(farm, job_id, names)


def test_a_worker_killed_while_it_drains_loses_nothing(farm: FarmOfTests) -> None:
    """The supervisor's patience ends before the worker's: SIGKILL, and the leases bring everything back."""
    names = _put_wide_scan(farm)
    worker = farm.start_worker(STUB_POISON="hang", DOUGA_GRACE_SECONDS="600")
    farm.wait_ready(worker)
    job_id = farm.order()
    wait_until(lambda: POISONED in farm.log_of(worker), "the network hangs")
    worker.send_signal(signal.SIGTERM)
    wait_until(lambda: "told to stop" in farm.log_of(worker), "the worker drains")
    farm.kill(worker)
    farm.start_worker()
    farm.wait_complete(job_id)
    assert_all_done_once(farm, job_id, names)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_worker_stops_at_once(farm: FarmOfTests, sign: signal.Signals) -> None:
    """Exit code 0."""
    worker = farm.start_worker()
    wait_until(lambda: "ready." in farm.log_of(worker), "the worker is ready", 60)
    worker.send_signal(sign)
    assert ExitCode.OK == worker.wait(30)
    assert "Traceback" not in farm.log_of(worker)


def test_a_worker_as_process_one_obeys_sigterm_and_leaves_no_zombies(farm: FarmOfTests) -> None:
    """As in a container, where the kernel keeps from process 1 every signal that it does not handle."""
    unshare = shutil.which("unshare")
    namespace = [unshare or "", "--pid", "--fork", "--mount-proc"]
    if not unshare or subprocess.run([*namespace, "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs the right to make a process namespace")
    names = farm.add_scans(4)
    crashing = rough_png(seed=1, width=64, height=48) + CRASHING
    farm.put_scans({"B0001.png": crashing, "B0002.png": crashing})
    outside = farm.start_process([*namespace, sys.executable, "-m", "tests.farm_worker"])
    farm.wait_ready(outside)
    job_id = farm.order()
    farm.wait_complete(job_id)
    assert (len(names), 2) == (farm.standing(job_id).done, farm.standing(job_id).failed)
    (worker,) = _children(outside.pid)
    assert "1" == _status(worker)["NSpid"].split()[-1]
    assert [] == [child for child in _children(worker) if _status(child)["State"].startswith("Z")]
    os.kill(worker, signal.SIGTERM)
    assert ExitCode.OK == outside.wait(30)


def test_a_batch_that_outlasts_the_lease_is_drawn_once(farm: FarmOfTests) -> None:
    """The lease is renewed while the network moves: the idle worker beside gets nothing."""
    names = farm.add_scans(8)
    farm.environment |= {"DOUGA_LEASE_SECONDS": "2", "DOUGA_CHUNK_FRAMES": "8", "STUB_SECONDS": "1.2"}
    for worker in (farm.start_worker(), farm.start_worker()):
        farm.wait_ready(worker)
    job_id = farm.order()
    farm.wait_complete(job_id)
    assert_all_done_once(farm, job_id, names)
    assert 8 == farm.cleaned()
    assert not any("go back to the queue" in farm.log_of(worker) for worker in farm.workers)


def test_clocks_that_jump_neither_end_leases_nor_prolong_them(farm: FarmOfTests, tmp_path: Path) -> None:
    """One worker lives in tomorrow, one in yesterday, and they jump: only the server's clock counts."""
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(_SHIFTED_CLOCK)
    shifts = [tmp_path / "shift-0", tmp_path / "shift-1"]
    _turn(shifts, +86_400)
    farm.environment |= {"DOUGA_CHUNK_FRAMES": "4", "STUB_SECONDS": "0.5"}
    path = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "clock"), *sys.path])}
    names = farm.add_scans(24)
    workers = [farm.start_worker(CLOCK_SHIFT=str(shift), **path) for shift in shifts]
    for worker in workers:
        farm.wait_ready(worker)
    job_id = farm.order()
    farm.wait_cleaned(4)
    _turn(shifts, -86_400)
    wait_until(lambda: all(is_working(farm, worker) for worker in workers), "both work")
    lost = chunks_in_works(farm.log_of(workers[0]))
    before = farm.cleaned()
    farm.kill(workers[0])
    farm.wait_complete(job_id)
    assert_all_done_once(farm, job_id, names)
    assert before
    assert farm.cleaned() <= 24 + FRAMES_IN_FLIGHT
    log = farm.log_of(workers[1])
    assert f"{len(lost)} messages go back to the queue" in log
    assert 1 == log.count("go back to the queue")


def is_working(farm: FarmOfTests, worker: Popen[bytes]) -> bool:
    """Tell whether a worker has taken chunks that it has not finished."""
    return bool(chunks_in_works(farm.log_of(worker)))


def chunks_in_works(log: str) -> set[str]:
    """Ids of the messages that a worker took and did not finish, by its log."""
    taken: set[str] = set()
    for found in re.finditer(r"Task douga\.clean_chunk\[([^]]+)\] (received)?", log):
        message, is_received = found.groups()
        if is_received:
            taken.add(message)
        else:
            taken.discard(message)
    return taken


@dataclass
class _Redeliveries:
    """How long chunks of killed workers take to get back to the queue."""

    farm: FarmOfTests
    lost: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Delivery tag -> when its worker was killed, by the test's and by the server's clock."""
    seconds: list[float] = field(default_factory=list)

    def note_death(self, chunks: set[str]) -> None:
        """A worker that held these chunks was killed just now."""
        with self.farm.valkey.client() as client:
            answers: Any = client.hgetall("test:unacked"), client.time()
        records, (second, microsecond) = answers
        for tag, record in records.items():
            if json.loads(record)[0]["headers"]["id"] in chunks:
                self.lost[tag] = (time.monotonic(), second + microsecond / 1e6)

    def are_complete(self) -> bool:
        """Find chunks that are back, not claimed or claimed again; True when all are."""
        if not self.lost:
            return True
        with self.farm.valkey.client() as client:
            entries: Any = client.zrange("test:unacked_index", 0, -1, withscores=True)
        claimed = dict(entries)
        for tag, (died_at, died_at_server) in list(self.lost.items()):
            if claimed.get(tag, float("inf")) > died_at_server:
                self.seconds.append(time.monotonic() - died_at)
                del self.lost[tag]
        return not self.lost


class _Supervisor:
    """Keeps two workers up as systemd or Kubernetes would, and kills them while they work."""

    def __init__(self, farm: FarmOfTests, seed: int) -> None:
        self._farm = farm
        self._dice = random.Random(seed)
        self._dies_at: dict[Popen[bytes], float] = {}
        self._early: set[Popen[bytes]] = set()
        self.redeliveries = _Redeliveries(farm)
        self.kills = 0
        self.kills_while_drawing = 0
        self._crew = [self._start() for _ in range(2)]

    def kill_until(self, kills: int) -> None:
        """Go on until so many workers were killed, each with chunks in its works."""
        while self.kills < kills:
            self._crew = [self._look_after(worker) for worker in self._crew]
            self.redeliveries.are_complete()
            time.sleep(0.02)

    def _look_after(self, worker: Popen[bytes]) -> Popen[bytes]:
        assert worker.poll() is None, f"a worker ended by itself:\n{self._farm.log_of(worker)}"
        if worker not in self._dies_at and self._has_come_to_work(worker):
            self._dies_at[worker] = time.monotonic() + self._dice.uniform(0.2, 1.7)
        if time.monotonic() < self._dies_at.get(worker, float("inf")) or not is_working(self._farm, worker):
            return worker
        self._kill(worker)
        self.kills += 1
        self.kills_while_drawing += worker not in self._early
        self.redeliveries.note_death(chunks_in_works(self._farm.log_of(worker)))
        return self._start()

    def _kill(self, worker: Popen[bytes]) -> None:
        """A machine that dies, or an out-of-memory killer that takes one process and spares its children."""
        if self._dice.random() < 0.5:
            self._farm.kill(worker)
        else:
            worker.kill()
            worker.wait(30)

    def _start(self) -> Popen[bytes]:
        worker = self._farm.start_worker()
        # Some die while they read their first scans, most while they draw.
        if self._dice.random() < 0.15:
            self._early.add(worker)
        return worker

    def _has_come_to_work(self, worker: Popen[bytes]) -> bool:
        log = self._farm.log_of(worker)
        return bool(chunks_in_works(log)) and (worker in self._early or "succeeded in" in log)


def _put_wide_scan(farm: FarmOfTests) -> list[str]:
    """Four scans, the first of which is poison where the environment says so."""
    farm.put_scans({"A0000.png": rough_png(seed=1, width=200, height=40)})
    return ["A0000.png", *farm.add_scans(3)]


def _turn(clocks: list[Path], seconds: float) -> None:
    for sign, clock in zip((1, -1), clocks, strict=True):
        clock.write_text(str(sign * seconds))


def _objects(farm: FarmOfTests) -> dict[str, str]:
    """ETag by name of all that lies in the destination."""
    with farm.opened() as client:
        return {info.object_key: info.etag for info in client.open_store(farm.drawings).list()}


def _left_behind(farm: FarmOfTests) -> list[int]:
    """Processes whose worker is no more."""
    dead = {worker.pid for worker in farm.workers if worker.poll() is not None}
    running = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    return [pid for pid in running if _session(pid) in dead]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
