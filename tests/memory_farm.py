"""A farm in this process's memory, with a clock that goes when told to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import click
import msgspec
import pytest
from click.testing import CliRunner, Result
from tests.jobs import JOB

from douga_producer.client import Farm
from douga_shared import object_keys
from douga_shared.done_markers import write_done_marker
from douga_shared.errors import InputMissing
from douga_shared.job_store import MemoryJobStore
from douga_shared.jobs import Job, JobFrame, write_job, write_part
from douga_shared.manifest import Failure, FrameRecord, FrameState, Manifest, OutputRecord
from douga_shared.object_store import MemoryStore
from douga_shared.progress import Progress, Tally
from douga_shared.settings import Settings

STARTED_AT = JOB.submitted_at


class Clock:
    """Seconds since 1970."""

    def __init__(self, seconds: float = STARTED_AT) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Pass the time."""
        self.seconds += seconds


@dataclass
class Told(Progress):
    """Progress that keeps what it was told."""

    tallies: list[Tally] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def stands(self, tally: Tally) -> None:
        self.tallies.append(tally)

    def failed(self, scan: str, failure: Failure) -> None:
        self.failures.append(failure.message)

    def note(self, text: str) -> None:
        self.notes.append(text)


class MemoryFarm:
    """Stores by URL, a job store, and the ``Farm`` that commands see."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.jobs = MemoryJobStore(self.clock)
        self.stores: dict[str, MemoryStore] = {JOB.drawings: MemoryStore()}
        # Nothing of what is tested with this farm sends.
        self.farm = Farm(Settings(), cast("Any", None), self.jobs, self._open)

    @property
    def drawings(self) -> MemoryStore:
        """The destination of ``JOB``."""
        return self.stores[JOB.drawings]

    def open_job(self, total: int, job: Job = JOB) -> None:
        """Make a job known, with all its frames sent."""
        self.jobs.open_job(job)
        self.jobs.extend(job.job_id, total, is_listed=True)
        self.jobs.mark_sent(job.job_id, total)

    def begin(self, indexes: Iterable[int], job: Job = JOB) -> None:
        """Let a worker begin frames."""
        assert self.jobs.begin(job.job_id, job.seal, list(indexes))

    def complete(self, total: int, job: Job = JOB) -> None:
        """Open a job, do all of it and write it up."""
        self.open_job(total, job)
        self.begin(range(total), job)
        self.jobs.settle(job.job_id, range(total), [])
        self.jobs.mark_accounted(job.job_id)

    def record(self, job: Job, frames: Iterable[JobFrame], store: MemoryStore | None = None) -> None:
        """Write a job's record and list into its destination."""
        store = store or self.drawings
        write_job(store, job)
        write_part(store, job.job_id, 0, tuple(frames))

    def draw(self, frame: JobFrame, job: Job = JOB, content: bytes = b"") -> FrameRecord:
        """Write the drawings of a frame and its done marker, as a worker does."""
        outputs = {}
        for output in job.outputs:
            layers = ("black", "red") if output.is_layered else ("",)
            outputs[output] = tuple(
                self._drawn(object_keys.drawing(frame.stem, output, layer), layer, content)
                for layer in layers
            )
        record = FrameRecord(
            scan=frame.scan,
            stem=frame.stem,
            state=FrameState.DONE,
            scan_etag=frame.etag,
            recipe_fingerprint=job.recipe.fingerprint,
            outputs=outputs,
            has_pictures=True,
        )
        write_done_marker(self.drawings, record)
        return record

    def account(self, records: Iterable[FrameRecord], job: Job = JOB) -> None:
        """Write manifest and report."""
        manifest = Manifest(
            douga="0",
            source=job.source,
            recipe=job.recipe,
            recipe_fingerprint=job.recipe.fingerprint,
            is_complete=True,
            frames=tuple(records),
        )
        self.drawings.write(object_keys.job_manifest(job.job_id), msgspec.json.encode(manifest))
        self.drawings.write(object_keys.REPORT_PAGE, b"<html>")
        self.drawings.write(object_keys.report_image("A0000", "thumb", "jpg"), b"thumb")

    def _drawn(self, object_key: str, layer: str, content: bytes) -> OutputRecord:
        data = content + object_key.encode()
        self.drawings.write(object_key, data)
        digest = hashlib.sha256(data).hexdigest()
        return OutputRecord(object_key=object_key, sha256=digest, size_bytes=len(data), layer=layer)

    def _open(self, url: str, create: bool) -> MemoryStore:
        if url not in self.stores:
            raise InputMissing(f"'{url}' is not there")
        return self.stores[url]


def frames_of(count: int) -> list[JobFrame]:
    """The first frames of a job."""
    return [JobFrame(index, f"A{index:04d}.png", f"etag-{index}", 100) for index in range(count)]


Run = Callable[..., Result]


@pytest.fixture
def memory_farm() -> MemoryFarm:
    """A farm that knows nothing yet."""
    return MemoryFarm()


@pytest.fixture
def run_command(memory_farm: MemoryFarm, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a producer's command on that farm; ``return_value`` is its exit code."""

    @contextmanager
    def opened() -> Iterator[Farm]:
        yield memory_farm.farm

    monkeypatch.setattr("douga_producer.client.open_farm", opened)

    def run(command: click.Command, *arguments: str) -> Result:
        return CliRunner().invoke(command, [str(argument) for argument in arguments], standalone_mode=False)

    return run
