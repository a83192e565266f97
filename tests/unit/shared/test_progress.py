"""What a run says while it works."""

from __future__ import annotations

import io
import json
import threading

import pytest
from rich.console import Console

from douga_shared.errors import Reason
from douga_shared.manifest import Failure, FrameRecord, FrameState
from douga_shared.progress import (
    HEARTBEAT_SECONDS,
    AfanasyProgress,
    BarProgress,
    JsonProgress,
    OpenJdProgress,
    PlainProgress,
    Progress,
    ProgressKind,
    Tally,
    bar_widths,
    one_line,
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
        "3/6 frames  0.25 frames/s  0:00:12 left  0 failed",
        "6/6 frames  0.25 frames/s  0:00:00 left  0 failed",
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
    assert ["2 frames, 0 done already", "0/2 frames  0 failed"] == out.getvalue().splitlines()


def test_plain_progress_gives_no_count_before_it_knows_one() -> None:
    """While the network is loaded it only says that it is alive."""
    clock, out = Clock(), io.StringIO()
    progress = PlainProgress(out, clock)
    clock.seconds += HEARTBEAT_SECONDS
    progress.beat()
    assert "starting\n" == out.getvalue()


def test_the_heart_beats_by_itself_and_stops_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread looks at the clock; it ends with the run."""
    monkeypatch.setattr("douga_shared.progress._LOOK_SECONDS", 0.001)
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
        "2/2 frames  2.00 frames/s  0:00:00 left  1 failed",
    ]
    assert expected == out.getvalue().splitlines()


def test_a_frame_s_name_cannot_begin_a_line_or_move_the_cursor() -> None:
    """A farm acts on what stands at the beginning of a line."""
    out = io.StringIO()
    progress = PlainProgress(out, Clock())
    progress.began(1, 0)
    progress.settled(rejected(HOSTILE))
    failure = out.getvalue().splitlines()[1]
    assert "failed  A1 openjd_fail: gotcha [2J [1GPROGRESS; 45% x .png" == failure


@pytest.mark.parametrize(
    "word",
    [
        "PROGRESS: 4.5%",
        "FRAME: 1",
        "ACTIVITY: x",
        "REPORT: x",
        "[ PARSER ERROR ]",
        "[ parser warning ]",
        "@IMAGE@",
    ],
)
def test_a_frame_s_name_says_nothing_to_a_farm(word: str) -> None:
    """Afanasy acts on these wherever they stand in a line; one of them kills the task."""
    said = one_line(f"A1 {word}.png")
    assert word not in said
    assert said.startswith("A1 ")


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


def stand(done: int, failed: int = 0, total: int = 200) -> Tally:
    """Where a farm's job stands."""
    return Tally(total, done, failed, running=16, word="running", frames_per_second=2.5, seconds_left=30.4)


@pytest.mark.parametrize("width", [0, 1, 4, 10, 40])
@pytest.mark.parametrize("done", [0, 1, 99, 100])
@pytest.mark.parametrize("failed", [0, 1, 50])
@pytest.mark.parametrize("running", [0, 1, 60])
def test_the_parts_of_a_bar_fill_it(width: int, done: int, failed: int, running: int) -> None:
    """Whatever there is of each; a single failure is seen where there is room."""
    total = max(100, done + failed + running)
    widths = bar_widths(Tally(total, done, failed, running), width)
    assert all(part >= 0 for part in widths)
    assert max(width, bool(failed) + bool(running)) == sum(widths)
    assert bool(failed) == bool(widths[1])


def test_a_bar_of_nothing_is_empty() -> None:
    """Nothing is known yet; that is not the same as done."""
    assert (0, 0, 0, 10) == bar_widths(Tally(0, 0), 10)


def test_a_followed_job_is_told_like_a_run() -> None:
    """Its word, what runs, pace and failures; every ten seconds, at the end, and what went wrong at once."""
    clock, out = Clock(), io.StringIO()
    progress = PlainProgress(out, clock)
    progress.stands(stand(10))
    clock.seconds += 10
    progress.stands(stand(20, 1))
    progress.note("the broker\n does not answer")
    clock.seconds += 9
    progress.stands(stand(30, 1))
    progress.stands(stand(199, 1))
    progress.stands(stand(199, 1))
    expected = [
        "running  21/200 frames  16 running  2.50 frames/s  0:00:30 left  1 failed",
        "note    the broker does not answer",
        "running  200/200 frames  16 running  2.50 frames/s  0:00:30 left  1 failed",
    ]
    assert expected == out.getvalue().splitlines()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (OpenJdProgress, ["openjd_progress: 0.0", "openjd_progress: 49.0", "openjd_progress: 100.0"]),
        (AfanasyProgress, ["PROGRESS: 0%", "PROGRESS: 49%", "PROGRESS: 100%"]),
    ],
)
def test_a_farm_is_told_whole_percents_that_never_go_back(
    kind: type[OpenJdProgress] | type[AfanasyProgress], expected: list[str]
) -> None:
    """Exactly as its parser takes them; the total may still grow, and 100 means all."""
    out = io.StringIO()
    progress = kind(out, Clock())
    for tally in (stand(1), stand(99), stand(99), stand(99, total=300), stand(199, 1)):
        progress.stands(tally)
    assert expected == [line for line in out.getvalue().splitlines() if "frames" not in line]


