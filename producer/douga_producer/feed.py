"""Feeds the frames of one job to the farm: recorded in the store, then counted, then sent. Safe to run twice.

For every page of scans::

    why some failed ─▶ list part ─▶ count ─▶ dead letters ─▶ done before? settle ─▶ send ─▶ mark sent

A crash between any two of these is repaired by feeding the same scans again: what is recorded keeps its
index, what was sent or is settled is not sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import msgspec

from douga_producer.client import Farm
from douga_producer.done_frames import DoneFrames
from douga_producer.frame_list import FrameList
from douga_producer.sending import ChunkSender
from douga_producer.sources import Found
from douga_shared import object_keys
from douga_shared.broker import queue_name
from douga_shared.discover import Survey
from douga_shared.errors import ConfigurationError, FrameRejected, Reason
from douga_shared.job_store.protocol import DeadLetter, JobStore, Standing
from douga_shared.jobs import (
    Job,
    JobFrame,
    JobState,
    read_job,
    recorded_jobs,
    write_job,
    write_left_out,
)
from douga_shared.manifest import Failure, FrameRecord, FrameState, LeftOut
from douga_shared.object_store.protocol import ObjectStore
from douga_shared.rebuild import rebuild_job

_WRITERS = 32


@dataclass(frozen=True, kw_only=True)
class FeedProgress:
    """How far feeding is, in frames."""

    listed: int = 0
    """Found and selected so far, by this submission."""
    sent: int = 0
    """Put on the queue by this submission."""
    known: int = 0
    """Put on the queue, or settled, by an earlier one of the same order."""
    done_before: int = 0
    """Drawn already, by whatever job."""
    rejected: int = 0
    """Dead letters from the start."""
    uploaded: int = 0
    uploaded_bytes: int = 0
    note: str = ""
    """What it waits for, if it waits; or what happened."""


class JobFeed:
    """Adds frames to one job. Only its owner may use it at a time; see ``only_producer``."""

    def __init__(
        self, farm: Farm, job: Job, on_progress: Callable[[FeedProgress], None] = lambda _: None
    ) -> None:
        """Open the destination; nothing is written before there is a frame.

        Raises:
            ConfigurationError, InputMissing: the destination cannot be opened.
        """
        self._farm = farm
        self._jobs = farm.jobs
        self._drawings = farm.open_store(job.drawings, create=True)
        self._on_progress = on_progress
        self._list = FrameList(self._drawings, job.job_id)
        self._done_frames: DoneFrames | None = None
        self._sender: ChunkSender | None = None
        self._pending: set[int] = set()
        self._dead: dict[int, Reason] = {}
        self._is_recorded = False
        self._standing: Standing | None = None
        self.job = job
        self.progress = FeedProgress()
        self.superseded: tuple[str, ...] = ()
        self.on_beat: Callable[[], None] = lambda: None
        """Called at every step and during every wait, at least twice a minute; here the lock is kept."""

    @property
    def total(self) -> int:
        """Frames of the job."""
        return len(self._list)

    @property
    def pending(self) -> int:
        """Frames that are recorded and wait to be sent."""
        return len(self._pending)

    def frame(self, index: int) -> JobFrame:
        """Return a frame of the job's list."""
        return self._list[index]

    @property
    def is_new(self) -> bool:
        """Nobody has submitted this order before."""
        return self._standing is None

    def load(self, *, is_resumed: bool = False) -> None:
        """Learn what earlier submissions of the same order did.

        Args:
            is_resumed: what was sent may be lost: what is neither settled nor queued is to be sent again.
                So it is for a job that was stopped, whose chunks workers have dropped.

        Raises:
            QueueUnreachable, StoreUnreachable: try again later.
        """
        job_id = self.job.job_id
        self._standing = self._jobs.standing(job_id)
        if self._drawings.stat(object_keys.job_record(job_id)) is None:
            return
        recorded = read_job(self._drawings, job_id)
        self.job = msgspec.structs.replace(self.job, submitted_at=recorded.submitted_at)
        # Otherwise the record is written anew: another priority is no other job.
        self._is_recorded = recorded == self.job
        if self._standing is None:
            self._standing = rebuild_job(self._drawings, self._jobs, job_id)
        self._list.load()
        # What was recorded and not counted, because that submission was cut off just then.
        self._jobs.extend(job_id, len(self._list), is_listed=False)
        self._pending = self._unsent(self._standing, is_resumed=is_resumed)
        self._dead = {letter.index: letter.reason for letter in self._jobs.dead_letters(job_id)}
        if is_resumed:
            self._settle_failures()

    def _unsent(self, standing: Standing, *, is_resumed: bool) -> set[int]:
        """Return the frames to be sent, or sent again."""
        job_id = self.job.job_id
        # Workers drop the chunks of a job that is to rest.
        is_dropped = standing.state in {JobState.CANCELLED, JobState.SUPERSEDED}
        is_dropped |= is_resumed and standing.state is JobState.PAUSED
        if is_resumed or is_dropped:
            # First the queue: what is settled between the two looks is neither queued nor unsettled.
            queued = self._farm.sender.queued_frames(self.job)
            if queued is not None or is_dropped or is_quiet(self._farm, standing):
                return set(self._jobs.unsettled(job_id)).difference(queued or ())
        return {index for index in self._jobs.unsettled(job_id) if index >= standing.sent}

    def claim_known(self, survey: Survey) -> None:
        """Tell the survey which names are taken: by frames that an earlier submission sent.

        Those that it only recorded are judged again, for it may have been cut off before it rejected them.
        """
        for frame in self._list:
            is_rejected = self._dead.get(frame.index) is Reason.NAME_COLLISION
            if not is_rejected and frame.index not in self._pending:
                survey.claim(frame.scan)

    def take(self, page: Sequence[Found]) -> None:
        """Add a page of scans to the job and send what is not done.

        Raises:
            ConfigurationError: the destination cannot be written.
            QueueUnreachable, StoreUnreachable: try again later, with the same scans.
        """
        self._tell(listed=self.progress.listed + len(page))
        if not page:
            return
        self._record()
        sorted_page = self._sort(page)
        self._write_failures(sorted_page.rejected)
        self._append(sorted_page)
        self._reject(sorted_page.rejected)
        self._send(sorted_page.fresh + sorted_page.again, sorted_page.changed)
        if not self._pending:
            self._jobs.mark_sent(self.job.job_id, len(self._list))

    def end(self, left_out: Sequence[LeftOut] = ()) -> None:
        """Say that there are no more frames, as far as is known; completes the job if all are settled.

        Args:
            left_out: files of the source that are no frames of the job.

        Raises:
            QueueUnreachable, StoreUnreachable: try again later.
        """
        if not len(self._list):
            return
        job_id = self.job.job_id
        # Scans that are gone since they were recorded: a worker will say so.
        self.send_pending()
        if left_out:
            write_left_out(self._drawings, job_id, left_out)
        self._list.end()
        self._jobs.mark_sent(job_id, len(self._list))
        self._jobs.extend(job_id, len(self._list), is_listed=True)
        self.ask_for_account()

    def ask_for_account(self) -> bool:
        """Have the account written if the job is complete and has none; tell whether that was so."""
        standing = self._jobs.standing(self.job.job_id)
        is_due = standing is not None and standing.is_complete and not standing.is_accounted
        if is_due:
            self._farm.sender.send_account(self.job.job_id, self.job.drawings)
        return is_due

    def redo(self, frames: Sequence[JobFrame]) -> None:
        """Do frames of the job again, settled or not; each with the etag that it has now.

        Raises:
            QueueUnreachable, StoreUnreachable: try again later.
        """
        self._record()
        self._send([], frames)

    def send_pending(self) -> None:
        """Send what an earlier submission recorded and did not send, or what is to be sent again.

        Raises:
            QueueUnreachable, StoreUnreachable: try again later.
        """
        self._record()
        self._send([self._list[index] for index in sorted(self._pending)], [])

    def count_upload(self, size_bytes: int) -> None:
        """Note a scan that was brought to the staging place; 0 bytes if it lay there already."""
        self._tell(
            uploaded=self.progress.uploaded + (size_bytes > 0),
            uploaded_bytes=self.progress.uploaded_bytes + size_bytes,
        )

    def say(self, note: str) -> None:
        """Tell whoever watches what it waits for, or that it goes on (empty)."""
        self._tell(note=note)

    def _record(self) -> None:
        if not self._is_recorded:
            try:
                write_job(self._drawings, self.job)
            except FrameRejected as refusal:
                raise ConfigurationError(f"the destination cannot be used: {refusal}") from refusal
            self._is_recorded = True
        if self._done_frames is None:
            self.superseded = stop_rivals(self._jobs, self._drawings, self.job)
            self._jobs.open_job(self.job)
            self._done_frames = DoneFrames(self._drawings, self.job)
            self._sender = ChunkSender(self._farm, self.job, self.say)

    def _sort(self, page: Sequence[Found]) -> _Sorted:
        """Tell apart what is new, what has changed, and what nobody need look at again."""
        result = _Sorted()
        for found in page:
            known = self._list.find(found.scan)
            if known is None:
                frame = _frame(len(self._list) + len(result.new), found)
                result.new.append(frame)
                if found.rejection is None:
                    result.fresh.append(frame)
                else:
                    result.rejected.append((frame, found.rejection))
            elif found.rejection is not None:
                if known.index in self._pending:
                    result.rejected.append((known, found.rejection))
            elif (known.etag, known.scan_key) != (found.etag, found.object_key or found.scan):
                result.changed.append(_frame(known.index, found))
            elif self._dead.get(known.index) is Reason.NAME_COLLISION:
                # Its rival is gone.
                result.changed.append(known)
            elif known.index in self._pending:
                result.again.append(known)
        settled = (
            len(page) - len(result.fresh) - len(result.changed) - len(result.again) - len(result.rejected)
        )
        self._tell(known=self.progress.known + settled)
        return result

    def _append(self, page: _Sorted) -> None:
        if page.new:
            self._list.append(page.new)
            self._jobs.extend(self.job.job_id, len(self._list), is_listed=False)

    def _reject(self, rejected: Sequence[tuple[JobFrame, FrameRejected]]) -> None:
        """Make dead letters of frames that no worker need see."""
        if not rejected:
            return
        job_id = self.job.job_id
        letters = [
            DeadLetter(index=frame.index, scan=frame.scan, reason=fault.reason, message=fault.message)
            for frame, fault in rejected
        ]
        self._jobs.settle(job_id, (), letters)
        self._pending.difference_update(letter.index for letter in letters)
        self._dead |= {letter.index: letter.reason for letter in letters}
        self._tell(rejected=self.progress.rejected + len(rejected))

    def _write_failures(self, rejected: Sequence[tuple[JobFrame, FrameRejected]]) -> None:
        """Say in the store why they failed, before it lists them: nobody may find them without that."""
        if rejected:
            with ThreadPoolExecutor(_WRITERS, thread_name_prefix="douga-reject") as writers:
                for _ in writers.map(self._write_failure, rejected):
                    pass

    def _settle_failures(self) -> None:
        """Count pending frames as failed of which the store says so already; their teller was cut off."""
        if not self._pending:
            return
        prefix = object_keys.failed_markers(self.job.job_id)
        for info in self._drawings.list(prefix):
            name = info.object_key.removeprefix(prefix).removesuffix(".json")
            if name.isdecimal() and int(name) in self._pending:
                try:
                    record = msgspec.json.decode(self._drawings.read(info.object_key), type=FrameRecord)
                except (FrameRejected, msgspec.MsgspecError, UnicodeDecodeError):
                    # One that nobody can read is none: a worker will say it again.
                    continue
                if record.failure:
                    fault = FrameRejected(record.failure.reason, record.failure.message)
                    self._reject([(self._list[int(name)], fault)])

    def _write_failure(self, rejected: tuple[JobFrame, FrameRejected]) -> None:
        frame, fault = rejected
        record = FrameRecord(
            scan=frame.scan,
            stem=frame.stem,
            state=FrameState.FAILED,
            scan_etag=frame.etag,
            recipe_fingerprint=self.job.recipe.fingerprint,
            failure=Failure(reason=fault.reason, message=fault.message),
        )
        marker = object_keys.failed_marker(self.job.job_id, frame.index)
        self._drawings.write(marker, msgspec.json.encode(record))

    def _send(self, frames: Sequence[JobFrame], changed: Sequence[JobFrame]) -> None:
        """Settle what is done, send the rest.

        A changed frame is recorded last: whoever is cut off before that finds it changed again.
        """
        assert self._done_frames is not None
        assert self._sender is not None
        self._reopen(changed)
        wanted = [*frames, *changed]
        done = {frame.index for frame in self._done_frames.among(wanted)}
        if done:
            self._jobs.settle(self.job.job_id, done, ())
            self._tell(done_before=self.progress.done_before + len(done))
        self._sender.send([frame for frame in wanted if frame.index not in done], self._count_sent)
        if changed:
            self._list.replace(changed)
        self._pending.difference_update(frame.index for frame in wanted)

    def _reopen(self, changed: Iterable[JobFrame]) -> None:
        indexes = [frame.index for frame in changed]
        if indexes:
            for index in self._dead.keys() & set(indexes):
                self._drawings.delete(object_keys.failed_marker(self.job.job_id, index))
                del self._dead[index]
            self._jobs.reopen(self.job.job_id, indexes)

    def _count_sent(self, count: int) -> None:
        self._tell(sent=self.progress.sent + count, note="")

    def _tell(self, **changes: int | str) -> None:
        self.progress = replace(self.progress, **changes)  # type: ignore[arg-type]
        self.on_beat()
        self._on_progress(self.progress)


