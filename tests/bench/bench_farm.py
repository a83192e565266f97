"""Measure what the farm costs around a frame, the network left out: feeding it, and the books of a worker.

    python -m tests.bench.bench_farm [--frames 100000] [--stored 3000]

Takes some minutes. Everything runs on this machine and shares its cores: producer, worker, Valkey and
SeaweedFS. Frames a second therefore depend on what else runs; CPU seconds, bytes and counts do not. How it
grows with the number of workers, ``bench_scaling`` tells.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.bench.meters import Meters, Used, WorkerTimes
from tests.bench.results import save
from tests.bench.submitting import ENDLESS, is_complete, opened, submit_listed, submit_stored
from tests.farm import FarmOfTests, bucket_farm, held_still
from tests.s3_server import SeaweedS3, aws_environment, fresh_prefix, running_s3_server
from tests.servers import Valkey, wait_until

from douga_producer import submit
from douga_shared.settings import read_settings

Figures = dict[str, float]
WORKER = (sys.executable, "-m", "tests.bench.simulated_worker")


def main() -> None:
    """Run and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--frames", type=int, default=100_000, help="of jobs whose scans are only listed")
    arguments.add_argument("--stored", type=int, default=3_000, help="of jobs whose scans lie in a store")
    asked = arguments.parse_args()
    found: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        for chunk_frames in (16, 1, 64):
            count = asked.frames if chunk_frames > 1 else asked.frames // 5
            case = f"submit, scans only listed, {chunk_frames} in a chunk"
            found[case] = submit_listed(scratch, count, chunk_frames)
        found["submit, scans in a folder"] = _submit_folder(scratch, asked.stored)
        found["worker: queue and job store"] = _queue_alone(scratch, asked.frames // 2)
        with running_s3_server() as server, aws_environment(server):
            found |= _with_bucket(scratch, server, asked.stored)
    save("farm", found)


def _submit_folder(scratch: Path, count: int) -> Figures:
    """Scans on a disk that all machines see."""
    root = scratch / "folder"
    (root / "scans").mkdir(parents=True)
    for number in range(count):
        (root / "scans" / f"A{number:05d}.png").write_bytes(b"scan")
    with Valkey(scratch / "folder-queue") as valkey:
        environment = _environment(valkey) | {"DOUGA_STORES": f"file://{root}/"}
        farm = FarmOfTests(valkey, f"file://{root}/", root, environment)
        with farm.opened() as client:
            return submit_stored(client, farm.scans, farm.drawings, count)[1]


def _queue_alone(scratch: Path, count: int) -> Figures:
    """One worker that does nothing takes a whole job off the queue; what it stores, nobody counts."""
    with Valkey(scratch / "alone-queue") as valkey:
        environment = _environment(valkey) | {"DOUGA_STORES": "s3://studio/"}
        farm = FarmOfTests(valkey, "s3://studio/", scratch, environment)
        with _worker(farm, "nothing", "gpu") as watched, opened(read_settings(environment), valkey) as bench:

            def finish(job_id: str) -> None:
                wait_until(lambda: is_complete(bench.farm, job_id), "all is settled", 600)

            finish(bench.submit(64))
            before, then = bench.meters.read(), watched.times()
            # Fed while it works, as a farm is.
            finish(bench.submit(count))
            used, spent = bench.meters.since(before), watched.times_after(then)
    return _worker_figures(count, used, spent) | {
        "Redis bytes/finished frame": used.queue_bytes / count,
    }


def _with_bucket(scratch: Path, server: SeaweedS3, count: int) -> dict[str, Figures]:
    """A job from a bucket's listing to its manifest, with nothing done to the frames."""
    settings = {
        "DOUGA_CHUNK_FRAMES": "16",
        "DOUGA_MOST_WAITING_FRAMES": str(ENDLESS),
        "DOUGA_LEASE_SECONDS": "60",
    }
    folder = scratch / "bucket"
    folder.mkdir()
    with bucket_farm(folder, server, fresh_prefix("bench"), **settings) as farm:
        names = [f"A{number:05d}.png" for number in range(count)]
        farm.put_scans(dict.fromkeys(names, b"scan"))
        with (
            farm.opened() as client,
            closing(Meters(farm.valkey, server)) as meters,
            _worker(farm, "markers", "gpu") as cleaner,
            _worker(farm, "markers", "cpu") as accountant,
        ):
            warm = submit(
                farm.scans, f"{farm.root}warm/", frames="0-63", has_report=False, farm=client
            ).job_id
            wait_until(lambda: farm.standing(warm).is_accounted, "all is connected", 60)
            with held_still(accountant.process):
                with held_still(cleaner.process):
                    submit_stored(client, farm.scans, f"{farm.root}first/", count)
                    with farm.valkey.client() as queue:
                        queue.delete("test:gpu.normal")
                    # The second: what only a process's first job costs is no frame's cost.
                    job_id, submitting = submit_stored(client, farm.scans, farm.drawings, count)
                    before, then = meters.read(), cleaner.times()
                wait_until(lambda: is_complete(client, job_id), "all is settled", 600)
                used, spent = meters.since(before), cleaner.times_after(then)
                then = accountant.times()
            wait_until(lambda: farm.standing(job_id).is_accounted, "the manifest is written", 600)
            account = accountant.times_after(then)
    bookkeeping = _worker_figures(count, used, spent)
    bookkeeping["SeaweedFS CPU ms/frame"] = used.store_cpu / count * 1e3
    return {
        "submit, scans in a bucket": submitting,
        "worker: queue, job store and done markers": bookkeeping,
        "account: manifest of the job": {
            "frames/s": count / account.spent["account"][1],
            "CPU ms/frame": account.cpu / count * 1e3,
            **_requests(account, count),
        },
        "all bookkeeping of a frame": {
            "CPU ms/frame": (spent.cpu + account.cpu) / count * 1e3,
            "one worker's time ms/frame": (used.seconds + account.spent["account"][1]) / count * 1e3,
        },
    }


def _worker_figures(count: int, used: Used, spent: WorkerTimes) -> Figures:
    steps: Figures = {}
    for step, (_, wall, cpu) in sorted(spent.spent.items()):
        steps[f"{step}: ms/frame"] = wall / count * 1e3
        steps[f"{step}: CPU ms/frame"] = cpu / count * 1e3
    rest = spent.cpu - sum(cpu for _, _, cpu in spent.spent.values())
    return {
        "frames": count,
        "frames/s": count / used.seconds,
        "worker CPU ms/frame": spent.cpu / count * 1e3,
        **steps,
        "Celery and all else: CPU ms/frame": rest / count * 1e3,
        "Redis script calls/frame": used.script_calls / count,
        "Redis commands/frame": used.command_count / count,
        "Redis CPU us/frame": used.queue_cpu / count * 1e6,
        **_requests(spent, count),
    }


def _requests(spent: WorkerTimes, count: int) -> Figures:
    return {f"{kind} requests/frame": number / count for kind, number in sorted(spent.requests.items())}


class _Watched:
    """A running worker that tells how it spends its time."""

    def __init__(self, process: subprocess.Popen[bytes], path: Path) -> None:
        self.process = process
        self._path = path

    def times(self) -> WorkerTimes:
        """What it told last."""
        return WorkerTimes.read(self._path)

    def times_after(self, then: WorkerTimes) -> WorkerTimes:
        """What it has spent since, once it has told of it."""
        told_at = self._path.stat().st_mtime_ns
        wait_until(lambda: self._path.stat().st_mtime_ns > told_at, "the worker tells")
        return self.times().since(then)


@contextmanager
def _worker(farm: FarmOfTests, kind: str, queue: str) -> Iterator[_Watched]:
    path = farm.folder / f"times-{kind}-{queue}.json"
    worker = farm.start_process([*WORKER, queue], SIMULATED=kind, SIMULATED_TIMES=str(path))
    try:
        farm.wait_ready(worker)
        wait_until(path.exists, "the worker tells")
        yield _Watched(worker, path)
        farm.stop(worker)
    finally:
        if worker.poll() is None:
            farm.kill(worker)


def _environment(valkey: Valkey) -> dict[str, str]:
    return {
        "DOUGA_BROKER_URL": valkey.url,
        "DOUGA_CHUNK_FRAMES": "16",
        "DOUGA_MOST_WAITING_FRAMES": str(ENDLESS),
    }


if __name__ == "__main__":
    main()
