"""The account of a complete job: what became of every frame, as manifest and report."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import msgspec

from douga_shared import __version__, metrics, object_keys
from douga_shared.broker import Sender
from douga_shared.done_markers import read_done_marker
from douga_shared.errors import ConfigurationError, FrameRejected, InputMissing
from douga_shared.frames import FrameId
from douga_shared.job_store.protocol import JobStore
from douga_shared.jobs import Job, JobFrame, JobState, read_job, read_left_out, read_parts
from douga_shared.logs import about
from douga_shared.manifest import FrameRecord, FrameState, LeftOut, Manifest
from douga_shared.messages import chunk_of
from douga_shared.object_store.protocol import ObjectStore
from douga_shared.rebuild import is_done
from douga_worker.outcome import Outcome
from douga_worker.patience import Patience, Stopped
from douga_worker.report.neighbours import flag_odd_frames
from douga_worker.report.page import render_report

LOCK_SECONDS = 30.0
"""Two may write the account of a job that takes longer, which does no harm."""
READERS = 16
"""Markers are small and far away: reading them is waiting, not work."""
REPORT_FRAMES = 2_000
"""A page of more pictures opens slowly in a browser; the worst are shown, the manifest has them all."""


_log = logging.getLogger(__name__)


class AccountOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The message that asks for an account; see ``Sender.send_account``."""

    job_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")]
    drawings: str


# Two threads that meet a type for the first time at once crash msgspec 0.22: it is met here, in one.
msgspec.json.Decoder(AccountOrder)


class AccountWorker:
    """Writes the accounts that messages ask for."""

    def __init__(
        self, *, jobs: JobStore, open_store: Callable[[str], ObjectStore], sender: Sender, patience: Patience
    ) -> None:
        """``sender``: for frames that turn out to be outdated; the rest as for ``ChunkWorker``."""
        self._jobs = jobs
        self._open_store = open_store
        self._sender = sender
        self._patience = patience

    def work(self, message: object) -> Outcome:
        """Do what a message asks for; raises nothing that a message could cause."""
        try:
            return self._work(message)
        except Stopped:
            return Outcome.HANDED_BACK

    def _work(self, message: object) -> Outcome:
        try:
            order = msgspec.convert(message, AccountOrder)
            drawings = self._open_store(order.drawings)
            with about(job=order.job_id):
                self._patience.insist(lambda: self._account(order, drawings))
        except (msgspec.ValidationError, ConfigurationError, InputMissing, FrameRejected) as fault:
            _log.warning("no account: %s", fault)
            metrics.REJECTED_MESSAGES.inc()
            why = f"no account can be written: {fault}"
            self._patience.insist(lambda: self._jobs.reject_message(why, repr(message)[:500]))
            return Outcome.REJECTED
        return Outcome.SETTLED

    def _account(self, order: AccountOrder, drawings: ObjectStore) -> None:
        lock, holder = f"account:{order.job_id}", secrets.token_hex(8)
        while not self._jobs.take_lock(lock, holder, LOCK_SECONDS):
            # It may be asked for several times; if the other one dies, its lock falls off.
            if self._patience.is_ending:
                raise Stopped(f"another worker writes the account of job {order.job_id}")
            self._patience.pause(0)
        try:
            self._write(order, drawings)
        finally:
            self._jobs.drop_lock(lock, holder)

    def _write(self, order: AccountOrder, drawings: ObjectStore) -> None:
        standing = self._jobs.standing(order.job_id)
        if standing is not None and standing.is_accounted:
            return
        account = write_account(drawings, order.job_id)
        if account.outdated and standing is not None and standing.state is JobState.RUNNING:
            standing = self._jobs.standing(order.job_id)
            # Where the job has grown or is retried since, its frames are on their way, and whoever settles
            # the last of them asks again.
            if standing is not None and standing.is_complete:
                self._send_again(account)
            return
        self._jobs.mark_accounted(order.job_id)
        count = len(account.manifest.frames)
        _log.info("job %s: manifest and report of %d frames written", order.job_id, count)

    def _send_again(self, account: Account) -> None:
        """A scan was retaken while the old one was in the works, or its drawing was taken away since."""
        job, frames = account.job, account.outdated
        _log.warning("job %s: %d frames are outdated and sent again", job.job_id, len(frames))
        self._jobs.reopen(job.job_id, [frame.index for frame in frames])
        for frame in frames:
            self._sender.send_chunk(chunk_of(job, [frame], sent_at=time.time()), job)


