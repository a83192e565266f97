"""Work in other processes, so that every core is used and a crash takes one frame, not the job.

Decoders and vectorizers are C and Rust code fed by strangers' files: they can crash or hang. When a
process dies, everything that was running is run again alone, one by one, in a process of its own; what
kills that one too is the culprit, and is rejected.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

from douga_shared.errors import FrameRejected, Reason

T = TypeVar("T")

FRAME_SECONDS = 180.0
"""The largest legal scan takes some 30 s on a slow core; whoever needs six times that hangs."""


@dataclass(slots=True)
class Work(Generic[T]):
    """A call that is running or waiting in another process."""

    frame: str
    call: Callable[[], T]
    future: Future[T]
    pool: ProcessPoolExecutor


class IsolatedProcesses:
    """A pool of spawned processes that survives the death of any of them.

    ``submit`` and ``result`` are to be called from one thread. Use as a context manager.
    """

    def __init__(self, count: int, *, frame_seconds: float = FRAME_SECONDS) -> None:
        self._count = count
        self._frame_seconds = frame_seconds
        self._pool = _new_pool(count)

    def __enter__(self) -> IsolatedProcesses:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # On an interrupt nobody waits for drawings that nobody will write.
        if error is None:
            self._pool.shutdown(wait=True)
        else:
            _kill(self._pool)

    def submit(self, frame: str, call: Callable[[], T]) -> Work[T]:
        """Start a call.

        Args:
            frame: name of the frame, for the message if it must be rejected.
            call: picklable, for example a ``functools.partial`` of a module's function.
        """
        try:
            return Work(frame, call, self._pool.submit(call), self._pool)
        except BrokenProcessPool:
            self._renew(self._pool)
            return Work(frame, call, self._pool.submit(call), self._pool)

    def result(self, work: Work[T]) -> T:
        """Wait for a call and return what it returned.

        Raises:
            FrameRejected: raised by the call itself, or with reason ``crashed`` when its process died
                or hung twice.
        """
        try:
            return work.future.result(timeout=self._frame_seconds)
        except (BrokenProcessPool, TimeoutError, CancelledError):
            # Cancelled means: waiting in a pool that another frame broke.
            self._renew(work.pool)
        return self._alone(work)

    def _alone(self, work: Work[T]) -> T:
        pool = _new_pool(1)
        try:
            return pool.submit(work.call).result(timeout=self._frame_seconds)
        except BrokenProcessPool as died:
            raise FrameRejected(
                Reason.CRASHED,
                f"{work.frame}: the process working on it died twice; the file may be hostile or memory "
                "too small: open and save it again in another program",
            ) from died
        except TimeoutError as hung:
            raise FrameRejected(
                Reason.CRASHED,
                f"{work.frame}: no result after {self._frame_seconds:.0f} s, twice; "
                "open and save it again in another program",
            ) from hung
        finally:
            _kill(pool)

    def _renew(self, broken: ProcessPoolExecutor) -> None:
        """Replace the pool, unless an earlier victim of the same death has done so."""
        if broken is self._pool:
            _kill(broken)
            self._pool = _new_pool(self._count)


def _new_pool(count: int) -> ProcessPoolExecutor:
    # Spawned: a forked child would inherit torch's and OpenCV's thread pools without their threads.
    return ProcessPoolExecutor(count, mp_context=mp.get_context("spawn"), initializer=_begin)


def _begin() -> None:
    # libtiff writes to standard error from C; what is wrong with a scan is told in its record.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    # Ctrl-C reaches the whole process group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import cv2  # noqa: PLC0415 - in the child only: the parent may never need it

    # One thread each: the processes are the parallelism.
    cv2.setNumThreads(1)


def _kill(pool: ProcessPoolExecutor) -> None:
    processes = list(
        (pool._processes or {}).values()
    )  # the executor offers no public way to stop a hung call
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.kill()
