"""What a run says while it works: a bar for people, lines for logs, JSON for programs, dialects for farms.

One look for all: ``douga clean`` tells of frame after frame, a command that follows a farm's job tells
from time to time where the job stands.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from douga_shared.manifest import Failure, FrameRecord, FrameState

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.measure import Measurement
    from rich.table import Table

HEARTBEAT_SECONDS = 10.0
"""A render farm calls a job stuck when its log falls silent; progress in lines speaks about this often."""
_LOOK_SECONDS = 1.0
"""How often progress in lines looks whether it is time to speak."""

_FARM_WORDS = re.compile(r"(PROGRESS|FRAME|ACTIVITY|REPORT):|\[ (?=(?i:PARSER) )|@(?=IMAGE!?@)")
"""What Afanasy's parsers act upon wherever it stands in a line, be it the name of a scan."""


class ProgressKind(StrEnum):
    """How progress is shown."""

    BAR = "bar"
    PLAIN = "plain"
    JSON = "json"
    OPENJD = "openjd"
    """For Open Job Description: Deadline Cloud and others."""
    AFANASY = "afanasy"
    """For CGRU Afanasy."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Where the work stands, in frames, ready to be shown."""

    total: int
    done: int
    failed: int = 0
    running: int = 0
    word: str = "cleaning"
    """What is going on, or why nothing is."""
    frames_per_second: float | None = None
    seconds_left: float | None = None

    @property
    def settled(self) -> int:
        """Frames with which nothing more happens."""
        return self.done + self.failed

    @property
    def percent(self) -> int:
        """Whole percents that are settled; 100 means all."""
        return 100 * self.settled // self.total if self.total else 100


