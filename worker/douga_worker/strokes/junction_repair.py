"""Junctions as they were drawn: thinning leaves spurs, splits a crossing in two, and acute tips into Ys."""

from __future__ import annotations

import numpy as np

from douga_worker.strokes.directions import angle_between, unit
from douga_worker.strokes.skeleton_paths import NO_NODE
from douga_worker.strokes.stroke_graph import Edge, End, Look, StrokeGraph

ROUNDS = 4
"""A spur pruned may turn two edges into one, and that one into a spur."""
SPUR_REACH, SPUR_SLACK_PX = 1.15, 2.0
"""A branch that with its own tip ends this close around its node's disc is a bump in the edge."""
TIP_REACH = 6.0
"""The one line that thinning draws for two in an acute tip is at most this long (in the node's radius)."""
TIP_ARMS_DEGREES = 70.0
TIP_SPUR_DEGREES = 140.0
TIP_THICKNESS = 1.5
"""Two lines in one are at most this much thicker than either; a tapered third line is thinner yet."""
SAME_NODE, NEAR_NODE = 0.7, 1.1
"""Nodes nearer than this (in the sum of their radii) are one crossing; the second only under conditions."""
SMALL_NODES_PX = 4.4
"""Two nodes so small lie within a pixel or two of each other anyway."""
MOST_ARMS = 12
"""More lines than these do not meet in one point: dense detail would collapse, and noise never end."""
SHALLOW_REACH = 8.0
"""Longest shared piece of two lines that cross at a shallow angle (in the sum of the nodes' radii)."""
SHALLOW_THICKNESS = 1.12
"""The shared piece holds two lines, so it is at least this much thicker than its arms."""
SHALLOW_DEGREES = 38.0
CHORD_WEIGHT = 1.2
"""Leaving the line between both nodes counts more than the turn: it tells a crossing from a merge."""


def repair_junctions(graph: StrokeGraph) -> None:
    """Prune, join and merge until the graph has a node where lines meet, and nowhere else."""
    prune(graph)
    merge_crossings(graph)
    prune(graph)


def prune(graph: StrokeGraph) -> None:
    """Take out spurs and acute tips' stems, and splice what no longer meets anything."""
    for _ in range(ROUNDS):
        is_changed = False
        for edge in sorted(graph.edges, key=lambda number: (graph.edges[number].length, number)):
            is_changed |= _prune_branch(graph, edge)
        for node in [n for n, known in graph.nodes.items() if len(known.ends) == 2 and not known.is_tip]:
            graph.splice(node)
        if not is_changed:
            return


def merge_crossings(graph: StrokeGraph) -> None:
    """Make one node of those that are parts of one crossing, the nearest first."""
    for edge in sorted(graph.edges, key=lambda number: (graph.edges[number].length, number)):
        start, end = graph.edges[edge].nodes
        if start == end:
            _drop_small_loop(graph, edge)
        elif _is_inner(graph, edge) and _is_one_crossing(graph, edge):
            graph.merge(edge)


def _prune_branch(graph: StrokeGraph, number: int) -> bool:
    ends = _branch(graph, number)
    if ends is None:
        return False
    free, rooted = ends
    edge, node = graph.edges[number], graph.nodes[graph.node_at(rooted)]
    if len(node.ends) < 3:
        return False
    tip_radius = graph.nodes[graph.node_at(free)].radius
    if edge.length + tip_radius < SPUR_REACH * node.radius + SPUR_SLACK_PX:
        graph.drop(number)
        return True
    if len(node.ends) == 3 and edge.length < TIP_REACH * node.radius and _is_stem(graph, rooted):
        graph.drop(number)
        node.is_tip = True
        return True
    return False


def _branch(graph: StrokeGraph, number: int) -> tuple[End, End] | None:
    """The free end and the rooted end of an edge that has one of each."""
    nodes = graph.edges[number].nodes
    if NO_NODE in nodes or nodes[0] == nodes[1]:
        return None
    is_free = [len(graph.nodes[node].ends) == 1 for node in nodes]
    if is_free[0] == is_free[1]:
        return None
    side = 0 if is_free[0] else 1
    return (number, side), (number, 1 - side)


def _is_stem(graph: StrokeGraph, rooted: End) -> bool:
    """Whether a branch is where two lines run into one acute tip."""
    arms = [
        graph.look(end, 2, 14) for end in sorted(graph.nodes[graph.node_at(rooted)].ends) if end != rooted
    ]
    stem = graph.look(rooted, 0, 14)
    first, second = arms[0].direction, arms[1].direction
    return (
        angle_between(first, second) < TIP_ARMS_DEGREES
        and angle_between(unit(first + second), stem.direction) > TIP_SPUR_DEGREES
        and graph.thickness(rooted[0]) < TIP_THICKNESS * max(arm.half_width for arm in arms)
    )


def _drop_small_loop(graph: StrokeGraph, number: int) -> None:
    """A loop around a pixel or two is a hole in the ink of a crossing."""
    node = graph.nodes.get(graph.edges[number].nodes[0])
    if node is not None and graph.edges[number].length < 3 * node.radius and len(node.ends) > 3:
        graph.drop(number)


def _is_inner(graph: StrokeGraph, number: int) -> bool:
    nodes = graph.edges[number].nodes
    return NO_NODE not in nodes and all(len(graph.nodes[node].ends) >= 3 for node in nodes)


def _is_one_crossing(graph: StrokeGraph, number: int) -> bool:
    edge = graph.edges[number]
    if sum(len(graph.nodes[node].ends) for node in edge.nodes) - 2 > MOST_ARMS:
        return False
    both = sum(graph.nodes[node].radius for node in edge.nodes)
    if edge.length < SAME_NODE * both + 1:
        return True
    if edge.length < NEAR_NODE * both + 1 and (both < SMALL_NODES_PX or _is_nowhere_thin(graph, number)):
        return True
    return edge.length < SHALLOW_REACH * both and is_shallow_crossing(graph, number)


def _is_nowhere_thin(graph: StrokeGraph, number: int) -> bool:
    """Dense detail has paper between its lines: its bridges are thinner than their arms."""
    edge = graph.edges[number]
    arms = [graph.look(end, 1.5, 8).half_width for end in _other_ends(graph, edge, number)]
    usual = float(np.median(arms)) if arms else 1.0
    return float(graph.depths(edge.path).min()) > usual


def _other_ends(graph: StrokeGraph, edge: Edge, number: int) -> list[End]:
    ends = graph.nodes[edge.nodes[0]].ends | graph.nodes[edge.nodes[1]].ends
    return sorted(end for end in ends if end[0] != number)


def is_shallow_crossing(graph: StrokeGraph, number: int) -> bool:
    """Whether two lines run into this edge from one end and out of it at the other, each straight on."""
    arms = []
    for node in graph.edges[number].nodes:
        ends = sorted(end for end in graph.nodes[node].ends if end[0] != number)
        if len(ends) != 2:
            return False
        arms.append([graph.look(end, 1.0, 20) for end in ends])
    usual = float(np.mean([arm.half_width for side in arms for arm in side]))
    if graph.thickness(number) < SHALLOW_THICKNESS * usual:
        return False
    (a, b), (c, d) = arms
    return min(max(_bend(a, c), _bend(b, d)), max(_bend(a, d), _bend(b, c))) < SHALLOW_DEGREES


def _bend(entering: Look, leaving: Look) -> float:
    inward = -entering.direction
    chord = unit(leaving.point - entering.point)
    off_chord = max(angle_between(inward, chord), angle_between(chord, leaving.direction))
    return max(angle_between(inward, leaving.direction), CHORD_WEIGHT * off_chord)
