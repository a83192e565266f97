"""The running programs of a farm on one machine: started, watched, ended in order."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_END_SECONDS = 60.0
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Part:
    """One program."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    @property
    def last_lines(self) -> str:
        """The end of what it said."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])


class Parts:
    """All programs, each in a session of its own: Ctrl-C in a terminal must not reach them out of order."""

    def __init__(self, logs: Path, kept_open: int) -> None:
        """Logs go to a folder; ``kept_open`` is a file descriptor that every program holds while it lives."""
        self._logs = logs
        self._kept_open = kept_open
        self._parts: dict[str, Part] = {}
        self.hurry = threading.Event()
        """Once set, programs are killed rather than asked."""

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a program with this whole environment; its log is NAME.log."""
        path = self._logs / f"{name}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - commands are this program's own
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(environment),
                start_new_session=True,
                pass_fds=[self._kept_open],
            )
        self._parts[name] = Part(name, process, path)

    def ended(self) -> list[Part]:
        """Return those that have ended without being told to; each is named once."""
        ended = [part for part in self._parts.values() if not part.is_alive]
        for part in ended:
            del self._parts[part.name]
            _kill_group(part)
        return ended

    def names(self) -> list[str]:
        """Return what runs, in the order in which it was started."""
        return list(self._parts)

    def end(self, *names: str) -> None:
        """Ask these to end, all at once, and wait; whatever does not, or is to hurry, is killed."""
        parts = [self._parts.pop(name) for name in names if name in self._parts]
        for part in parts:
            part.process.terminate()
        until = time.monotonic() + _END_SECONDS
        while any(part.is_alive for part in parts) and time.monotonic() < until and not self.hurry.is_set():
            time.sleep(_LOOK_SECONDS)
        for part in parts:
            _kill_group(part)


def _kill_group(part: Part) -> None:
    """Kill a program and what it has started, if any of that is left."""
    with suppress(ProcessLookupError):
        os.killpg(part.process.pid, signal.SIGKILL)
    part.process.wait()