@pytest.mark.parametrize("kind", [OpenJdProgress, AfanasyProgress])
def test_no_line_of_a_farm_s_dialect_begins_with_a_stranger_s_text(kind: type[PlainProgress]) -> None:
    """Whatever the names hold, only Douga's own words stand where a farm's manager looks."""
    out = io.StringIO()
    progress = kind(out, Clock())
    progress.began(2, 0)
    progress.settled(rejected(HOSTILE))
    progress.note(HOSTILE)
    beginnings = {line.split()[0] for line in out.getvalue().splitlines()}
    assert {"2", "failed", "note", expected_word(kind)} == beginnings


def expected_word(kind: type[PlainProgress]) -> str:
    """How the dialect's own lines begin."""
    return "openjd_progress:" if kind is OpenJdProgress else "PROGRESS:"


def test_json_says_every_change_of_a_followed_job_and_beats() -> None:
    """A change of the pace alone is none; after ten silent seconds the standing is said again."""
    clock, out = Clock(), io.StringIO()
    progress = JsonProgress(out, clock)
    progress.stands(stand(10))
    progress.stands(stand(10))
    clock.seconds += 10
    progress.stands(stand(10))
    progress.note("é")
    progress.failed("A2.png", Failure(reason=Reason.EMPTY, message="A2.png: empty"))
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert ["stands", "stands", "note", "failed"] == [event["event"] for event in events]
    assert {
        "event": "stands",
        "word": "running",
        "done": 10,
        "failed": 0,
        "running": 16,
        "total": 200,
        "frames_per_second": 2.5,
        "seconds_left": 30.4,
    } == events[0]


@pytest.mark.parametrize("kind", [PlainProgress, JsonProgress])
def test_lines_say_that_nothing_is_known_yet(kind: type[PlainProgress] | type[JsonProgress]) -> None:
    """A farm must not take the run for stuck while it is getting ready."""
    clock, out = Clock(), io.StringIO()
    progress = kind(out, clock)
    clock.seconds += HEARTBEAT_SECONDS
    progress.beat()
    assert "starting" in out.getvalue()


def test_the_bar_of_a_followed_job_fits_a_terminal() -> None:
    """One line of 80 letters, also for a hundred thousand frames, and without colour."""
    console = Console(record=True, file=io.StringIO(), width=80)
    with BarProgress(console) as progress:
        progress.stands(stand(126_000, 12, total=200_000))
    (line,) = console.export_text().splitlines()
    assert "126012/200000" in line
    assert "12 failed" in line
    assert "×" in line


def test_progress_that_says_nothing_takes_everything() -> None:
    """For calls from a program."""
    with Progress() as progress:
        progress.began(1, 0)
        progress.settled(rejected())
        progress.note("x")


@pytest.mark.parametrize(
    ("kind", "is_terminal", "expected"),
    [
        (ProgressKind.OPENJD, True, OpenJdProgress),
        (ProgressKind.AFANASY, True, AfanasyProgress),
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
