"""What Douga remembers of jobs, in its own memory: for tests, and for jobs of a single process."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock

import msgspec

from douga_shared.job_store.protocol import (
    MOST_REJECTED,
    SETTLED,
    Beginning,
    DeadLetter,
    RejectedMessage,
    Standing,
)
from douga_shared.jobs import Job, JobState


@dataclass
class _Entry:
    """One job; its methods count what is new and nothing else."""

    job: Job
    state: JobState = JobState.RUNNING
    total: int = 0
    is_listed: bool = False
    sent: int = 0
    done: set[int] = field(default_factory=set)
    dead: dict[int, DeadLetter] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    """Of frames that are not settled."""
    resting: set[int] = field(default_factory=set)
    """Frames with an attempt that were handed back."""
    began_at: float | None = None
    moved_at: float | None = None
    completed_at: float | None = None
    is_accounted: bool = False

    def is_settled(self, index: int) -> bool:
        return index in self.done or index in self.dead

    def is_recorded(self, index: int) -> bool:
        return 0 <= index < self.total

    def attempt(self, index: int) -> int:
        self.attempts[index] = self.attempts.get(index, 0) + 1
        self.resting.discard(index)
        return self.attempts[index]

    def drop_attempt(self, index: int) -> None:
        self.attempts.pop(index, None)
        self.resting.discard(index)

    def complete(self, now: float) -> bool:
        is_over = self.is_listed and len(self.done) + len(self.dead) >= self.total
        if not is_over or self.completed_at is not None:
            return False
        self.completed_at = now
        return True

    def uncomplete(self) -> None:
        self.completed_at = None
        self.is_accounted = False


class MemoryJobStore:
    """A job store that forgets everything with its process; see ``JobStore`` for the promises."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Start empty; ``clock`` returns seconds since 1970."""
        self._clock = clock
        self._lock = Lock()
        self._entries: dict[str, _Entry] = {}
        self._rejected: deque[RejectedMessage] = deque(maxlen=MOST_REJECTED)
        self._locks: dict[str, tuple[str, float]] = {}

    def __str__(self) -> str:
        return "memory"

    def open_job(self, job: Job) -> bool:
        """Record a job as running; a cancelled or superseded one runs again. False when it was known."""
        with self._lock:
            entry = self._entries.get(job.job_id)
            if entry is None:
                self._entries[job.job_id] = _Entry(job)
                return True
            entry.job = job
            if entry.state in {JobState.CANCELLED, JobState.SUPERSEDED}:
                entry.state = JobState.RUNNING
            return False

    def extend(self, job_id: str, total: int, *, is_listed: bool) -> bool:
        """Say that ``total`` frames are recorded by now; True when that completes the job."""
        with self._lock:
            entry = self._entries.get(job_id)
            if entry is None:
                return False
            if total > entry.total:
                entry.total, entry.is_listed = total, is_listed
                entry.uncomplete()
            elif total == entry.total:
                entry.is_listed |= is_listed
            return entry.complete(self._clock())

    def mark_sent(self, job_id: str, until: int) -> None:
        """Say that every frame below index ``until`` has been put on the queue."""
        with self._lock:
            if entry := self._entries.get(job_id):
                entry.sent = max(entry.sent, until)

    def begin(self, job_id: str, seal: str, indexes: Sequence[int]) -> Beginning | None:
        """Count an attempt of each frame that is not settled."""
        with self._lock:
            entry = self._entries.get(job_id)
            if entry is None or entry.job.seal != seal or not all(map(entry.is_recorded, indexes)):
                return None
            if entry.state is not JobState.RUNNING:
                return Beginning(state=entry.state, attempts=(SETTLED,) * len(indexes))
            if entry.began_at is None:
                entry.began_at = self._clock()
            # A frame that is named twice is begun once.
            numbers = {
                i: SETTLED if entry.is_settled(i) else entry.attempt(i) for i in dict.fromkeys(indexes)
            }
            return Beginning(state=entry.state, attempts=tuple(numbers[i] for i in indexes))

    def settle(self, job_id: str, done: Collection[int], failed: Sequence[DeadLetter]) -> bool:
        """Count frames as done or failed; True for the call that completes the job."""
        with self._lock:
            entry = self._entries.get(job_id)
            if entry is None:
                return False
            now = self._clock()
            for index in filter(entry.is_recorded, done):
                if index not in entry.done:
                    entry.done.add(index)
                    entry.dead.pop(index, None)
                    entry.drop_attempt(index)
                    entry.moved_at = now
            for letter in failed:
                if entry.is_recorded(letter.index) and not entry.is_settled(letter.index):
                    entry.dead[letter.index] = msgspec.structs.replace(letter, failed_at=now)
                    entry.drop_attempt(letter.index)
                    entry.moved_at = now
            return entry.complete(now)

    def hand_back(self, job_id: str, indexes: Collection[int]) -> None:
        """Take the attempts back."""
        with self._lock:
            entry = self._entries.get(job_id)
            if entry is None:
                return
            for index in indexes:
                if index not in entry.attempts or index in entry.resting:
                    continue
                entry.attempts[index] -= 1
                entry.resting.add(index)
                if not entry.attempts[index]:
                    entry.drop_attempt(index)

    def reopen(self, job_id: str, indexes: Collection[int]) -> None:
        """Forget that frames are settled."""
        with self._lock:
            entry = self._entries.get(job_id)
            if entry is None:
                return
            for index in filter(entry.is_settled, indexes):
                entry.done.discard(index)
                entry.dead.pop(index, None)
                entry.uncomplete()

    def set_state(self, job_id: str, state: JobState) -> bool:
        """Pause, resume or cancel; False when there is no such job."""
        with self._lock:
            entry = self._entries.get(job_id)
            if entry is None:
                return False
            entry.state = state
            return True

    def state_of(self, job_id: str) -> JobState | None:
        """Return what the user wants with the job."""
        with self._lock:
            entry = self._entries.get(job_id)
            return entry.state if entry else None

    def mark_accounted(self, job_id: str) -> None:
        """Say that the job's manifest and report are written."""
        with self._lock:
            if entry := self._entries.get(job_id):
                entry.is_accounted = True

    def standing(self, job_id: str) -> Standing | None:
        """Return where a job stands, or None for an unknown one."""
        with self._lock:
            entry = self._entries.get(job_id)
            if entry is None:
                return None
            return Standing(
                job=entry.job,
                state=entry.state,
                total=entry.total,
                is_listed=entry.is_listed,
                sent=entry.sent,
                done=len(entry.done),
                failed=len(entry.dead),
                running=len(entry.attempts) - len(entry.resting),
                began_at=entry.began_at,
                moved_at=entry.moved_at,
                completed_at=entry.completed_at,
                is_accounted=entry.is_accounted,
                now=self._clock(),
            )

    def standings(self, job_ids: Sequence[str]) -> tuple[Standing, ...]:
        """Return where many jobs stand, leaving out unknown ones."""
        return tuple(found for job_id in job_ids if (found := self.standing(job_id)))

    def unsettled(self, job_id: str) -> Iterator[int]:
        """Yield the indexes of frames that are neither done nor failed, as they were when asked."""
        with self._lock:
            entry = self._entries.get(job_id)
            found = [i for i in range(entry.total) if not entry.is_settled(i)] if entry else []
        return iter(found)

    def dead_letters(self, job_id: str) -> Iterator[DeadLetter]:
        """Yield the frames that failed, in order, as they were when asked."""
        with self._lock:
            entry = self._entries.get(job_id)
            found = [entry.dead[index] for index in sorted(entry.dead)] if entry else []
        return iter(found)

    def job_ids(self) -> tuple[str, ...]:
        """Return all known jobs, latest submission first."""
        with self._lock:
            order = sorted(((entry.job.submitted_at, job_id) for job_id, entry in self._entries.items()))
        return tuple(job_id for _, job_id in reversed(order))

    def forget(self, job_id: str) -> None:
        """Drop everything known of a job."""
        with self._lock:
            self._entries.pop(job_id, None)

    def rebuild(
        self, job: Job, total: int, *, is_listed: bool, done: Collection[int], failed: Sequence[DeadLetter]
    ) -> None:
        """Add what the object store says of a job to what is known of it."""
        with self._lock:
            now = self._clock()
            entry = self._entries.setdefault(job.job_id, _Entry(job))
            entry.job = job
            if total > entry.total:
                entry.total, entry.is_listed = total, is_listed
            elif total == entry.total:
                entry.is_listed |= is_listed
            entry.done |= {index for index in done if 0 <= index < total}
            for letter in failed:
                if 0 <= letter.index < total:
                    dated = msgspec.structs.replace(letter, failed_at=letter.failed_at or now)
                    entry.dead.setdefault(letter.index, dated)
            for index in entry.done & entry.dead.keys():
                del entry.dead[index]
            for index in filter(entry.is_settled, list(entry.attempts)):
                entry.drop_attempt(index)
            if entry.done or entry.dead:
                entry.began_at = job.submitted_at if entry.began_at is None else entry.began_at
                entry.moved_at = now if entry.moved_at is None else entry.moved_at
            if not entry.is_listed or len(entry.done) + len(entry.dead) < entry.total:
                entry.uncomplete()
            else:
                entry.complete(now)

    def reject_message(self, why: str, text: str) -> None:
        """Keep a message that nobody can read, among the latest thousand."""
        with self._lock:
            self._rejected.appendleft(RejectedMessage.of(why, text, self._clock()))

    def rejected_messages(self) -> tuple[RejectedMessage, ...]:
        """Return them, latest first."""
        with self._lock:
            return tuple(self._rejected)

    def take_lock(self, name: str, holder: str, seconds: float) -> bool:
        """Take or renew a lock that falls off by itself; False when somebody else holds it."""
        with self._lock:
            now = self._clock()
            other, until = self._locks.get(name, (holder, now))
            if other != holder and now < until:
                return False
            self._locks[name] = (holder, now + seconds)
            return True

    def drop_lock(self, name: str, holder: str) -> None:
        """Give the lock back, if it is still the holder's."""
        with self._lock:
            if self._locks.get(name, (None, 0.0))[0] == holder:
                del self._locks[name]

    def close(self) -> None:
        """Has nothing to close."""
