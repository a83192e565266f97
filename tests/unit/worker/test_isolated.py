"""Calls in other processes: what crashes, hangs or fills the memory takes one frame.

The calls are partials of library functions, which any spawned process can load. Nothing here waits for
a time to pass, except for a call that never ends, and that for one second.
"""

from __future__ import annotations

import math
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import IO

import cv2
import numpy as np
import pytest

from douga_shared.errors import FrameRejected, Reason
from douga_worker.isolated import IsolatedProcesses
from douga_worker.steps.read_scan import read_scan
from douga_worker.steps.resample import to_scan_size, to_working_size

SEGFAULT = partial(signal.raise_signal, signal.SIGSEGV)
EXIT = partial(os._exit, 0)
HANG = signal.pause
HUGE = partial(to_working_size, np.zeros((1, 1), np.uint8), 1 << 30)


@pytest.fixture
def processes() -> Iterator[IsolatedProcesses]:
    """Two processes, stopped at the end whatever they do."""
    opened = IsolatedProcesses(2)
    with suppress(KeyboardInterrupt), opened:
        yield opened
        # Hung calls are not waited for.
        raise KeyboardInterrupt


def has_ended(watched: list[int]) -> bool:
    """Wait until processes (given by their file descriptors) have ended; False after a minute."""
    poll = select.poll()
    for descriptor in watched:
        poll.register(descriptor, select.POLLIN)
    while watched:
        ended = poll.poll(60_000)
        if not ended:
            return False
        for descriptor, _ in ended:
            poll.unregister(descriptor)
            watched.remove(descriptor)
            os.close(descriptor)
    return True


def test_many_calls_give_their_own_results(processes: IsolatedProcesses) -> None:
    """More calls than processes, fetched in any order."""
    works = [processes.submit(f"A{number}", partial(math.factorial, number)) for number in range(60)]
    assert [math.factorial(number) for number in range(60)] == [processes.result(work) for work in works]


def test_calls_run_in_other_processes(processes: IsolatedProcesses) -> None:
    """Not in this one, and OpenCV uses one thread in each."""
    assert os.getpid() != processes.result(processes.submit("A1", os.getpid))
    assert 1 == processes.result(processes.submit("A1", cv2.getNumThreads))


@pytest.mark.parametrize("death", [SEGFAULT, EXIT], ids=["segfault", "exit"])
def test_a_crash_takes_the_culprit_alone(processes: IsolatedProcesses, death: Callable[[], None]) -> None:
    """Neighbours running or waiting at that moment get their results, the culprit its reason."""
    before = processes.submit("A1", partial(math.sqrt, 4))
    culprit = processes.submit("A2", death)
    after = [processes.submit(f"A{number}", partial(math.sqrt, number)) for number in (9, 16)]
    assert 2 == processes.result(before)
    with pytest.raises(FrameRejected, match=r"A2: .* died twice") as rejection:
        processes.result(culprit)
    assert Reason.CRASHED is rejection.value.reason
    assert [3, 4] == [processes.result(work) for work in after]


def test_work_goes_on_after_a_crash_nobody_has_looked_at(processes: IsolatedProcesses) -> None:
    """A pool found broken when the next call comes is replaced."""
    culprit = processes.submit("A1", EXIT)
    culprit.future.exception()
    assert 3 == processes.result(processes.submit("A2", partial(math.sqrt, 9)))
    with pytest.raises(FrameRejected, match="A1"):
        processes.result(culprit)


