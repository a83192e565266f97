"""What Douga remembers of a job while it runs: a quick copy of the truth, which lies in the object store.

Frames are counted by their index in the job. Every change is one atomic step and counts only what is new,
so that a chunk delivered twice, or to two workers at once, changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

import msgspec

from douga_shared.errors import Reason
from douga_shared.jobs import Job, JobState

MOST_REJECTED = 1_000
"""Rejected messages that are kept."""
_LONGEST_TEXT = 500
SETTLED = 0
"""In place of an attempt's number: there is nothing left to do for this frame."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A frame that failed for good, until somebody mends the cause and retries it."""

    index: int
    scan: str
    reason: Reason
    message: str
    attempts: int = 1
    failed_at: float = 0.0
    """Seconds since 1970."""


class RejectedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message that belongs to no job, because nobody could read it."""

    why: str
    text: str
    """How it began, printable."""
    rejected_at: float = 0.0

    @classmethod
    def of(cls, why: str, text: str, rejected_at: float = 0.0) -> RejectedMessage:
        """Make one of whatever the message said."""
        return cls(why=_printable(why), text=_printable(text), rejected_at=rejected_at)


# Two threads that meet a type for the first time at once crash msgspec 0.22: it is met here, in one.
msgspec.json.Decoder(DeadLetter)
msgspec.json.Decoder(RejectedMessage)


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a worker that wants to begin some frames."""

    state: JobState
    attempts: tuple[int, ...]
    """For each frame asked about: 1 the first time, more after workers died on it, ``SETTLED``.

    All ``SETTLED`` unless the job is running.
    """


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a job stands, in frames."""

    job: Job
    state: JobState
    total: int
    """Frames recorded so far."""
    is_listed: bool
    """All frames are recorded; until then ``total`` grows."""
    sent: int
    """Frames that were put on the queue at least once."""
    done: int
    failed: int
    running: int
    """Begun and not settled."""
    began_at: float | None
    """When the first frame began; seconds since 1970, by the job store's clock, like all times here."""
    moved_at: float | None
    """When a frame was settled last."""
    completed_at: float | None
    is_accounted: bool
    """The manifest and the report are written."""
    now: float

    @property
    def waiting(self) -> int:
        """Frames that nobody has begun."""
        return max(0, self.total - self.done - self.failed - self.running)

    @property
    def is_complete(self) -> bool:
        """Every frame is settled."""
        return self.is_listed and self.done + self.failed >= self.total


class JobStore(Protocol):
    """State of all jobs of a farm. Every method may block, is atomic, and is safe to repeat.

    Raises:
        QueueUnreachable: it does not answer, after the client's own retries.
    """

    def open_job(self, job: Job) -> bool:
        """Record a job as running; a cancelled or superseded one runs again. False when it was known."""
        ...

    def extend(self, job_id: str, total: int, *, is_listed: bool) -> bool:
        """Say that ``total`` frames are recorded by now; opens a completed job again if there are more.

        Never takes a frame back: a smaller total, as from a second producer, changes nothing. True for the
        one call that completes the job, because the last frame was settled before the list ended.
        """
        ...

    def mark_sent(self, job_id: str, until: int) -> None:
        """Say that every frame below index ``until`` has been put on the queue; never goes back."""
        ...

    def begin(self, job_id: str, seal: str, indexes: Sequence[int]) -> Beginning | None:
        """Count an attempt of each frame that is not settled, and say how often each was tried.

        None: no such job, or not with this seal, or a frame beyond those that are recorded. Unknown jobs
        may have been lost with a Redis; see ``rebuild``.
        """
        ...

    def settle(self, job_id: str, done: Collection[int], failed: Sequence[DeadLetter]) -> bool:
        """Count frames as done or failed; True for the one call that completes the job.

        What is done stays done: a failure reported after that changes nothing. A done frame takes its
        dead letter away. The first failure of a frame counts, ``failed_at`` is the job store's own time.
        Frames of an unknown job, or beyond those that are recorded, are left out.
        """
        ...

    def hand_back(self, job_id: str, indexes: Collection[int]) -> None:
        """Take the attempts back: a worker stopped in peace before these frames were settled.

        They count as waiting again; a second call takes nothing more until somebody begins them.
        """
        ...

    def reopen(self, job_id: str, indexes: Collection[int]) -> None:
        """Forget that frames are settled: they are to be done again."""
        ...

    def set_state(self, job_id: str, state: JobState) -> bool:
        """Pause, resume or cancel; False when there is no such job."""
        ...

    def state_of(self, job_id: str) -> JobState | None:
        """Return what the user wants with the job, cheaply; None for an unknown one."""
        ...

    def mark_accounted(self, job_id: str) -> None:
        """Say that the job's manifest and report are written."""
        ...

    def standing(self, job_id: str) -> Standing | None:
        """Return where a job stands, or None for an unknown one."""
        ...

    def standings(self, job_ids: Sequence[str]) -> tuple[Standing, ...]:
        """Return where many jobs stand, in few round trips, leaving out unknown ones; not of one moment."""
        ...

    def unsettled(self, job_id: str) -> Iterator[int]:
        """Yield the indexes of frames that are neither done nor failed, in order."""
        ...

    def dead_letters(self, job_id: str) -> Iterator[DeadLetter]:
        """Yield the frames that failed."""
        ...

    def job_ids(self) -> tuple[str, ...]:
        """Return all known jobs, latest submission first."""
        ...

    def forget(self, job_id: str) -> None:
        """Drop everything known of a job."""
        ...

    def rebuild(
        self, job: Job, total: int, *, is_listed: bool, done: Collection[int], failed: Sequence[DeadLetter]
    ) -> None:
        """Add what the object store says of a job to what is known of it, if anything is.

        Nothing is taken back, so that what workers settle meanwhile is kept; ``reopen`` takes back. A done
        frame wins over its failure. Nobody is told that the job is complete; ``standing`` says it.
        """
        ...

    def reject_message(self, why: str, text: str) -> None:
        """Keep a message that nobody can read, among the latest thousand; ``text`` may be anything."""
        ...

    def rejected_messages(self) -> tuple[RejectedMessage, ...]:
        """Return them, latest first."""
        ...

    def take_lock(self, name: str, holder: str, seconds: float) -> bool:
        """Take or renew a lock that falls off by itself; False when somebody else holds it."""
        ...

    def drop_lock(self, name: str, holder: str) -> None:
        """Give the lock back, if it is still the holder's."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


def _printable(text: str) -> str:
    start = text[:_LONGEST_TEXT]
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in start)
