"""Corners are told from bends, and put where the arms meet."""

from __future__ import annotations

import numpy as np
import pytest

from douga_worker.strokes.corners import find_corners
from douga_worker.strokes.samples import resample_loop, resample_row
from douga_worker.strokes.stroke_drawing import Floats


def rounded(points: Floats, reach: int = 2) -> Floats:
    """What thinning makes of corners: every sample the mean of its neighbours."""
    inner = [points[k : len(points) - 2 * reach + k] for k in range(2 * reach + 1)]
    return np.vstack([points[:reach], np.mean(inner, axis=0), points[-reach:]])


def test_a_right_angle_is_one_corner_at_its_vertex() -> None:
    """Though its samples cut the corner."""
    row = rounded(resample_row(np.array([[0.0, 0.0], [60.0, 0.0], [60.0, 60.0]])))
    corners, sharp = find_corners(row, 4.0, is_closed=False)
    assert len(corners) == 1
    assert np.hypot(*(sharp[corners[0]] - [60.0, 0.0])) < 0.1


def test_a_square_has_four_corners_wherever_it_starts() -> None:
    """The one at the seam is not lost."""
    square = np.array([[10.0, 10.0], [70.0, 10.0], [70.0, 70.0], [10.0, 70.0]])
    for start in range(4):
        corners, sharp = find_corners(resample_loop(np.roll(square, start, axis=0)), 4.0, is_closed=True)
        assert len(corners) == 4
        assert np.array_equal(sharp[0], sharp[-1])


@pytest.mark.parametrize("radius", [6.0, 20.0, 90.0])
def test_a_circle_has_no_corner(radius: float) -> None:
    """However tight, its arms bend as much as they turn."""
    angles = np.linspace(0.0, 2 * np.pi, round(2 * np.pi * radius) + 1)
    points = 100.0 + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    corners, same = find_corners(points, 4.0, is_closed=True)
    assert not len(corners)
    assert np.allclose(points, same, atol=1e-9)


def test_a_short_row_is_left_alone() -> None:
    """There are no arms to compare."""
    row = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 3.0]])
    corners, same = find_corners(row, 4.0, is_closed=False)
    assert not len(corners)
    assert np.array_equal(row, same)
