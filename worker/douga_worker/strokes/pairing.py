"""Which of the lines that meet at a junction are one line: those that continue each other best."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np

from douga_worker.strokes.directions import (
    angle_between,
    first_on_line,
    first_stretch,
    straight_direction,
    unit,
)
from douga_worker.strokes.medians import median_of
from douga_worker.strokes.stroke_drawing import Floats
from douga_worker.strokes.stroke_graph import End, StrokeGraph
from douga_worker.strokes.sub_pixel_centres import Centre, Centres

SHARPEST_TURN_DEGREES = 55.0
HIGHEST_COST = 82.0
CHORD_WEIGHT = 0.39
SIDE_STEP_WEIGHT = 27.0
FREE_SIDE_STEP, FREE_SIDE_STEP_PX = 0.25, 1.0
"""A side step this small (in widths, and in px) is no sign of two lines."""
WIDTH_WEIGHT = 12.0
ARM_WIDTHS, SHORTEST_ARM_PX, LONGEST_ARM_PX = 2.2, 6.0, 22.0
"""How much of a line tells where it is going."""

SHARPEST_TAPER = 0.8
"""Lines that grow thinner than this towards the tip where they meet were drawn as two."""
MOST_ARMS_COMPARED = 8
"""All ways to pair 8 arms are 764; beyond, the cheapest pair goes first."""

Pair: TypeAlias = tuple[End, End]
Mates: TypeAlias = dict[End, End]
"""Ends that continue each other, each under the other."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A line as it enters a junction."""

    point: Floats
    direction: Floats
    """Away from the junction."""
    width: float
    taper: float = 1.0
    """Its width there as a share of the line's usual one."""


def find_arm(centre: Centre, side: int) -> Arm:
    """The arm at one side of a centre line, from its first measured points."""
    points = np.ascontiguousarray(centre.points if side == 0 else centre.points[::-1])
    measured = np.flatnonzero(centre.is_measured if side == 0 else centre.is_measured[::-1])
    first = int(measured[0]) if len(measured) > 2 else 0
    reach = min(max(ARM_WIDTHS * centre.width, SHORTEST_ARM_PX), LONGEST_ARM_PX)
    seen = first_stretch(points, first, reach)
    widths = (centre.widths if side == 0 else centre.widths[::-1])[first : first + len(seen)]
    taper = median_of(widths) / centre.width
    if len(seen) < 4:
        return Arm(points[0], unit(points[-1] - points[0]), centre.width, taper)
    direction = straight_direction(seen)
    return Arm(first_on_line(seen, direction), direction, centre.width, taper)


def pair_arms(graph: StrokeGraph, centres: Centres) -> tuple[Mates, dict[End, Arm]]:
    """Pair the arms of every junction.

    Returns:
        The pairs, and every end's arm.
    """
    mates: Mates = {}
    arms: dict[End, Arm] = {}
    for number in sorted(graph.nodes):
        node = graph.nodes[number]
        here = {end: find_arm(centres[end[0]], end[1]) for end in sorted(node.ends) if end[0] in centres}
        arms.update(here)
        if node.is_tip and len(here) == 2 and not any(arm.taper < SHARPEST_TAPER for arm in here.values()):
            first, second = here
            mates.update({first: second, second: first})
        elif len(here) >= 3:
            mates.update(pair_at_junction(here))
    return mates, arms


def pair_at_junction(arms: dict[End, Arm]) -> Mates:
    """Pair arms by good continuation, so that all pairs together cost least.

    The best pair alone may leave two lines cut that a slightly worse one would lead through.
    """
    costs = {(a, b): continuation_cost(arms[a], arms[b]) for a, b in combinations(sorted(arms), 2)}
    if len(arms) > MOST_ARMS_COMPARED:
        return _cheapest_first(costs)
    _, pairs = _cheapest_pairs(tuple(sorted(arms)), costs)
    return _both_ways(pairs)


def _cheapest_first(costs: dict[Pair, float]) -> Mates:
    mates: Mates = {}
    for cost, (a, b) in sorted((cost, pair) for pair, cost in costs.items()):
        if cost < HIGHEST_COST and a not in mates and b not in mates:
            mates[a], mates[b] = b, a
    return mates


def _cheapest_pairs(ends: tuple[End, ...], costs: dict[Pair, float]) -> tuple[float, tuple[Pair, ...]]:
    """The least cost of pairing these ends; an end left alone costs half of what a pair may cost at most."""
    if len(ends) < 2:
        return len(ends) * HIGHEST_COST / 2, ()
    first, rest = ends[0], ends[1:]
    cost, pairs = _cheapest_pairs(rest, costs)
    best = (cost + HIGHEST_COST / 2, pairs)
    for n, other in enumerate(rest):
        own = costs[first, other]
        if own >= HIGHEST_COST:
            continue
        cost, pairs = _cheapest_pairs(rest[:n] + rest[n + 1 :], costs)
        best = min(best, (own + cost, ((first, other), *pairs)))
    return best


def _both_ways(pairs: tuple[Pair, ...]) -> Mates:
    return {one: other for a, b in pairs for one, other in ((a, b), (b, a))}


def continuation_cost(first: Arm, second: Arm) -> float:
    """How badly one arm continues another, in degrees; infinite where the turn is too sharp."""
    inward = -first.direction
    turn = angle_between(inward, second.direction)
    if turn >= SHARPEST_TURN_DEGREES:
        return math.inf
    between = second.point - first.point
    distance = math.hypot(between[0], between[1])
    chord = unit(between)
    off_chord = angle_between(inward, chord) + angle_between(chord, second.direction)
    widest, thinnest = max(first.width, second.width), max(min(first.width, second.width), 0.5)
    side_step = _side_step(inward, second.direction, between)
    step = max(0.0, side_step - max(FREE_SIDE_STEP * widest, FREE_SIDE_STEP_PX)) / max(widest, 2.0)
    return (
        turn
        + CHORD_WEIGHT * off_chord * distance / (distance + first.width + second.width)
        + SIDE_STEP_WEIGHT * step
        + WIDTH_WEIGHT * math.log(max(widest, 0.5) / thinnest)
    )


def _side_step(inward: Floats, outward: Floats, between: Floats) -> float:
    """How far the arms miss each other sideways: 0 on a line or an arc, large for staggered parallels."""
    off_first = inward[0] * between[1] - inward[1] * between[0]
    off_second = between[0] * outward[1] - between[1] * outward[0]
    return 0.5 * abs(float(off_first - off_second))
