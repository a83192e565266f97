"""Calls in other processes, so that every core is used and a crash takes one frame, not the job.

Decoders and vectorizers are C and Rust code fed by strangers' files: they can crash, hang or ask for
all memory. Every process here does one call at a time, so one that dies or is killed takes nothing
with it but its own call. That call gets a second chance in a fresh process, for the system may have
picked a victim for what another program did; what fails there too is rejected. The other processes
notice nothing.
"""

from __future__ import annotations

import ctypes
import multiprocessing as mp
import os
import pickle
import resource
import signal
import sys
import threading
import traceback as tracebacks
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import TypeVar, cast

from douga_shared.errors import FrameRejected, Reason

T = TypeVar("T")

FRAME_SECONDS = 180.0
"""The largest legal scan takes some 30 s on a slow core; whoever needs six times that hangs."""
PROCESS_MEGABYTES = 8_192
"""The largest legal scan, 400 megapixels, takes some 10 bytes a pixel; nobody honest needs twice that."""
_PICKLE_PROTOCOL = 5
"""The first that copies an array once instead of twice."""

_MALLOC_TRIM_THRESHOLD, _MALLOC_MMAP_THRESHOLD = -1, -3
"""Parameters of ``mallopt``, as numbered in the malloc.h of glibc."""
_LARGEST_KEPT_BYTES = 192 << 20
"""Those of A4 at 300 dpi take 139 MB at most; what is larger goes back to the system when it is freed."""
_MOST_KEPT_BYTES = 1 << 30
"""A process that holds more between two calls gives back what it can."""

_STATM_RESIDENT = 1
_STATM_DATA = 5

# Forked from a process that has run nothing, not from this one: a child of this one would inherit torch's and
# OpenCV's thread pools without their threads, and a spawned one would load its libraries by itself.
_FORKED = mp.get_context("forkserver")


class CallFailed(Exception):
    """A call raised what it does not promise to raise: a fault of the program, kept as the cause."""


class _Died(Exception):
    """The process ended without an answer."""


class _Hung(Exception):
    """No answer in time."""


