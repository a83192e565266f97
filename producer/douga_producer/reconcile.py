"""What remains of a job is what is listed minus what is settled; what of it is not on its way is sent again.

So it is found again after a Redis was flushed, a message was lost or a producer died between recording and
sending. Sending a frame too often is harmless: workers skip what is settled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import msgspec

from douga_producer.client import Farm
from douga_producer.feed import FeedProgress, JobFeed, is_quiet
from douga_producer.known_jobs import find_job, is_place, latest_recorded, standing_of
from douga_producer.only_producer import Hold, only_producer
from douga_shared.errors import ConfigurationError, FrameRejected, InputMissing, QueueUnreachable, Reason
from douga_shared.frames import FrameId, FrameRange
from douga_shared.job_store.protocol import DeadLetter, Standing
from douga_shared.jobs import Job, JobFrame, JobState
from douga_shared.rebuild import rebuild_job

_ASKED_AT_ONCE = 32

OnProgress = Callable[[FeedProgress], None]


def _ignore(progress: FeedProgress) -> None:
    """Whoever does not watch."""


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """What was done for a job that did not get on by itself."""

    job_id: str
    sent: int = 0
    """Frames sent again, or at last."""
    done_before: int = 0
    """Frames that turned out to be done."""
    is_rebuilt: bool = False
    """Redis had lost the job."""
    is_account_asked: bool = False
    """Manifest and report were missing."""
    is_cut_off: bool = False
    """Its submission ended before all frames were listed; only the same order again finds the rest."""
    why_not: str = ""
    """Why nothing was done, if something might have been."""

    @property
    def is_idle(self) -> bool:
        """Nothing had to be done."""
        return not (self.sent or self.done_before or self.is_rebuilt or self.is_account_asked)

    def __str__(self) -> str:
        """Return all of it in a line for people."""
        parts = []
        if self.is_rebuilt:
            parts.append("rebuilt from the store's records")
        if self.sent:
            parts.append(f"{self.sent:,} frames sent again")
        if self.done_before:
            parts.append(f"{self.done_before:,} frames found done")
        if self.is_account_asked:
            parts.append("manifest and report asked for")
        if self.why_not:
            parts.append(f"left alone: {self.why_not}")
        if self.is_cut_off:
            parts.append("its submission was cut off, so run the same 'douga submit' again for the rest")
        return f"{self.job_id}  {'; '.join(parts) or 'everything is on its way'}"


@dataclass(frozen=True, kw_only=True)
class Retried:
    """What became of a job's dead letters."""

    job_id: str
    sent: int
    colliding: tuple[DeadLetter, ...]
    """Not sent: they would overwrite each other's drawings until their scans are renamed."""


def resume(farm: Farm, name: str, on_progress: OnProgress = _ignore) -> Resumed:
    """Let a job go on, whatever stopped it: a pause, lost messages, a lost Redis, a dead producer.

    Args:
        farm: where it runs.
        name: a job's id or the beginning of one; or a destination, whose latest job is meant. A job that
            Redis has lost can only be named by its destination.
        on_progress: told how far it is.

    Raises:
        InputMissing: there is no such job.
        QueueUnreachable, StoreUnreachable: try again later.
    """
    job, is_rebuilt = _find(farm, name)
    feed = JobFeed(farm, job, on_progress)
    with only_producer(farm.jobs, job.job_id, feed.say) as hold:
        feed.on_beat = hold.renew
        feed.load(is_resumed=True)
        # Before anything is sent: workers drop the chunks of a job that is to rest.
        farm.jobs.set_state(job.job_id, JobState.RUNNING)
        resumed = _go_on(farm, feed)
    return replace(resumed, is_rebuilt=is_rebuilt)


def reconcile(farm: Farm, on_progress: OnProgress = _ignore) -> Iterator[Resumed]:
    """Look at every running job once and repair it; yields what was done, job by job.

    Raises:
        QueueUnreachable, StoreUnreachable: try again later.
    """
    for job_id in farm.jobs.job_ids():
        standing = farm.jobs.standing(job_id)
        if standing is not None and standing.state is JobState.RUNNING and not standing.is_accounted:
            yield _repaired(farm, standing, on_progress)


