"""Measure the farm: frames a second, what queue and bookkeeping cost, and how fast it is fed.

    python -m tests.bench.bench_farm [--json FILE] [--frames 100000] [--sheets 600] [--pages 24]

Takes some minutes. Everything runs on this machine and shares its cores: workers, Valkey and SeaweedFS.
With the real network on the CPU a second worker therefore adds little; with the stub, which only waits as
one waits for a GPU, it should double the pace.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tests.bench.submitting import opened, submit_cases, submit_from_memory
from tests.farm import FarmOfTests, bucket_farm, cpu_seconds
from tests.s3_server import SeaweedS3, aws_environment, fresh_prefix, running_s3_server
from tests.servers import Valkey, wait_until

from douga_producer import submit
from douga_shared.job_store.protocol import Standing
from douga_shared.settings import read_settings

Figures = dict[str, float]

STUB_SECONDS = 0.05
WALK = Path(__file__).parents[2] / "examples" / "walk"
REAL_WORKER = (sys.executable, "-m", "douga_producer", "worker", "--device", "cpu")
STUB_WORKER = (sys.executable, "-m", "tests.farm_worker")
NULL_WORKER = (sys.executable, "-m", "tests.bench.null_worker", "gpu")


def main() -> None:
    """Run and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--json", type=Path)
    arguments.add_argument("--frames", type=int, default=100_000, help="of the job that is only counted")
    arguments.add_argument("--sheets", type=int, default=600, help="for the stub network")
    arguments.add_argument("--pages", type=int, default=24, help="for the real network")
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found: dict[str, Figures] = {"queue and bookkeeping": _bookkeeping(Path(scratch), asked.frames)}
        found |= submit_cases(Path(scratch))
        with running_s3_server() as server, aws_environment(server):
            pace = _Pace(Path(scratch), server)
            for count in (1, 2):
                name = f"{count} worker{'s' * (count > 1)}"
                found[f"{name}, stub of {STUB_SECONDS} s a sheet"] = pace.of_stub(count, asked.sheets)
                found[f"{name}, real network, CPU"] = pace.of_network(count, asked.pages)
    _show(found)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))


def _bookkeeping(scratch: Path, count: int) -> Figures:
    """One worker that does nothing takes a whole job off the queue."""
    logs = scratch / "bookkeeping"
    logs.mkdir()
    with Valkey(scratch / "bookkeeping-queue") as valkey:
        environment = {
            "DOUGA_BROKER_URL": valkey.url,
            "DOUGA_STORES": "s3://studio/",
            "DOUGA_CHUNK_FRAMES": "16",
        }
        environment |= {"DOUGA_MOST_WAITING_FRAMES": "10000000"}
        farm = FarmOfTests(valkey, "s3://studio/", logs, environment)
        try:
            worker = farm.start_process(NULL_WORKER)
            farm.wait_ready(worker)
            with opened(read_settings(environment), valkey) as bench:

                def standing(job_id: str) -> Standing:
                    found = bench.farm.jobs.standing(job_id)
                    assert found is not None
                    return found

                def finish(job_id: str) -> None:
                    wait_until(lambda: standing(job_id).is_complete, "all is settled", 600)

                finish(submit_from_memory(bench, 64))
                # Fed while it works, as a farm is; what waits is measured elsewhere.
                before_bytes, before_cpu, began = bench.memory_bytes(), cpu_seconds(worker), time.monotonic()
                job_id = submit_from_memory(bench, count)
                finish(job_id)
                seconds = time.monotonic() - began
                return {
                    "frames": count,
                    "frames/s": count / seconds,
                    "CPU ms/frame": (cpu_seconds(worker) - before_cpu) / count * 1e3,
                    "Redis bytes/finished frame": (bench.memory_bytes() - before_bytes) / count,
                }
        finally:
            farm.stop_all()


class _Pace:
    """Frames a second of whole workers, from scans in a bucket to drawings in it."""

    def __init__(self, scratch: Path, server: SeaweedS3) -> None:
        self._scratch = scratch
        self._server = server

    def of_stub(self, count: int, sheets: int) -> Figures:
        """Tiny sheets; the network waits as one waits for a GPU."""
        return self._measure(
            count, sheets, STUB_WORKER, lambda farm: farm.add_scans(sheets), STUB_SECONDS=str(STUB_SECONDS)
        )

    def of_network(self, count: int, pages: int) -> Figures:
        """The bundled example over and over; network and all on this machine's cores."""
        scans = sorted(WALK.glob("*.png"))

        def put(farm: FarmOfTests) -> None:
            pictures = [scans[number % len(scans)].read_bytes() for number in range(pages)]
            farm.put_scans({f"A{number:04d}.png": data for number, data in enumerate(pictures)})

        return self._measure(count, pages, REAL_WORKER, put)

    def _measure(
        self,
        count: int,
        frames: int,
        command: tuple[str, ...],
        put: Callable[[FarmOfTests], object],
        **environment: str,
    ) -> Figures:
        folder = Path(tempfile.mkdtemp(dir=self._scratch))
        small = "2" if command == REAL_WORKER else "16"
        settings = {"DOUGA_CHUNK_FRAMES": small, "DOUGA_LEASE_SECONDS": "60"}
        with bucket_farm(folder, self._server, fresh_prefix("bench"), **settings) as farm:
            put(farm)
            first_frame = _warm_up(farm, [command] * count, **environment)
            with farm.opened() as client:
                job_id = submit(farm.scans, farm.drawings, farm=client).job_id
            wait_until(lambda: farm.standing(job_id).is_complete, "all is settled", 900)
            standing = farm.standing(job_id)
            assert standing.completed_at is not None
            assert standing.began_at is not None
            assert frames == standing.done
            for worker in farm.workers:
                farm.stop(worker)
        return {
            "frames": frames,
            "frames/s": frames / (standing.completed_at - standing.began_at),
            "start to first frame s": first_frame,
        }


def _warm_up(farm: FarmOfTests, commands: list[tuple[str, ...]], **environment: str) -> float:
    """Start the workers, and let each load its network; returns how long one took to its first drawing."""
    workers: list[subprocess.Popen[bytes]] = []
    first_frame = 0.0
    with farm.opened() as client:
        for number, command in enumerate(commands):
            # Each alone with a job of its own, so that it is surely its network that is loaded.
            for worker in workers:
                worker.send_signal(signal.SIGSTOP)
            drawings = f"{farm.root}warm-{number}/"
            job_id = submit(farm.scans, drawings, frames="1", outputs=["png"], farm=client).job_id
            began = time.monotonic()
            workers.append(farm.start_process(command, **environment))
            wait_until(lambda job_id=job_id: farm.standing(job_id).done > 0, "a first frame", 120)  # type: ignore[misc]
            first_frame = time.monotonic() - began
            for worker in workers:
                worker.send_signal(signal.SIGCONT)
    return first_frame


def _show(found: dict[str, Figures]) -> None:
    for case, figures in found.items():
        table = Table("figure", "", title=case, title_justify="left", min_width=44)
        for name, value in figures.items():
            table.add_row(name, f"{value:,.2f}")
        Console().print(table)


if __name__ == "__main__":
    main()
