"""Logs: lines for people, or one JSON object a line for programs that collect them.

What a line is about (job, chunk, worker) is said once for a stretch of work, with ``about``, and stands in
every line that this thread logs meanwhile, whichever module it comes from. A single line says more with
``extra={"frame": "A0001.png"}``. ::

    {"time": "2026-11-20T21:04:11.512Z", "level": "warning", "logger": "douga_worker.settlement",
     "message": "failed: ...", "worker": "gpu-3", "job": "cut012-3f9a2c7e1b", "chunk": 128, "frame": "A9.png"}

Names come from strangers. Nothing in a message breaks a line, moves a cursor or fills a disk.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TextIO

import msgspec

LONGEST_MESSAGE = 2_000
"""Letters; more is cut. A message of Douga's own has some 200."""
LONGEST_TRACEBACK = 16_000
"""The end is kept, where it says what happened."""
FIELDS = ("job", "chunk", "frame", "worker")
"""What a line may be about; ``chunk`` is the index of its first frame, ``frame`` the name of its scan."""
_NOISY = ("celery", "kombu", "botocore", "boto3", "urllib3", "s3transfer", "opentelemetry")

_about: ContextVar[dict[str, str | int] | None] = ContextVar("douga_about", default=None)


class LogFormat(StrEnum):
    """How lines are written."""

    TEXT = "text"
    JSON = "json"


@contextmanager
def about(**fields: str | int) -> Iterator[None]:
    """Say what everything is about that this thread logs inside the block; see ``FIELDS``."""
    token = _about.set({**(_about.get() or {}), **fields})
    try:
        yield
    except Exception as fault:
        # Where it is logged at last, the block is left.
        fault.add_note(", ".join(f"{name} {value}" for name, value in fields.items()))
        raise
    finally:
        _about.reset(token)


def set_up_logs(
    form: LogFormat | str | None = None,
    *,
    level: int = logging.WARNING,
    is_verbose: bool = False,
    worker: str = "",
    stream: TextIO | None = None,
) -> None:
    """Send everything that is logged to standard error, unless somebody has set up something else.

    Args:
        form: None writes text to a terminal and JSON to anything else.
        level: what is less than this is left out.
        is_verbose: log every step, and what the libraries say.
        worker: name of this worker, for every line of JSON.
        stream: where to write instead.
    """
    stream = stream or sys.stderr
    form = LogFormat(form) if form else _fitting(stream)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(worker) if form is LogFormat.JSON else TextFormatter())
    logging.basicConfig(level=logging.DEBUG if is_verbose else level, handlers=[handler])
    if not is_verbose:
        for name in _NOISY:
            logging.getLogger(name).setLevel(logging.WARNING)


def _fitting(stream: TextIO) -> LogFormat:
    return LogFormat.TEXT if stream.isatty() else LogFormat.JSON


class TextFormatter(logging.Formatter):
    """A line for people: time, level, where it comes from, what happened, and what it is about."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging calls it so
        """Return the line, without its traceback."""
        record.message = _bounded(record.message)
        return super().formatMessage(record)


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, worker: str = "") -> None:
        """``worker`` stands in every line."""
        super().__init__()
        self._worker = {"worker": worker} if worker else {}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields: dict[str, Any] = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _bounded(_message_of(record)),
            **self._worker,
            **_fields_of(record),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)[-LONGEST_TRACEBACK:]
        # Lone surrogates, of names that are no Unicode, are no JSON either.
        return msgspec.json.encode({name: _encodable(value) for name, value in fields.items()}).decode()


def _message_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError) as fault:
        # A library's mistake in its own log line must not cost the line.
        return f"{record.msg!r} {record.args!r} ({fault})"


def _fields_of(record: logging.LogRecord) -> dict[str, Any]:
    said = {**(_about.get() or {}), **vars(record)}
    found = {name: said[name] for name in FIELDS if name in said}
    return {name: value if isinstance(value, int) else _bounded(str(value)) for name, value in found.items()}


def _bounded(text: str) -> str:
    """Cut what is too long; show what is no letter as what it is, so that a line stays a line."""
    cut = text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}... ({len(text):,} letters)"
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in cut)


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def _encodable(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
