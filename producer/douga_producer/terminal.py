"""What commands print: lines that any terminal and any log can hold."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Collection, Sequence
from datetime import timedelta
from unicodedata import east_asian_width

import click

from douga_shared.progress import one_line, writable

_FAR_TOO_WIDE = 10_000
"""A log has no width; nothing is cut or broken for it."""
_WIDEST = 120
"""Bars and broken lines wider than this are hard to read."""


def say(line: str) -> None:
    """Print a line to standard output, with what it cannot hold spelled out."""
    click.echo(writable(line, sys.stdout))


def width() -> int:
    """Letters in a line of the terminal; very many where standard output is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _FAR_TOO_WIDE


def folded(line: str, width: int, indent: str = "") -> list[str]:
    """Break a line between words; the lines that follow the first begin with ``indent``."""
    wide = min(width, _WIDEST) if width != _FAR_TOO_WIDE else width
    return textwrap.wrap(
        line, wide, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [""]


def bar_width(width: int) -> int:
    """Letters of a bar with a figure of five letters behind it."""
    return min(width if width != _FAR_TOO_WIDE else 80, _WIDEST) - 6


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], width: int, numbers: Collection[str] = ()
) -> list[str]:
    """Lay out rows in columns.

    The last column takes what is left of the width and loses its beginning where that is too little; where
    next to nothing is left, it goes onto a line of its own.

    Args:
        header: names of the columns.
        rows: the cells of each row; control characters are taken out.
        width: letters in a line.
        numbers: names of the columns that stand to the right.
    """
    texts = [list(header), *([one_line(cell) for cell in row] for row in rows)]
    widths = [max(columns_of(row[column]) for row in texts) for column in range(len(header) - 1)]
    left = width - sum(widths) - 2 * len(widths)
    has_room = left >= min(24, max(columns_of(row[-1]) for row in texts))
    lines = []
    for row in texts:
        cells = [
            _padded(cell, wide, is_right=name in numbers)
            for cell, wide, name in zip(row, widths, header, strict=False)
        ]
        line = "  ".join(cells)
        if has_room:
            lines.append(f"{line}  {cut(row[-1], left)}".rstrip())
        else:
            lines += [line.rstrip(), f"  {cut(row[-1], width - 2)}"]
    return lines


def cut(text: str, width: int) -> str:
    """Take away the beginning of what is too long: the end of a path tells more."""
    if columns_of(text) <= width:
        return text
    while text and columns_of(text) > width - 3:
        text = text[1:]
    return "..." + text


def columns_of(text: str) -> int:
    """Columns of a terminal that a text takes; a kanji takes two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def count_of(count: int, noun: str) -> str:
    """A number of things: ``1 frame``, ``2 frames``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def span(seconds: float) -> str:
    """A time as people say it: ``40 s``, ``5 min``, ``3 h``, ``2 days``."""
    seconds = max(0.0, seconds)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 36 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{timedelta(seconds=seconds) / timedelta(days=1):.0f} days"


def _padded(text: str, width: int, *, is_right: bool) -> str:
    padding = " " * (width - columns_of(text))
    return padding + text if is_right else text + padding
