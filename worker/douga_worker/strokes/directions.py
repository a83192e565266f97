"""Small plane geometry: directions as unit vectors, angles in degrees."""

from __future__ import annotations

import math

import numpy as np

from douga_worker.strokes.compiled import compiled
from douga_worker.strokes.stroke_drawing import Floats


def unit(vector: Floats) -> Floats:
    """The vector at length 1; one of no length stays as it is."""
    length = math.hypot(vector[0], vector[1])
    return vector / length if length > 0 else vector


def angle_between(first: Floats, second: Floats) -> float:
    """Degrees from 0 to 180 between two unit vectors."""
    return math.degrees(math.acos(max(-1.0, min(1.0, float(first[0] * second[0] + first[1] * second[1])))))


def path_length(points: Floats) -> float:
    """Length of an open path in px."""
    return float(lengths_along(points)[-1])


def lengths_along(points: Floats) -> Floats:
    """(N,) length of the path up to each of its points."""
    return _lengths_along(np.ascontiguousarray(points, np.float64))


@compiled("(float64[:, ::1])")
def _lengths_along(points: Floats) -> Floats:
    along = np.zeros(len(points))
    for i in range(1, len(points)):
        dx, dy = points[i, 0] - points[i - 1, 0], points[i, 1] - points[i - 1, 1]
        along[i] = along[i - 1] + math.sqrt(dx * dx + dy * dy)
    return along


@compiled("(float64[:, ::1])")
def straight_direction(points: Floats) -> Floats:
    """The direction in which a row of points runs, by least squares; no reversed view of one."""
    count = len(points)
    x = y = xx = yy = xy = 0.0
    for i in range(count):
        x += points[i, 0]
        y += points[i, 1]
    x /= count
    y /= count
    for i in range(count):
        dx, dy = points[i, 0] - x, points[i, 1] - y
        xx += dx * dx
        yy += dy * dy
        xy += dx * dy
    turn = 0.5 * math.atan2(2 * xy, xx - yy)
    direction = np.array([math.cos(turn), math.sin(turn)])
    along = direction[0] * (points[-1, 0] - points[0, 0]) + direction[1] * (points[-1, 1] - points[0, 1])
    return direction if along >= 0 else -direction


@compiled("(float64[:, ::1], float64[::1])")
def first_on_line(points: Floats, direction: Floats) -> Floats:
    """Where the first of these points lies on the straight line through their middle."""
    x, y = points[:, 0].mean(), points[:, 1].mean()
    along = (points[0, 0] - x) * direction[0] + (points[0, 1] - y) * direction[1]
    return np.array([x + direction[0] * along, y + direction[1] * along])


@compiled("(float64[:, ::1], int64, float64)")
def first_stretch(points: Floats, first: int, reach_px: float) -> Floats:
    """Points from ``first`` on, as far as the path has not run further than this, and two more."""
    end = min(first + 2, len(points))
    length = 0.0
    while end < len(points):
        dx, dy = points[end - 1, 0] - points[end - 2, 0], points[end - 1, 1] - points[end - 2, 1]
        length += math.sqrt(dx * dx + dy * dy)
        if not length < reach_px:
            break
        end += 1
    return points[first:end].copy()
