"""A whole line, corners and all, as cubics: split at its corners, each run fitted for itself."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.curve_fit import fit_curves
from douga_worker.strokes.stroke_drawing import Curves, Floats

_SPACING = 2
"""Every how manieth sample is fitted: neighbours a pixel apart say the same."""
_SHORT = 24
"""Runs of fewer samples need them all."""


def fit_line(
    points: Floats,
    weights: Floats,
    corners: NDArray[np.int64],
    *,
    error_px: float,
    reach_px: float,
    is_closed: bool,
) -> Curves:
    """Fit cubics to samples, smooth everywhere but at the corners.

    Args:
        points: (N, 2) samples a pixel apart; a closed row repeats its first point at the end.
        weights: (N,) trust, 0..1.
        corners: ascending samples where the curve may break; for a closed row below N - 1.
        error_px: most that the curve may stay off the samples' local mean.
        reach_px: how far this local mean reaches to either side.
        is_closed: without corners, the curve is smooth across the seam too; with corners it starts at one.

    Returns:
        (K, 4, 2) chained cubics; of a closed row the last ends where the first starts.
    """
    samples = np.column_stack([points, weights])
    is_loop = is_closed and not len(corners)
    if is_closed and not is_loop:
        first = int(corners[0])
        samples = np.vstack([samples[first:], samples[1 : first + 1]])
        corners = corners[1:] - first
    cuts = np.unique(np.r_[0, corners, len(samples) - 1])
    return np.concatenate(
        [_fit_run(samples[a : b + 1], error_px, reach_px, is_loop=is_loop) for a, b in pairwise(cuts)]
    )


def _fit_run(samples: Floats, error_px: float, reach_px: float, *, is_loop: bool) -> Curves:
    """Fit what lies between two corners, from fewer samples where there are many."""
    spacing = _SPACING if len(samples) >= _SHORT else 1
    rows = samples[np.r_[0 : len(samples) - 1 : spacing, len(samples) - 1]]
    return fit_curves(rows, error_px=error_px, reach=max(1, round(reach_px / spacing)), is_loop=is_loop)