class IsolatedProcesses:
    """Processes for calls that may kill theirs. Thread-safe.

    Use as a context manager; the processes end with it, and with this process however it ends. They
    start when they are first needed.
    """

    def __init__(
        self,
        count: int,
        *,
        frame_seconds: float = FRAME_SECONDS,
        memory_megabytes: int | None = None,
        preloaded: str | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            count: so many calls run at once; more wait.
            frame_seconds: a call that takes longer is taken to hang.
            memory_megabytes: a process that asks for more is refused it (on Linux), so that what eats
                memory ends in ``out_of_memory`` and the machine lives on; None for no limit.
            preloaded: name of a module that is loaded once, from now on and beside the caller, for every
                process to have; None if each shall load what it needs.
        """
        if preloaded is not None:
            _FORKED.set_forkserver_preload([preloaded])
            with _interrupts_held():
                forkserver.ensure_running()
        self._frame_seconds = frame_seconds
        self._memory_bytes = None if memory_megabytes is None else memory_megabytes << 20
        self._slots = threading.Semaphore(count)
        self._lock = threading.Lock()
        self._children: set[_Child] = set()
        self._idle: list[_Child] = []
        self._is_stopped = False

    def __enter__(self) -> IsolatedProcesses:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def run(self, frame: str, call: Callable[[], T], *, is_kept: bool = True) -> T:
        """Run a call in another process and return what it returns; blocks.

        Args:
            frame: name of the frame, for the message if it must be rejected.
            call: picklable, for example a ``functools.partial`` of a module's function.
            is_kept: the process is used again; if not it is a fresh one that ends with the call.

        Raises:
            FrameRejected: raised by the call itself; or with reason ``crashed`` when its process died
                or hung twice, ``out_of_memory`` when memory ran out twice.
            CallFailed: the call raised anything else.
            CancelledError: the processes were stopped.
        """
        with self._slots:
            try:
                return self._try(call, is_kept)
            except (_Died, _Hung, MemoryError):
                pass
            try:
                return self._try(call, is_kept)
            except _Died as died:
                raise FrameRejected(
                    Reason.CRASHED,
                    f"{frame}: the process working on it died twice; the file may be hostile or memory "
                    "too small: open and save it again in another program",
                ) from died
            except _Hung as hung:
                raise FrameRejected(
                    Reason.CRASHED,
                    f"{frame}: no result after {self._frame_seconds:g} s, twice; "
                    "open and save it again in another program",
                ) from hung
            except MemoryError as full:
                raise FrameRejected(
                    Reason.OUT_OF_MEMORY,
                    f"{frame}: memory ran out, twice; scan it at a lower resolution or use a "
                    "machine with more memory",
                ) from full

    def stop(self) -> None:
        """Kill every process, whatever it does; calls running and to come raise CancelledError."""
        with self._lock:
            self._is_stopped = True
            children = list(self._children)
        for child in children:
            child.kill()

    def _try(self, call: Callable[[], T], is_kept: bool) -> T:
        child = self._take(is_fresh=not is_kept)
        try:
            is_error, answer = child.ask(call, self._frame_seconds)
        except BaseException:
            self._bury(child)
            if self._is_stopped:
                raise CancelledError from None
            raise
        # After a full memory nobody knows what the process still holds.
        if is_kept and not isinstance(answer, MemoryError):
            self._give_back(child)
        else:
            self._bury(child)
        if not is_error:
            return cast("T", answer)
        error = cast("Exception", answer)
        if isinstance(error, FrameRejected | MemoryError):
            raise error
        raise CallFailed(f"{type(error).__name__}: {error}") from error

    def _take(self, *, is_fresh: bool) -> _Child:
        with self._lock:
            if self._is_stopped:
                raise CancelledError
            if self._idle and not is_fresh:
                return self._idle.pop()
        # Not under the lock: the first one waits for what is preloaded, and stop() must not.
        child = _Child(self._memory_bytes)
        if not self._adopt(child):
            child.kill()
            raise CancelledError
        return child

    def _adopt(self, child: _Child) -> bool:
        with self._lock:
            if not self._is_stopped:
                self._children.add(child)
            return not self._is_stopped

    def _give_back(self, child: _Child) -> None:
        with self._lock:
            self._idle.append(child)

    def _bury(self, child: _Child) -> None:
        with self._lock:
            self._children.discard(child)
        child.kill()


class _Child:
    """One process, and the line to it."""

    def __init__(self, memory_bytes: int | None) -> None:
        self._line, far_end = _FORKED.Pipe()
        self._process = _FORKED.Process(
            target=_serve, args=(far_end, memory_bytes), name="douga-frame", daemon=True
        )
        with _interrupts_held():
            self._process.start()
        # Held by the child alone from now on, so that its end is seen here.
        far_end.close()

    def ask(self, call: Callable[[], object], seconds: float) -> tuple[bool, object]:
        """Whether the call raised, and what it raised or returned."""
        try:
            self._line.send_bytes(pickle.dumps(call, _PICKLE_PROTOCOL))
            if not self._line.poll(seconds):
                raise _Hung
            answer = self._line.recv_bytes()
        except (EOFError, OSError) as gone:
            raise _Died from gone
        return cast("tuple[bool, object]", pickle.loads(answer))  # noqa: S301 - of our own process

    def kill(self) -> None:
        """End it, now; harmless when it has ended."""
        self._process.kill()
        self._process.join()


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


def _serve(line: Connection, memory_bytes: int | None) -> None:
    """The life of a process: calls in, answers out, until the other side hangs up."""
    _begin(memory_bytes)
    give_back_memory = _keep_freed_memory()
    while True:
        try:
            request = line.recv_bytes()
        except EOFError:
            return
        line.send_bytes(_answer(request))
        del request
        give_back_memory()


def _answer(request: bytes) -> bytes:
    try:
        return pickle.dumps((False, _call(request)), _PICKLE_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - told to the other side, which knows what to make of it
        if not isinstance(error, FrameRejected | MemoryError):
            error.add_note("".join(tracebacks.format_exception(error)))
        return _pickled(error)


def _call(request: bytes) -> object:
    """The call, with OpenCV's word for a full memory put into Python's."""
    import cv2  # noqa: PLC0415 - in the child only

    try:
        return pickle.loads(request)()  # noqa: S301 - of our own process
    except cv2.error as fault:
        if fault.code == cv2.Error.StsNoMem:
            raise MemoryError(str(fault)) from None
        raise


def _pickled(error: Exception) -> bytes:
    try:
        answer = pickle.dumps((True, error), _PICKLE_PROTOCOL)
        pickle.loads(answer)  # noqa: S301 - just written
    except Exception:  # noqa: BLE001 - an error class that cannot travel; its words can
        return pickle.dumps((True, RuntimeError(f"{type(error).__name__}: {error}")), _PICKLE_PROTOCOL)
    return answer


def _begin(memory_bytes: int | None) -> None:
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
    if memory_bytes is not None and sys.platform == "linux":
        _limit_memory(memory_bytes)


def _keep_freed_memory() -> Callable[[], None]:
    """Let malloc use large pieces again; returns what gives them back when they are too many.

    By default glibc asks the system for every array of a page and hands it back at once, and the system
    clears each of its pages anew: up to a third of these processes' CPU time. Other C libraries than glibc
    keep to their own ways.
    """
    libc = ctypes.CDLL(None)
    if sys.platform != "linux" or not hasattr(libc, "mallopt") or not hasattr(libc, "malloc_trim"):
        return lambda: None
    libc.mallopt(_MALLOC_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
    libc.mallopt(_MALLOC_TRIM_THRESHOLD, _MOST_KEPT_BYTES)

    def give_back() -> None:
        if _memory_bytes(_STATM_RESIDENT) > _MOST_KEPT_BYTES:
            libc.malloc_trim(0)

    return give_back


def _memory_bytes(column: int) -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[column])
    return pages * resource.getpagesize()


def _limit_memory(more_bytes: int) -> None:
    """Refuse more private, writable memory than there is now (libraries reserve some a core) and this."""
    most = _memory_bytes(_STATM_DATA) + more_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _end_with_parent() -> None:
    """Without this, processes whose parent was killed (by a farm, by the system) would wait for ever."""
    parent = mp.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)
