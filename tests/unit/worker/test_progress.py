"""What a run says while it works."""

from __future__ import annotations

import io
import json
import threading

import pytest
from rich.console import Console

from douga_shared.errors import Reason
from douga_shared.manifest import Failure, FrameRecord, FrameState
from douga_worker.progress import (
    HEARTBEAT_SECONDS,
    BarProgress,
    JsonProgress,
    PlainProgress,
    ProgressKind,
    open_progress,
)


class Clock:
    """A clock that goes when told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class AsciiLog(io.TextIOWrapper):
    """A log that takes ASCII only."""

    def __init__(self) -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding="ascii")


HOSTILE = "A1\nopenjd_fail: gotcha\r\x1b[2J\x1b[1GPROGRESS: 45%\u2028x\udce9.png"


def done(scan: str = "A1.png") -> FrameRecord:
    """Record of a frame that is done."""
    return FrameRecord(scan=scan, stem=scan, state=FrameState.DONE)


def rejected(message: str = "A2.png: the file is empty") -> FrameRecord:
    """Record of a frame that failed."""
    failure = Failure(reason=Reason.EMPTY, message=message)
    return FrameRecord(scan="A2.png", stem="A2", state=FrameState.FAILED, failure=failure)


def test_plain_progress_says_the_count_every_ten_seconds_and_at_the_end() -> None:
    """With pace, time left and failures; not a line for every frame."""
    clock, out = Clock(), io.StringIO()
    progress = PlainProgress(out, clock)
    progress.began(7, 1)
    for _ in range(6):
        clock.seconds += 4
        progress.settled(done())
    expected = [
        "7 frames, 1 done already",
        "3/6 frames  0.25 frames/s  12 s left  0 failed",
        "6/6 frames  0.25 frames/s  0 s left  0 failed",
    ]
    assert expected == out.getvalue().splitlines()


def test_plain_progress_speaks_while_nothing_settles() -> None:
    """One large frame takes minutes, and a farm calls a silent job stuck."""
    clock, out = Clock(), io.StringIO()
    progress = PlainProgress(out, clock)
    progress.began(2, 0)
    clock.seconds += HEARTBEAT_SECONDS - 1
    progress.beat()
    clock.seconds += 1
    progress.beat()
    progress.beat()
    assert ["2 frames, 0 done already", "0/2 frames  0.00 frames/s  0 failed"] == out.getvalue().splitlines()


def test_plain_progress_gives_no_count_before_it_knows_one() -> None:
    """While the network is loaded it only says that it is alive."""
    clock, out = Clock(), io.StringIO()
    progress = PlainProgress(out, clock)
    clock.seconds += HEARTBEAT_SECONDS
    progress.beat()
    assert "starting\n" == out.getvalue()


def test_the_heart_beats_by_itself_and_stops_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread looks at the clock; it ends with the run."""
    monkeypatch.setattr("douga_worker.progress._LOOK_SECONDS", 0.001)
    progress, beaten = PlainProgress(io.StringIO(), Clock()), threading.Event()
    monkeypatch.setattr(progress, "beat", beaten.set)
    with progress:
        assert beaten.wait(60)
    assert "douga-heartbeat" not in {thread.name for thread in threading.enumerate()}


def test_plain_progress_says_every_failure_at_once() -> None:
    """With its reason, and counted."""
    out = io.StringIO()
    progress = PlainProgress(out, Clock())
    progress.began(2, 0)
    progress.settled(rejected())
    progress.settled(done())
    expected = [
        "2 frames, 0 done already",
        "failed  A2.png: the file is empty",
        "2/2 frames  2.00 frames/s  0 s left  1 failed",
    ]
    assert expected == out.getvalue().splitlines()


def test_a_frame_s_name_cannot_begin_a_line_or_move_the_cursor() -> None:
    """A farm acts on what stands at the beginning of a line."""
    out = io.StringIO()
    progress = PlainProgress(out, Clock())
    progress.began(1, 0)
    progress.settled(rejected(HOSTILE))
    failure = out.getvalue().splitlines()[1]
    assert "failed  A1 openjd_fail: gotcha [2J [1GPROGRESS: 45% x .png" == failure


@pytest.mark.parametrize("kind", [PlainProgress, JsonProgress])
def test_a_log_that_is_not_unicode_takes_every_name(kind: type[PlainProgress] | type[JsonProgress]) -> None:
    """What cannot be written is spelled out; the run goes on."""
    log = AsciiLog()
    progress = kind(log, Clock())
    progress.began(1, 0)
    progress.settled(rejected("原画.png: é"))
    assert b"\\u539f\\u753b.png" in log.bytes.getvalue()


def test_json_progress_is_one_object_a_line() -> None:
    """Events with counts, reasons and messages."""
    clock, out = Clock(), io.StringIO()
    progress = JsonProgress(out, clock)
    with progress:
        progress.began(5, 2)
        clock.seconds += 2
        progress.settled(done("A 1\n.png"))
        progress.settled(rejected(HOSTILE))
    began, first, second = map(json.loads, out.getvalue().splitlines())
    assert {"event": "began", "frames": 5, "already_done": 2} == began
    assert {
        "event": "settled",
        "scan": "A 1\n.png",
        "state": "done",
        "reason": None,
        "message": None,
        "settled": 1,
        "failed": 0,
        "total": 3,
        "frames_per_second": 0.5,
        "seconds_left": 4.0,
    } == first
    assert ("failed", "empty", HOSTILE, 2, 1) == tuple(
        second[name] for name in ("state", "reason", "message", "settled", "failed")
    )


def test_scans_rejected_before_any_work_give_no_wild_pace() -> None:
    """They are settled in the same moment."""
    out = io.StringIO()
    progress = JsonProgress(out, Clock())
    progress.began(10, 0)
    progress.settled(rejected())
    assert 1.0 == json.loads(out.getvalue().splitlines()[1])["frames_per_second"]


def test_the_bar_shows_counts_and_failures() -> None:
    """On a terminal: frames done, the failure with its reason, and how many failed."""
    console = Console(record=True, file=io.StringIO(), force_terminal=True, width=120)
    with BarProgress(console) as progress:
        progress.began(4, 1)
        progress.settled(done())
        progress.settled(rejected("[red]A2[/red]\n.png: the file is empty"))
    shown = console.export_text()
    assert "1 of 4 frames are done already." in shown
    assert "failed  [red]A2[/red] .png: the file is empty" in shown
    assert "2/3" in shown.splitlines()[-1]
    assert "1 failed" in shown.splitlines()[-1]


def test_the_bar_tells_the_pace_of_the_whole_run() -> None:
    """Three frames of one batch settle in one moment: that is no pace of thousands a second."""
    clock = Clock()
    console = Console(record=True, file=io.StringIO(), force_terminal=True, width=120)
    with BarProgress(console, clock) as progress:
        progress.began(6, 0)
        clock.seconds += 6
        for _ in range(3):
            progress.settled(done())
    assert "0.50 frames/s  0:00:06 left" in console.export_text().splitlines()[-1]


@pytest.mark.parametrize(
    ("kind", "is_terminal", "expected"),
    [
        (None, True, BarProgress),
        (None, False, PlainProgress),
        (ProgressKind.BAR, False, BarProgress),
        (ProgressKind.PLAIN, True, PlainProgress),
        (ProgressKind.JSON, True, JsonProgress),
    ],
)
def test_a_bar_is_for_terminals_unless_asked_for(
    kind: ProgressKind | None, is_terminal: bool, expected: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log gets plain lines."""
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    assert expected is type(open_progress(kind))
