"""A long job under a rain of kills: nothing lost, nothing doubled, and memory stays where it was.

``DOUGA_SOAK_FRAMES`` frames (20,000) on four workers, one of which is killed every
``DOUGA_SOAK_KILL_SECONDS`` (5) or so, in an order that ``DOUGA_SOAK_SEED`` decides; the first worker is
spared, so that its memory can be watched. ``DOUGA_SOAK_STORE=folder`` takes a folder for the bucket. The
figures go to ``out/soak.json``, the curves of memory to ``out/soak.svg``.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from subprocess import Popen
from typing import Any

import pytest
from tests.bench.memory_plot import draw_memory
from tests.farm import FarmOfTests, assert_all_done_once, bucket_farm, resident_megabytes
from tests.farm_corners import assert_queue_is_empty, folder_farm
from tests.s3_server import fresh_prefix, running_s3_server

from douga_producer.client import Farm
from douga_shared.job_store.protocol import Standing

FRAMES = int(os.environ.get("DOUGA_SOAK_FRAMES", "20000"))
KILL_SECONDS = float(os.environ.get("DOUGA_SOAK_KILL_SECONDS", "5"))
SEED = int(os.environ.get("DOUGA_SOAK_SEED", "1"))
STORE = os.environ.get("DOUGA_SOAK_STORE", "bucket")
WORKERS = 4
SAMPLES = 200
"""Of memory, spread over the job."""
STILL_SECONDS = 180.0
"""Without a frame settled for so long, the job has stopped."""
FIGURES = Path(__file__).parents[2] / "out" / "soak.json"
CHUNK_FRAMES = 16
LEASE_SECONDS = 10.0
"""Longer than a busy machine lets a worker wait for its turn: a lease that runs out is no kill."""
SETTINGS = {"DOUGA_CHUNK_FRAMES": str(CHUNK_FRAMES), "DOUGA_LEASE_SECONDS": str(LEASE_SECONDS)}


@dataclass(frozen=True)
class Sample:
    """What was in memory at one moment."""

    seconds: float
    done: int
    redis_megabytes: float
    spared_megabytes: float
    """The worker that is never killed."""
    spared_helper_megabytes: float
    """Its process in which scans are decoded and drawings finished."""
    killed_megabytes: float
    """Mean of the other workers, whatever their age."""


@dataclass(frozen=True)
class Beginning:
    """A worker began a frame."""

    moment: float
    worker: int


@dataclass
class Figures:
    """What is told of the run."""

    frames: int
    store: str
    seed: int
    seconds: float = 0.0
    frames_per_second: float = 0.0
    kills: int = 0
    begun_again: int = 0
    """Frames that were begun more than once, each explained by kills."""
    done_again: int = 0
    """Of these, frames that were cleaned twice; their drawings are the same bytes."""
    tried_alone: int = 0
    """Frames that were in the works at two deaths."""
    dead_letters: int = 0
    """Innocent frames given up because workers died on them; must be none."""
    spared_frames: int = 0
    """Frames that the worker did that was never killed."""
    redis_megabytes: tuple[float, float] = (0.0, 0.0)
    """Median of the first and the second half."""
    spared_megabytes: tuple[float, float] = (0.0, 0.0)
    """When half of the job was done, and all."""
    spared_helper_megabytes: tuple[float, float] = (0.0, 0.0)
    samples: list[Sample] = field(default_factory=list)


@pytest.fixture
def farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FarmOfTests]:
    """A farm of this test's own, in a bucket or a folder."""
    for name in [name for name in os.environ if name.startswith("DOUGA_SOAK_")]:
        # Workers take every setting that they do not know for a mistake.
        monkeypatch.delenv(name)
    with _opened(tmp_path) as farm:
        yield farm


@contextmanager
def _opened(folder: Path) -> Iterator[FarmOfTests]:
    if STORE == "folder":
        with folder_farm(folder, **SETTINGS) as farm:
            for place in ("scans", "drawings"):
                (folder / "data" / place).mkdir()
            yield farm
        return
    with running_s3_server() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        with bucket_farm(folder, server, fresh_prefix("soak"), **SETTINGS) as farm:
            yield farm


