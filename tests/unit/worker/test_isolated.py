"""Calls in other processes: what crashes, hangs or fills the memory takes one frame.

The calls are partials of library functions, which any process can load. Nothing here waits for
a time to pass, except for a call that never ends, and that for one second.
"""

from __future__ import annotations

import math
import os
import platform
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO

import cv2
import numpy as np
import pytest
from tests.scans import as_png

from douga_shared.errors import FrameRejected, Reason
from douga_worker import isolated
from douga_worker.isolated import CallFailed, IsolatedProcesses
from douga_worker.steps.read_scan import read_scan
from douga_worker.steps.resample import to_scan_size, to_working_size

SEGFAULT = partial(signal.raise_signal, signal.SIGSEGV)
EXIT = partial(os._exit, 0)
HANG = signal.pause
HUGE = partial(to_working_size, np.zeros((1, 1), np.uint8), 1 << 30)


@pytest.fixture
def processes() -> Iterator[IsolatedProcesses]:
    """Two processes, stopped at the end whatever they do."""
    with IsolatedProcesses(2) as opened:
        yield opened


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """Callers from many threads at once."""
    with ThreadPoolExecutor(8) as opened:
        yield opened


def running_calls(processes: IsolatedProcesses, count: int) -> list[int]:
    """Wait until so many calls run; the numbers of their processes."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        busy = processes._children - set(processes._idle)
        if len(busy) == count:
            return [child._process.pid or 0 for child in busy]
        time.sleep(0.01)
    raise AssertionError("the calls do not begin")


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


def page_faults(pid: int | None) -> int:
    """How many pages the system has given a process, with nothing read from a disk."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[7])


