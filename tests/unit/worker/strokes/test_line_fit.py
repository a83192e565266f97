"""Whole lines as cubics."""

from __future__ import annotations

import numpy as np
import pytest

from douga_worker.strokes.line_fit import Line, fit_line
from douga_worker.strokes.stroke_drawing import Curves, Floats

ERROR_PX = 0.4


def fitted(points: Floats, corners: list[int], *, is_closed: bool = False) -> Curves:
    """The cubics of a line that is trusted everywhere."""
    line = Line(points, np.ones(len(points)), np.array(corners, np.int64), is_closed)
    return fit_line(line, error_px=ERROR_PX, reach_px=6.0)


def angle(length: int = 40) -> Floats:
    """A line to the right, then down."""
    across = np.stack([np.arange(length), np.zeros(length)], axis=1)
    down = np.stack([np.full(length + 1, length), np.arange(length + 1)], axis=1)
    return np.concatenate([across, down]).astype(np.float64)


def test_a_line_breaks_at_its_corner_and_nowhere_else() -> None:
    """A knot lies on it, and the curve turns there at once."""
    curves = fitted(angle(), [40])
    assert 2 == len(curves)
    assert [40.0, 0.0] == curves[0, 3].tolist() == curves[1, 0].tolist()
    assert pytest.approx(0.0, abs=0.1) == curves[0, 2, 1]
    assert pytest.approx(40.0, abs=0.1) == curves[1, 1, 0]


def test_a_closed_line_with_corners_starts_at_the_first() -> None:
    """A square that began in the middle of a side."""
    square = np.concatenate([angle(), 40 - angle()[1:]])
    turned = np.concatenate([square[20:-1], square[:21]])
    curves = fitted(turned, [20, 60, 100, 140], is_closed=True)
    assert 4 == len(curves)
    assert [40.0, 0.0] == curves[0, 0].tolist() == curves[-1, 3].tolist()


def test_an_end_that_moves_takes_its_neighbours_along() -> None:
    """And nothing beyond them."""
    line = Line(angle(), np.ones(81), np.array([40]), is_closed=False)
    moved = line.with_end(-1, np.array([43.0, 40.0]))
    assert [43.0, 40.0] == moved.points[-1].tolist()
    assert 40.0 < moved.points[-2, 0] < 43.0
    assert line.points[:70].tolist() == moved.points[:70].tolist()
    assert [40.0, 40.0] == line.points[-1].tolist()