class _Crew:
    """Four workers; the first is spared, the others are killed one by one and replaced."""

    def __init__(self, farm: FarmOfTests) -> None:
        self._farm = farm
        self._dice = random.Random(SEED)
        self.deaths: dict[int, float] = {}
        """Worker -> moment of its death."""
        self.spared = self._start()
        self._mortal = [self._start() for _ in range(WORKERS - 1)]
        self._next_death = time.monotonic() + KILL_SECONDS

    def look_after(self) -> None:
        """Kill one that works, if it is time to."""
        for worker in [self.spared, *self._mortal]:
            assert worker.poll() is None, f"a worker ended by itself:\n{self._farm.log_of(worker)}"
        working = [worker for worker in self._mortal if self._has_begun(worker)]
        if time.monotonic() < self._next_death or not working:
            return
        victim = self._dice.choice(working)
        self._farm.kill(victim)
        self.deaths[self._farm.workers.index(victim)] = time.time()
        self._mortal[self._mortal.index(victim)] = self._start()
        self._next_death = time.monotonic() + KILL_SECONDS * self._dice.uniform(0.5, 1.5)

    def sample(self, seconds: float, standing: Standing, redis_bytes: int) -> Sample:
        """Measure everybody's memory."""
        return Sample(
            seconds=round(seconds, 1),
            done=standing.done,
            redis_megabytes=round(redis_bytes / 1e6, 2),
            spared_megabytes=round(resident_megabytes(self.spared), 1),
            spared_helper_megabytes=round(_helpers_megabytes(self.spared), 1),
            killed_megabytes=round(sum(map(resident_megabytes, self._mortal)) / len(self._mortal), 1),
        )

    def _start(self) -> Popen[bytes]:
        notes = notes_of(self._farm, len(self._farm.workers))
        return self._farm.start_process(
            [sys.executable, "-X", "faulthandler", "-m", "tests.soak_worker"], SOAK_LOG=str(notes)
        )

    def _has_begun(self, worker: Popen[bytes]) -> bool:
        notes = notes_of(self._farm, self._farm.workers.index(worker))
        return notes.exists() and notes.stat().st_size > 0


