"""Lines that share their ink for a while: where two cross at a shallow angle, thinning draws one edge."""

from __future__ import annotations

from itertools import product

import numpy as np

from douga_worker.strokes.pairing import Arm, Mates, continuation_cost
from douga_worker.strokes.skeleton_paths import NO_NODE
from douga_worker.strokes.stroke_graph import End, StrokeGraph
from douga_worker.strokes.sub_pixel_centres import Centres

LONGEST_REACH = 8.0
"""Longest shared edge (in the sum of its nodes' radii)."""
SHORT_REACH = 2.0
"""An edge shorter than this shows no profile of its own; a longer one must be ..."""
THICKNESS = 1.1
"""... this much thicker than its arms, for it holds two lines."""
HIGHEST_COST = 60.0
"""Of either line on its way through."""


def lead_through_shared_edges(
    graph: StrokeGraph, centres: Centres, mates: Mates, arms: dict[End, Arm]
) -> None:
    """Lead both lines through every edge that they share, where so far one of them was cut.

    Such an edge continues one arm at either end and leaves another arm there alone. Both lines are led past
    it by the arms that continue each other best, and the edge itself, nobody's centre, is given up.

    Args:
        graph: Repaired.
        centres: Loses the shared edges.
        mates: Paired; changed.
        arms: Of every end.
    """
    for number in sorted(centres, key=lambda edge: (graph.edges[edge].length, edge)):
        ways = _ways_through(graph, centres, mates, arms, number)
        if ways is None:
            continue
        for side in (0, 1):
            mates.pop(mates.pop((number, side)))
            arms.pop((number, side))
        for one, other in ways:
            mates[one], mates[other] = other, one
        del centres[number]


def _ways_through(
    graph: StrokeGraph, centres: Centres, mates: Mates, arms: dict[End, Arm], number: int
) -> tuple[tuple[End, End], ...] | None:
    """The two pairs of arms that run through an edge; None where it is one line's own."""
    if not _may_be_shared(graph, centres, mates, number):
        return None
    before, after = mates[number, 0], mates[number, 1]
    start, end = graph.edges[number].nodes
    best: tuple[float, tuple[tuple[End, End], ...]] = (2 * HIGHEST_COST, ())
    for left, right in product(_alone(graph, mates, arms, start), _alone(graph, mates, arms, end)):
        for pairs in (((before, after), (left, right)), ((before, right), (left, after))):
            costs = [continuation_cost(arms[one], arms[other]) for one, other in pairs]
            if max(costs) < HIGHEST_COST:
                best = min(best, (sum(costs), pairs))
    return best[1] or None


def _may_be_shared(graph: StrokeGraph, centres: Centres, mates: Mates, number: int) -> bool:
    nodes = graph.edges[number].nodes
    if NO_NODE in nodes or nodes[0] == nodes[1]:
        return False
    if (number, 0) not in mates or (number, 1) not in mates or mates[number, 0][0] == mates[number, 1][0]:
        return False
    both = sum(graph.nodes[node].radius for node in nodes)
    length = graph.edges[number].length
    if length < SHORT_REACH * both:
        return True
    usual = float(np.mean([centres[mates[number, side][0]].width for side in (0, 1)]))
    return length < LONGEST_REACH * both and centres[number].width > THICKNESS * usual


def _alone(graph: StrokeGraph, mates: Mates, arms: dict[End, Arm], node: int) -> list[End]:
    return sorted(end for end in graph.nodes[node].ends if end in arms and end not in mates)
