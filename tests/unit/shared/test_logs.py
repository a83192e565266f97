"""Log lines for people and for programs."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from douga_shared.logs import LONGEST_MESSAGE, JsonFormatter, TextFormatter, about

HOSTILE = 'A"1\n2026-01-01 CRITICAL forged\r\x1b[2J\u202eshort\ud800.png'


def _record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    return logging.getLogger("douga_worker.chunks").makeRecord(
        "douga_worker.chunks", logging.WARNING, __file__, 1, message, args, None, extra=extra
    )


def _json(record: logging.LogRecord, worker: str = "") -> dict[str, Any]:
    line = JsonFormatter(worker).format(record)
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_json_line_says_when_what_and_about_whom() -> None:
    """Job and chunk from the stretch of work, the frame from the line itself, the worker from the start."""
    with about(job="cut-1", chunk=16):
        line = _json(_record("%s: failed", "A1.png", frame="A1.png"), worker="gpu-3")
    moment = line.pop("time")
    assert "Z" == moment[-1]
    assert {
        "level": "warning",
        "logger": "douga_worker.chunks",
        "message": "A1.png: failed",
        "worker": "gpu-3",
        "job": "cut-1",
        "chunk": 16,
        "frame": "A1.png",
    } == line


def test_what_lines_are_about_ends_with_its_block() -> None:
    """And blocks may lie in blocks."""
    with about(job="cut-1"), about(chunk=0):
        assert {"job": "cut-1", "chunk": 0}.items() <= _json(_record("inside")).items()
    assert {"job", "chunk"}.isdisjoint(_json(_record("outside")))


def test_a_traceback_stays_inside_of_its_line() -> None:
    """With a note of what the work was about, also where it is logged later."""
    try:
        with about(job="cut-1", chunk=16):
            raise ValueError("broken")
    except ValueError:
        record = _record("a fault")
        record.exc_info = sys.exc_info()
    line = _json(record)
    assert "ValueError: broken\njob cut-1, chunk 16" in line["exception"]


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()], ids=["text", "json"])
def test_hostile_names_forge_no_line_and_move_no_cursor(formatter: logging.Formatter) -> None:
    """Line breaks, escape sequences, reversed text and broken Unicode are shown, not done."""
    line = formatter.format(_record("%s: failed", HOSTILE, frame=HOSTILE))
    assert line.isprintable()
    assert "forged" in line
    line.encode("utf-8")


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()], ids=["text", "json"])
def test_a_message_is_cut_where_it_would_fill_the_disk(formatter: logging.Formatter) -> None:
    """It says how long it was."""
    line = formatter.format(_record("x" * 1_000_000))
    assert len(line) < LONGEST_MESSAGE + 200
    assert "(1,000,000 letters)" in line


def test_a_librarys_mistake_in_a_log_line_costs_no_line() -> None:
    """Its arguments do not fit its message."""
    assert "'%d frames' ('many',)" in _json(_record("%d frames", "many"))["message"]


def test_logs_are_json_where_no_person_reads_them() -> None:
    """Standard error is a pipe here; text has to be asked for."""

    def logged(form: str) -> str:
        code = f"import logging; from douga_shared.logs import set_up_logs; set_up_logs({form}); "
        run = [sys.executable, "-c", code + "logging.getLogger('douga').warning('here')"]
        return subprocess.run(run, capture_output=True, text=True, check=True).stderr

    assert "here" == json.loads(logged("None"))["message"]
    assert logged("'text'").endswith(" WARNING douga: here\n")
