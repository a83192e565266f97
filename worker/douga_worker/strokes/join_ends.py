"""Ends that lie on another line, and where on its curve they belong, so that nothing leaks between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.compiled import compiled
from douga_worker.strokes.curve_points import points_along
from douga_worker.strokes.stroke_drawing import Curves, Floats

_REACH_PX, _REACH_OF_WIDTH = 0.5, 0.25
"""An end this near to a line's centre (plus this share of the line's width) ends there."""
_NOTHING = 1e-6
_SHELF_PX = 16.0
_OWN_WIDTHS = 3.0
"""An end does not meet its own line nearer than this many widths along it."""


@dataclass(frozen=True, slots=True)
class Joint:
    """An end of one line that lies on another one, or on its own."""

    number: int
    """Of the line that ends."""
    end: int
    """0 its start, -1 its end."""
    place: Floats
    """(2,) the point of the other line's curve nearest to it."""


def find_joints(curves: Sequence[Curves], widths: Sequence[float], is_closed: Sequence[bool]) -> list[Joint]:
    """Find the ends that run into a line. One that meets another end is none: both were held there.

    Args:
        curves: one array of chained cubics a line.
        widths: full width of each line, px.
        is_closed: of each line; closed ones have no ends.
    """
    if not curves:
        return []
    rows = [points_along(each, 1.0)[0] for each in curves]
    starts = np.r_[0, np.cumsum([len(row) for row in rows])].astype(np.int64)
    boxes = np.array([(*row.min(axis=0), *row.max(axis=0)) for row in rows])
    ends = np.array([(k, end) for k in range(len(rows)) if not is_closed[k] for end in (0, -1)], np.int64)
    ends = ends.reshape(-1, 2)
    places = np.full((len(ends), 2), np.nan)
    reaches = _REACH_PX + _REACH_OF_WIDTH * np.array(widths, np.float64)
    shelves, shelved = _shelve(boxes, reaches)
    _find_places(ends, np.concatenate(rows), starts, reaches, boxes, shelves, shelved, places)
    return [
        Joint(int(number), int(end), place)
        for (number, end), place in zip(ends, places, strict=True)
        if np.isfinite(place).all()
    ]


def put_end(curves: Curves, joint: Joint) -> Curves:
    """Move one end of a curve, and its handle as far, so that the direction there stays."""
    moved = curves.copy()
    first, handle = (0, 1) if joint.end == 0 else (3, 2)
    shift = joint.place - moved[joint.end, first]
    moved[joint.end, first] = joint.place
    moved[joint.end, handle] += shift
    return moved


def _shelve(boxes: Floats, reaches: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sort lines onto shelves, strips of the page: thousands of specks must not all be held to one another.

    Returns:
        (S + 1,) where each shelf starts in the second, which has the lines that it reaches, ascending.
    """
    first = np.maximum((boxes[:, 1] - reaches) // _SHELF_PX, 0).astype(np.int64)
    last = np.maximum((boxes[:, 3] + reaches) // _SHELF_PX, 0).astype(np.int64)
    counts = last - first + 1
    lines = np.repeat(np.arange(len(boxes)), counts)
    shelf = first[lines] + np.arange(len(lines)) - np.repeat(np.cumsum(counts) - counts, counts)
    order = np.argsort(shelf, kind="stable")
    return np.searchsorted(shelf[order], np.arange(int(last.max()) + 2)), lines[order]


@compiled(
    "(int64[:, ::1], float64[:, ::1], int64[::1], float64[::1], float64[:, ::1], int64[::1], int64[::1],"
    " float64[:, ::1])"
)
def _find_places(  # noqa: PLR0917  (one loop, compiled whole)
    ends: NDArray[np.int64],
    points: Floats,
    starts: NDArray[np.int64],
    reaches: Floats,
    boxes: Floats,
    shelves: NDArray[np.int64],
    shelved: NDArray[np.int64],
    places: Floats,
) -> None:
    """Write for every end the nearest place within reach on any line, unless that is a line's own end."""
    hops = np.full(len(reaches), 1e-6)
    for k in range(len(reaches)):
        for i in range(starts[k], starts[k + 1] - 1):
            hops[k] = max(
                hops[k], math.hypot(points[i + 1, 0] - points[i, 0], points[i + 1, 1] - points[i, 1])
            )
    for row in range(len(ends)):
        number, end = ends[row, 0], ends[row, 1]
        tip = starts[number] if end == 0 else starts[number + 1] - 1
        x, y = points[tip, 0], points[tip, 1]
        nearest = np.inf
        shelf = min(max(int(y // _SHELF_PX), 0), len(shelves) - 2)
        for k in shelved[shelves[shelf] : shelves[shelf + 1]]:
            reach = reaches[k]
            if max(boxes[k, 0] - x, boxes[k, 1] - y, x - boxes[k, 2], y - boxes[k, 3]) > reach:
                continue
            first, last = starts[k], starts[k + 1] - 1
            if k == number:
                # Points are about a pixel apart.
                own = int(_OWN_WIDTHS * (reach - _REACH_PX) / _REACH_OF_WIDTH) + 2
                first, last = (first + own, last) if end == 0 else (first, last - own)
            i = first - 1
            while i + 1 < last:
                i += 1
                ex, ey = x - points[i, 0], y - points[i, 1]
                # So far off, no step of this line can lead near.
                spared = int((math.sqrt(ex * ex + ey * ey) - reach) / hops[k] - 1.0)
                if spared > 0:
                    i += spared - 1
                    continue
                dx, dy = points[i + 1, 0] - points[i, 0], points[i + 1, 1] - points[i, 1]
                share = (ex * dx + ey * dy) / (dx * dx + dy * dy + 1e-12)
                is_beyond = (i == starts[k] and share < _NOTHING) or (
                    i == starts[k + 1] - 2 and share > 1.0 - _NOTHING
                )
                share = min(max(share, 0.0), 1.0)
                gap = math.hypot(ex - share * dx, ey - share * dy)
                if gap <= reach and gap < nearest:
                    nearest = gap
                    places[row, 0] = np.nan if is_beyond else points[i, 0] + share * dx
                    places[row, 1] = np.nan if is_beyond else points[i, 1] + share * dy
