"""Lines, tables and times as a person reads them."""

from __future__ import annotations

import pytest

from douga_producer.terminal import columns_of, cut, folded, span, table

HEADER = ("JOB", "DONE", "DESTINATION")
ROWS = [("cut012", "9/200", "s3://studio/cut012/clean/"), ("原画", "10/10", "s3://studio/a/")]


def test_columns_stand_below_each_other() -> None:
    """Numbers to the right, kanji counted as two columns."""
    expected = [
        "JOB      DONE  DESTINATION",
        "cut012  9/200  s3://studio/cut012/clean/",
        "原画    10/10  s3://studio/a/",
    ]
    assert expected == table(HEADER, ROWS, 80, {"DONE"})


def test_the_last_column_loses_its_beginning_where_there_is_no_room() -> None:
    """The end of a path tells more, and no line is longer than the terminal is wide."""
    lines = table(HEADER, ROWS, 39, {"DONE"})
    assert "cut012  9/200  .../studio/cut012/clean/" == lines[1]
    assert all(columns_of(line) <= 39 for line in lines)


def test_the_last_column_gets_its_own_line_where_nothing_is_left() -> None:
    """Then it is whole again."""
    lines = table(HEADER, ROWS, 30, {"DONE"})
    assert ["JOB      DONE", "  DESTINATION", "cut012  9/200", "  s3://studio/cut012/clean/"] == lines[:4]


def test_a_cell_cannot_leave_its_row() -> None:
    """Whatever somebody called a show."""
    (line,) = table(("A", "B"), [("x\n\x1b[2Jy", "z")], 80)[1:]
    assert "x [2Jy  z" == line


def test_a_text_is_cut_by_columns() -> None:
    """Two for a kanji."""
    assert "...画" == cut("原画原画", 5)
    assert "short" == cut("short", 5)


def test_a_long_line_is_broken_between_words() -> None:
    """A word that is too long by itself stays whole, to be copied."""
    assert ["one two", "  three", "  s3://a/very/long/path/"] == folded(
        "one two three s3://a/very/long/path/", 9, "  "
    )
    assert [""] == folded("", 9)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-1, "0 s"), (40.4, "40 s"), (300, "5 min"), (3 * 3600, "3 h"), (3 * 86400, "3 days")],
)
def test_times_are_said_as_people_say_them(seconds: float, expected: str) -> None:
    """The largest unit that is no fraction."""
    assert expected == span(seconds)
