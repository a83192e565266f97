"""Filling the holes in a row of points: where a line runs through a junction, only its sides are seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.directions import straight_direction, unit
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
    count = len(points)
    following = np.roll(points, -1, 0) if is_closed else points[1:]
    steps = np.hypot(*(following - points[: len(following)]).T)
    rows: list[tuple[Floats, Floats, NDArray[np.bool_]]] = []
    last = 0
    for hole in np.flatnonzero(steps > LONGEST_STEP_PX):
        rows.append((points[last : hole + 1], widths[last : hole + 1], is_measured[last : hole + 1]))
        last = int(hole) + 1
        bridge = _bridge(points, int(hole), float(steps[hole]), is_closed=is_closed)
        share = np.linspace(0, 1, len(bridge) + 2)[1:-1]
        bridge_widths = widths[hole] * (1 - share) + widths[last % count] * share
        rows.append((bridge, bridge_widths, np.zeros(len(bridge), np.bool_)))
    rows.append((points[last:], widths[last:], is_measured[last:]))
    return (
        np.vstack([r[0] for r in rows]),
        np.concatenate([r[1] for r in rows]),
        np.concatenate([r[2] for r in rows]),
    )


def _bridge(points: Floats, hole: int, length: float, *, is_closed: bool) -> Floats:
    count = len(points)
    start, end = points[hole], points[(hole + 1) % count]
    before = points[_around(hole - SEEN_POINTS + 1, hole, count, is_closed=is_closed)]
    after = points[_around(hole + 1, hole + SEEN_POINTS, count, is_closed=is_closed)]
    chord = unit(end - start)
    leaving, arriving = _direction(before, chord), _direction(after, chord)
    t = np.linspace(0, 1, max(round(length), 2) + 1)[1:-1, None]
    # A cubic Hermite curve, its handles a third of the hole long.
    return np.asarray(
        (1 - t) ** 3 * start
        + 3 * (1 - t) ** 2 * t * (start + leaving * length / 3)
        + 3 * (1 - t) * t**2 * (end - arriving * length / 3)
        + t**3 * end
    )


def _around(first: int, last: int, count: int, *, is_closed: bool) -> NDArray[np.int64]:
    numbers = np.arange(first, last + 1)
    return numbers % count if is_closed else numbers[(numbers >= 0) & (numbers < count)]


def _direction(points: Floats, chord: Floats) -> Floats:
    """Of the line beside a hole; that of the chord where too little is seen, or another hole is near."""
    is_row = len(points) >= 4 and np.hypot(*np.diff(points, axis=0).T).max() <= LONGEST_STEP_PX
    direction = straight_direction(points) if is_row else chord
    return direction if direction @ chord > 0 else chord
