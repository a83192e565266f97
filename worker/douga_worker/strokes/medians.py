"""Medians of short rows, of which a drawing needs thousands."""

from __future__ import annotations

import numpy as np

from douga_worker.strokes.compiled import compiled
from douga_worker.strokes.stroke_drawing import Floats


def median_of(values: Floats) -> float:
    """The median of at least one value; the mean of the middle two where their number is even.

    Args:
        values: (N,) any layout.
    """
    return float(_median(np.ascontiguousarray(values, np.float64)))


@compiled("(float64[::1])")
def _median(values: Floats) -> float:
    ordered = np.sort(values)
    middle = len(ordered) // 2
    return float(ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2)
