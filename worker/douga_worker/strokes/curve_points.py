"""Cubics as rows of points."""

from __future__ import annotations

import math

import numpy as np

from douga_worker.strokes.compiled import compiled
from douga_worker.strokes.directions import lengths_along
from douga_worker.strokes.stroke_drawing import Curves, Floats


def points_along(curves: Curves, step_px: float) -> tuple[Floats, Floats, Floats]:
    """Points on chained cubics about ``step_px`` apart.

    Returns:
        (N, 2) points, N >= 2, first and last being the curve's own; (N, 2) unit directions there; (N,) share
        of the arc length, from 0 to 1.
    """
    points, directions = _points(np.ascontiguousarray(curves, np.float64), float(step_px))
    along = lengths_along(points)
    if along[-1] <= 0.0:
        return points, directions, np.linspace(0.0, 1.0, len(points))
    return points, directions, along / along[-1]


@compiled("(float64[:, :, ::1], float64)")
def _points(curves: Curves, step_px: float) -> tuple[Floats, Floats]:
    counts = np.empty(len(curves), np.int64)
    for k in range(len(curves)):
        length = 0.0
        for j in range(3):
            length += math.hypot(curves[k, j + 1, 0] - curves[k, j, 0], curves[k, j + 1, 1] - curves[k, j, 1])
        counts[k] = max(2, math.ceil(length / step_px))
    total = counts.sum() + 1
    points, directions = np.empty((total, 2)), np.empty((total, 2))
    row = 0
    for k in range(len(curves)):
        c = curves[k]
        for i in range(counts[k] + (1 if k == len(curves) - 1 else 0)):
            u = i / counts[k]
            v = 1.0 - u
            for axis in range(2):
                a, b, d, e = c[0, axis], c[1, axis], c[2, axis], c[3, axis]
                points[row, axis] = v * v * v * a + 3 * v * v * u * b + 3 * v * u * u * d + u * u * u * e
                directions[row, axis] = v * v * (b - a) + 2 * v * u * (d - b) + u * u * (e - d)
            speed = math.hypot(directions[row, 0], directions[row, 1])
            if speed < 1e-9:
                directions[row] = c[3] - c[0]
                speed = math.hypot(directions[row, 0], directions[row, 1])
            directions[row] /= max(speed, 1e-12)
            row += 1
    return points, directions