class Progress:
    """Told what happens; use as a context manager. This one says nothing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self._tally: Tally | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def began(self, frame_count: int, already_done_count: int) -> None:
        """The run holds this many frames, of which so many were done before."""
        self._start = self._clock()
        self._tally = Tally(frame_count - already_done_count, 0)

    def settled(self, record: FrameRecord) -> None:
        """A frame of this run is done or failed."""
        if record.failure:
            self.failed(record.scan, record.failure)
        self.stands(self._counted(record))

    def stands(self, tally: Tally) -> None:
        """The work stands like this now."""
        self._tally = tally

    def failed(self, scan: str, failure: Failure) -> None:
        """A frame failed."""

    def note(self, text: str) -> None:
        """Something else happened that a person should know."""

    def _counted(self, record: FrameRecord) -> Tally:
        assert self._tally is not None  # a run begins before it settles anything
        is_failed = record.state is FrameState.FAILED
        done, failed = self._tally.done + (not is_failed), self._tally.failed + is_failed
        # Over the whole run: frames come out a batch at a time, so the last few say nothing. And scans
        # rejected before any work are settled at once; they must not pass for a pace.
        pace = (done + failed) / max(1.0, self._clock() - self._start)
        left = (self._tally.total - done - failed) / pace
        return replace(self._tally, done=done, failed=failed, frames_per_second=pace, seconds_left=left)


def open_progress(kind: ProgressKind | None, *, clock: Callable[[], float] = time.monotonic) -> Progress:
    """Return progress of the kind asked for; None is a bar on a terminal and plain lines elsewhere.

    The bar goes to standard error, all else to standard output.
    """
    kind = kind or (ProgressKind.BAR if sys.stderr.isatty() else ProgressKind.PLAIN)
    if kind is ProgressKind.BAR:
        return BarProgress(clock=clock)
    lines: dict[ProgressKind, type[_Lines]] = {
        ProgressKind.PLAIN: PlainProgress,
        ProgressKind.JSON: JsonProgress,
        ProgressKind.OPENJD: OpenJdProgress,
        ProgressKind.AFANASY: AfanasyProgress,
    }
    return lines[kind](sys.stdout, clock)


class BarProgress(Progress):
    """A live bar on standard error: what is settled, frames a second, time left, failures."""

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        # Here and not above: commands that show no bar must not wait for it.
        from rich.console import Console as RichConsole  # noqa: PLC0415
        from rich.live import Live  # noqa: PLC0415

        super().__init__(clock)
        self._console = console or RichConsole(stderr=True)
        # Frames come a batch at a time; more often than this only costs a slow line.
        self._live = Live(console=self._console, get_renderable=self._row, refresh_per_second=4)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def began(self, frame_count: int, already_done_count: int) -> None:
        """See ``Progress``."""
        super().began(frame_count, already_done_count)
        if already_done_count:
            self.note(f"{already_done_count} of {frame_count} frames are done already.")

    def failed(self, scan: str, failure: Failure) -> None:  # noqa: ARG002 - the message names it
        """See ``Progress``."""
        self._print(failure_line(failure.message), "red")

    def note(self, text: str) -> None:
        """See ``Progress``."""
        self._print(one_line(text), "")

    def _print(self, line: str, style: str) -> None:
        from rich.text import Text  # noqa: PLC0415

        # Text, not markup: a frame may be called [red].
        self._console.print(Text(line, style=style))

    def _row(self) -> Table:
        from rich.table import Table  # noqa: PLC0415

        tally = self._tally or Tally(0, 0, word="starting")
        row = Table.grid(padding=(0, 1), expand=True)
        row.add_column(no_wrap=True)
        row.add_column(ratio=1)
        row.add_column(no_wrap=True, justify="right")
        row.add_column(no_wrap=True)
        row.add_column(no_wrap=True, style="red")
        word = f"{tally.word} {tally.running}" if tally.running else tally.word
        failures = f"{tally.failed} failed" if tally.failed else ""
        row.add_row(word, _Shares(tally), f"{tally.settled}/{tally.total}", tally_pace(tally), failures)
        return row


class _Shares:
    """The bar itself, as wide as there is room."""

    _STYLES = ("green", "red", "yellow", "bright_black")

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment  # noqa: PLC0415
        from rich.style import Style  # noqa: PLC0415

        # Colour tells the parts apart; where there is none, letters do.
        is_coloured = console.color_system is not None and not options.ascii_only
        letters = "━━━━" if is_coloured else letters_of(options.encoding)
        widths = bar_widths(self._tally, options.max_width)
        for letter, width, style in zip(letters, widths, self._STYLES, strict=True):
            yield Segment(letter * width, Style.parse(style))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        from rich.measure import Measurement  # noqa: PLC0415

        return Measurement(4, options.max_width)


class _Lines(Progress):
    """What every kind of lines shares: a lock, a heart, and care for what the log can hold."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._out = out
        self._spoke = clock()
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._heart = threading.Thread(target=self._live, name="douga-heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._heart.join()

    def stands(self, tally: Tally) -> None:
        """See ``Progress``."""
        with self._lock:
            is_news = self._tally is None or tally.settled != self._tally.settled
            super().stands(tally)
            if is_news and tally.settled >= tally.total:
                self._say_tally(tally)
        self.beat()

    def beat(self) -> None:
        """Say the count if it is time to; also called while nothing settles, a large frame takes minutes."""
        with self._lock:
            if self._clock() - self._spoke >= HEARTBEAT_SECONDS:
                self._say_tally(self._tally)

    def _say_tally(self, tally: Tally | None) -> None:
        """Say where the work stands; None before anybody knows."""
        raise NotImplementedError

    def _say(self, line: str) -> None:
        with self._lock:
            self._spoke = self._clock()
            self._out.write(writable(line, self._out) + "\n")
            self._out.flush()

    def _live(self) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            self.beat()


class PlainProgress(_Lines):
    """Lines for a log: every failure at once, the count every ten seconds and at the end."""

    def began(self, frame_count: int, already_done_count: int) -> None:
        """See ``Progress``."""
        with self._lock:
            super().began(frame_count, already_done_count)
            self._say(f"{frame_count} frames, {already_done_count} done already")

    def failed(self, scan: str, failure: Failure) -> None:  # noqa: ARG002 - the message names it
        """See ``Progress``."""
        self._say_beside(failure_line(failure.message))

    def note(self, text: str) -> None:
        """See ``Progress``."""
        self._say(f"note    {one_line(text)}")

    def _say_tally(self, tally: Tally | None) -> None:
        # Loading the network and looking through a slow share take a while; there is no count yet.
        self._say(tally_line(tally) if tally else "starting")

    def _say_beside(self, line: str) -> None:
        """Failures do not take the count's turn."""
        spoke = self._spoke
        self._say(line)
        self._spoke = spoke


class _Dialect(PlainProgress):
    """Plain lines, and between them the share that is settled, as a farm's manager reads it."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(out, clock)
        self._percent = -1

    def stands(self, tally: Tally) -> None:
        """See ``Progress``."""
        with self._lock:
            # While frames are still being listed the total grows; a manager's bar must not go back.
            if tally.percent > self._percent:
                self._percent = tally.percent
                self._say_beside(self._percent_line(tally.percent))
        super().stands(tally)

    def _percent_line(self, percent: int) -> str:
        raise NotImplementedError


class OpenJdProgress(_Dialect):
    """Plain lines, and the progress lines of Open Job Description: 0 to 100 at a line's start."""

    def _percent_line(self, percent: int) -> str:
        return f"openjd_progress: {percent}.0"


class AfanasyProgress(_Dialect):
    """Plain lines, and those of Afanasy's generic parser, which takes whole numbers only."""

    def _percent_line(self, percent: int) -> str:
        return f"PROGRESS: {percent}%"


class JsonProgress(_Lines):
    """One JSON object a line, for programs; ASCII only, so that any log takes it."""

    def began(self, frame_count: int, already_done_count: int) -> None:
        """See ``Progress``."""
        with self._lock:
            super().began(frame_count, already_done_count)
            self._event(event="began", frames=frame_count, already_done=already_done_count)

    def settled(self, record: FrameRecord) -> None:
        """See ``Progress``."""
        with self._lock:
            self._tally = tally = self._counted(record)
            failure = record.failure
            self._event(
                event="settled",
                scan=record.scan,
                state=record.state,
                reason=failure.reason if failure else None,
                message=failure.message if failure else None,
                settled=tally.settled,
                failed=tally.failed,
                total=tally.total,
                **_paces(tally),
            )

    def stands(self, tally: Tally) -> None:
        """See ``Progress``; says every change."""
        with self._lock:
            before = self._tally
            self._tally = tally
            if before is None or replace(before, frames_per_second=None, seconds_left=None) != replace(
                tally, frames_per_second=None, seconds_left=None
            ):
                self._say_tally(tally)
        self.beat()

    def failed(self, scan: str, failure: Failure) -> None:
        """See ``Progress``."""
        self._event(event="failed", scan=scan, reason=failure.reason, message=failure.message)

    def note(self, text: str) -> None:
        """See ``Progress``."""
        self._event(event="note", message=text)

    def _say_tally(self, tally: Tally | None) -> None:
        if tally is None:
            self._event(event="starting")
            return
        self._event(
            event="stands",
            word=tally.word,
            done=tally.done,
            failed=tally.failed,
            running=tally.running,
            total=tally.total,
            **_paces(tally),
        )

    def _event(self, **fields: Any) -> None:
        self._say(json.dumps(fields))


def tally_line(tally: Tally) -> str:
    """Where the work stands, in one line of a log."""
    parts = [
        "" if tally.word == "cleaning" else tally.word,
        f"{tally.settled}/{tally.total} frames",
        f"{tally.running} running" if tally.running else "",
        tally_pace(tally),
        f"{tally.failed} failed",
    ]
    return "  ".join(part for part in parts if part)


def failure_line(message: str) -> str:
    """Why a frame failed, in one line, whatever its name holds."""
    return f"failed  {one_line(message)}"


def one_line(text: str) -> str:
    """The text in one harmless line, whatever it holds.

    A scan's name must not begin a line of its own in a farm's log, nor move a terminal's cursor or colour
    its text, nor say a word on which a farm's manager acts.
    """
    shown = (letter if letter.isprintable() else " " for letter in text)
    joined = " ".join("".join(shown).split())
    return _FARM_WORDS.sub(lambda word: f"{word[1]};" if word[1] else "", joined)


def writable(text: str, out: TextIO) -> str:
    """The text with what ``out`` cannot hold spelled out.

    A drawing's name must not end the run on a machine whose log is not Unicode.
    """
    encoding = out.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def bar_widths(tally: Tally, width: int) -> tuple[int, int, int, int]:
    """Divide a bar of ``width`` letters into done, failed, running and waiting.

    What is there is seen: a single failure among thousands has a letter of its own, where there is room.
    """
    total = max(1, tally.total)
    failed = _at_least_one(tally.failed, width * tally.failed // total)
    running = _at_least_one(tally.running, width * tally.running // total)
    done = min(width * tally.done // total, max(0, width - failed - running))
    waiting = max(0, width - done - failed - running)
    if tally.settled >= tally.total > 0:
        done, waiting = done + waiting, 0
    return done, failed, running, waiting


def letters_of(encoding: str) -> str:
    """Letters for done, failed, running and waiting that differ without colour."""
    return "█×▒░" if encoding.lower().startswith("utf") else "#x>."


def _at_least_one(count: int, width: int) -> int:
    return max(1, width) if count else 0


def tally_pace(tally: Tally) -> str:
    """Frames a second and the time left, as far as they are known."""
    pace = f"{tally.frames_per_second:.2f} frames/s" if tally.frames_per_second else ""
    left = "" if tally.seconds_left is None else f"{timedelta(seconds=round(tally.seconds_left))} left"
    return "  ".join(part for part in (pace, left) if part)


def _paces(tally: Tally) -> dict[str, float | None]:
    pace, left = tally.frames_per_second, tally.seconds_left
    return {
        "frames_per_second": None if pace is None else round(pace, 3),
        "seconds_left": None if left is None else round(left, 1),
    }
