"""What is known of a job, made anew from the store's own records when Redis has lost it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from douga_shared import object_keys
from douga_shared.done_markers import read_done_marker
from douga_shared.errors import FrameRejected
from douga_shared.job_store import DeadLetter, JobStore, Standing
from douga_shared.jobs import Job, JobFrame, is_last_part, read_job, read_parts
from douga_shared.manifest import FrameRecord, FrameState
from douga_shared.object_store.protocol import ObjectStore

_READERS = 32
"""Markers read at once: a bucket answers one in tens of milliseconds, but many side by side."""


def rebuild_job(store: ObjectStore, jobs: JobStore, job_id: str) -> Standing:
    """Tell the job store what the store of drawings says of a job: its frames, what is done, what failed.

    What is known and has no record in the store is forgotten; what workers settle meanwhile is kept. Safe
    at any time, also by several at once. Reads one small object for every finished frame.

    Args:
        store: the job's destination.
        jobs: what is told.
        job_id: which job.

    Returns:
        Where the job stands now.

    Raises:
        InputMissing: the store holds no such job, or its record cannot be read.
        StoreUnreachable: the store does not answer.
        QueueUnreachable: the job store does not answer.
    """
    job = read_job(store, job_id)
    # Before the store is read: what is settled later has its marker, only we have not seen it.
    unproved = _settled(jobs, job_id)
    finished_keys = {info.object_key for info in store.list(object_keys.DONE_MARKERS)}
    failures = dict(_failures(store, job_id))
    total, is_listed = 0, False
    done: list[int] = []
    dead: list[DeadLetter] = []
    with ThreadPoolExecutor(_READERS, thread_name_prefix="rebuild") as readers:
        # Part by part, so that a job of millions of frames fits into memory.
        for frames in read_parts(store, job_id):
            is_listed = is_last_part(frames)
            total = max([total, *(frame.index + 1 for frame in frames)])
            marked = [frame for frame in frames if object_keys.done_marker(frame.stem) in finished_keys]
            done += _done(store, job, marked, readers)
            dead += [
                _dead_letter(frame, failures[frame.index]) for frame in frames if _is_of(frame, failures)
            ]
    unproved.difference_update(done, (letter.index for letter in dead))
    if unproved:
        jobs.reopen(job_id, unproved)
    jobs.rebuild(job, total, is_listed=is_listed, done=done, failed=dead)
    standing = jobs.standing(job_id)
    assert standing is not None
    return standing


def is_done(record: FrameRecord, frame: JobFrame, job: Job) -> bool:
    """Tell whether a done marker finishes this frame of this job, by the listed etag alone."""
    return (
        record.state is FrameState.DONE
        and record.scan == frame.scan
        and bool(frame.etag)
        and record.scan_etag == frame.etag
        and record.recipe_fingerprint == job.recipe.fingerprint
        and set(job.outputs) <= set(record.outputs)
        and (record.has_pictures or not job.has_pictures)
    )


def _settled(jobs: JobStore, job_id: str) -> set[int]:
    standing = jobs.standing(job_id)
    return set(range(standing.total)).difference(jobs.unsettled(job_id)) if standing else set()


def _done(
    store: ObjectStore, job: Job, frames: Sequence[JobFrame], readers: ThreadPoolExecutor
) -> Iterator[int]:
    records = readers.map(lambda frame: read_done_marker(store, frame.stem), frames)
    for frame, record in zip(frames, records, strict=True):
        if record is not None and is_done(record, frame, job):
            yield frame.index


def _failures(store: ObjectStore, job_id: str) -> Iterator[tuple[int, FrameRecord]]:
    """Yield the records of failed frames; one that nobody can read is none."""
    prefix = object_keys.failed_markers(job_id)
    for info in store.list(prefix):
        name = info.object_key.removeprefix(prefix).removesuffix(".json")
        try:
            record = msgspec.json.decode(store.read(info.object_key), type=FrameRecord)
        except (FrameRejected, msgspec.MsgspecError, UnicodeDecodeError):
            continue
        if name.isdecimal() and record.failure is not None:
            yield int(name), record


def _is_of(frame: JobFrame, failures: dict[int, FrameRecord]) -> bool:
    return frame.index in failures and failures[frame.index].scan == frame.scan


def _dead_letter(frame: JobFrame, record: FrameRecord) -> DeadLetter:
    assert record.failure is not None
    return DeadLetter(
        index=frame.index, scan=frame.scan, reason=record.failure.reason, message=record.failure.message
    )
