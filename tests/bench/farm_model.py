"""How large a farm can become: a thousand workers and ten million frames, by arithmetic.

    python -m tests.bench.farm_model [--workers 1000] [--frames 10000000] [--speed 4]

Every constant is a count of what the product asks of its servers, and ``test_farm_model`` holds it against a
small real run; what one server can bear is measured by ``bench_scaling`` or stated by a provider, and stands
in ``Limits``. Times of this machine are nowhere in it.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, replace

from rich.console import Console
from rich.table import Table

# The queue server, counted by INFO commandstats: what scripts call counts too.
SCRIPTS_A_CHUNK = 4.0
"""Claim, begin, settle, ack: each a round trip."""
COMMANDS_A_CHUNK = 31.0
"""Inside of these four and with them, whatever the number of frames."""
COMMANDS_A_FRAME = 6.0
"""Inside of begin and settle: two bits, and an attempt that is read twice, written and removed."""
SETTLE_COMMANDS = 10.0
"""Of a further settlement of the same chunk: a worker tells every two seconds what it has done."""
FEED_COMMANDS_A_CHUNK = 1.5
"""By the producer: a push, and a share of what a group of 64 takes."""
POLL_SECONDS = 0.25
"""An idle worker asks so often, by one script that looks at the clock and into each queue it serves."""
RUBBISH_SECONDS = 1.0
"""And so often for what is no message, in each queue."""
KEEP_SECONDS, KEEP_COMMANDS = 2.0, 6.0
"""The thread that keeps leases looks for expired ones."""
TELL_SECONDS = 2.0
STATE_SECONDS = 1.0
"""A worker asks so often whether a job still runs, unless a chunk has begun meanwhile."""

# Bytes of the queue server's memory, measured with names, sizes and etags as long as a studio's.
CHUNK_BYTES, FRAME_BYTES = 830.0, 42.8
"""A waiting message, and each frame in it."""
CLAIMED_BYTES = 260.0
"""More while it is in the works: its place in two more structures."""
JOB_BYTES, DONE_BYTES = 1_600.0, 0.25

# The bucket.
WORKER_PUTS, WORKER_GETS, WORKER_HEADS = 3.0, 1.0, 1.0
"""Of a frame without a report: two drawings and the marker; the scan; whether there is a marker."""
PICTURE_PUTS = 3.0
ACCOUNT_GETS, ACCOUNT_READERS = 1.0, 16
PAGE_FRAMES = 1_000
LISTINGS_A_PAGE, PARTS_A_PAGE = 2.0, 1.0

FRAMES_IN_WORKS = 48
"""Of a worker with a GPU and eight processes."""
SERIES_A_WORKER, BYTES_A_SERIES = 380, 65


@dataclass(frozen=True)
class Farm:
    """What is asked."""

    workers: int = 1_000
    frames: int = 10_000_000
    frames_a_second: float = 4.0
    """Of one worker; an A4 page at 200 dpi on a GPU with eight cores is about four."""
    chunk_frames: int = 16
    most_waiting: int = 50_000
    jobs: int = 100
    has_pictures: bool = False
    scan_bytes: float = 3.3e6
    queues: int = 4
    scrape_seconds: float = 15.0


@dataclass(frozen=True)
class Limits:
    """What one server can bear."""

    queue_commands: float = 180_000.0
    """A second, on the one core it has for them: 5.6 us each, measured, see docs/performance-farm.md."""
    bucket_puts: float = 3_500.0
    bucket_gets: float = 5_500.0
    """A second and prefix; Amazon's figures. A new prefix starts there, and is split under load."""
    bucket_bytes: float = 12.5e9
    """A second between bucket and workers: 100 Gbit/s."""
    feed_frames: float = 5_700.0
    """A second, of one producer."""
    account_seconds: float = 0.042
    """Of one GET, of which so many readers share 2.6 ms of CPU each: measured."""


@dataclass(frozen=True)
class Load:
    """What a farm asks for while all its workers work."""

    frames_a_second: float
    hours: float
    messages: float
    scripts: float
    commands: float
    idle_commands: float
    """A second, when there is nothing to do."""
    queue_bytes: float
    queue_bytes_unthrottled: float
    puts: float
    gets: float
    heads: float
    store_bytes: float
    requests: float
    """In all."""
    feed_seconds: float
    account_hours: float
    """Of the largest job, on one worker."""
    series: float
    scrape_bytes: float


