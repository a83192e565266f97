"""A whole farm for tests: a real queue, a real bucket, real worker processes with a stub network."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from tests.cleaning import rough_png
from tests.s3_server import BUCKET, SeaweedS3
from tests.servers import Valkey, wait_until

from douga_producer import submit
from douga_producer.client import Farm, open_farm
from douga_shared.job_store.protocol import DeadLetter, Standing
from douga_shared.manifest import FrameRecord, FrameState, Manifest
from douga_shared.object_store.protocol import ObjectStore
from douga_shared.settings import Settings, read_settings

LEASE_SECONDS = 4.0
"""Short, so that a test sees a redelivery soon; a farm's is a minute."""


@dataclass
class FarmOfTests:
    """Where everything is, and the workers that were started."""

    valkey: Valkey
    root: str
    """URL below which this test keeps everything."""
    folder: Path
    """For logs."""
    environment: dict[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        """What producers and workers are told."""
        return read_settings(self.environment)

    @property
    def scans(self) -> str:
        """URL of the scans."""
        return f"{self.root}scans/"

    @property
    def drawings(self) -> str:
        """URL of the drawings."""
        return f"{self.root}drawings/"

    @contextmanager
    def opened(self) -> Iterator[Farm]:
        """The farm as a producer sees it."""
        with open_farm(self.settings) as farm:
            yield farm

    def add_scans(self, count: int, first: int = 1, data: bytes | None = None) -> list[str]:
        """Put small rough drawings into the bucket; returns their names."""
        names = [f"A{number:05d}.png" for number in range(first, first + count)]
        scan = data if data is not None else rough_png(seed=1, width=64, height=48)
        self.put_scans(dict.fromkeys(names, scan))
        return names

    def put_scans(self, scans: Mapping[str, bytes]) -> None:
        """Put these files into the bucket."""
        with self.opened() as farm, ThreadPoolExecutor(8) as writers:
            store = farm.open_store(self.scans)
            for _ in writers.map(store.write, scans, scans.values()):
                pass

    def start_worker(self, *queues: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker; its log is ``worker-N.log``. Keyword arguments are more environment."""
        return self.start_process([sys.executable, "-m", "tests.farm_worker", *queues], **environment)

    def start_process(self, command: Sequence[str], **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker by any command."""
        log = (self.folder / f"worker-{len(self.workers)}.log").open("wb")
        with log:
            worker = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment, "OMP_NUM_THREADS": "1", **environment},
                start_new_session=True,
            )
        self.workers.append(worker)
        return worker

    def log_of(self, worker: subprocess.Popen[bytes]) -> str:
        """What a worker said so far."""
        return (self.folder / f"worker-{self.workers.index(worker)}.log").read_text()

    def wait_ready(self, worker: subprocess.Popen[bytes], seconds: float = 60) -> None:
        """Wait until a worker takes work."""

        def is_serving() -> bool:
            assert worker.poll() is None, self.log_of(worker)
            return "serving" in self.log_of(worker)

        wait_until(is_serving, "the worker serves its queues", seconds)

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """SIGKILL to the worker and to every process it started, as a machine that dies would."""
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait(30)

    def stop(self, worker: subprocess.Popen[bytes], seconds: float = 60) -> int:
        """SIGTERM, and its exit code."""
        worker.send_signal(signal.SIGTERM)
        return worker.wait(seconds)

    def stop_all(self) -> None:
        """End whatever still runs."""
        for worker in self.workers:
            if worker.poll() is None:
                self.kill(worker)

    def wait_complete(self, job_id: str, seconds: float = 200) -> None:
        """Wait until every frame of a job is settled and its account is written."""
        with self.opened() as farm:

            def is_over() -> bool:
                standing = farm.jobs.standing(job_id)
                return standing is not None and standing.is_complete and standing.is_accounted

            try:
                wait_until(is_over, f"job {job_id} is complete", seconds)
            except AssertionError as late:
                raise AssertionError(f"{late}: {farm.jobs.standing(job_id)}") from None

    def manifest(self) -> Manifest:
        """The manifest of the latest job."""
        with self.opened() as farm:
            return msgspec.json.decode(farm.open_store(self.drawings).read("douga.json"), type=Manifest)

    def order(self, **options: Any) -> str:
        """Submit all scans; returns the job's id."""
        with self.opened() as farm:
            return submit(self.scans, self.drawings, farm=farm, **options).job_id

    def standing(self, job_id: str) -> Standing:
        """Where a job stands."""
        with self.opened() as farm:
            found = farm.jobs.standing(job_id)
            assert found is not None
            return found

    def dead_letters(self, job_id: str) -> dict[str, DeadLetter]:
        """What failed for good, by scan."""
        with self.opened() as farm:
            return {letter.scan: letter for letter in farm.jobs.dead_letters(job_id)}

    @property
    def cleaning_log(self) -> Path:
        """Where workers note every sheet that their network cleans, if ``STUB_LOG`` names it."""
        return self.folder / "cleaned.log"

    def cleaned(self) -> int:
        """How many sheets went through a network, those of workers that died included."""
        return len(self.cleaning_log.read_bytes().splitlines()) if self.cleaning_log.exists() else 0

    def wait_cleaned(self, count: int, seconds: float = 60) -> None:
        """Wait until so many sheets went through a network."""
        wait_until(lambda: self.cleaned() >= count, f"{count} sheets are cleaned", seconds)

    def done_markers(self) -> dict[str, FrameRecord]:
        """Every done marker in the destination, by stem."""
        with self.opened() as farm:
            return done_markers(farm.open_store(self.drawings))


