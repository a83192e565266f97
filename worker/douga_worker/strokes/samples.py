"""A chain as evenly spaced samples, each with the trust it deserves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from douga_worker.strokes.chains import Chain
from douga_worker.strokes.directions import lengths_along
from douga_worker.strokes.medians import median_of
from douga_worker.strokes.stroke_drawing import Floats

STEP_PX = 1.0
WEIGHT_OF_UNMEASURED = 0.04
"""Where another line, a gap or a tip hides the profile, points guide only weakly."""
_FEWEST_OF_LOOP = 4
_LONGEST_HOP_PX = 3.0
"""Points further apart than this have nothing measured between them."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Points one pixel apart along a line; a closed line repeats its first point at the end."""

    points: Floats
    """(N, 2), N >= 2."""
    widths: Floats
    """(N,) full width in px."""
    weights: Floats
    """(N,) 0..1."""
    is_closed: bool

    @property
    def usual_width(self) -> float:
        """Median of the trusted widths, in px; of all where none is trusted."""
        trusted = self.widths[self.weights > 0.5]
        return median_of(trusted if len(trusted) else self.widths)


def resample_chain(chain: Chain) -> Samples | None:
    """Space a chain's points evenly. None for one without length, or without a finite point.

    A closed chain starts at its topmost point, so that the same loop in the next frame starts there too.
    """
    is_good = np.isfinite(chain.points).all(axis=1) & np.isfinite(chain.widths)
    points, widths, is_measured = chain.points[is_good], chain.widths[is_good], chain.is_measured[is_good]
    if len(points) < 2:
        return None
    is_closed = chain.is_closed and len(points) > 2
    if is_closed:
        top = int(np.lexsort((points[:, 0], points[:, 1]))[0])
        turn = np.arange(top, top + len(points) + 1) % len(points)
        points, widths, is_measured = points[turn], widths[turn], is_measured[turn]
    along = lengths_along(points)
    hops = np.diff(along)
    if along[-1] < 1e-6:
        return None
    at = _evenly(float(along[-1]))
    hop_is_measured = is_measured[:-1] & is_measured[1:] & (hops <= _LONGEST_HOP_PX)
    hop = np.clip(np.searchsorted(along, at, side="right") - 1, 0, len(hops) - 1)
    return Samples(
        points=_at(at, along, points),
        widths=np.maximum(np.interp(at, along, widths), 0.1),
        weights=np.where(hop_is_measured[hop], 1.0, WEIGHT_OF_UNMEASURED),
        is_closed=is_closed,
    )


def resample_row(points: Floats) -> Floats:
    """(N, 2) samples one pixel apart of an open row of points, N >= 2."""
    along = lengths_along(points)
    return _at(_evenly(float(along[-1])), along, points)


def resample_loop(points: Floats) -> Floats:
    """(N, 2) samples one pixel apart of a closed row of points, the first repeated at the end, N >= 4."""
    row = resample_row(np.vstack([points, points[:1]]))
    if len(row) >= _FEWEST_OF_LOOP:
        return row
    at = np.linspace(0, len(row) - 1, _FEWEST_OF_LOOP)
    return _at(at, np.arange(len(row), dtype=np.float64), row)


def _evenly(length: float) -> Floats:
    """Places along a line, a pixel apart, its ends among them."""
    hops = max(1, round(length / STEP_PX))
    places = np.asarray(np.arange(hops + 1) * (length / hops), np.float64)
    places[-1] = length
    return places


def _at(places: Floats, along: Floats, points: Floats) -> Floats:
    """(N, 2) the points at these places along a row of points."""
    found = np.empty((len(places), 2))
    found[:, 0] = np.interp(places, along, points[:, 0])
    found[:, 1] = np.interp(places, along, points[:, 1])
    return found
