"""Free ends: a line reaches to the end of its ink, less the round cap that every renderer adds."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.chaining import Row, move_end
from douga_worker.strokes.compiled import compiled
from douga_worker.strokes.directions import first_on_line, first_stretch, straight_direction, unit
from douga_worker.strokes.ink_profiles import ink_at
from douga_worker.strokes.medians import median_of
from douga_worker.strokes.stroke_drawing import Floats

STEP_PX = 0.25
FAINTEST_PEAK = 0.3
END_SHARE = 0.5
"""The ink ends where half of the line's own strength is left."""
LONGEST_WIDTHS, LONGEST_SLACK_PX = 3.0, 12.0
ARM_WIDTHS, SHORTEST_ARM_PX, LONGEST_ARM_PX = 2.2, 6.0, 22.0
"""How much of the line tells where it is going."""


def reach_tips(rows: list[Row], ink: NDArray[np.float32], is_solid: NDArray[np.bool_]) -> None:
    """Lead every free end on along its line to where the ink ends, or the page."""
    for row in rows:
        for side in (0, 1):
            if row.is_free[side] and not row.is_closed:
                _reach_tip(row, side, ink, is_solid)


def _reach_tip(row: Row, side: int, ink: NDArray[np.float32], is_solid: NDArray[np.bool_]) -> None:
    point, outward, width = look_out(row, side)
    strength = min(max(ink_at(ink, point[0], point[1]), FAINTEST_PEAK), 1.0)
    cap = 0.5 * min(width, float(row.widths[-side]))
    away, is_on_page = _way_to_end(ink, is_solid, point, outward, width, END_SHARE * strength)
    # A line that runs on beyond the page has no cap on it.
    move_end(row, side, point + outward * max(away - (cap if is_on_page else 0.0), 0.0))


@compiled("(float32[:, ::1], boolean[:, ::1], float64[::1], float64[::1], float64, float64)")
def _way_to_end(
    ink: NDArray[np.float32],
    is_solid: NDArray[np.bool_],
    point: Floats,
    outward: Floats,
    width: float,
    faintest: float,
) -> tuple[float, bool]:
    """How far on from a point a line's ink ends, its middle is in a solid, or the page ends (then False)."""
    away = 0.0
    while away < LONGEST_WIDTHS * width + LONGEST_SLACK_PX:
        value = ink_at(ink, point[0] + outward[0] * away, point[1] + outward[1] * away)
        if value < 0.0:
            return away, False
        behind = away - width
        x = min(max(math.floor(point[0] + outward[0] * behind), 0), is_solid.shape[1] - 1)
        y = min(max(math.floor(point[1] + outward[1] * behind), 0), is_solid.shape[0] - 1)
        if value <= faintest or is_solid[y, x]:
            break
        away += STEP_PX
    return away, True


def look_out(row: Row, side: int) -> tuple[Floats, Floats, float]:
    """The last point of a row, smoothed, the direction in which it runs out, and its usual width."""
    points = np.ascontiguousarray(row.points if side == 0 else row.points[::-1])
    width = median_of(row.widths)
    seen = first_stretch(points, 0, min(max(ARM_WIDTHS * width, SHORTEST_ARM_PX), LONGEST_ARM_PX))
    if len(seen) < 4:
        return points[0], unit(points[0] - points[-1]), width
    inward = straight_direction(seen)
    return first_on_line(seen, inward), -inward, width
