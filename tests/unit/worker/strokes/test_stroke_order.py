"""The order of strokes."""

from __future__ import annotations

import numpy as np

from douga_worker.strokes.chaining import Row
from douga_worker.strokes.stroke_order import order_rows


def row_at(x: float, y: float) -> Row:
    """A row of two points that starts here."""
    points = np.array([[x, y], [x + 1, y]])
    return Row(points, np.ones(2), np.ones(2, np.bool_), is_closed=False, is_free=[True, True])


def test_each_row_is_followed_by_the_nearest_that_is_left() -> None:
    """From the top left."""
    places = [(90, 90), (50, 0), (5, 5), (60, 10), (0, 80)]
    ordered = [tuple(row.points[0].tolist()) for row in order_rows([row_at(*place) for place in places])]
    assert [(5, 5), (50, 0), (60, 10), (90, 90), (0, 80)] == ordered


def test_of_rows_equally_near_the_first_comes_first() -> None:
    """Two that start in one place stay as they were."""
    rows = [row_at(0, 0), row_at(9, 0), row_at(0, 9), row_at(0, 9)]
    assert [id(row) for row in rows] == [id(row) for row in order_rows(rows)]


def test_no_rows_are_no_rows() -> None:
    """A blank page."""
    assert [] == order_rows([])