@dataclass(frozen=True, slots=True)
class Account:
    """What became of a job."""

    job: Job
    manifest: Manifest
    outdated: tuple[JobFrame, ...]
    """Frames that are neither done as listed nor failed."""


def write_account(drawings: ObjectStore, job_id: str) -> Account:
    """Sum up a job from what lies in its destination; writes manifest and report, safe to repeat.

    Args:
        drawings: the job's destination.
        job_id: the job.

    Returns:
        The job, its manifest, as stored below the job's own folder and as ``douga.json``, and what is
        missing in it.

    Raises:
        InputMissing: the destination holds no such job.
        StoreUnreachable: the store does not answer.
        FrameRejected: the store refuses to take the manifest.
    """
    job = read_job(drawings, job_id)
    records = dict(_records(drawings, job))
    left_out = read_left_out(drawings, job_id)
    manifest = _manifest(job, sorted(records.values(), key=_order), left_out)
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    drawings.write(object_keys.job_manifest(job_id), text)
    if job.has_pictures:
        drawings.write(object_keys.REPORT_PAGE, render_report(_worst(manifest)))
    # Last, so that whoever finds it finds the report it belongs to.
    drawings.write(object_keys.MANIFEST, text)
    outdated = (frame for frame, record in records.items() if record.state is FrameState.WAITING)
    return Account(job, manifest, tuple(outdated))


def _records(drawings: ObjectStore, job: Job) -> Iterator[tuple[JobFrame, FrameRecord]]:
    failures = _failures(drawings, job)
    with ThreadPoolExecutor(READERS, thread_name_prefix="douga-account") as readers:
        for part in read_parts(drawings, job.job_id):
            read = partial(read_done_marker, drawings, is_expected=True)
            markers = readers.map(read, (frame.stem for frame in part))
            for frame, marker in zip(part, markers, strict=True):
                yield frame, _record(job, frame, marker, failures.get(frame.index))


def _record(
    job: Job, frame: JobFrame, marker: FrameRecord | None, failure: FrameRecord | None
) -> FrameRecord:
    """What counts is the drawing: a frame that failed once and was done later is done."""
    if marker and (is_done(marker, frame, job) or not frame.etag):
        return marker
    if failure:
        return failure
    return FrameRecord(
        scan=frame.scan,
        stem=frame.stem,
        state=FrameState.WAITING,
        scan_etag=frame.etag,
        recipe_fingerprint=job.recipe.fingerprint,
    )


def _failures(drawings: ObjectStore, job: Job) -> dict[int, FrameRecord]:
    """The records of failed frames by index; one that nobody can read is none."""
    prefix = object_keys.failed_markers(job.job_id)
    found = {}
    for info in drawings.list(prefix):
        name = info.object_key.removeprefix(prefix).removesuffix(".json")
        with suppress(FrameRejected, ValueError, msgspec.MsgspecError):
            found[int(name)] = msgspec.json.decode(drawings.read(info.object_key), type=FrameRecord)
    return found


def _manifest(job: Job, records: Iterable[FrameRecord], left_out: tuple[LeftOut, ...]) -> Manifest:
    frames = flag_odd_frames(records)
    return Manifest(
        douga=__version__,
        source=job.source,
        recipe=job.recipe,
        recipe_fingerprint=job.recipe.fingerprint,
        is_complete=all(frame.state is not FrameState.WAITING for frame in frames),
        frames=frames,
        left_out=left_out,
    )


def _order(record: FrameRecord) -> tuple[str, FrameId]:
    folder = record.stem.rpartition("/")[0]
    return folder, FrameId.parse(record.scan)


def _worst(manifest: Manifest) -> Manifest:
    """Cut a huge job down to the frames that somebody must look at."""
    if len(manifest.frames) <= REPORT_FRAMES:
        return manifest
    by_need = sorted(manifest.frames, key=_need, reverse=True)[:REPORT_FRAMES]
    kept = {record.scan for record in by_need}
    frames = tuple(record for record in manifest.frames if record.scan in kept)
    return msgspec.structs.replace(manifest, frames=frames)


def _need(record: FrameRecord) -> float:
    if record.state is not FrameState.DONE:
        return float("inf")
    return record.quality.badness if record.quality else 0.0