def is_quiet(farm: Farm, standing: Standing) -> bool:
    """Tell whether nothing of a job can be on its way, where nobody can look into the queue."""
    moments = (standing.job.submitted_at, standing.began_at, standing.moved_at)
    rest_seconds = standing.now - max(moment for moment in moments if moment is not None)
    if rest_seconds < 2 * farm.settings.lease_seconds:
        return False
    return farm.sender.waiting_chunks(queue_name(standing.job.show, standing.job.priority)) == 0


def stop_rivals(jobs: JobStore, drawings: ObjectStore, job: Job) -> tuple[str, ...]:
    """Stop older jobs that draw to the same destination by another recipe; returns their ids.

    Raises:
        QueueUnreachable, StoreUnreachable: try again later.
    """
    stopped = []
    for job_id in recorded_jobs(drawings):
        rival = None if job_id == job.job_id else jobs.standing(job_id)
        if rival is None or rival.is_complete or rival.state not in {JobState.RUNNING, JobState.PAUSED}:
            continue
        if rival.job.drawings == job.drawings and rival.job.recipe.fingerprint != job.recipe.fingerprint:
            jobs.set_state(job_id, JobState.SUPERSEDED)
            stopped.append(job_id)
    return tuple(stopped)


class _Sorted:
    """A page of scans, told apart."""

    def __init__(self) -> None:
        self.new: list[JobFrame] = []
        """Not in the job's list yet; fresh or rejected."""
        self.fresh: list[JobFrame] = []
        self.again: list[JobFrame] = []
        """In the list, but cut off before they were sent."""
        self.changed: list[JobFrame] = []
        """In the list, with another content, or rejected for a rival that is gone."""
        self.rejected: list[tuple[JobFrame, FrameRejected]] = []


def _frame(index: int, found: Found) -> JobFrame:
    return JobFrame(index, found.scan, found.etag, found.size_bytes, found.object_key)
