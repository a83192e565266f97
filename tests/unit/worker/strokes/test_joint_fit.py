"""What keeps a joint fit of cubics sensible."""

from __future__ import annotations

import math

import numpy as np
import pytest

from douga_worker.strokes.joint_fit import AFTER, BEFORE, bound_handles
from douga_worker.strokes.stroke_drawing import Floats

CHORD_PX = 80.0
HALF_CIRCLE = 2 / 3 * CHORD_PX


def bounded(degrees: float, handle: float = HALF_CIRCLE) -> Floats:
    """One arch over a level chord, its handles raised by so many degrees, after bounding."""
    angle = math.radians(degrees)
    knots = np.array([[0.0, 0.0, angle, 0.0, handle], [CHORD_PX, 0.0, -angle, handle, 0.0]])
    bound_handles(knots)
    return knots


@pytest.mark.parametrize("degrees", [89.0, 90.0, 91.0])
def test_the_handles_of_a_half_circle_may_lean_either_way(degrees: float) -> None:
    """They stand upright on the chord: rounding decides the side, and must not cut them down."""
    knots = bounded(degrees)
    assert pytest.approx(HALF_CIRCLE) == knots[0, AFTER]
    assert pytest.approx(HALF_CIRCLE) == knots[1, BEFORE]


def test_handles_that_point_back_stay_short() -> None:
    """Long ones would run far off."""
    knots = bounded(150.0)
    assert knots[0, AFTER] < 0.25 * CHORD_PX
    assert knots[1, BEFORE] < 0.25 * CHORD_PX
