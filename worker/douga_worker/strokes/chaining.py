"""From pieces to chains: paired arms run on through their junction, the others end on the line they meet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.bridges import bridge_holes
from douga_worker.strokes.directions import unit
from douga_worker.strokes.ink_profiles import ink_at
from douga_worker.strokes.links import follow_links
from douga_worker.strokes.pairing import Arm, Mates
from douga_worker.strokes.stroke_drawing import Floats
from douga_worker.strokes.stroke_graph import End, Node, StrokeGraph
from douga_worker.strokes.sub_pixel_centres import Centre, Centres

PULL_TO_MIDDLE = 0.02
"""Nearly parallel lines meet nowhere in particular: then near the middle of their arms."""
OWN_LINE_WEIGHT = 2
"""An end leaves its own line less readily than the lines it ends on."""
JUNCTION_REACH, JUNCTION_SLACK_PX, TIP_REACH = 3.0, 3.0, 12.0
"""Lines that meet farther from their node than this (in its reach) do not meet: they are parallel."""
TIP_INK = 0.5
ENTRY_POINTS = 12
"""How far into a line its last direction is looked for."""

Meetings: TypeAlias = dict[End, Floats]
"""Where each end that is not paired meets the lines of its junction."""


@dataclass(slots=True)
class Row:
    """A chain in the making."""

    points: Floats
    widths: Floats
    is_measured: NDArray[np.bool_]
    is_closed: bool
    is_free: list[bool]
    """For its start and its end: whether it meets nothing there."""


def chain_edges(
    graph: StrokeGraph, centres: Centres, mates: Mates, arms: dict[End, Arm], ink: NDArray[np.float32]
) -> list[Row]:
    """Join edges into rows of measured points, and lead those that end at a line up to that line."""
    meetings = find_meetings(graph, mates, arms, ink)
    rows = []
    for pieces, is_loop in follow_links(sorted(centres), mates):
        row = _row(graph, centres, meetings, pieces, is_loop=is_loop)
        if not row.is_closed:
            ends = (pieces[0], (pieces[-1][0], 1 - pieces[-1][1]))
            for side, end in enumerate(ends):
                row.is_free[side] = end not in meetings
                if end in meetings:
                    move_end(row, side, meetings[end])
        rows.append(row)
    return rows


def fill_holes(row: Row) -> None:
    """Bridge what junctions and gaps hide of a row."""
    row.points, row.widths, row.is_measured = bridge_holes(
        row.points, row.widths, row.is_measured, is_closed=row.is_closed
    )


def move_end(row: Row, side: int, target: Floats) -> None:
    """Let a row end exactly here; points beyond are cut away."""
    if side:
        _reverse(row)
    inward = unit(target - row.points[min(len(row.points) - 1, ENTRY_POINTS)])
    is_behind = (target - row.points[: max(len(row.points) // 2, 1)]) @ inward > 0.4
    first = int(np.argmax(is_behind)) if is_behind.any() else 0
    row.points = np.vstack([target, row.points[first:]])
    row.widths = np.concatenate([[row.widths[first]], row.widths[first:]])
    row.is_measured = np.concatenate([[False], row.is_measured[first:]])
    if side:
        _reverse(row)


def _reverse(row: Row) -> None:
    row.points, row.widths, row.is_measured = row.points[::-1], row.widths[::-1], row.is_measured[::-1]


def join_rows(rows: list[Row], pieces: list[tuple[int, int]], *, is_closed: bool) -> Row:
    """One row of several, entered by the sides given."""
    parts = [rows[number] for number, _ in pieces]
    steps = [-1 if side else 1 for _, side in pieces]
    first, last = pieces[0], pieces[-1]
    return Row(
        np.vstack([part.points[::step] for part, step in zip(parts, steps, strict=True)]),
        np.concatenate([part.widths[::step] for part, step in zip(parts, steps, strict=True)]),
        np.concatenate([part.is_measured[::step] for part, step in zip(parts, steps, strict=True)]),
        is_closed or parts[0].is_closed,
        [rows[first[0]].is_free[first[1]], rows[last[0]].is_free[1 - last[1]]],
    )


def _row(
    graph: StrokeGraph, centres: Centres, meetings: Meetings, pieces: list[End], *, is_loop: bool
) -> Row:
    seen: list[tuple[Floats, Floats, NDArray[np.bool_]]] = []
    for number, side in pieces:
        if (number, side) in meetings and seen:
            seen.append((meetings[number, side][None], seen[-1][1][-1:], np.ones(1, np.bool_)))
        seen.append(_seen_part(centres[number], side))
    return Row(
        np.vstack([part[0] for part in seen]),
        np.concatenate([part[1] for part in seen]),
        np.concatenate([part[2] for part in seen]),
        is_loop or graph.edges[pieces[0][0]].is_closed,
        [True, True],
    )


def _seen_part(centre: Centre, side: int) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """The measured points of a piece; both its ends where there are none."""
    is_seen = centre.is_measured
    if is_seen.sum() < 2:
        ends = centre.points[[0, -1]]
        return ends[:: -1 if side else 1], np.full(2, centre.width), np.zeros(2, np.bool_)
    step = -1 if side else 1
    return (
        centre.points[is_seen][::step],
        centre.widths[is_seen][::step],
        np.ones(int(is_seen.sum()), np.bool_),
    )


def find_meetings(
    graph: StrokeGraph, mates: Mates, arms: dict[End, Arm], ink: NDArray[np.float32]
) -> Meetings:
    """Find where the ends that no other line continues meet a line that runs through, or each other.

    The corner at a sharp tip counts as such a place even where one line runs around it.
    """
    meetings: Meetings = {}
    for node in (graph.nodes[number] for number in sorted(graph.nodes)):
        ends = sorted(end for end in node.ends if end in arms)
        if len(ends) < 3 and not node.is_tip:
            continue
        pairs = {tuple(sorted((end, mates[end]))) for end in ends if end in mates}
        through = [list(pair) for pair in sorted(pairs)] or [ends]
        middle = np.mean([arms[end].point for end in ends], axis=0)
        for end in ends:
            if end not in mates or node.is_tip:
                point = _nearest_meeting(node, arms, end, through, middle)
                meetings[end] = _within_ink(ink, middle, point)
    return meetings


def _nearest_meeting(
    node: Node, arms: dict[End, Arm], end: End, through: list[list[End]], middle: Floats
) -> Floats:
    limit = TIP_REACH * node.radius if node.is_tip else JUNCTION_REACH * node.reach + JUNCTION_SLACK_PX
    found = []
    for line in through:
        lines = [arms[other] for other in line] + [arms[end]] * OWN_LINE_WEIGHT
        point = meeting_of(lines, middle)
        if math.hypot(*(point - middle)) >= limit:
            point = middle
        found.append(point)
    own = arms[end].point
    return min(found, key=lambda point: math.hypot(*(point - own)))


def _within_ink(ink: NDArray[np.float32], middle: Floats, point: Floats) -> Floats:
    """The point, or the farthest on the way to it that is still ink: thin tips point beyond themselves."""
    for share in np.linspace(1, 0, 20):
        nearer = middle + share * (point - middle)
        if ink_at(ink, float(nearer[0]), float(nearer[1])) >= TIP_INK:
            return np.asarray(nearer)
    return middle


def meeting_of(lines: list[Arm], middle: Floats) -> Floats:
    """The point nearest to all these lines, by least squares."""
    matrix, right = PULL_TO_MIDDLE * np.eye(2), PULL_TO_MIDDLE * middle
    for line in lines:
        across = np.eye(2) - np.outer(line.direction, line.direction)
        matrix = matrix + across
        right = right + across @ line.point
    return np.asarray(np.linalg.solve(matrix, right))
