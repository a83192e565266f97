"""The width of a line along its length, as few corners of a polyline as an error allows."""

from __future__ import annotations

import numpy as np

from douga_worker.strokes.compiled import compiled
from douga_worker.strokes.stroke_drawing import Floats

LEAST_WIDTH_PX = 0.2
_MOST_PAIRS = 32


def profile_widths(widths: Floats, weights: Floats, *, error_px: float, reach: int) -> Floats:
    """Simplify evenly spaced widths to a polyline over the share of the length.

    Args:
        widths: (N,) px, N >= 2.
        weights: (N,) trust, 0..1; widths carried over guide little.
        error_px: most that the profile may be off the local mean of the trusted widths.
        reach: samples to either side that make up the local mean.

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
            # A weak pull towards a straight course decides where nothing was measured.
            main[k] += 0.02
            main[k + 1] += 0.02
            side[k] -= 0.02
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


@compiled("(float64[::1], float64[::1], float64, int64)")
def _profile(widths: Floats, weights: Floats, error_px: float, reach: int) -> tuple[Floats, Floats]:
    """Add a node where the profile is worst until it is good enough; nodes are whole samples."""
    count = len(widths)
    nodes = np.array([0.0, count - 1.0])
    heights = _heights(widths, weights, nodes, 3.0 * error_px)
    while len(nodes) < _MOST_PAIRS:
        worst, where, k = error_px, -1, 0
        for i in range(count):
            while k < len(nodes) - 2 and i > nodes[k + 1]:
                k += 1
            if weights[i] < 0.5 or i - nodes[k] < 2 or nodes[k + 1] - i < 2:
                continue
            total = mass = 0.0
            for j in range(max(i - reach, 0), min(i + reach, count - 1) + 1):
                # Linear within the window is near enough: nodes lie further apart than it is wide.
                u = (j - nodes[k]) / (nodes[k + 1] - nodes[k])
                if 0.0 <= u <= 1.0:
                    total += weights[j] * (widths[j] - (1 - u) * heights[k] - u * heights[k + 1])
                    mass += weights[j]
            if abs(total) > worst * mass:
                worst, where = abs(total) / mass, i
        if where < 0:
            break
        wider = np.empty(len(nodes) + 1)
        k = int(np.searchsorted(nodes, where))
        wider[:k], wider[k], wider[k + 1 :] = nodes[:k], where, nodes[k:]
        nodes = wider
        heights = _heights(widths, weights, nodes, 3.0 * error_px)
    return nodes, heights
