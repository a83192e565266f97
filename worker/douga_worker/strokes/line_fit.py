"""A whole line, corners and all, as cubics: split at its corners, each run fitted for itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.curve_fit import fit_curves
from douga_worker.strokes.stroke_drawing import Curves, Floats

_SPACING = 2
"""Every how manieth sample is fitted: neighbours a pixel apart say the same."""
_SHORT = 24
"""Runs of fewer samples need them all."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line to be fitted."""

    points: Floats
    """(N, 2) samples a pixel apart; a closed line repeats its first point at the end."""
    weights: Floats
    """(N,) trust, 0..1."""
    corners: NDArray[np.int64]
    """Ascending samples where the curve may break; for a closed line below N - 1."""
    is_closed: bool
    """Without corners the curve is smooth across the seam too; with corners it starts at the first."""

    def with_end(self, end: int, place: Floats) -> Line:
        """The line with its first (0) or last (-1) point elsewhere, its neighbours drawn along."""
        points = self.points.copy()
        row = points if end == 0 else points[::-1]
        count = min(2 + int(np.hypot(*(place - row[0]))), len(row) - 1)
        row[:count] = place + (row[count] - place) * np.linspace(0.0, 1.0, count, endpoint=False)[:, None]
        return replace(self, points=points)


def fit_line(line: Line, *, error_px: float, reach_px: float) -> Curves:
    """Fit cubics to a line, smooth everywhere but at its corners.

    Args:
        line: what to fit.
        error_px: most that the curve may stay off the samples' local mean.
        reach_px: how far this local mean reaches to either side.

    Returns:
        (K, 4, 2) chained cubics from the first point to the last; of a closed line the last cubic ends where
        the first starts.
    """
    samples = np.column_stack([line.points, line.weights])
    corners = line.corners
    is_loop = line.is_closed and not len(corners)
    if line.is_closed and not is_loop:
        first = int(corners[0])
        samples = np.vstack([samples[first:], samples[1 : first + 1]])
        corners = corners[1:] - first
    cuts = sorted({0, *corners.tolist(), len(samples) - 1})
    return np.concatenate(
        [_fit_run(samples[a : b + 1], error_px, reach_px, is_loop=is_loop) for a, b in pairwise(cuts)]
    )


def _fit_run(samples: Floats, error_px: float, reach_px: float, *, is_loop: bool) -> Curves:
    """Fit what lies between two corners, from fewer samples where there are many."""
    spacing = _SPACING if len(samples) >= _SHORT else 1
    rows = np.concatenate([samples[: len(samples) - 1 : spacing], samples[-1:]])
    return fit_curves(rows, error_px=error_px, reach=max(1, round(reach_px / spacing)), is_loop=is_loop)