def resident_megabytes(pid: int | None) -> int:
    """Memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


def test_many_calls_give_their_own_results(processes: IsolatedProcesses, threads: ThreadPoolExecutor) -> None:
    """More threads than processes, more calls than threads."""
    works = [
        threads.submit(processes.run, f"A{number}", partial(math.factorial, number)) for number in range(60)
    ]
    assert [math.factorial(number) for number in range(60)] == [work.result() for work in works]


def test_calls_run_in_other_processes_that_are_used_again(processes: IsolatedProcesses) -> None:
    """Not in this one, and OpenCV uses one thread in each."""
    first, second = processes.run("A1", os.getpid), processes.run("A2", os.getpid)
    assert first == second != os.getpid()
    assert 1 == processes.run("A1", cv2.getNumThreads)


def test_a_process_that_is_not_kept_ends_with_its_call(processes: IsolatedProcesses) -> None:
    """It is a fresh one, and the kept ones stay."""
    kept = processes.run("A1", os.getpid)
    other = processes.run("A2", os.getpid, is_kept=False)
    assert kept == processes.run("A3", os.getpid) != other
    with pytest.raises(ProcessLookupError):
        os.kill(other, 0)


@pytest.mark.parametrize("death", [SEGFAULT, EXIT], ids=["segfault", "exit"])
def test_a_crash_takes_the_culprit_alone(
    processes: IsolatedProcesses, threads: ThreadPoolExecutor, death: Callable[[], None]
) -> None:
    """Who runs or waits at that moment gets a result, the culprit its reason."""
    before = threads.submit(processes.run, "A1", partial(math.sqrt, 4))
    culprit = threads.submit(processes.run, "A2", death)
    after = [threads.submit(processes.run, f"A{number}", partial(math.sqrt, number)) for number in (9, 16)]
    with pytest.raises(FrameRejected, match=r"A2: .* died twice") as rejection:
        culprit.result()
    assert Reason.CRASHED is rejection.value.reason
    assert [2, 3, 4] == [work.result() for work in (before, *after)]


def test_a_crash_leaves_the_other_processes_as_they_were(
    tmp_path: Path, processes: IsolatedProcesses, threads: ThreadPoolExecutor
) -> None:
    """A call that runs while another dies is not even run again."""
    os.mkfifo(gate := tmp_path / "gate")
    neighbour = threads.submit(processes.run, "A1", gate.read_text)
    (pid,) = running_calls(processes, 1)
    with pytest.raises(FrameRejected):
        processes.run("A2", SEGFAULT)
    assert [pid] == running_calls(processes, 1)
    gate.write_text("opened")
    assert "opened" == neighbour.result()


def test_an_innocent_victim_of_the_system_is_run_again(tmp_path: Path, processes: IsolatedProcesses) -> None:
    """What dies once, as when the system runs out of memory, gets a second chance."""
    script = f"import os; os.mkdir({str(tmp_path / 'been')!r}); os.kill(os.getpid(), 9)"
    guarded = partial(exec, f"import os\nif not os.path.exists({str(tmp_path / 'been')!r}): {script}")
    assert processes.run("A1", guarded) is None
    assert (tmp_path / "been").is_dir()


def test_a_call_that_hangs_is_killed_and_rejected() -> None:
    """It is given its time twice."""
    with IsolatedProcesses(1, frame_seconds=0.2) as processes:
        with pytest.raises(FrameRejected, match=r"A1: no result after 0\.2 s, twice") as rejection:
            processes.run("A1", HANG)
        assert not processes._children
    assert Reason.CRASHED is rejection.value.reason


def test_nobody_waits_for_a_call_that_hangs(
    processes: IsolatedProcesses, threads: ThreadPoolExecutor
) -> None:
    """It occupies a process, no more."""
    hung = threads.submit(processes.run, "A1", HANG)
    running_calls(processes, 1)
    neighbours = [threads.submit(processes.run, f"A{n}", partial(math.sqrt, n * n)) for n in range(9)]
    assert list(range(9)) == [work.result() for work in neighbours]
    assert not hung.done()
    processes.stop()
    assert isinstance(hung.exception(), CancelledError)


@pytest.mark.parametrize("call", [partial(bytearray, 1 << 60), HUGE], ids=["python", "opencv"])
def test_a_full_memory_takes_the_culprit_alone(
    processes: IsolatedProcesses, call: Callable[[], object]
) -> None:
    """It is tried again in a fresh process, and then has its own reason."""
    with pytest.raises(FrameRejected, match="A1: memory ran out") as rejection:
        processes.run("A1", call)
    assert Reason.OUT_OF_MEMORY is rejection.value.reason
    assert 2 == processes.run("A2", partial(math.sqrt, 4))


@pytest.mark.parametrize(
    "call",
    [
        partial(bytearray, 1 << 30),
        partial(np.ones, 1 << 27),
        partial(to_working_size, np.zeros((8000, 8000), np.uint8), 4),
        partial(read_scan, as_png(np.zeros((24_000, 24_000), np.uint8)), "A1.png", max_megapixels=1000),
    ],
    ids=["python", "numpy", "opencv", "pillow"],
)
def test_a_process_gets_no_more_memory_than_its_share(call: Callable[[], object]) -> None:
    """Half a gigabyte here; the machine has more, and keeps it."""
    with IsolatedProcesses(1, memory_megabytes=512) as processes:
        with pytest.raises(FrameRejected) as rejection:
            processes.run("A1", call)
        assert Reason.OUT_OF_MEMORY is rejection.value.reason
        assert 2 == processes.run("A2", partial(math.sqrt, 4))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep to their own ways")
def test_memory_of_one_frame_serves_the_next() -> None:
    """Arrays as large as a page are not asked of the system anew, which would clear each of their pages."""
    call = partial(np.ones, 40 << 20, np.uint8)
    with IsolatedProcesses(1) as processes:
        processes.run("A1", call)
        (child,) = processes._idle
        before = page_faults(child._process.pid)
        processes.run("A2", call)
        assert page_faults(child._process.pid) - before < 1000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep to their own ways")
def test_memory_of_a_huge_frame_goes_back_to_the_system() -> None:
    """Even when something small is left behind at its far end."""
    huge = "import math; x = [b'1' * (64 << 20) for _ in range(20)]; math.left = b'1' * (1 << 20); del x[:]"
    with IsolatedProcesses(1) as processes:
        processes.run("A1", partial(exec, huge, {}))
        processes.run("A2", partial(math.sqrt, 4))
        (child,) = processes._idle
        assert resident_megabytes(child._process.pid) < 500


def test_a_rejection_crosses_the_border_whole(processes: IsolatedProcesses) -> None:
    """Reason and message, as the step raised them."""
    with pytest.raises(FrameRejected) as here:
        read_scan(b"", "A0001.png", max_megapixels=1)
    with pytest.raises(FrameRejected) as there:
        processes.run("A0001.png", partial(read_scan, b"", "A0001.png", max_megapixels=1))
    assert (here.value.reason, str(here.value)) == (there.value.reason, str(there.value))


def test_a_fault_of_our_own_comes_back_with_its_cause(processes: IsolatedProcesses) -> None:
    """An error in the program is told from a rejection, and says where it was raised."""
    with pytest.raises(CallFailed, match="ZeroDivisionError") as fault:
        processes.run("A1", partial(divmod, 1, 0))
    assert isinstance(fault.value.__cause__, ZeroDivisionError)
    assert "in _call" in fault.value.__cause__.__notes__[0]
    with pytest.raises(CallFailed, match="Assertion"):
        processes.run("A1", partial(to_scan_size, np.zeros((2, 2), np.uint8), (0, 0)))


def test_an_error_that_cannot_travel_is_told_in_words(processes: IsolatedProcesses) -> None:
    """What cannot be pickled, coming or going, harms nobody."""
    with pytest.raises(CallFailed, match="pickle"):
        processes.run("A1", partial(eval, "lambda: 0"))
    with pytest.raises(CallFailed, match="Local: words"):
        processes.run("A1", partial(exec, "class Local(Exception): pass\nraise Local('words')"))
    assert 2 == processes.run("A2", partial(math.sqrt, 4))


def test_stopping_ends_calls_and_turns_away_those_that_wait(threads: ThreadPoolExecutor) -> None:
    """Hung ones included; no process stays behind."""
    with IsolatedProcesses(2) as processes:
        works = [threads.submit(processes.run, f"A{number}", HANG) for number in range(5)]
        watched = [os.pidfd_open(pid) for pid in running_calls(processes, 2)]
        processes.stop()
        for work in works:
            with pytest.raises(CancelledError):
                work.result()
        with pytest.raises(CancelledError):
            processes.run("A6", os.getpid)
    assert has_ended(watched)


def test_stopping_does_not_wait_for_a_process_that_is_only_starting(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one waits for what is preloaded; Ctrl-C must not. It is ended as soon as it is there."""
    is_starting, may_start, killed = threading.Event(), threading.Event(), threading.Event()

    class SlowChild:
        def __init__(self, _: int | None) -> None:
            is_starting.set()
            may_start.wait()

        def kill(self) -> None:
            killed.set()

    monkeypatch.setattr(isolated, "_Child", SlowChild)
    with IsolatedProcesses(1) as processes:
        work = threads.submit(processes.run, "A1", os.getpid)
        is_starting.wait()
        processes.stop()
        assert not work.done()
        may_start.set()
        with pytest.raises(CancelledError):
            work.result()
    assert killed.is_set()


