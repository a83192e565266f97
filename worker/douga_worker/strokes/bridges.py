"""Filling the holes in a row of points: where a line runs through a junction, only its sides are seen."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.compiled import compiled
from douga_worker.strokes.directions import straight_direction
from douga_worker.strokes.stroke_drawing import Floats

LONGEST_STEP_PX = 1.6
"""Neighbouring pixels are at most 1.42 px apart: more is a hole."""
SEEN_POINTS = 8
"""How many points on either side tell the direction in which the line enters the hole."""


def bridge_holes(
    points: Floats, widths: Floats, is_measured: NDArray[np.bool_], *, is_closed: bool
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Fill holes with a smooth curve of points a pixel apart, which count as not measured.

    Args:
        points: (N, 2).
        widths: (N,).
        is_measured: (N,).
        is_closed: Whether the last point leads to the first.
    """
    row = np.ascontiguousarray(points), np.ascontiguousarray(widths), np.ascontiguousarray(is_measured)
    return _bridge_holes(*row, is_closed)


@compiled("(float64[:, ::1], float64[::1], boolean[::1], boolean)")
def _bridge_holes(
    points: Floats, widths: Floats, is_measured: NDArray[np.bool_], is_closed: bool
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    count = len(points)
    hops = count if is_closed else count - 1
    added = 0
    for i in range(hops):
        length = _distance(points, i, (i + 1) % count)
        if length > LONGEST_STEP_PX:
            added += max(round(length), 2) - 1
    out_points, out_widths = np.empty((count + added, 2)), np.empty(count + added)
    out_measured = np.zeros(count + added, np.bool_)
    n = 0
    for i in range(count):
        out_points[n], out_widths[n], out_measured[n] = points[i], widths[i], is_measured[i]
        n += 1
        length = _distance(points, i, (i + 1) % count)
        if i >= hops or not length > LONGEST_STEP_PX:
            continue
        steps = max(round(length), 2)
        _bridge(points, i, length, is_closed, out_points[n : n + steps - 1])
        for k in range(1, steps):
            share = k / steps
            out_widths[n] = widths[i] * (1 - share) + widths[(i + 1) % count] * share
            n += 1
    return out_points, out_widths, out_measured


@compiled("(float64[:, ::1], int64, int64)")
def _distance(points: Floats, one: int, other: int) -> float:
    dx, dy = points[other, 0] - points[one, 0], points[other, 1] - points[one, 1]
    return math.sqrt(dx * dx + dy * dy)


@compiled("(float64[:, ::1], int64, float64, boolean, float64[:, ::1])")
def _bridge(points: Floats, hole: int, length: float, is_closed: bool, into: Floats) -> None:
    """Write a curve across the hole behind a point, without its ends."""
    count = len(points)
    start, end = points[hole], points[(hole + 1) % count]
    chord = (end - start) / length
    leaving = _direction(points, hole - SEEN_POINTS + 1, hole, is_closed, chord)
    arriving = _direction(points, hole + 1, hole + SEEN_POINTS, is_closed, chord)
    for k in range(len(into)):
        t = (k + 1) / (len(into) + 1)
        v = 1 - t
        # A cubic Hermite curve, its handles a third of the hole long.
        for axis in range(2):
            one = start[axis] + leaving[axis] * length / 3
            two = end[axis] - arriving[axis] * length / 3
            into[k, axis] = v**3 * start[axis] + 3 * v**2 * t * one + 3 * v * t**2 * two + t**3 * end[axis]


@compiled("(float64[:, ::1], int64, int64, boolean, float64[::1])")
def _direction(points: Floats, first: int, last: int, is_closed: bool, chord: Floats) -> Floats:
    """Of the line beside a hole; that of the chord where too little is seen, or another hole is near."""
    count = len(points)
    if not is_closed:
        first, last = max(first, 0), min(last, count - 1)
    if last - first < 3:
        return chord
    seen = np.empty((last - first + 1, 2))
    for i in range(first, last + 1):
        seen[i - first] = points[i % count]
        if i > first and _distance(points, (i - 1) % count, i % count) > LONGEST_STEP_PX:
            return chord
    direction = straight_direction(seen)
    return direction if direction[0] * chord[0] + direction[1] * chord[1] > 0 else chord
