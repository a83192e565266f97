"""Small plane geometry: directions as unit vectors, angles in degrees."""

from __future__ import annotations

import math

import numpy as np

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
    return float(np.hypot(*np.diff(points, axis=0).T).sum())


def lengths_along(points: Floats) -> Floats:
    """(N,) length of the path up to each of its points."""
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])


def straight_direction(points: Floats) -> Floats:
    """The direction in which a row of points runs, by least squares."""
    away = points - points.mean(0)
    xx, yy, xy = (away[:, 0] ** 2).sum(), (away[:, 1] ** 2).sum(), (away[:, 0] * away[:, 1]).sum()
    turn = 0.5 * math.atan2(2 * xy, xx - yy)
    direction = np.array([math.cos(turn), math.sin(turn)])
    return direction if direction @ (points[-1] - points[0]) >= 0 else -direction