def test_a_call_that_hangs_is_rejected_and_its_neighbours_are_not(
    processes: IsolatedProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given its time twice, then its process is killed."""
    culprit = processes.submit("A1", HANG)
    neighbour = processes.submit("A2", partial(math.sqrt, 4))
    hung_too = processes.submit("A3", HANG)
    waiting = processes.submit("A4", partial(math.sqrt, 9))
    assert 2 == processes.result(neighbour)
    with monkeypatch.context() as hurried:
        hurried.setattr(processes, "_frame_seconds", 0.5)
        with pytest.raises(FrameRejected, match="A1: no result") as rejection:
            processes.result(culprit)
        with pytest.raises(FrameRejected, match="A3: no result"):
            processes.result(hung_too)
    assert Reason.CRASHED is rejection.value.reason
    assert 3 == processes.result(waiting)


@pytest.mark.parametrize("call", [partial(bytearray, 1 << 60), HUGE], ids=["python", "opencv"])
def test_a_full_memory_takes_the_culprit_alone(
    processes: IsolatedProcesses, call: Callable[[], object]
) -> None:
    """It is tried again by itself, and then has its own reason."""
    culprit = processes.submit("A1", call)
    neighbour = processes.submit("A2", partial(math.sqrt, 4))
    with pytest.raises(FrameRejected, match="A1: memory ran out") as rejection:
        processes.result(culprit)
    assert Reason.OUT_OF_MEMORY is rejection.value.reason
    assert 2 == processes.result(neighbour)


def test_a_rejection_crosses_the_border_whole(processes: IsolatedProcesses) -> None:
    """Reason and message, as the step raised them."""
    with pytest.raises(FrameRejected) as here:
        read_scan(b"", "A0001.png", max_megapixels=1)
    work = processes.submit("A0001.png", partial(read_scan, b"", "A0001.png", max_megapixels=1))
    with pytest.raises(FrameRejected) as there:
        processes.result(work)
    assert (here.value.reason, str(here.value)) == (there.value.reason, str(there.value))


def test_a_fault_of_our_own_comes_back_as_it_is(processes: IsolatedProcesses) -> None:
    """An error in the program must be seen, not blamed on the scan."""
    with pytest.raises(ZeroDivisionError):
        processes.result(processes.submit("A1", partial(divmod, 1, 0)))
    with pytest.raises(cv2.error, match="Assertion"):
        processes.result(processes.submit("A1", partial(to_scan_size, np.zeros((2, 2), np.uint8), (0, 0))))


def test_an_interrupt_leaves_no_process_behind() -> None:
    """Hung ones included."""
    watched: list[int] = []
    with suppress(KeyboardInterrupt), IsolatedProcesses(2) as processes:
        hung = processes.submit("A1", HANG)
        processes.result(processes.submit("A2", os.getpid))
        watched += [os.pidfd_open(pid) for pid in hung.pool._processes]
        raise KeyboardInterrupt
    assert 2 == len(watched)
    assert has_ended(watched)


def test_a_normal_end_leaves_no_process_behind() -> None:
    """The pool is waited for."""
    with IsolatedProcesses(1) as processes:
        pid = processes.result(processes.submit("A1", os.getpid))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


PARENT = """
import os, signal, sys
from functools import partial
from douga_worker.isolated import IsolatedProcesses

if __name__ == "__main__":
    try:
        with IsolatedProcesses(2) as processes:
            hung = processes.submit("A1", signal.pause)
            processes.result(processes.submit("A2", partial(os.write, 2, b"TIFFReadDirectory: noise")))
            print(*hung.pool._processes, flush=True)
            processes.result(hung)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    """A program of its own process group whose processes hang."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as program:
        yield program
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)


def opened(stream: IO[str] | None) -> IO[str]:
    """Return a stream that is surely there."""
    assert stream is not None
    return stream


def children_of(program: subprocess.Popen[str]) -> list[int]:
    """File descriptors of the processes that the program names in its first line."""
    pids = opened(program.stdout).readline().split()
    assert 2 == len(pids)
    return [os.pidfd_open(int(pid)) for pid in pids]


def test_a_killed_parent_leaves_no_process_behind(parent: subprocess.Popen[str]) -> None:
    """A farm kills with SIGKILL, and what stayed would fill the machine job by job."""
    watched = children_of(parent)
    parent.kill()
    assert has_ended(watched)


def test_ctrl_c_is_silent_in_the_processes(parent: subprocess.Popen[str]) -> None:
    """It reaches the whole group; only the parent has anything to say, and libraries have nothing."""
    watched = children_of(parent)
    os.killpg(parent.pid, signal.SIGINT)
    assert has_ended(watched)
    assert 130 == parent.wait()
    assert "" == opened(parent.stderr).read()
