"""What a run says while it works: a bar for people, lines for logs, JSON for programs."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from types import TracebackType
from typing import Any, Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from douga_shared.manifest import FrameRecord, FrameState

HEARTBEAT_SECONDS = 10.0
"""A render farm calls a job stuck when its log falls silent; plain progress speaks about this often."""
_LOOK_SECONDS = 1.0
"""How often plain progress looks whether it is time to speak."""


class ProgressKind(StrEnum):
    """How progress is shown."""

    BAR = "bar"
    PLAIN = "plain"
    JSON = "json"


class Progress(Protocol):
    """Told of every frame; use as a context manager."""

    def __enter__(self) -> Progress: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def began(self, frame_count: int, already_done_count: int) -> None:
        """The job holds this many frames, of which so many were done before."""
        ...

    def settled(self, record: FrameRecord) -> None:
        """A frame is done or failed."""
        ...


def open_progress(kind: ProgressKind | None, *, clock: Callable[[], float] = time.monotonic) -> Progress:
    """Return progress of the kind asked for; None is a bar on a terminal and plain lines elsewhere."""
    kind = kind or (ProgressKind.BAR if sys.stderr.isatty() else ProgressKind.PLAIN)
    if kind is ProgressKind.BAR:
        return BarProgress()
    if kind is ProgressKind.JSON:
        return JsonProgress(sys.stdout, clock)
    return PlainProgress(sys.stdout, clock)


class BarProgress:
    """A live bar on standard error: frames done, frames a second, time left, failures."""

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._failed_count = 0
        self._clock = clock
        self._start = clock()
        self._console = console or Console(stderr=True)
        self._bar = RichProgress(
            TextColumn("cleaning"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
            TextColumn("{task.fields[failures]}", style="red"),
            console=self._console,
        )
        self._row = self._bar.add_task("cleaning", total=None, pace="", failures="")

    def __enter__(self) -> BarProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def began(self, frame_count: int, already_done_count: int) -> None:
        """See ``Progress``."""
        if already_done_count:
            self._console.print(f"{already_done_count} of {frame_count} frames are done already.")
        self._start = self._clock()
        self._bar.update(self._row, total=frame_count - already_done_count)

    def settled(self, record: FrameRecord) -> None:
        """See ``Progress``."""
        if record.state is FrameState.FAILED:
            self._failed_count += 1
            # Text, not markup: a frame may be called [red].
            self._console.print(Text(failure_line(record), style="red"))
        self._bar.advance(self._row)
        failures = f"{self._failed_count} failed" if self._failed_count else ""
        self._bar.update(self._row, pace=self._pace(), failures=failures)

    def _pace(self) -> str:
        """Over the whole run: frames come out a batch at a time, so the last few say nothing."""
        row = self._bar.tasks[0]
        elapsed = self._clock() - self._start
        if elapsed < 1 or row.total is None:
            return ""
        left = (row.total - row.completed) * elapsed / row.completed
        return f"{row.completed / elapsed:.2f} frames/s  {timedelta(seconds=round(left))} left"


class _Counting:
    """What plain lines and JSON share: the counts and the pace."""

    def __init__(self, out: TextIO, clock: Callable[[], float]) -> None:
        self._out = out
        self._clock = clock
        self._total = self._done = self._failed = 0
        self._has_begun = False
        self._start = clock()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def _begin(self, frame_count: int, already_done_count: int) -> None:
        self._total = frame_count - already_done_count
        self._has_begun = True
        self._start = self._clock()

    def _count(self, record: FrameRecord) -> None:
        self._done += 1
        self._failed += record.state is FrameState.FAILED

    @property
    def _frames_per_second(self) -> float:
        # Scans rejected before any work are settled at once; they must not pass for a pace.
        return self._done / max(1.0, self._clock() - self._start)

    @property
    def _seconds_left(self) -> float:
        return (self._total - self._done) / max(1e-6, self._frames_per_second)

    def _say(self, line: str) -> None:
        self._out.write(writable(line, self._out) + "\n")
        self._out.flush()


class PlainProgress(_Counting):
    """Lines for a log: every failure at once, the count every ten seconds and at the end."""

    def __init__(self, out: TextIO, clock: Callable[[], float]) -> None:
        super().__init__(out, clock)
        self._spoke = clock()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._heart = threading.Thread(target=self._live, name="douga-heartbeat", daemon=True)

    def __enter__(self) -> PlainProgress:
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._heart.join()

    def began(self, frame_count: int, already_done_count: int) -> None:
        """See ``Progress``."""
        with self._lock:
            self._begin(frame_count, already_done_count)
            self._say(f"{frame_count} frames, {already_done_count} done already")

    def settled(self, record: FrameRecord) -> None:
        """See ``Progress``."""
        with self._lock:
            self._count(record)
            if record.state is FrameState.FAILED:
                self._say(failure_line(record))
            if self._done == self._total:
                self._say_count()
        self.beat()

    def beat(self) -> None:
        """Say the count if it is time to; also called while nothing settles, a large frame takes minutes."""
        with self._lock:
            if self._clock() - self._spoke >= HEARTBEAT_SECONDS:
                self._say_count()

    def _say_count(self) -> None:
        self._spoke = self._clock()
        if not self._has_begun:
            # Loading the network and looking through a slow share take a while; there is no count yet.
            self._say("starting")
            return
        left = f"{self._seconds_left:.0f} s left  " if self._done else ""
        self._say(
            f"{self._done}/{self._total} frames  {self._frames_per_second:.2f} frames/s  "
            f"{left}{self._failed} failed"
        )

    def _live(self) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            self.beat()


class JsonProgress(_Counting):
    """One JSON object a line, for programs; ASCII only, so that any log takes it."""

    def __enter__(self) -> JsonProgress:
        return self

    def began(self, frame_count: int, already_done_count: int) -> None:
        """See ``Progress``."""
        self._begin(frame_count, already_done_count)
        self._event(event="began", frames=frame_count, already_done=already_done_count)

    def settled(self, record: FrameRecord) -> None:
        """See ``Progress``."""
        self._count(record)
        failure = record.failure
        self._event(
            event="settled",
            scan=record.scan,
            state=record.state,
            reason=failure.reason if failure else None,
            message=failure.message if failure else None,
            settled=self._done,
            failed=self._failed,
            total=self._total,
            frames_per_second=round(self._frames_per_second, 3),
            seconds_left=round(self._seconds_left, 1),
        )

    def _event(self, **fields: Any) -> None:
        self._say(json.dumps(fields))


def failure_line(record: FrameRecord) -> str:
    """Why a frame failed, in one line, whatever its name holds.

    A message must not begin a line of its own in a farm's log, nor move a terminal's cursor or colour
    its text.
    """
    assert record.failure is not None
    shown = (letter if letter.isprintable() else " " for letter in record.failure.message)
    return f"failed  {' '.join(''.join(shown).split())}"


def writable(text: str, out: TextIO) -> str:
    """The text with what ``out`` cannot hold spelled out.

    A drawing's name must not end the run on a machine whose log is not Unicode.
    """
    encoding = out.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
