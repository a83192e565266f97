"""An end is open where paper lies around it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.steps.open_ends import find_open_ends


def sheet() -> NDArray[np.bool_]:
    """A line that ends at (60, 40) on its left, in a solid on its right, and a dot below."""
    lines = np.zeros((100, 160), np.uint8)
    lines[39:42, 60:120] = 1
    cv2.circle(lines, (120, 40), 14, 1, -1)
    cv2.circle(lines, (30, 80), 2, 1, -1)
    lines[10:13, 20:] = 1
    return lines > 0


def is_open(x: float, y: float) -> bool:
    """Of one end on the sheet."""
    (found,) = find_open_ends(np.array([[x, y]]), sheet(), pencil_width_px=3.0)
    return bool(found)


def test_an_end_in_paper_is_open() -> None:
    """Where the line stops, give or take what the tracer may be off."""
    assert all(is_open(x, 40.5) for x in (59.0, 60.0, 62.0))


def test_an_end_in_a_solid_is_not() -> None:
    """Neither at its edge nor inside."""
    assert not any(is_open(x, 40.5) for x in (106.0, 108.0, 118.0))


def test_an_end_that_the_line_runs_past_is_not() -> None:
    """Two strokes that meet end to end hold paint together."""
    assert not is_open(90.0, 40.5)


def test_a_dot_has_no_open_end() -> None:
    """It bounds nothing."""
    assert not is_open(30.5, 80.5)


def test_a_line_that_leaves_the_sheet_is_closed_by_its_edge() -> None:
    """And an end beyond it is none."""
    assert not any(is_open(x, 11.5) for x in (156.0, 159.5, 170.0))


def test_no_ends_no_answers() -> None:
    """The shape is kept."""
    assert (0,) == find_open_ends(np.empty((0, 2)), sheet(), pencil_width_px=3.0).shape
