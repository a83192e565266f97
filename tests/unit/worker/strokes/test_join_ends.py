"""T-ends lie exactly on the line that they run into."""

from __future__ import annotations

import numpy as np

from douga_worker.strokes.join_ends import find_joints, put_end
from douga_worker.strokes.stroke_drawing import Curves


def straight(x0: float, y0: float, x1: float, y1: float) -> Curves:
    """One straight cubic."""
    return np.linspace([x0, y0], [x1, y1], 4)[None]


def test_an_end_near_a_line_belongs_on_it() -> None:
    """At the foot of its perpendicular; the other end stays free."""
    joints = find_joints([straight(0, 0, 100, 0), straight(40, 0.6, 40, 50)], [4.0, 4.0], [False, False])
    assert [(1, 0)] == [(joint.number, joint.end) for joint in joints]
    assert np.allclose(joints[0].place, [40.0, 0.0])
    moved = put_end(straight(40, 0.6, 40, 50), joints[0])
    assert np.allclose(moved[0, 0], [40.0, 0.0])
    assert np.allclose(moved[0, 3], [40.0, 50.0])


def test_ends_that_meet_stay() -> None:
    """Neither runs into the other."""
    lines = [straight(0, 0, 50, 0), straight(50, 0, 80, 40)]
    assert find_joints(lines, [4.0, 4.0], [False, False]) == []


def test_a_free_end_stays_free() -> None:
    """Beyond a quarter of the line's width and half a pixel."""
    lines = [straight(0, 0, 100, 0), straight(40, 3.0, 40, 50)]
    assert find_joints(lines, [4.0, 4.0], [False, False]) == []


def test_no_lines_have_no_joints() -> None:
    """A blank drawing."""
    assert find_joints([], [], []) == []
