"""Two producers that submit the same job do it one after the other.

The job store's lock keeps other machines out, a lock of this machine its other processes. The latter dies
with its process, whatever kills it, and hands on who holds the former: so the same command can be run again
at once, also when the job store could not be told of the end.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from douga_shared.errors import QueueUnreachable
from douga_shared.job_store.protocol import JobStore

LOCK_SECONDS = 60.0
"""A producer on another machine that died is waited for so long at most."""
_RENEW_SECONDS = 15.0
_LOOK_SECONDS = 0.25
_TOKEN_DIGITS = 32


class Hold:
    """The right to add to a job; falls off by itself unless it is renewed."""

    def __init__(self, jobs: JobStore, job_id: str) -> None:
        self._jobs = jobs
        self._job_id = job_id
        self._name = f"submit:{job_id}"
        place = hashlib.sha256(str(jobs).encode()).hexdigest()[:8]
        self._here = _MachineLock(f"douga-{place}-{job_id}.lock")
        self._renewed_at = float("-inf")

    def take(self) -> bool:
        """Take or renew it; False while somebody else has it."""
        if not self._here.take():
            return False
        is_ours = self._jobs.take_lock(self._name, self._here.token, LOCK_SECONDS)
        if is_ours:
            self._renewed_at = time.monotonic()
        else:
            self._here.drop(is_over=True)
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
        """Give it back; if nobody answers it falls off, or is handed on to whoever comes next here."""
        is_over = False
        try:
            with suppress(QueueUnreachable):
                if self._here.token:
                    self._jobs.drop_lock(self._name, self._here.token)
                    is_over = True
        finally:
            self._here.drop(is_over=is_over)

    def let_go(self) -> None:
        """Give it up without asking a server that does not answer."""
        self._here.drop(is_over=False)


@contextmanager
def only_producer(jobs: JobStore, job_id: str, on_wait: Callable[[str], None]) -> Iterator[Hold]:
    """Wait until nobody else adds to the job; ``on_wait`` is told when that takes a while.

    Raises:
        QueueUnreachable: the job store does not answer.
    """
    hold = Hold(jobs, job_id)
    is_told = False
    try:
        while not hold.take():
            if not is_told:
                on_wait(f"another producer is submitting job {job_id}; waiting for it")
                is_told = True
            time.sleep(_LOOK_SECONDS)
        yield hold
    except QueueUnreachable:
        # It was tried for long already: the lock falls off, or is handed on to whoever comes next here.
        hold.let_go()
        raise
    finally:
        hold.drop()


class _MachineLock:
    """A lock among the processes of this machine, and a word that its holders have in common."""

    def __init__(self, name: str) -> None:
        self._path = Path(tempfile.gettempdir(), f"{os.getuid()}-{name}")
        self._file: int | None = None
        self.token = ""

    def take(self) -> bool:
        """Take it; False while another process has it. Where no file can be made, everybody is alone."""
        if self.token:
            return True
        try:
            opened = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError:
            self.token = secrets.token_hex(_TOKEN_DIGITS // 2)
            return True
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(opened)
            return False
        self._file = opened
        token = os.read(opened, _TOKEN_DIGITS)
        if len(token) < _TOKEN_DIGITS:
            token = secrets.token_hex(_TOKEN_DIGITS // 2).encode()
            os.pwrite(opened, token, 0)
        self.token = token.decode("ascii", "replace")
        return True

    def drop(self, *, is_over: bool) -> None:
        """Let others have it; the word goes on to the next unless it is over with it."""
        if self._file is not None:
            if is_over:
                # Who opened the file just now has another word than who makes it anew.
                with suppress(OSError):
                    os.ftruncate(self._file, 0)
                    self._path.unlink()
            os.close(self._file)
        self._file, self.token = None, ""
