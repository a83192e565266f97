"""One order for the strokes of every frame: from the top left, each next one near the last."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from douga_worker.strokes.chaining import Row

NEIGHBOURS = 16


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
    if len(rows) < 2:
        return rows
    starts = np.array([row.points[0] for row in rows])
    is_left = np.ones(len(rows), np.bool_)
    tree, members = cKDTree(starts), np.arange(len(rows))
    now = int(np.argmin(starts.sum(1)))
    order = [now]
    is_left[now] = False
    for done in range(1, len(rows)):
        if done * 2 > len(rows) + 2 * NEIGHBOURS and is_left[members].mean() < 0.5:
            members = np.flatnonzero(is_left)
            tree = cKDTree(starts[members])
        now = _nearest_left(tree, members, is_left, starts[now])
        order.append(now)
        is_left[now] = False
    return [rows[number] for number in order]


def _nearest_left(tree: cKDTree, members: np.ndarray, is_left: np.ndarray, point: np.ndarray) -> int:
    count = NEIGHBOURS
    while True:
        near = members[tree.query(point, min(count, len(members)))[1]]
        left = np.atleast_1d(near)[is_left[np.atleast_1d(near)]]
        if len(left):
            return int(left[0])
        count *= 4


def _signed_area(row: Row) -> float:
    x, y = row.points.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
