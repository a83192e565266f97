"""A drawing as strokes: what the tracer makes and every vector output writes.

Coordinates are scan pixels, x to the right, y down; the centre of the top left pixel is (0.5, 0.5), as in
an SVG whose ``viewBox`` is the scan's size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Point: TypeAlias = tuple[float, float]
Curves: TypeAlias = Floats
"""(N, 4, 2) chained cubic Béziers, x and y: start, two handles, end; each starts where the last one ends."""

BLACK = "black"
"""Name of the ink that every drawing has; other inks are the recipe's colour traces."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One drawn line, from end to end, through every junction that it crosses."""

    curves: Curves
    """At least one cubic; where ``is_closed`` the last ends exactly where the first starts."""
    widths: Floats
    """(K, 2) K >= 2: share of the arc length, from 0 to 1, and full width in px there; linear in between."""
    is_closed: bool = False
    ink: str = BLACK

    @property
    def width_px(self) -> float:
        """One width for the whole stroke: the median along its length."""
        at = np.linspace(0.0, 1.0, 65)
        return float(np.median(np.interp(at, self.widths[:, 0], self.widths[:, 1])))


@dataclass(frozen=True, slots=True)
class Fill:
    """A solid: an area of ink that is no line."""

    outlines: tuple[Curves, ...]
    """Closed, filled by the even-odd rule: the outer outline first, then its holes."""
    ink: str = BLACK


@dataclass(frozen=True, slots=True)
class ClosedGap:
    """A place where two free ends were joined though the scan shows paper between them."""

    start: Point
    end: Point
    ink: str = BLACK


@dataclass(frozen=True, slots=True)
class StrokeDrawing:
    """Everything of a drawing, in the order in which it is drawn: fills below, strokes above."""

    width_px: int
    height_px: int
    strokes: tuple[Stroke, ...] = ()
    """Ordered from the top left, each next one near the last, so that frames of a level agree."""
    fills: tuple[Fill, ...] = ()
    closed_gaps: tuple[ClosedGap, ...] = ()
    open_ends: tuple[Point, ...] = ()
    """Free ends of strokes: where paint could leak, unless the line is meant to end there."""
