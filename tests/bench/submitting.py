"""How fast a producer submits, and what a waiting frame costs of Redis; part of ``bench_farm``."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench.meters import Meters
from tests.servers import Valkey

from douga_producer.client import Farm
from douga_producer.feed import FeedProgress
from douga_producer.submission import submit
from douga_shared.broker import Sender, make_app
from douga_shared.job_store.redis import open_job_store
from douga_shared.object_store import MemoryStore, ObjectStore
from douga_shared.object_store.protocol import PAGE_ENTRIES, FolderListing, ObjectInfo
from douga_shared.settings import Settings

QUEUE = "douga:gpu.normal"
ENDLESS = 10_000_000
"""More waiting frames than any bench sends: nobody waits for workers."""


class ListedScans(MemoryStore):
    """Scans that are only listed: with names, sizes and etags as long, and as different, as a studio's."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._infos = [_info(number) for number in range(count)]

    def folder_pages(self, folder: str = "", most: int = PAGE_ENTRIES) -> Iterator[FolderListing]:
        """Yield them."""
        for start in range(0, len(self._infos), most):
            yield FolderListing(tuple(self._infos[start : start + most]), ())


def _info(number: int) -> ObjectInfo:
    digest = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
    return ObjectInfo(f"cut012_A{number:06d}.tga", 11_000_000 + int(digest[:5], 16), digest)


@dataclass
class Bench:
    """A farm whose buckets are in memory."""

    farm: Farm
    stores: dict[str, ObjectStore]
    meters: Meters

    def submit(self, count: int) -> str:
        """Submit a job of its own of so many frames, that are only listed; returns its id."""
        scans, drawings = f"s3://studio/cut{count}/scan/", f"s3://studio/cut{count}/clean/"
        self.stores[scans] = ListedScans(count)
        return submit(scans, drawings, has_report=False, farm=self.farm).job_id


@contextmanager
def opened(settings: Settings, valkey: Valkey) -> Iterator[Bench]:
    """A farm of its own on a running server."""
    stores: dict[str, ObjectStore] = {}

    def open_store(url: str, create: bool) -> ObjectStore:
        return stores.setdefault(url, MemoryStore())

    with (
        closing(open_job_store(settings)) as jobs,
        make_app(settings) as app,
        closing(Meters(valkey)) as meters,
    ):
        yield Bench(Farm(settings, Sender(app, settings), jobs, open_store), stores, meters)


def submit_listed(folder: Path, count: int, chunk_frames: int) -> dict[str, float]:
    """Submit frames that are only listed, so that all it takes is the producer's own, and Redis'."""
    with Valkey(folder / f"submitting-{count}-{chunk_frames}") as valkey:
        settings = Settings(broker_url=valkey.url, chunk_frames=chunk_frames, most_waiting_frames=ENDLESS)
        with opened(settings, valkey) as bench:
            # What the server needs once, scripts above all, is no frame's cost.
            bench.submit(64)
            queued = bench.meters.bytes_of(QUEUE)
            before = bench.meters.read()
            cpu = time.process_time()
            bench.submit(count)
            cpu = time.process_time() - cpu
            used = bench.meters.since(before)
            waiting = bench.meters.bytes_of(QUEUE) - queued
            began = time.perf_counter()
            bench.submit(count)
            again = time.perf_counter() - began
    return {
        "frames": count,
        "frames/s": count / used.seconds,
        "messages/s": count / chunk_frames / used.seconds,
        "frames of one core/s": count / cpu,
        "the same order again: frames/s": count / again,
        "producer CPU us/frame": cpu / count * 1e6,
        "Redis CPU us/frame": used.queue_cpu / count * 1e6,
        "Redis commands/frame": used.command_count / count,
        "Redis waiting messages bytes/frame": waiting / count,
        "Redis job's own state bytes/frame": (used.queue_bytes - waiting) / count,
        "Redis bytes/frame": used.queue_bytes / count,
    }


def submit_stored(farm: Farm, scans: str, drawings: str, count: int) -> tuple[str, dict[str, float]]:
    """Submit scans that lie in a real store, their listing and the job's record there included."""
    sent_at: list[float] = []
    began, cpu = time.perf_counter(), time.process_time()
    submission = submit(scans, drawings, has_report=False, farm=farm, on_progress=partial(note, sent_at))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert submission.sent == count
    return submission.job_id, {
        "frames": count,
        "frames/s": count / seconds,
        "frames of one core/s": count / cpu,
        "producer CPU us/frame": cpu / count * 1e6,
        "first chunk after s": sent_at[0] - began,
    }


def is_complete(farm: Farm, job_id: str) -> bool:
    """Tell whether all frames of a job are settled; by one connection, or asking would be the load."""
    standing = farm.jobs.standing(job_id)
    return standing is not None and standing.completed_at is not None


def note(sent_at: list[float], progress: FeedProgress) -> None:
    """Note when something was sent."""
    if progress.sent:
        sent_at.append(time.perf_counter())
