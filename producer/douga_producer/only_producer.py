"""Two producers that submit the same job do it one after the other."""

from __future__ import annotations

import platform
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from douga_shared.errors import QueueUnreachable
from douga_shared.job_store.protocol import JobStore

LOCK_SECONDS = 60.0
"""A producer that died is waited for so long at most."""
_RENEW_SECONDS = 15.0
_LOOK_SECONDS = 0.25


class Hold:
    """The right to add to a job; falls off by itself unless it is renewed."""

    def __init__(self, jobs: JobStore, job_id: str, seconds: float = LOCK_SECONDS) -> None:
        self._jobs = jobs
        self._job_id = job_id
        self._seconds = seconds
        self._name = f"submit:{job_id}"
        self._holder = f"{platform.node()}:{secrets.token_hex(8)}"
        self._renewed_at = float("-inf")

    def take(self) -> bool:
        """Take or renew it; False while somebody else has it."""
        is_ours = self._jobs.take_lock(self._name, self._holder, self._seconds)
        if is_ours:
            self._renewed_at = time.monotonic()
        return is_ours

    def renew(self) -> None:
        """Keep it; call it at least every half minute, as often as you like.

        Raises:
            QueueUnreachable: somebody else has it by now, for we were away too long.
        """
        if time.monotonic() - self._renewed_at > _RENEW_SECONDS and not self.take():
            raise QueueUnreachable(
                f"another producer has taken over job {self._job_id}, because this one was away too long"
            )

    def drop(self) -> None:
        """Give it back; if nobody answers it falls off."""
        with suppress(QueueUnreachable):
            self._jobs.drop_lock(self._name, self._holder)


@contextmanager
def only_producer(jobs: JobStore, job_id: str, on_wait: Callable[[str], None]) -> Iterator[Hold]:
    """Wait until nobody else adds to the job; ``on_wait`` is told when that takes a while.

    Raises:
        QueueUnreachable: the job store does not answer.
    """
    hold = Hold(jobs, job_id)
    is_told = False
    while not hold.take():
        if not is_told:
            on_wait(f"another producer is submitting job {job_id}; waiting for it")
            is_told = True
        time.sleep(_LOOK_SECONDS)
    try:
        yield hold
    finally:
        hold.drop()
