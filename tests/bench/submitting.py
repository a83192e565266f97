"""How fast a producer submits, and what a waiting frame costs of Redis; part of ``bench_farm``.

The scans are listed from memory, so that what is measured is the producer, the job store and the broker: both
in one Valkey on this machine, with an append-only file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.servers import Valkey

from douga_producer.client import Farm
from douga_producer.feed import FeedProgress
from douga_producer.submission import submit
from douga_shared.broker import Sender, make_app
from douga_shared.job_store.redis import open_job_store
from douga_shared.object_store import MemoryStore, ObjectStore
from douga_shared.settings import Settings, TransportKind

SCANS, CLEAN = "s3://studio/cut012/scan/", "s3://studio/cut012/clean/"
TINY = "s3://studio/cut000/scan/"
COUNTS = (1_000, 20_000, 100_000)
CHUNKS = (1, 16, 64)


@dataclass
class Bench:
    """A farm whose buckets are in memory."""

    farm: Farm
    stores: dict[str, MemoryStore]
    valkey: Valkey

    def memory_bytes(self) -> int:
        """What the server holds."""
        with self.valkey.client() as client:
            return int(client.info("memory")["used_memory"])


@contextmanager
def opened(settings: Settings, valkey: Valkey) -> Iterator[Bench]:
    """A farm of its own on a running server."""
    stores: dict[str, MemoryStore] = {}

    def open_store(url: str, create: bool) -> ObjectStore:
        return stores.setdefault(url, MemoryStore())

    with closing(open_job_store(settings)) as jobs, make_app(settings) as app:
        yield Bench(Farm(settings, Sender(app, settings), jobs, open_store), stores, valkey)


def measure(bench: Bench, count: int) -> dict[str, float]:
    """Submit so many frames twice; names and etags are as long as a studio's."""
    scans = bench.stores[SCANS] = MemoryStore({f"cut012_A{number:06d}.tga": b"" for number in range(count)})
    # Hashing is the memory store's own doing.
    infos = list(scans.list())
    # What the server needs once, scripts above all, is no frame's cost.
    bench.stores[TINY] = MemoryStore({"A1.tga": b""})
    submit(TINY, CLEAN, farm=bench.farm)
    before = bench.memory_bytes()
    figures: dict[str, float] = {}
    for run in ("first", "again"):
        sent_at: list[float] = []
        wall, cpu = time.perf_counter(), time.process_time()
        submission = submit(SCANS, CLEAN, farm=bench.farm, on_progress=partial(note, sent_at))
        seconds = time.perf_counter() - wall
        figures |= {
            f"{run}: frames/s": count / seconds,
            f"{run}: CPU us/frame": (time.process_time() - cpu) / count * 1e6,
        }
        if run == "first":
            assert submission.sent == count
            figures["first chunk after s"] = sent_at[0] - wall
            figures["Redis bytes/frame"] = (bench.memory_bytes() - before) / count
    assert len(infos) == count
    return figures


def note(sent_at: list[float], progress: FeedProgress) -> None:
    """Note when something was sent."""
    if progress.sent:
        sent_at.append(time.perf_counter())


def submit_from_memory(bench: Bench, count: int) -> str:
    """Submit a job of its own of so many frames; returns its id."""
    scans, drawings = f"s3://studio/cut{count}/scan/", f"s3://studio/cut{count}/clean/"
    bench.stores[scans] = MemoryStore({f"cut012_A{number:06d}.tga": b"" for number in range(count)})
    return submit(scans, drawings, has_report=False, farm=bench.farm).job_id


def submit_cases(folder: Path) -> dict[str, dict[str, float]]:
    """Submit jobs of several sizes and cuts, over our transport and the stock one."""
    cases = [(count, 16, TransportKind.SAFE) for count in COUNTS]
    cases += [(20_000, chunk, TransportKind.SAFE) for chunk in CHUNKS if chunk != 16]
    cases += [(20_000, 16, TransportKind.STOCK)]
    figures: dict[str, dict[str, float]] = {}
    for number, (count, chunk_frames, transport) in enumerate(cases):
        with Valkey(folder / f"submitting-{number}") as valkey:
            settings = Settings(
                broker_url=valkey.url,
                chunk_frames=chunk_frames,
                transport=transport,
                most_waiting_frames=10_000_000,
            )
            with opened(settings, valkey) as bench:
                case = f"submit {count:,} frames, {chunk_frames} in a chunk, {transport.value} transport"
                figures[case] = measure(bench, count)
    return figures
