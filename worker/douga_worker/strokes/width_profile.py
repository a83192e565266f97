"""The width of a line along its length, as few corners of a polyline as an error allows."""

from __future__ import annotations

import numpy as np

from douga_worker.strokes.compiled import compiled
from douga_worker.strokes.stroke_drawing import Floats

LEAST_WIDTH_PX = 0.2
_OUTLIER = 3.0
"""Times the error allowed: widths further off are outliers."""
_STIFFNESS = 0.02
"""A weak pull towards a straight course, in samples: it decides where nothing was measured."""


def profile_widths(widths: Floats, weights: Floats, *, error_px: float, reach: int) -> Floats:
    """Simplify evenly spaced widths to a polyline over the share of the length.

    Args:
        widths: (N,) px, N >= 2.
        weights: (N,) trust, 0..1; widths carried over guide little.
        error_px: most that the profile may be off the local median of the trusted widths.
        reach: samples to either side whose median stands for a width: junctions disturb shorter stretches.
            Nodes lie no closer than this.

    Returns:
        (K, 2) K >= 2 pairs of share 0..1 and width in px, ascending from exactly 0 to exactly 1.
    """
    widths = np.ascontiguousarray(widths, np.float64)
    weights = np.ascontiguousarray(weights, np.float64)
    nodes, heights = _profile(widths, weights, float(error_px), max(int(reach), 1))
    return np.stack([nodes / (len(widths) - 1), np.maximum(heights, LEAST_WIDTH_PX)], axis=1)


@compiled("(float64[::1], float64[::1], float64[::1], float64)")
def _heights(widths: Floats, weights: Floats, nodes: Floats, loose: float) -> Floats:
    """Least-squares heights of a polyline with these nodes, outliers beyond ``loose`` damped (Huber)."""
    count = len(nodes)
    heights = np.zeros(count)
    for k in range(count):
        heights[k] = widths[int(nodes[k])]
    for turn in range(4):
        main = np.full(count, 1e-6)
        side = np.zeros(count)
        right = 1e-6 * heights
        for k in range(count - 1):
            main[k] += _STIFFNESS
            main[k + 1] += _STIFFNESS
            side[k] -= _STIFFNESS
        k = 0
        for i in range(len(widths)):
            while k < count - 2 and i > nodes[k + 1]:
                k += 1
            u = (i - nodes[k]) / (nodes[k + 1] - nodes[k])
            off = abs(widths[i] - (1 - u) * heights[k] - u * heights[k + 1])
            w = weights[i] * (loose / off if turn > 0 and off > loose else 1.0)
            main[k] += w * (1 - u) * (1 - u)
            main[k + 1] += w * u * u
            side[k] += w * u * (1 - u)
            right[k] += w * (1 - u) * widths[i]
            right[k + 1] += w * u * widths[i]
        for k in range(1, count):
            share = side[k - 1] / main[k - 1]
            main[k] -= share * side[k - 1]
            right[k] -= share * right[k - 1]
        heights[count - 1] = right[count - 1] / main[count - 1]
        for k in range(count - 2, -1, -1):
            heights[k] = (right[k] - side[k] * heights[k + 1]) / main[k]
    return heights


@compiled("(float64[::1], float64[::1], int64)")
def _local_medians(widths: Floats, weights: Floats, reach: int) -> Floats:
    """Median of the trusted widths around each; the width itself where none is trusted."""
    count = len(widths)
    medians = widths.copy()
    window = np.empty(2 * reach + 1)
    for i in range(count):
        # Narrower towards the ends, so that a taper keeps its slope.
        span = min(reach, i, count - 1 - i)
        held = 0
        for j in range(i - span, i + span + 1):
            if weights[j] < 0.5:
                continue
            k = held
            while k > 0 and window[k - 1] > widths[j]:
                window[k] = window[k - 1]
                k -= 1
            window[k] = widths[j]
            held += 1
        if held:
            medians[i] = 0.5 * (window[(held - 1) // 2] + window[held // 2])
    return medians


@compiled("(float64[::1], float64[::1], float64[::1], float64[::1], float64, int64)")
def _new_nodes(
    widths: Floats, weights: Floats, nodes: Floats, heights: Floats, error_px: float, spacing: int
) -> Floats:
    """Between every two nodes where the polyline misses most, if it misses by more than the error."""
    found = np.empty(len(nodes))
    count = 0
    for k in range(len(nodes) - 1):
        first, last = int(nodes[k]), int(nodes[k + 1])
        worst, where = error_px, -1
        for i in range(first + spacing, last - spacing + 1):
            u = (i - first) / (last - first)
            miss = abs(widths[i] - (1 - u) * heights[k] - u * heights[k + 1])
            if weights[i] >= 0.5 and miss > worst:
                worst, where = miss, i
        if where >= 0:
            found[count] = where
            count += 1
    return found[:count].copy()


@compiled("(float64[::1], float64[::1], float64, int64)")
def _profile(widths: Floats, weights: Floats, error_px: float, reach: int) -> tuple[Floats, Floats]:
    """Add nodes where the profile is worst until it is good enough; nodes are whole samples."""
    medians = _local_medians(widths, weights, reach)
    nodes = np.array([0.0, len(widths) - 1.0])
    while True:
        heights = _heights(medians, weights, nodes, _OUTLIER * error_px)
        more = _new_nodes(medians, weights, nodes, heights, error_px, reach)
        if not len(more):
            return nodes, heights
        nodes = np.sort(np.concatenate((nodes, more)))
