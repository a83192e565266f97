"""Which points lie near each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.stroke_drawing import Floats


def close_pairs(points: Floats, reach_px: float) -> NDArray[np.intp]:
    """Find all pairs of points that are no further apart than this.

    SciPy's trees do the same, but loading SciPy takes as long as a drawing.

    Args:
        points: (N, 2) x, y.
        reach_px: the largest distance of a pair.

    Returns:
        (M, 2) indices, the smaller first, in ascending order.
    """
    order = np.argsort(points[:, 0], kind="stable")
    x = points[order, 0]
    # In a band as wide as the reach a page has few points.
    counts = np.searchsorted(x, x + reach_px, "right") - np.arange(len(x)) - 1
    first = np.repeat(np.arange(len(x)), counts)
    second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
    pairs = np.sort(np.stack([order[first], order[second]], axis=1), axis=1)
    apart = points[pairs[:, 0]] - points[pairs[:, 1]]
    pairs = pairs[np.hypot(*apart.T) <= reach_px]
    return np.asarray(pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))], np.intp)