def done_markers(store: ObjectStore) -> dict[str, FrameRecord]:
    """Every done marker of a store, by stem."""
    found = [
        msgspec.json.decode(store.read(info.object_key), type=FrameRecord)
        for info in store.list(".douga/done/")
    ]
    return {record.stem: record for record in found}


def assert_all_done_once(farm: FarmOfTests, job_id: str, names: list[str]) -> None:
    """Every frame has one valid done marker, its drawings are whole, manifest and job store agree."""
    stems = sorted(name.removesuffix(".png") for name in names)
    with farm.opened() as client:
        store = client.open_store(farm.drawings)
        markers = done_markers(store)
        assert stems == sorted(markers)
        for record in markers.values():
            for output in record.files:
                info = store.stat(output.object_key)
                assert info is not None
                assert output.size_bytes == info.size_bytes
        standing = client.jobs.standing(job_id)
        assert standing is not None
        assert (len(names), len(names), 0, 0) == (
            standing.total,
            standing.done,
            standing.failed,
            standing.running,
        )
    manifest = farm.manifest()
    assert stems == [frame.stem for frame in manifest.frames]
    assert {FrameState.DONE} == {frame.state for frame in manifest.frames}


@contextmanager
def bucket_farm(folder: Path, server: SeaweedS3, prefix: str, **environment: str) -> Iterator[FarmOfTests]:
    """A farm with a Valkey of its own, and a place of its own in a bucket; no worker yet."""
    root = f"s3://{BUCKET}/{prefix}/"
    with Valkey(folder / "valkey") as valkey:
        farm = FarmOfTests(valkey, root, folder, farm_environment(valkey, root, server.settings, "test"))
        farm.environment |= {"STUB_LOG": str(farm.cleaning_log), **environment}
        try:
            yield farm
        finally:
            farm.stop_all()


def farm_environment(valkey: Valkey, root: str, s3: Mapping[str, str], name: str) -> dict[str, str]:
    """The settings of a test's farm as environment variables."""
    return {
        "DOUGA_BROKER_URL": valkey.url,
        "DOUGA_FARM": name,
        "DOUGA_STORES": root,
        "DOUGA_STAGING": f"{root}staging/",
        "DOUGA_LEASE_SECONDS": str(LEASE_SECONDS),
        "DOUGA_S3_ATTEMPTS": "3",
        **s3,
    }


@contextmanager
def held_still(*processes: subprocess.Popen[bytes]) -> Iterator[None]:
    """Let processes do nothing at all, as when their machine hangs; they go on afterwards."""
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """CPU time that a running process has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_megabytes(process: subprocess.Popen[bytes]) -> float:
    """Memory that a running process holds."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def sleep_until(moment: float) -> None:
    """Wait for a moment of the monotonic clock: for faults that last a while."""
    time.sleep(max(0.0, moment - time.monotonic()))
