"""Nearly closed gaps: two free ends that look at each other across a little paper are one line."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from douga_worker.strokes.chaining import Row, join_rows
from douga_worker.strokes.close_pairs import close_pairs
from douga_worker.strokes.directions import angle_between, path_length, unit
from douga_worker.strokes.links import PieceEnd, follow_links
from douga_worker.strokes.stroke_drawing import ClosedGap, Floats
from douga_worker.strokes.tips import look_out

WIDEST_ANGLE_DEGREES = 38.0
"""Between each end's direction and the way across."""
TOUCHING_PX = 2.0
"""Ends this close are joined whatever their direction: they meet in a corner."""
OWN_LENGTHS = 4.0
"""A line closes on itself only if it is this much longer than the gap."""
LEAST_LENGTHS = 2.0
"""A line goes on across a gap only if it is this much longer: a dash or a lash is a mark of its own."""
_SLACK = 1e-6
"""What rounding may do, where pairs are only sorted out."""
AUTOMATIC_WIDTHS = 2.5
"""Wider gaps than this many line widths are as often meant as not (measured on icons)."""
AUTOMATIC_LIMIT_PX = 14.0


@dataclass(frozen=True, slots=True)
class _FreeEnd:
    at: PieceEnd
    point: Floats
    outward: Floats
    width: float


def automatic_gap_px(half_width_px: float) -> float:
    """The widest gap closed unasked, in px of paper."""
    return min(AUTOMATIC_WIDTHS * 2 * half_width_px, AUTOMATIC_LIMIT_PX)


def close_gaps(rows: list[Row], widest_px: float) -> tuple[list[Row], list[ClosedGap]]:
    """Join rows whose free ends continue each other, the narrowest gaps first.

    Args:
        rows: With their ends at their tips.
        widest_px: Widest gap of paper, measured between the round caps.
    """
    if widest_px <= 0:
        return rows, []
    ends = _free_ends(rows)
    mates: dict[PieceEnd, PieceEnd] = {}
    gaps = []
    for _, a, b in sorted(_candidates(rows, ends, widest_px)):
        first, second = ends[a], ends[b]
        if first.at in mates or second.at in mates:
            continue
        mates[first.at], mates[second.at] = second.at, first.at
        gaps.append(ClosedGap(_as_point(first.point), _as_point(second.point)))
    linked = follow_links(range(len(rows)), mates)
    return [join_rows(rows, pieces, is_closed=is_loop) for pieces, is_loop in linked], gaps


def _free_ends(rows: list[Row]) -> list[_FreeEnd]:
    ends = []
    for number, row in enumerate(rows):
        for side in (0, 1):
            if row.is_free[side] and not row.is_closed:
                _, outward, width = look_out(row, side)
                ends.append(_FreeEnd((number, side), row.points[-side], outward, width))
    return ends


def _candidates(rows: list[Row], ends: list[_FreeEnd], widest_px: float) -> list[tuple[float, int, int]]:
    if len(ends) < 2:
        return []
    lengths = [path_length(row.points) for row in rows]
    found = []
    for a, b in _facing_pairs(ends, widest_px):
        first, second = ends[a], ends[b]
        across = second.point - first.point
        length = math.hypot(across[0], across[1])
        if length > widest_px + 0.5 * (first.width + second.width):
            continue
        least = OWN_LENGTHS if first.at[0] == second.at[0] else LEAST_LENGTHS
        if min(lengths[first.at[0]], lengths[second.at[0]]) < least * length:
            continue
        way = unit(across)
        off_first, off_second = angle_between(first.outward, way), angle_between(second.outward, -way)
        if length < TOUCHING_PX or max(off_first, off_second) < WIDEST_ANGLE_DEGREES:
            found.append((length * (1 + (off_first + off_second) / 60), a, b))
    return found


def _facing_pairs(ends: list[_FreeEnd], widest_px: float) -> list[tuple[int, int]]:
    """The pairs that may be close enough and look at each other: few of those on a crowded page."""
    points, outwards = np.array([end.point for end in ends]), np.array([end.outward for end in ends])
    widths = np.array([end.width for end in ends])
    first, second = close_pairs(points, widest_px + float(widths.max())).T
    across = points[second] - points[first]
    lengths = np.hypot(across[:, 0], across[:, 1])
    least = lengths * (math.cos(math.radians(WIDEST_ANGLE_DEGREES)) - _SLACK)
    is_facing = ((outwards[first] * across).sum(1) > least) & ((-outwards[second] * across).sum(1) > least)
    is_near = lengths <= widest_px + 0.5 * (widths[first] + widths[second]) + _SLACK
    kept = np.flatnonzero(is_near & (is_facing | (lengths < TOUCHING_PX + _SLACK)))
    return list(zip(first[kept].tolist(), second[kept].tolist(), strict=True))


def _as_point(point: Floats) -> tuple[float, float]:
    return float(point[0]), float(point[1])
