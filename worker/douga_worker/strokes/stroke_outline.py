"""The edge of a stroke whose width varies: what a pen of that width leaves, as closed cubics."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.compiled import compiled
from douga_worker.strokes.corners import find_corners
from douga_worker.strokes.curve_points import points_along
from douga_worker.strokes.line_fit import Line, fit_line
from douga_worker.strokes.samples import resample_loop, resample_row
from douga_worker.strokes.stroke_drawing import Curves, Floats, Stroke

OUTLINE_ERROR_PX = 0.1
_STEP_PX = 1.0
_REACH_PX = 1.0
_CORNER_SCALE_PX = 2.0
_STEEPEST_TAPER = 0.9
"""Change of half the width per px of length: a pen's circle beyond 1 would swallow its neighbour."""
_JOIN_STEP = math.radians(20)
"""Turns of the line sharper than this get the round join that a pen leaves."""
_TOLERANCE_PX = 0.05
_FEWEST_POINTS = 4


def outline_of(stroke: Stroke) -> tuple[Curves, ...]:
    """Outline a stroke with its own width, ends and corners round.

    Where the line bends more tightly than half its width, the inner edge is cut back to where it meets
    itself; where the line crosses itself the outline overlaps itself.

    Returns:
        Closed outlines, to be filled by the NONZERO rule (a line may cross itself): one for an open stroke;
        for a closed one its outer and its inner edge, the inner one missing where there is no hole.
    """
    centres, directions, shares = points_along(stroke.curves, _STEP_PX)
    radii = 0.5 * np.interp(shares, stroke.widths[:, 0], stroke.widths[:, 1])
    centres, directions, radii = _with_joins(centres, directions, radii, is_closed=stroke.is_closed)
    slopes = _slopes(centres, radii)
    sides = [_side(centres, directions, radii, slopes, sign) for sign in (1.0, -1.0)]
    if stroke.is_closed:
        loops = (sides[0], sides[1][::-1])
        return tuple(_fit_loop(loop) for loop in loops if _has_area(loop))
    towards_end = _fit_side(sides[0])
    back = _fit_side(sides[1][::-1])
    end = _cap(centres[-1], directions[-1], towards_end[-1, 3], back[0, 0])
    start = _cap(centres[0], -directions[0], back[-1, 3], towards_end[0, 0])
    return (np.concatenate([towards_end, end, back, start]),)


def _with_joins(
    centres: Floats, directions: Floats, radii: Floats, *, is_closed: bool
) -> tuple[Floats, Floats, Floats]:
    """Repeat the centres at sharp turns with the directions in between, so that edges go round them."""
    angles = np.arctan2(directions[:, 1], directions[:, 0])
    turns = (np.diff(angles) + np.pi) % (2 * np.pi) - np.pi
    extra = np.zeros(len(centres), np.int64)
    extra[1:] = np.abs(turns) // _JOIN_STEP
    last_turn = 0.0
    if is_closed:
        last_turn = float((angles[0] - angles[-1] + np.pi) % (2 * np.pi) - np.pi)
        extra[0] = abs(last_turn) // _JOIN_STEP
    if not extra.any():
        return centres, directions, radii
    rows = np.repeat(np.arange(len(centres)), extra + 1)
    ahead = np.concatenate([np.arange(count, -1, -1) for count in extra])
    turn_here = np.r_[last_turn, turns][rows]
    turned = angles[rows] - turn_here * ahead / (extra[rows] + 1)
    return centres[rows], np.stack([np.cos(turned), np.sin(turned)], axis=1), radii[rows]


def _slopes(centres: Floats, radii: Floats) -> Floats:
    """(N,) change of the radius per px along the line, within what a pen's circle can do."""
    along = np.r_[0.0, np.cumsum(np.hypot(*np.diff(centres, axis=0).T))]
    reach = 2
    before = np.maximum(np.arange(len(radii)) - reach, 0)
    after = np.minimum(np.arange(len(radii)) + reach, len(radii) - 1)
    run = np.maximum(along[after] - along[before], 1e-6)
    slopes: Floats = (radii[after] - radii[before]) / run
    return slopes.clip(-_STEEPEST_TAPER, _STEEPEST_TAPER)


def _side(centres: Floats, directions: Floats, radii: Floats, slopes: Floats, sign: float) -> Floats:
    """Where the pen's circles touch their envelope on one side, less what other circles cover."""
    normals = sign * np.stack([-directions[:, 1], directions[:, 0]], axis=1)
    # Of circles that grow, the envelope touches each behind its middle.
    edge = centres + radii[:, None] * (
        normals * np.sqrt(1.0 - slopes**2)[:, None] - directions * slopes[:, None]
    )
    edge = np.ascontiguousarray(edge)
    kept: Floats = edge[_is_uncovered(edge, np.ascontiguousarray(centres), np.ascontiguousarray(radii))]
    return kept if len(kept) >= 2 else edge[[0, -1]]


@compiled("(float64[:, ::1], float64[:, ::1], float64[::1])")
def _is_uncovered(edge: Floats, centres: Floats, radii: Floats) -> NDArray[np.bool_]:
    """Whether each point of the edge lies outside the circles nearby along the line."""
    count = len(edge)
    uncovered = np.ones(count, np.bool_)
    largest = radii.max()
    for i in range(count):
        for way in (-1, 1):
            along = 0.0
            j = i + way
            while 0 <= j < count and along < 4.0 * largest + 2.0:
                along += math.hypot(centres[j, 0] - centres[j - way, 0], centres[j, 1] - centres[j - way, 1])
                gap = math.hypot(edge[i, 0] - centres[j, 0], edge[i, 1] - centres[j, 1])
                if gap < radii[j] - _TOLERANCE_PX:
                    uncovered[i] = False
                    break
                j += way
    return uncovered


def _fit_side(edge: Floats) -> Curves:
    """Cubics along one side of an open stroke."""
    return _fit_edge(resample_row(edge), is_closed=False)


def _fit_loop(edge: Floats) -> Curves:
    """Cubics around one side of a closed stroke."""
    return _fit_edge(resample_loop(edge), is_closed=True)


def _fit_edge(row: Floats, *, is_closed: bool) -> Curves:
    corners, row = find_corners(row, _CORNER_SCALE_PX, is_closed=is_closed)
    line = Line(row, np.ones(len(row)), corners, is_closed)
    return fit_line(line, error_px=OUTLINE_ERROR_PX, reach_px=_REACH_PX)


def _has_area(loop: Floats) -> bool:
    """Whether a closed row of points encloses more than a speck."""
    if len(loop) < _FEWEST_POINTS:
        return False
    x, y = loop[:, 0], loop[:, 1]
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) > 1.0


def _cap(centre: Floats, outward: Floats, start: Floats, end: Floats) -> Curves:
    """Two cubics from one side of an end to the other, round its tip."""
    radius = 0.5 * float(np.hypot(*(start - centre)) + np.hypot(*(end - centre)))
    tip = centre + radius * outward
    return np.stack([_arc(centre, start, tip), _arc(centre, tip, end)])


def _arc(centre: Floats, start: Floats, end: Floats) -> Floats:
    """One cubic along a circle from one of its points to another, less than half way round."""
    a, b = start - centre, end - centre
    cross = a[0] * b[1] - a[1] * b[0]
    handle = 4.0 / 3.0 * math.tan(0.25 * math.atan2(cross, float(a @ b)))
    first = start + handle * np.array([-a[1], a[0]])
    second = end - handle * np.array([-b[1], b[0]])
    return np.stack([start, first, second, end])
