"""Follow a job until it is over, through outages of the job store."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from douga_producer.known_jobs import standing_of
from douga_producer.status import Pace, tally_of, trouble_of
from douga_producer.terminal import count_of
from douga_shared.errors import ExitCode, QueueUnreachable, StoreUnreachable
from douga_shared.jobs import JobState
from douga_shared.manifest import Failure
from douga_shared.progress import HEARTBEAT_SECONDS, Progress

if TYPE_CHECKING:
    from douga_producer.client import Farm
    from douga_shared.job_store.protocol import Standing

PATIENCE_SECONDS = 600.0
"""How long the job store may be away: a restart and a fail-over are over sooner."""
ACCOUNT_SECONDS = 120.0
"""How long manifest and report may take once all frames are settled, before nobody seems to write them."""
TROUBLE_SECONDS = 300.0
"""How often the same trouble is told."""
MOST_FAILURES_TOLD = 20


class _Terminated(BaseException):
    """SIGTERM arrived."""


def follow(
    farm: Farm,
    job_id: str,
    progress: Progress,
    *,
    poll_seconds: float = 1.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> ExitCode:
    """Tell how a job gets on, until it is over; Ctrl-C and SIGTERM end the following, not the job.

    Args:
        farm: where the job runs.
        job_id: which.
        progress: told where it stands, what failed and what else a person should know.
        poll_seconds: how often the job store is asked.
        clock: seconds that only go forward.
        sleep: waits.

    Returns:
        ``OK`` when every frame is done and written up, ``SOME_FRAMES_FAILED`` when some failed or the job
        was cancelled, ``UNREACHABLE`` when the job store stayed away for ten minutes, ``INTERRUPTED``,
        ``TERMINATED``.

    Raises:
        InputMissing: the job is not known, and was not when this began.
    """
    follower = _Follower(farm, job_id, progress, clock)
    try:
        with _terminable():
            while (code := follower.look()) is None:
                sleep(poll_seconds)
            return code
    except (KeyboardInterrupt, _Terminated) as stop:
        progress.note(
            f"the job goes on by itself; 'douga status {job_id} --watch' follows it, "
            f"'douga cancel {job_id}' ends it"
        )
        return ExitCode.INTERRUPTED if isinstance(stop, KeyboardInterrupt) else ExitCode.TERMINATED


class _Follower:
    """What was told so far."""

    def __init__(self, farm: Farm, job_id: str, progress: Progress, clock: Callable[[], float]) -> None:
        self._farm = farm
        self._job_id = job_id
        self._progress = progress
        self._clock = clock
        self._pace = Pace()
        self._last: Standing | None = None
        self._told_failures: set[int] = set()
        self._moments: dict[str, float] = {}
        """When something began, or was told last."""

    def look(self) -> ExitCode | None:
        """Ask once, tell what is new; the exit code when the job is over."""
        try:
            standing = self._standing()
            self._tell_failures(standing)
        except (QueueUnreachable, StoreUnreachable) as fault:
            return self._stand_outage(str(fault))
        if self._moments.pop("outage", None) is not None:
            self._progress.note("the job store answers again")
        self._progress.stands(tally_of(standing, self._pace.told(standing)))
        if (trouble := trouble_of(standing)) and self._is_time("trouble", TROUBLE_SECONDS):
            self._progress.note(trouble)
        return self._verdict(standing)

    def _standing(self) -> Standing:
        standing = self._farm.jobs.standing(self._job_id)
        if standing is None:
            standing = self._rebuilt()
        self._last = standing
        return standing

    def _rebuilt(self) -> Standing:
        """Redis has lost the job while it ran: the store has its records."""
        from douga_shared.rebuild import rebuild_job  # noqa: PLC0415 - seldom needed

        if self._last is None:
            return standing_of(self._farm.jobs, self._job_id)
        standing = rebuild_job(self._farm.open_store(self._last.job.drawings), self._farm.jobs, self._job_id)
        self._progress.note(
            "Redis had lost the job; it is rebuilt from the store's records. Should nothing move, "
            f"'douga resume {self._job_id}' sends the rest again"
        )
        return standing

    def _stand_outage(self, fault: str) -> ExitCode | None:
        since = self._moments.setdefault("outage", self._clock())
        if self._clock() - since >= PATIENCE_SECONDS:
            self._progress.note(f"gave up after {PATIENCE_SECONDS / 60:.0f} min: {fault}")
            return ExitCode.UNREACHABLE
        if self._is_time("told outage", HEARTBEAT_SECONDS):
            self._progress.note(f"{fault}; trying again")
        return None

    def _tell_failures(self, standing: Standing) -> None:
        """At once, but not thousands of them."""
        told = self._told_failures
        if standing.failed <= len(told) or len(told) > MOST_FAILURES_TOLD:
            return
        for letter in self._farm.jobs.dead_letters(self._job_id):
            if letter.index in told:
                continue
            told.add(letter.index)
            if len(told) > MOST_FAILURES_TOLD:
                self._progress.note(f"more frames failed; 'douga status {self._job_id}' tells which and why")
                return
            self._progress.failed(letter.scan, Failure(reason=letter.reason, message=letter.message))

    def _verdict(self, standing: Standing) -> ExitCode | None:
        code = ExitCode.SOME_FRAMES_FAILED if standing.failed else ExitCode.OK
        if standing.is_complete:
            return code if standing.is_accounted or self._is_account_late() else None
        if standing.state in {JobState.CANCELLED, JobState.SUPERSEDED}:
            left = standing.waiting + standing.running
            self._progress.note(f"the job was {standing.state}; {count_of(left, 'frame')} left undone")
            return ExitCode.SOME_FRAMES_FAILED
        self._moments.pop("complete", None)
        return None

    def _is_account_late(self) -> bool:
        since = self._moments.setdefault("complete", self._clock())
        if self._clock() - since < ACCOUNT_SECONDS:
            return False
        self._progress.note(
            "all frames are settled, but manifest and report are still not written: is a worker up that "
            f"serves the queue 'cpu'? 'douga resume {self._job_id}' asks for them again"
        )
        return True

    def _is_time(self, what: str, seconds: float) -> bool:
        now = self._clock()
        if now - self._moments.get(what, now - seconds) < seconds:
            return False
        self._moments[what] = now
        return True


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end what runs inside like Ctrl-C does; only the main thread hears of signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
    raise _Terminated
