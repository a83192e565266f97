"""Bring a job's drawings, manifest and report to a folder of this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from douga_shared import object_keys
from douga_shared.done_markers import read_done_marker
from douga_shared.errors import ConfigurationError, FrameRejected, InputMissing
from douga_shared.jobs import Job, JobFrame, read_job, read_parts
from douga_shared.manifest import FrameRecord, FrameState, Manifest, OutputRecord
from douga_shared.object_store.folder import FolderStore
from douga_shared.progress import Progress, Tally
from douga_shared.recipe import Output

if TYPE_CHECKING:
    from douga_shared.object_store.protocol import ObjectInfo, ObjectStore

THREADS = 16
"""Drawings are small and far away: fetching is waiting."""
FETCHED_REPORT = ".douga/fetched-report.json"
"""Which version of each of the report's files lies here; nothing else says it, they have no done marker."""
_REPORT = "report/"


@dataclass(slots=True)
class Fetched:
    """What lies in the folder now."""

    total: int = 0
    """Frames of the job."""
    frames: int = 0
    """Frames whose drawings are all here."""
    failed: int = 0
    """Frames that failed on the farm and have no drawings."""
    waiting: int = 0
    """Frames that are not done yet; run it again when they are."""
    written: int = 0
    """Files written now."""
    kept: int = 0
    """Files that were here already."""
    bytes_written: int = 0
    has_manifest: bool = False
    has_report: bool = False
    faults: list[str] = field(default_factory=list)
    """What could not be fetched, and why."""


def fetch_job(
    drawings: ObjectStore,
    job_id: str,
    destination: Path,
    progress: Progress,
    *,
    outputs: Collection[Output] = (),
    threads: int = THREADS,
) -> Fetched:
    """Fetch what is done of a job; works while it runs, safe to repeat: what is here already is skipped.

    Files are written whole, and only where they hold what the frame's record says.

    Args:
        drawings: the job's destination.
        job_id: which job.
        destination: the folder; made if missing.
        progress: told of every frame.
        outputs: which drawings; empty for all.
        threads: how many files are fetched at once.

    Raises:
        InputMissing: the destination holds no such job.
        ConfigurationError: the folder cannot be made, or the job made no such outputs.
        FrameRejected: a file cannot be written (disk full, permissions); nothing more was tried.
        StoreUnreachable: the store does not answer.
    """
    job = read_job(drawings, job_id)
    folder = FolderStore(destination, create=True)
    fetching = _Fetching(drawings, folder, job, frozenset(outputs or job.outputs))
    with _pool(threads) as pool:
        for part in read_parts(drawings, job_id):
            fetching.fetched.total += len(part)
            for frame, result in zip(part, pool.map(fetching.fetch_frame, part), strict=True):
                fetching.count(frame, result)
                progress.stands(fetching.tally)
        fetching.fetch_manifest()
        if job.has_pictures:
            fetch_report(drawings, folder, fetching.fetched, pool)
    return fetching.fetched


def fetch_report(
    drawings: ObjectStore, folder: FolderStore, fetched: Fetched, pool: ThreadPoolExecutor
) -> None:
    """Fetch the page and its pictures; skips those of which this version is here already.

    Raises:
        FrameRejected: a file cannot be written; nothing more was tried.
        StoreUnreachable: the store does not answer.
    """
    before = _etags_before(folder)
    found = list(drawings.list(_REPORT))
    here = {info.object_key: info.etag for info in found if _is_version_here(folder, info, before)}
    news = [info for info in found if info.object_key not in here]
    fetched.kept += len(here)
    try:
        faults = pool.map(lambda info: _copy(drawings, folder, info.object_key), news)
        for info, fault in zip(news, faults, strict=True):
            if fault:
                fetched.faults.append(fault)
                continue
            here[info.object_key] = info.etag
            fetched.written += 1
            fetched.bytes_written += info.size_bytes
    finally:
        if here != before:
            folder.write(FETCHED_REPORT, msgspec.json.encode(here))
    fetched.has_report = any(info.object_key == object_keys.REPORT_PAGE for info in found)


def fetch_report_alone(drawings: ObjectStore, destination: Path, *, threads: int = THREADS) -> Path:
    """Fetch a destination's report into a folder; returns its page.

    Raises:
        InputMissing: there is no report.
        ConfigurationError: the folder cannot be made.
        FrameRejected: a file cannot be fetched or written.
        StoreUnreachable: the store does not answer.
    """
    if drawings.stat(object_keys.REPORT_PAGE) is None:
        raise InputMissing(
            f"'{drawings}' holds no report yet: a worker writes it when every frame of a job is settled, "
            "unless the job was submitted with --no-report"
        )
    folder = FolderStore(destination, create=True)
    fetched = Fetched()
    with _pool(threads) as pool:
        fetch_report(drawings, folder, fetched, pool)
    if fetched.faults:
        raise InputMissing(f"{len(fetched.faults)} files of the report are missing: {fetched.faults[0]}")
    return destination / object_keys.REPORT_PAGE


