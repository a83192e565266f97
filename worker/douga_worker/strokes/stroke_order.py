"""One order for the strokes of every frame: from the top left, each next one near the last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.chaining import Row
from douga_worker.strokes.compiled import compiled
from douga_worker.strokes.stroke_drawing import Floats


def turn_rows(rows: list[Row]) -> None:
    """Let closed rows start at their top, and open ones at the end nearer to the page's top left."""
    for row in rows:
        if row.is_closed:
            top = int(np.lexsort((row.points[:, 0], row.points[:, 1]))[0])
            row.points, row.widths = np.roll(row.points, -top, 0), np.roll(row.widths, -top)
            row.is_measured = np.roll(row.is_measured, -top)
            clockwise = _signed_area(row) >= 0
            if not clockwise:
                row.points = np.roll(row.points[::-1], 1, 0)
                row.widths, row.is_measured = np.roll(row.widths[::-1], 1), np.roll(row.is_measured[::-1], 1)
        elif row.points[0].sum() > row.points[-1].sum():
            row.points, row.widths = row.points[::-1], row.widths[::-1]
            row.is_measured, row.is_free = row.is_measured[::-1], row.is_free[::-1]


def order_rows(rows: list[Row]) -> list[Row]:
    """Sort rows: the one that starts nearest to the top left first, then always the nearest start."""
    if not rows:
        return rows
    order = _nearest_next(np.array([row.points[0] for row in rows]))
    return [rows[number] for number in order.tolist()]


@compiled("(float64[:, ::1])")
def _nearest_next(starts: Floats) -> NDArray[np.int64]:
    """(N,) the top left one, then always the nearest that is left, the first of equals."""
    left = np.arange(len(starts))
    order = np.empty(len(starts), np.int64)
    now = 0
    for k in range(len(starts)):
        if starts[k, 0] + starts[k, 1] < starts[now, 0] + starts[now, 1]:
            now = k
    for done in range(len(starts)):
        order[done] = now
        x, y = starts[now, 0], starts[now, 1]
        kept, following, nearest = 0, 0, np.inf
        for k in left[: len(starts) - done]:
            if k == now:
                continue
            left[kept] = k
            kept += 1
            dx, dy = starts[k, 0] - x, starts[k, 1] - y
            away = dx * dx + dy * dy
            if away < nearest:
                following, nearest = k, away
        now = following
    return order


def _signed_area(row: Row) -> float:
    x, y = row.points.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
