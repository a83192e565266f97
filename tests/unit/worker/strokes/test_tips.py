"""Free ends of lines."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.worker.strokes.drawn_lines import draw

from douga_worker.strokes.chaining import Row
from douga_worker.strokes.tips import reach_tips

WIDTH_PX = 6
NO_SOLID = np.zeros((100, 200), np.bool_)


def row_between(first: int, last: int, *, is_free: bool = True) -> Row:
    """A level row at half height."""
    points = np.stack([np.arange(first, last + 1) + 0.5, np.full(last - first + 1, 50.5)], axis=1)
    widths = np.full(len(points), float(WIDTH_PX))
    return Row(points, widths, np.ones(len(points), np.bool_), is_closed=False, is_free=[is_free, is_free])


def ink_between(first: float, last: float) -> NDArray[np.float32]:
    """(100, 200) float32 0..1: a line with round ends whose centre runs from here to there."""
    lines = draw([(first, 50.5), (last, 50.5)], width=WIDTH_PX, size=(100, 200))
    return np.asarray(lines / 255, np.float32)


def test_an_end_reaches_to_where_a_round_pen_ended() -> None:
    """Thinning stopped some pixels before."""
    row = row_between(50, 140)
    reach_tips([row], ink_between(40, 150), NO_SOLID)
    assert pytest.approx([40.0, 150.0], abs=0.8) == [row.points[0, 0], row.points[-1, 0]]
    assert pytest.approx(50.5, abs=0.05) == row.points[0, 1]


def test_an_end_that_meets_a_line_stays() -> None:
    """It was put there already."""
    row = row_between(50, 140, is_free=False)
    reach_tips([row], ink_between(40, 150), NO_SOLID)
    assert [50.5, 140.5] == [row.points[0, 0], row.points[-1, 0]]


def test_a_line_that_leaves_the_page_reaches_its_rim() -> None:
    """No round cap lies on the page."""
    row = row_between(50, 190)
    reach_tips([row], ink_between(40, 240), NO_SOLID)
    assert pytest.approx(200.0, abs=0.3) == row.points[-1, 0]


def test_a_line_that_runs_into_a_solid_ends_in_it() -> None:
    """Its way through the solid is nobody's."""
    is_solid = NO_SOLID.copy()
    is_solid[:, 150:] = True
    row = row_between(50, 140)
    reach_tips([row], np.maximum(ink_between(40, 150), is_solid.astype(np.float32)), is_solid)
    assert 145 < row.points[-1, 0] < 160
