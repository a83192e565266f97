"""Holes in a row of points."""

from __future__ import annotations

import numpy as np
import pytest

from douga_worker.strokes.bridges import LONGEST_STEP_PX, bridge_holes
from douga_worker.strokes.stroke_drawing import Floats

RADIUS_PX = 40.0


def arc(first: float, last: float) -> Floats:
    """Points a pixel apart on a circle, from one angle (in degrees) to another."""
    angles = np.deg2rad(np.linspace(first, last, round(np.deg2rad(last - first) * RADIUS_PX) + 1))
    return np.stack([RADIUS_PX * np.cos(angles), RADIUS_PX * np.sin(angles)], axis=1)


def bridged(points: Floats, *, is_closed: bool) -> tuple[Floats, Floats, list[bool]]:
    """Points, widths from 2 px to 4 px and what is measured, after bridging."""
    widths = np.linspace(2.0, 4.0, len(points))
    is_measured = np.ones(len(points), np.bool_)
    new_points, new_widths, measured = bridge_holes(points, widths, is_measured, is_closed=is_closed)
    return new_points, new_widths, measured.tolist()


def test_a_hole_is_bridged_along_the_bend_of_its_sides() -> None:
    """A quarter of an arc is hidden: its chord would lie 3 px off."""
    points = np.concatenate([arc(0, 60), arc(105, 160)])
    found, _, is_measured = bridged(points, is_closed=False)
    assert pytest.approx(RADIUS_PX, abs=0.6) == np.hypot(*found.T)
    assert np.hypot(*np.diff(found, axis=0).T).max() < LONGEST_STEP_PX
    assert len(points) == sum(is_measured)


def test_widths_across_a_hole_go_from_one_side_to_the_other() -> None:
    """Evenly: nothing was measured there."""
    points = np.array([[0.0, 0.0], [1.0, 0.0], [6.0, 0.0], [7.0, 0.0]])
    _, widths, _ = bridged(points, is_closed=False)
    across = widths[1:7]
    assert pytest.approx(np.diff(across)[0]) == np.diff(across)
    assert pytest.approx([widths[1], widths[6]]) == [2 + 2 / 3, 2 + 4 / 3]


def test_a_closed_row_is_bridged_across_its_seam() -> None:
    """An open one is not."""
    points = arc(0, 340)
    closed, _, _ = bridged(points, is_closed=True)
    assert pytest.approx(RADIUS_PX, abs=0.3) == np.hypot(*closed.T)
    assert len(closed) > len(points)
    assert len(points) == len(bridged(points, is_closed=False)[0])


def test_a_row_without_holes_stays() -> None:
    """Diagonal neighbours are no hole."""
    points = np.stack([np.arange(9.0), np.arange(9.0)], axis=1)
    assert points.tolist() == bridged(points, is_closed=False)[0].tolist()
