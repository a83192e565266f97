"""Where the centre of each piece of line truly lies, to a fraction of a pixel, and how wide the line is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.directions import lengths_along
from douga_worker.strokes.ink_profiles import slide_to_centres
from douga_worker.strokes.medians import median_of
from douga_worker.strokes.stroke_drawing import Floats
from douga_worker.strokes.stroke_graph import StrokeGraph

ROUNDS = 2
THINNEST_HALF_PX = 1.0
SHORTEST_CLOSED_PX = 8
"""A closed path of fewer pixels is a speck with a hole."""
USUAL_SPAN_PX = 31
"""A width is compared with the line's around it: what is much wider there is another line's ink."""
WIDEST, WIDEST_SLACK_PX = 1.3, 0.4
NODE_REACH, NODE_SLACK_PX = 0.75, 0.5
"""This near to a node (in its reach) other lines hide the profile."""
LONGEST_ZONE = 0.35
"""But never more than this share of an edge."""


@dataclass(frozen=True, slots=True)
class Centre:
    """The centre line of one edge."""

    points: Floats
    """(N, 2)."""
    widths: Floats
    """(N,) full width in px."""
    is_measured: NDArray[np.bool_]
    """(N,) whether the line's profile was seen there, alone."""
    width: float
    """The edge's usual width."""


Centres: TypeAlias = dict[int, Centre]
"""By number of the edge."""


def find_centres(graph: StrokeGraph, ink: NDArray[np.float32]) -> Centres:
    """Slide every edge of the graph to the middle of its line.

    Edges of a single pixel, and specks with a hole, have none.

    Args:
        graph: Repaired.
        ink: (H, W) 0..1.
    """
    numbers = sorted(number for number in graph.edges if _is_line(graph, number))
    if not numbers:
        return {}
    edges = [graph.edges[number] for number in numbers]
    starts = np.concatenate([[0], np.cumsum([len(edge.path) for edge in edges])]).astype(np.int64)
    half_widths = np.concatenate([_half_widths(graph, number) for number in numbers])
    points, widths, is_alone = slide_to_centres(
        np.ascontiguousarray(ink, np.float32),
        np.ascontiguousarray(np.vstack([edge.path for edge in edges])),
        starts,
        half_widths,
        np.array([edge.is_closed for edge in edges], np.bool_),
        ROUNDS,
    )
    centres = {}
    for n, number in enumerate(numbers):
        part = slice(int(starts[n]), int(starts[n + 1]))
        centres[number] = _centre(graph, number, points[part], widths[part], is_alone[part])
    return centres


def _is_line(graph: StrokeGraph, number: int) -> bool:
    edge = graph.edges[number]
    return len(edge.path) > (SHORTEST_CLOSED_PX if edge.is_closed else 1)


def _half_widths(graph: StrokeGraph, number: int) -> Floats:
    """Of the ink along an edge; near its nodes the ink is wider than the line."""
    half_widths = np.maximum(graph.depths(graph.edges[number].path), THINNEST_HALF_PX)
    usual = median_of(half_widths)
    return np.minimum(np.maximum(half_widths, 0.6 * usual), 1.35 * usual)


def _centre(
    graph: StrokeGraph, number: int, points: Floats, widths: Floats, is_alone: NDArray[np.bool_]
) -> Centre:
    if is_alone.sum() > 3:
        width = median_of(widths[is_alone])
    else:
        width = max(2.0 * median_of(graph.depths(graph.edges[number].path)) - 0.5, 0.5)
    around = cv2.blur(widths[:, None], (1, USUAL_SPAN_PX)).ravel()
    is_measured = is_alone & (widths < WIDEST * np.maximum(width, around) + WIDEST_SLACK_PX)
    is_measured &= _is_outside_nodes(graph, number, lengths_along(points))
    return Centre(points, widths, is_measured, width)


def _is_outside_nodes(graph: StrokeGraph, number: int, along: Floats) -> NDArray[np.bool_]:
    is_outside = np.ones(len(along), np.bool_)
    for side, number_of_node in enumerate(graph.edges[number].nodes):
        node = graph.nodes.get(number_of_node)
        if node is None or (len(node.ends) < 3 and not node.is_tip):
            continue
        away = along if side == 0 else along[-1] - along
        is_outside &= away > min(NODE_REACH * node.reach + NODE_SLACK_PX, LONGEST_ZONE * along[-1])
    return is_outside