class _Fetching:
    """One job on its way into one folder."""

    def __init__(
        self, drawings: ObjectStore, folder: FolderStore, job: Job, outputs: frozenset[Output]
    ) -> None:
        self._drawings = drawings
        self._folder = folder
        self._job = job
        self._outputs = outputs
        self._failed = {info.object_key for info in drawings.list(object_keys.failed_markers(job.job_id))}
        self._records = {record.scan: record for record in _manifest_records(drawings, job)}
        self.fetched = Fetched()

    @property
    def tally(self) -> Tally:
        """How far it is."""
        fetched = self.fetched
        lacking = fetched.failed + len(fetched.faults)
        return Tally(fetched.total, fetched.frames + fetched.waiting, lacking, word="fetching")

    def fetch_frame(self, frame: JobFrame) -> _FetchedFrame:
        """Fetch the drawings of one frame; called in a thread."""
        known = self._records.get(frame.scan)
        result = self._fetch_recorded(known)
        if result.is_whole:
            return result
        # Not in the manifest, or its drawings were made again since: the marker is always true.
        marker = read_done_marker(self._drawings, frame.stem)
        if marker is None or marker.scan != frame.scan or marker == known:
            return result
        if marker.recipe_fingerprint != self._job.recipe.fingerprint:
            result.fault = f"{frame.scan}: drawn again by a later job of another recipe; fetch that one"
            return result
        return result.followed_by(self._fetch_recorded(marker))

    def count(self, frame: JobFrame, result: _FetchedFrame) -> None:
        """Add a frame to the sum."""
        fetched = self.fetched
        fetched.written += result.written
        fetched.kept += result.kept
        fetched.bytes_written += result.bytes_written
        if result.is_whole:
            fetched.frames += 1
        elif result.fault:
            fetched.faults.append(result.fault)
        elif object_keys.failed_marker(self._job.job_id, frame.index) in self._failed:
            fetched.failed += 1
        else:
            fetched.waiting += 1

    def fetch_manifest(self) -> None:
        """Copy the job's manifest, if it is written already."""
        object_key = object_keys.job_manifest(self._job.job_id)
        if self._drawings.stat(object_key) is not None:
            self._folder.write(object_keys.MANIFEST, self._drawings.read(object_key))
            self.fetched.has_manifest = True

    def _fetch_recorded(self, record: FrameRecord | None) -> _FetchedFrame:
        result = _FetchedFrame()
        if record is None or record.state is not FrameState.DONE:
            return result
        for output in sorted(self._outputs):
            files = record.outputs.get(output, ())
            # A marker names what Douga wrote, nothing else: whoever forged one gets nothing out of it.
            if not files or not all(self._is_own(file, record, output) for file in files):
                result.fault = f"{record.scan}: its record names no {output} of its own"
                return result
            for file in files:
                self._fetch_file(file, result)
                if result.fault:
                    return result
        result.is_whole = True
        return result

    def _is_own(self, file: OutputRecord, record: FrameRecord, output: Output) -> bool:
        return file.layer in self._job.recipe.layers_of(output) and (
            file.object_key == object_keys.drawing(record.stem, output, file.layer)
        )

    def _fetch_file(self, stored: OutputRecord, result: _FetchedFrame) -> None:
        if _is_here(self._folder, stored):
            result.kept += 1
            return
        try:
            data = self._drawings.read(stored.object_key)
        except FrameRejected as rejection:
            result.fault = str(rejection)
            return
        if hashlib.sha256(data).hexdigest() != stored.sha256:
            result.fault = f"{stored.object_key!r} is not what its record says; it changes just now, or "
            result.fault += "somebody wrote over it: fetch again, or submit again"
            return
        self._folder.write(stored.object_key, data)
        result.written += 1
        result.bytes_written += len(data)


@dataclass(slots=True)
class _FetchedFrame:
    is_whole: bool = False
    written: int = 0
    kept: int = 0
    bytes_written: int = 0
    fault: str = ""

    def followed_by(self, second: _FetchedFrame) -> _FetchedFrame:
        """Sum of two tries; the second one counts."""
        second.written += self.written
        second.bytes_written += self.bytes_written
        return second


@contextmanager
def _pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that begin nothing new once something went wrong."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="douga-fetch")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _manifest_records(drawings: ObjectStore, job: Job) -> tuple[FrameRecord, ...]:
    """The manifest saves reading a marker for every frame; what it lacks, the markers have."""
    object_key = object_keys.job_manifest(job.job_id)
    if drawings.stat(object_key) is None:
        return ()
    try:
        return msgspec.json.decode(drawings.read(object_key), type=Manifest).frames
    except (FrameRejected, msgspec.MsgspecError, UnicodeDecodeError, ConfigurationError):
        return ()


def _is_here(folder: FolderStore, stored: OutputRecord) -> bool:
    info = folder.stat(stored.object_key)
    if info is None or info.size_bytes != stored.size_bytes:
        return False
    return hashlib.sha256(folder.read(stored.object_key)).hexdigest() == stored.sha256


def _is_version_here(folder: FolderStore, info: ObjectInfo, etags: dict[str, str]) -> bool:
    if not info.etag or etags.get(info.object_key) != info.etag:
        return False
    here = folder.stat(info.object_key)
    return here is not None and here.size_bytes == info.size_bytes


def _copy(drawings: ObjectStore, folder: FolderStore, object_key: str) -> str:
    """Copy an object; the fault, if it cannot be read."""
    try:
        data = drawings.read(object_key)
    except FrameRejected as rejection:
        return str(rejection)
    folder.write(object_key, data)
    return ""


def _etags_before(folder: FolderStore) -> dict[str, str]:
    if folder.stat(FETCHED_REPORT) is None:
        return {}
    try:
        return msgspec.json.decode(folder.read(FETCHED_REPORT), type=dict[str, str])
    except (FrameRejected, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