@pytest.mark.soak
@pytest.mark.timeout(600 + FRAMES // 5)
def test_a_long_job_loses_nothing_and_memory_stays_flat_under_kills(farm: FarmOfTests) -> None:
    """All frames done once in store, job store and manifest; every second beginning is a killed worker's."""
    names = farm.add_scans(FRAMES)
    job_id = farm.order(outputs=["png"], has_report=False)
    crew = _Crew(farm)
    figures = Figures(FRAMES, STORE, SEED)
    _follow(farm, job_id, crew, figures)
    farm.wait_complete(job_id, seconds=300)

    begun, done = read_notes(farm)
    figures.kills = len(crew.deaths)
    figures.begun_again = sum(len(beginnings) > 1 for beginnings in begun.values())
    figures.done_again = sum(len(workers) > 1 for workers in done.values())
    senders = read_senders(farm)
    figures.tried_alone = len(senders)
    figures.dead_letters = farm.standing(job_id).failed
    figures.spared_frames = sum(0 in workers for workers in done.values())
    _judge_memory(figures)
    _show(figures)
    assert 0 < figures.kills
    assert 0 == figures.dead_letters
    assert_all_done_once(farm, job_id, names)
    assert_queue_is_empty(farm)
    assert [] == [stem for stem in begun if not is_explained(begun[stem], crew.deaths, senders[stem])]
    first, second = figures.redis_megabytes
    assert second <= first + 1, "Redis grew while the queue became shorter"
    for half, whole in (figures.spared_megabytes, figures.spared_helper_megabytes):
        assert whole <= half * 1.05 + 5, "a worker's memory grew with the number of its frames"


def _follow(farm: FarmOfTests, job_id: str, crew: _Crew, figures: Figures) -> None:
    """Look after the crew until the job is complete, and take samples."""
    began = moved_at = time.monotonic()
    last, next_sample = -1, 1.0
    with farm.opened() as client, farm.valkey.client() as redis:
        while not (standing := _standing(client, job_id)).is_complete:
            crew.look_after()
            now = time.monotonic()
            if standing.done > last:
                last, moved_at = standing.done, now
            assert now - moved_at < STILL_SECONDS, f"nothing moves any more: {standing}"
            if standing.done >= next_sample:
                next_sample = standing.done + FRAMES / SAMPLES
                memory: Any = redis.info("memory")
                figures.samples.append(crew.sample(now - began, standing, memory["used_memory"]))
            time.sleep(0.1)
    figures.seconds = round(time.monotonic() - began, 1)
    figures.frames_per_second = round(FRAMES / figures.seconds, 1)


def _standing(client: Farm, job_id: str) -> Standing:
    standing = client.jobs.standing(job_id)
    assert standing is not None
    return standing


def read_notes(farm: FarmOfTests) -> tuple[dict[str, list[Beginning]], dict[str, list[int]]]:
    """By stem: who began it when, and who had it done."""
    begun: dict[str, list[Beginning]] = defaultdict(list)
    done: dict[str, list[int]] = defaultdict(list)
    for worker in range(len(farm.workers)):
        notes = notes_of(farm, worker)
        for line in notes.read_text().splitlines() if notes.exists() else []:
            what, moment, stem = line.split()
            if what == "begun":
                begun[stem].append(Beginning(float(moment), worker))
            else:
                done[stem].append(worker)
    return begun, done


def notes_of(farm: FarmOfTests, worker: int) -> Path:
    """Where a worker of the soak takes its notes."""
    return farm.folder / f"notes-{worker}.log"


def read_senders(farm: FarmOfTests) -> defaultdict[str, list[int]]:
    """By stem: the workers that sent it into quarantine."""
    senders: defaultdict[str, list[int]] = defaultdict(list)
    for worker, process in enumerate(farm.workers):
        for stem in re.findall(r"(\S+)\.png: in the works .* now tried alone", farm.log_of(process)):
            senders[stem].append(worker)
    return senders


def is_explained(beginnings: list[Beginning], deaths: dict[int, float], senders: list[int]) -> bool:
    """Whoever began it before had died when it was begun again, or had died sending it into quarantine.

    The chunk of a worker that sent it there and died comes back, and its next worker sends it there again: so
    often more it may be done.
    """
    in_turn = sorted(beginnings, key=lambda beginning: beginning.moment)
    unexplained = sum(
        not (before.worker in deaths and before.moment <= deaths[before.worker] <= after.moment)
        for before, after in pairwise(in_turn)
    )
    return unexplained <= sum(sender in deaths for sender in senders[:-1])


def _judge_memory(figures: Figures) -> None:
    """Compare early with late, medians of several samples: a process breathes."""
    samples = figures.samples
    middle = len(samples) // 2
    tenth = max(1, len(samples) // 10)
    half, whole = samples[middle - tenth : middle], samples[-tenth:]
    redis = [[sample.redis_megabytes for sample in part] for part in (samples[:middle], samples[middle:])]
    figures.redis_megabytes = (median(redis[0]), median(redis[1]))
    figures.spared_megabytes = (
        median(sample.spared_megabytes for sample in half),
        median(sample.spared_megabytes for sample in whole),
    )
    figures.spared_helper_megabytes = (
        median(sample.spared_helper_megabytes for sample in half),
        median(sample.spared_helper_megabytes for sample in whole),
    )


def _show(figures: Figures) -> None:
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(asdict(figures), indent=1))
    curves = {
        "a worker that is never killed": [sample.spared_megabytes for sample in figures.samples],
        "its process for scans": [sample.spared_helper_megabytes for sample in figures.samples],
        "Redis": [sample.redis_megabytes for sample in figures.samples],
    }
    FIGURES.with_suffix(".svg").write_text(draw_memory([s.done for s in figures.samples], curves))
    print(f"\n{'s':>7} {'done':>7} {'Redis':>8} {'spared':>8} {'helper':>8} {'killed':>8}   (MB)")
    for sample in figures.samples[:: max(1, len(figures.samples) // 20)]:
        print(
            f"{sample.seconds:7.0f} {sample.done:7} {sample.redis_megabytes:8.2f} "
            f"{sample.spared_megabytes:8.1f} {sample.spared_helper_megabytes:8.1f} "
            f"{sample.killed_megabytes:8.1f}"
        )
    told = {name: value for name, value in asdict(figures).items() if name != "samples"}
    print(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in told.items()))


def _helpers_megabytes(worker: Popen[bytes]) -> float:
    """Memory of the processes that a worker's threads have started."""
    threads = Path(f"/proc/{worker.pid}/task").glob("*/children")
    return sum(_resident_megabytes(child) for thread in threads for child in thread.read_text().split())


def _resident_megabytes(pid: str) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0  # it has just ended
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2