def retry(
    farm: Farm, name: str, frames: FrameRange | None = None, on_progress: OnProgress = _ignore
) -> Retried:
    """Do a job's dead letters again, after the cause is mended.

    Args:
        farm: where it runs.
        name: as in ``resume``.
        frames: of those that failed only these; None for all.
        on_progress: told how far it is.

    Raises:
        InputMissing: there is no such job.
        QueueUnreachable, StoreUnreachable: try again later.
    """
    job, _ = _find(farm, name)
    feed = JobFeed(farm, job, on_progress)
    with only_producer(farm.jobs, job.job_id, feed.say) as hold:
        feed.on_beat = hold.renew
        feed.load()
        letters = [
            letter
            for letter in farm.jobs.dead_letters(job.job_id)
            if frames is None or frames.contains(FrameId.parse(letter.scan))
        ]
        colliding = tuple(letter for letter in letters if letter.reason is Reason.NAME_COLLISION)
        if not letters:
            raise InputMissing(f"no {'such ' * bool(frames)}frame of job {job.job_id} has failed")
        again = [feed.frame(letter.index) for letter in letters if letter not in colliding]
        if again:
            feed.redo(_as_they_are_now(farm, feed.job, again))
            feed.ask_for_account()
    return Retried(job_id=job.job_id, sent=feed.progress.sent, colliding=colliding)


def _repaired(farm: Farm, standing: Standing, on_progress: OnProgress) -> Resumed:
    job_id = standing.job.job_id
    if standing.is_complete:
        # Its account is on its way, as a rule.
        rest_seconds = standing.now - (standing.completed_at or standing.now)
        if rest_seconds < 2 * farm.settings.lease_seconds:
            return Resumed(job_id=job_id)
    elif not _is_something_missing(farm, standing):
        return Resumed(job_id=job_id, is_cut_off=not standing.is_listed)
    hold = Hold(farm.jobs, job_id)
    try:
        if not hold.take():
            return Resumed(job_id=job_id, why_not="a producer is at work on it")
        feed = JobFeed(farm, standing.job, on_progress)
        feed.on_beat = hold.renew
        feed.load(is_resumed=True)
        return _go_on(farm, feed)
    except (InputMissing, FrameRejected, ConfigurationError) as fault:
        # Of this job's stores: the others are looked at all the same.
        return Resumed(job_id=job_id, why_not=str(fault))
    except QueueUnreachable:
        hold.let_go()
        raise
    finally:
        hold.drop()


def _is_something_missing(farm: Farm, standing: Standing) -> bool:
    """Look before the job's lists are read: as a rule everything is on its way."""
    queued = farm.sender.queued_frames(standing.job)
    if queued is None:
        return is_quiet(farm, standing) or standing.sent < standing.total
    return any(index not in queued for index in farm.jobs.unsettled(standing.job.job_id))


def _go_on(farm: Farm, feed: JobFeed) -> Resumed:
    job_id = feed.job.job_id
    feed.send_pending()
    farm.jobs.mark_sent(job_id, feed.total)
    standing = standing_of(farm.jobs, job_id)
    return Resumed(
        job_id=job_id,
        sent=feed.progress.sent,
        done_before=feed.progress.done_before,
        is_account_asked=feed.ask_for_account(),
        is_cut_off=not standing.is_listed,
    )


def _find(farm: Farm, name: str) -> tuple[Job, bool]:
    """Return the job that is meant, and whether it had to be rebuilt."""
    if not is_place(name):
        return standing_of(farm.jobs, find_job(farm.jobs, name)).job, False
    store = farm.open_store(name)
    job = latest_recorded(store)
    if farm.jobs.standing(job.job_id) is not None:
        return job, False
    rebuild_job(store, farm.jobs, job.job_id)
    return job, True


def _as_they_are_now(farm: Farm, job: Job, frames: Sequence[JobFrame]) -> list[JobFrame]:
    """Take over the etags of scans that somebody has mended; uploads do not change."""
    scans = farm.open_store(job.scans)

    def look(frame: JobFrame) -> JobFrame:
        if frame.object_key:
            return frame
        try:
            info = scans.stat(frame.scan)
        except FrameRejected:
            return frame
        if info is None:
            return frame
        return msgspec.structs.replace(frame, etag=info.etag, size_bytes=info.size_bytes)

    with ThreadPoolExecutor(_ASKED_AT_ONCE, thread_name_prefix="douga-stat") as askers:
        return list(askers.map(look, frames))