def test_what_is_preloaded_is_there_in_every_process() -> None:
    """Loaded once, ahead of all: a process that has just been forked has it already."""
    script = (
        "import sys\n"
        "from functools import partial\n"
        "from douga_worker.isolated import IsolatedProcesses\n"
        "if __name__ == '__main__':\n"
        "    with IsolatedProcesses(1, preloaded='colorsys') as processes:\n"
        "        look = partial(exec, 'import sys; sys.modules[\"colorsys\"]')\n"
        "        processes.run('A1', look)\n"
        "        processes.run('A2', look, is_kept=False)\n"
        "    assert 'colorsys' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_a_normal_end_leaves_no_process_behind() -> None:
    """They are waited for."""
    with IsolatedProcesses(1) as processes:
        pid = processes.run("A1", os.getpid)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


PARENT = """
import os, signal, sys, threading, time
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import partial
from douga_worker.isolated import IsolatedProcesses

if __name__ == "__main__":
    try:
        with IsolatedProcesses(2) as processes:
            def hang():
                with suppress(CancelledError):
                    processes.run("A1", signal.pause)
            threading.Thread(target=hang, daemon=True).start()
            while not processes._children:
                time.sleep(0.01)
            processes.run("A2", partial(os.write, 2, b"TIFFReadDirectory: noise"))
            print(*(child._process.pid for child in processes._children), flush=True)
            processes.run("A1", signal.pause)
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