def load_of(farm: Farm, limits: Limits) -> Load:
    """Work out what this farm asks of its servers, a second unless said otherwise."""
    pace = farm.workers * farm.frames_a_second
    chunks = pace / farm.chunk_frames
    more_settles = max(0.0, _chunk_seconds(farm) / TELL_SECONDS - 1)
    keeping = farm.workers * (KEEP_COMMANDS / KEEP_SECONDS + farm.queues / RUBBISH_SECONDS)
    polls = farm.workers * (2 + farm.queues) / POLL_SECONDS
    job_frames = farm.frames / farm.jobs
    waiting = min(farm.frames, farm.most_waiting * min(farm.jobs, 4))
    in_works = farm.workers * chunks_in_works(farm)
    fixed = farm.jobs * JOB_BYTES + farm.frames * DONE_BYTES + in_works * _message(farm, CLAIMED_BYTES)
    puts = pace * (WORKER_PUTS + PICTURE_PUTS * farm.has_pictures)
    worker_requests = WORKER_PUTS + PICTURE_PUTS * farm.has_pictures + WORKER_GETS + WORKER_HEADS
    whole = worker_requests + ACCOUNT_GETS + (LISTINGS_A_PAGE + PARTS_A_PAGE) / PAGE_FRAMES
    return Load(
        frames_a_second=pace,
        hours=farm.frames / pace / 3600,
        messages=farm.frames / farm.chunk_frames,
        scripts=chunks * (SCRIPTS_A_CHUNK + more_settles) + farm.workers / KEEP_SECONDS,
        commands=chunks * (COMMANDS_A_CHUNK + FEED_COMMANDS_A_CHUNK + more_settles * SETTLE_COMMANDS)
        + pace * COMMANDS_A_FRAME
        + keeping
        + farm.workers / STATE_SECONDS,
        idle_commands=polls + keeping,
        queue_bytes=fixed + waiting / farm.chunk_frames * _message(farm),
        queue_bytes_unthrottled=fixed + farm.frames / farm.chunk_frames * _message(farm),
        puts=puts,
        gets=pace * (WORKER_GETS + ACCOUNT_GETS),
        heads=pace * WORKER_HEADS,
        store_bytes=pace * (farm.scan_bytes + 150e3),
        requests=farm.frames * whole,
        feed_seconds=farm.frames / limits.feed_frames,
        account_hours=job_frames * ACCOUNT_GETS * limits.account_seconds / ACCOUNT_READERS / 3600,
        series=farm.workers * SERIES_A_WORKER,
        scrape_bytes=farm.workers * SERIES_A_WORKER * BYTES_A_SERIES / farm.scrape_seconds,
    )


def shares(farm: Farm, limits: Limits) -> dict[str, float]:
    """How much of every limit the farm takes; what is largest breaks first."""
    load = load_of(farm, limits)
    return {
        "bucket: PUT": load.puts / limits.bucket_puts,
        "bucket: GET and HEAD": (load.gets + load.heads) / limits.bucket_gets,
        "bucket to workers: bytes": load.store_bytes / limits.bucket_bytes,
        "queue server: commands": load.commands / limits.queue_commands,
        "queue server: commands of idle workers": load.idle_commands / limits.queue_commands,
        "one producer feeds all": load.frames_a_second / limits.feed_frames,
    }


def _chunk_seconds(farm: Farm) -> float:
    """How long a chunk is in the works, where a worker has as many in the works as it takes."""
    return farm.chunk_frames * chunks_in_works(farm) / farm.frames_a_second


def chunks_in_works(farm: Farm) -> int:
    """Chunks that a worker with a GPU and eight processes takes at once."""
    return math.ceil(FRAMES_IN_WORKS / farm.chunk_frames) + 1


def _message(farm: Farm, more: float = 0.0) -> float:
    return CHUNK_BYTES + more + FRAME_BYTES * farm.chunk_frames


def main() -> None:
    """Print the load, what breaks first, and what a change would bring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=1_000)
    parser.add_argument("--frames", type=int, default=10_000_000)
    parser.add_argument("--speed", type=float, default=4.0, help="frames a second of one worker")
    asked = parser.parse_args()
    farm = Farm(workers=asked.workers, frames=asked.frames, frames_a_second=asked.speed)
    show(farm, Limits())


def show(farm: Farm, limits: Limits) -> None:
    """Print it."""
    console = Console()
    table = Table("load", f"{farm.workers:,} workers, {farm.frames:,} frames")
    for name, value in _fields(load_of(farm, limits)):
        table.add_row(name, f"{value:,.4g}" if value < 100 else f"{value:,.0f}")
    console.print(table)
    table = Table("limit", "share", "workers that fill it")
    for name, share in sorted(shares(farm, limits).items(), key=lambda item: -item[1]):
        table.add_row(name, f"{share:.2f}", f"{math.floor(farm.workers / share):,}")
    console.print(table)
    table = Table(
        "frames in a chunk", "queue commands/s", "waiting bytes a frame", "frames begun again by a kill"
    )
    for frames in (1, 4, 16, 64, 256):
        cut = replace(farm, chunk_frames=frames)
        table.add_row(
            str(frames),
            f"{load_of(cut, limits).commands:,.0f}",
            f"{_message(cut) / frames:.0f}",
            str(max(FRAMES_IN_WORKS, frames)),
        )
    console.print(table)


def _fields(load: Load) -> list[tuple[str, float]]:
    return [(name, float(value)) for name, value in vars(load).items()]


if __name__ == "__main__":
    main()
