"""Measure how a farm grows on one machine: frames a second against workers whose GPU is simulated.

    python -m tests.bench.bench_scaling [--workers 1 2 4 8 16] [--seconds 8]

Takes some minutes. A worker's simulated GPU takes a fixed time for a batch, one batch at a time, so a worker
alone has a known pace, and N have N times that until something is full: the queue server, the store, or this
machine's cores, which all of them share. Beside the pace stands what was full, by CPU seconds a second. It is
done twice: ``queue`` fetches and stores nothing, so that fast workers fit; ``store`` does, against SeaweedFS.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.bench.meters import Meters, Used
from tests.bench.results import save
from tests.bench.scaling_plot import draw_scaling
from tests.bench.simulated_worker import SCAN_BYTES
from tests.bench.submitting import ENDLESS, is_complete, opened
from tests.farm import FarmOfTests, bucket_farm, cpu_seconds
from tests.s3_server import SeaweedS3, aws_environment, fresh_prefix, running_s3_server
from tests.servers import Valkey, wait_until

from douga_producer import submit
from douga_producer.client import Farm
from douga_shared.settings import read_settings

Figures = dict[str, float]
PLOT = Path(__file__).parents[2] / "out" / "bench" / "scaling.svg"
WORKER = (sys.executable, "-m", "tests.bench.simulated_worker", "gpu")


@dataclass(frozen=True)
class Kind:
    """Workers that are alike."""

    name: str
    journey: str
    """What ``simulated_worker`` does to a frame."""
    batch_frames: int
    batch_seconds: float

    @property
    def pace(self) -> float:
        """Frames a second that the GPU of one worker allows."""
        return self.batch_frames / self.batch_seconds


QUEUE, STORE = Kind("queue", "network", 16, 0.08), Kind("store", "whole", 4, 0.2)
FULL_SHARE = 0.4
"""Of the pace that the GPUs allow; with less, something else is full."""
ENVIRONMENT = {"DOUGA_MOST_WAITING_FRAMES": str(ENDLESS), "DOUGA_LEASE_SECONDS": "60"}


def main() -> None:
    """Run and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    arguments.add_argument("--seconds", type=float, default=8.0, help="of a job, if all goes well")
    asked = arguments.parse_args()
    counts = sorted(asked.workers)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        found = _queue(scratch, counts, asked.seconds)
        with running_s3_server() as server, aws_environment(server):
            found |= _store(scratch, server, counts, asked.seconds)
    save("scaling", found)
    PLOT.write_text(draw_scaling(found, [(kind.name, kind.pace) for kind in (QUEUE, STORE)]))


def _queue(scratch: Path, counts: Sequence[int], seconds: float) -> dict[str, Figures]:
    """Scans are only listed, and nothing is stored."""
    environment = ENVIRONMENT | {"DOUGA_STORES": "s3://studio/", "DOUGA_CHUNK_FRAMES": "16"}
    with Valkey(scratch / "queue") as valkey:
        environment["DOUGA_BROKER_URL"] = valkey.url
        farm = FarmOfTests(valkey, "s3://studio/", scratch, environment)
        try:
            with opened(read_settings(environment), valkey) as bench:
                return _grow(farm, bench.meters, QUEUE, counts, seconds, bench.submit, bench.farm)
        finally:
            farm.stop_all()


def _store(scratch: Path, server: SeaweedS3, counts: Sequence[int], seconds: float) -> dict[str, Figures]:
    """From a bucket to a bucket."""
    with (
        bucket_farm(scratch, server, fresh_prefix("scaling"), **ENVIRONMENT) as farm,
        closing(Meters(farm.valkey, server)) as meters,
        farm.opened() as client,
    ):
        most = _frames(STORE, counts[-1], seconds)
        farm.put_scans({f"A{number:06d}.png": bytes(SCAN_BYTES) for number in range(most)})

        def order(count: int) -> str:
            drawings, frames = f"{farm.root}job-{count}/", f"0-{count - 1}"
            return submit(farm.scans, drawings, frames=frames, has_report=False, farm=client).job_id

        return _grow(farm, meters, STORE, counts, seconds, order, client)


def _grow(
    farm: FarmOfTests,
    meters: Meters,
    kind: Kind,
    counts: Sequence[int],
    seconds: float,
    order: Callable[[int], str],
    client: Farm,
) -> dict[str, Figures]:
    """Add workers; each number of them does a job of its own, ordered by its number of frames."""
    found: dict[str, Figures] = {}
    for count in counts:
        while len(farm.workers) < count:
            environment = {
                "SIMULATED": kind.journey,
                "SIMULATED_SECONDS": str(kind.batch_seconds),
                "SIMULATED_BATCH": str(kind.batch_frames),
            }
            farm.wait_ready(farm.start_process(WORKER, **environment), 120)
        _finish(client, order(48 * count))
        figures = _measure(farm, meters, kind, _frames(kind, count, seconds), order, client)
        found[f"{kind.name}: {count} workers"] = figures
        if figures["of the GPUs' pace share"] < FULL_SHARE:
            # More workers tell nothing new.
            break
    return found


def _frames(kind: Kind, count: int, seconds: float) -> int:
    # Many times what a worker takes off the queue at once, or some would have nothing left to do.
    return count * max(256, int(kind.pace * seconds))


def _measure(
    farm: FarmOfTests,
    meters: Meters,
    kind: Kind,
    frames: int,
    order: Callable[[int], str],
    client: Farm,
) -> Figures:
    workers = farm.workers
    before, cpu = meters.read(), _cpu(workers)
    began, ended = _finish(client, order(frames))
    used, worker_cpu = meters.since(before), _cpu(workers) - cpu
    pace = frames / (ended - began)
    return {
        "workers": len(workers),
        "frames": frames,
        "frames/s": pace,
        "of the GPUs' pace share": pace / (len(workers) * kind.pace),
        "queue commands/s": used.command_count / used.seconds,
        "Redis CPU us/frame": used.queue_cpu / frames * 1e6,
        "SeaweedFS CPU ms/frame": used.store_cpu / frames * 1e3,
        "workers CPU ms/frame": worker_cpu / frames * 1e3,
        **_cores(used, worker_cpu),
    }


def _cores(used: Used, worker_cpu: float) -> Figures:
    """Who kept how many cores busy."""
    ours = worker_cpu + used.queue_cpu + used.store_cpu
    return {
        "cores of Redis": used.queue_cpu / used.seconds,
        "cores of SeaweedFS": used.store_cpu / used.seconds,
        "cores of workers": worker_cpu / used.seconds,
        "cores of all else": max(0.0, used.machine_cpu - ours) / used.seconds,
        "cores of the machine": float(os.cpu_count() or 1),
    }


def _finish(farm: Farm, job_id: str) -> tuple[float, float]:
    """Wait for a job; returns when its first chunk began and its last frame was settled."""
    wait_until(lambda: is_complete(farm, job_id), f"{job_id} is settled", 300)
    standing = farm.jobs.standing(job_id)
    assert standing is not None
    assert standing.began_at is not None
    assert standing.completed_at is not None
    return standing.began_at, standing.completed_at


def _cpu(workers: Sequence[subprocess.Popen[bytes]]) -> float:
    return sum(cpu_seconds(worker) for worker in workers)


if __name__ == "__main__":
    main()
