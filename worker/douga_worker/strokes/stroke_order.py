"""One order for the strokes of every frame: from the top left, each next one near the last."""

from __future__ import annotations

import numpy as np

from douga_worker.strokes.chaining import Row


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
    starts = np.array([row.points[0] for row in rows])
    # Page by page numpy is quicker here than a tree: taken starts are moved out of everybody's way.
    now, order = int(np.argmin(starts.sum(1))), []
    for _ in rows:
        order.append(now)
        here = starts[now].copy()
        starts[now] = np.inf
        now = int(np.argmin(((starts - here) ** 2).sum(1)))
    return [rows[number] for number in order]


def _signed_area(row: Row) -> float:
    x, y = row.points.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
