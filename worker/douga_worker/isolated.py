"""Work in other processes, so that every core is used and a crash takes one frame, not the job.

Decoders and vectorizers are C and Rust code fed by strangers' files: they can crash, hang or ask for
all memory. When a call does, its pool is given up: everything that was running or waiting there is run
again alone, one by one, in a process of its own; what fails there too is the culprit, and is rejected.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Generic, TypeVar

from douga_shared.errors import FrameRejected, Reason

T = TypeVar("T")

FRAME_SECONDS = 180.0
"""The largest legal scan takes some 30 s on a slow core; whoever needs six times that hangs."""


@dataclass(frozen=True, slots=True)
class Work(Generic[T]):
    """A call that is running or waiting in another process."""

    frame: str
    call: Callable[[], T]
    future: Future[T]
    pool: ProcessPoolExecutor


class IsolatedProcesses:
    """A pool of spawned processes that survives the death of any of them.

    ``submit`` and ``result`` are to be called from one thread. Use as a context manager; the processes
    end with it, and with this process however it ends.
    """

    def __init__(self, count: int, *, frame_seconds: float = FRAME_SECONDS) -> None:
        self._count = count
        self._frame_seconds = frame_seconds
        self._pool = _new_pool(count)

    def __enter__(self) -> IsolatedProcesses:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
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
            return Work(frame, call, _submit(self._pool, call), self._pool)
        except BrokenProcessPool:
            self._renew(self._pool)
            return Work(frame, call, _submit(self._pool, call), self._pool)

    def result(self, work: Work[T]) -> T:
        """Wait for a call and return what it returned.

        Raises:
            FrameRejected: raised by the call itself; or with reason ``crashed`` when its process died
                or hung twice, ``out_of_memory`` when memory ran out twice.
        """
        try:
            return work.future.result(timeout=self._frame_seconds)
        except (BrokenProcessPool, TimeoutError, CancelledError, MemoryError):
            # Cancelled means: waiting in a pool that another frame broke.
            self._renew(work.pool)
        return self._alone(work)

    def _alone(self, work: Work[T]) -> T:
        pool = _new_pool(1)
        try:
            return _submit(pool, work.call).result(timeout=self._frame_seconds)
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
        except MemoryError as full:
            raise FrameRejected(
                Reason.OUT_OF_MEMORY,
                f"{work.frame}: memory ran out, even alone; scan it at a lower resolution or use a "
                "machine with more memory",
            ) from full
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


def _submit(pool: ProcessPoolExecutor, call: Callable[[], T]) -> Future[T]:
    with _interrupts_held():
        return pool.submit(partial(_run, call))


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back while a process may be starting, which inherits that.

    Ctrl-C reaches the whole process group, but what it means is the parent's to decide; a child that
    ignored it only once it has begun would print a traceback if it came earlier.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """First thing in a new process."""
    # libtiff writes to standard error from C; what is wrong with a scan is told in its record.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="douga-parent", daemon=True).start()
    import cv2  # noqa: PLC0415 - in the child only: the parent may never need it

    # One thread each: the processes are the parallelism.
    cv2.setNumThreads(1)


def _end_with_parent() -> None:
    """Without this, processes whose parent was killed (by a farm, by the system) would wait for ever."""
    parent = mp.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)


def _run(call: Callable[[], T]) -> T:
    """In the other process: the call, with OpenCV's word for a full memory put into Python's."""
    import cv2  # noqa: PLC0415 - in the child only

    try:
        return call()
    except cv2.error as fault:
        if fault.code == cv2.Error.StsNoMem:
            raise MemoryError(str(fault)) from None
        raise


def _kill(pool: ProcessPoolExecutor) -> None:
    # The executor offers no public way to stop a hung call.
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.kill()
