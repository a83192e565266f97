"""What the tracer's first half hands to its second: centre lines as rows of points, not curves yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.stroke_drawing import ClosedGap, Floats, Point


@dataclass(frozen=True, slots=True)
class Chain:
    """The centre of one drawn line from end to end, point by point, about a pixel apart."""

    points: Floats
    """(N, 2) x, y, N >= 2; a closed chain does not repeat its first point."""
    widths: Floats
    """(N,) the line's full width in px there, measured where ``is_measured``, else carried over."""
    is_measured: NDArray[np.bool_]
    """(N,) false where another line, a gap or a tip hides the profile: the fit trusts those points little."""
    is_closed: bool


@dataclass(frozen=True, slots=True)
class CentreLines:
    """A line image taken apart."""

    ink: NDArray[np.float32]
    """(H, W) 0..1, how much of each pixel is line."""
    is_ink: NDArray[np.bool_]
    """(H, W) after the local threshold."""
    is_solid: NDArray[np.bool_]
    """(H, W) ink that belongs to solids, which have no centre line."""
    half_width_px: float
    """Half the usual line's width."""
    chains: tuple[Chain, ...]
    closed_gaps: tuple[ClosedGap, ...]
    open_ends: tuple[Point, ...]
