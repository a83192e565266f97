"""Measure how fast a producer submits, and what a waiting frame costs of Redis.

Run ``python -m tests.bench.bench_submit [--json PATH]`` in the repository root. Takes about a minute. The
scans are listed from memory, so that what is measured is the producer, the job store and the broker: both in
one Valkey on this machine, with an append-only file.
"""

from __future__ import annotations

import argparse
import json
import tempfile
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
COUNTS = (1_000, 20_000, 200_000)
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


def main() -> None:
    """Print the table; write it as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        cases = [(count, 16, TransportKind.SAFE) for count in COUNTS]
        cases += [(20_000, chunk, TransportKind.SAFE) for chunk in CHUNKS if chunk != 16]
        cases += [(20_000, 16, TransportKind.STOCK)]
        for number, (count, chunk_frames, transport) in enumerate(cases):
            with Valkey(Path(folder, str(number))) as valkey:
                settings = Settings(
                    broker_url=valkey.url,
                    chunk_frames=chunk_frames,
                    transport=transport,
                    most_waiting_frames=10_000_000,
                )
                with opened(settings, valkey) as bench:
                    case = f"{count:,} frames, {chunk_frames} in a chunk, {transport.value}"
                    figures[case] = measure(bench, count)
    columns = list(next(iter(figures.values())))
    print(f"|case|{'|'.join(columns)}|\n|-|{'-|' * len(columns)}")
    for case, row in figures.items():
        print(f"|{case}|{'|'.join(f'{row[column]:,.2f}' for column in columns)}|")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
