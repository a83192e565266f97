"""A drawing whose every stroke is known: what tracers are measured against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

Points = NDArray[np.float64]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class KnownStroke:
    """One line, point by point about a pixel apart, in pixels: (0, 0) is the page's top left corner."""

    points: Points
    """(N, 2) x, y; a closed stroke does not repeat its first point."""
    widths: Points
    """(N,) full width there."""
    is_closed: bool = False


@dataclass(frozen=True, slots=True)
class KnownFill:
    """A solid black with holes."""

    outline: Points
    holes: tuple[Points, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownDrawing:
    """Everything on the page."""

    width_px: int
    height_px: int
    strokes: tuple[KnownStroke, ...]
    fills: tuple[KnownFill, ...] = ()
    gaps: tuple[tuple[Point, Point], ...] = ()
    """Two ends each that an animator would want joined."""

    def moved(self, x: float, y: float) -> KnownDrawing:
        """Return the drawing moved by so many pixels: the next frame of something that hardly moves."""
        by = np.array([x, y])
        return replace(
            self,
            strokes=tuple(replace(stroke, points=stroke.points + by) for stroke in self.strokes),
            fills=tuple(KnownFill(f.outline + by, tuple(hole + by for hole in f.holes)) for f in self.fills),
            gaps=tuple(((a[0] + x, a[1] + y), (b[0] + x, b[1] + y)) for a, b in self.gaps),
        )


@dataclass(slots=True)
class Sheet:
    """A drawing in the making: designed at one size and one line weight, drawn at another."""

    width_px: int
    height_px: int
    scale: float = 1.0
    line_weight: float = 1.0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    strokes: list[KnownStroke] = field(default_factory=list)
    fills: list[KnownFill] = field(default_factory=list)
    gaps: list[tuple[Point, Point]] = field(default_factory=list)

    def curve(
        self,
        through: Iterable[tuple[float, float]] | Points,
        width: float,
        *,
        is_closed: bool = False,
        taper: tuple[float, float] = (0, 0),
        swell: float = 0.18,
    ) -> Points:
        """Draw a smooth line; its width swells by the given share and tapers over so much at its ends."""
        points = smooth_curve(np.array(list(through), float) * self.scale, is_closed)
        if is_closed:
            points = points[:-1]
        start, end = taper
        widths = self._swelling(len(points), width * self.line_weight, swell)
        widths = widths * _tapering(points, (start * self.scale, end * self.scale))
        self.strokes.append(KnownStroke(points, widths, is_closed))
        return points

    def polyline(self, through: Points, width: float) -> None:
        """Draw straight lines with sharp corners, in one stroke."""
        points = resample(np.asarray(through, float) * self.scale)
        self.strokes.append(KnownStroke(points, np.full(len(points), width * self.line_weight)))

    def solid(self, outline: Points, *holes: Points) -> None:
        """Fill an outline."""
        self.fills.append(KnownFill(outline * self.scale, tuple(hole * self.scale for hole in holes)))

    def place_on(self, points: Points, share: float) -> Points:
        """Return the place so far along a line that was drawn, in the design's units."""
        return np.asarray(points[int(np.clip(share, 0, 1) * (len(points) - 1))] / self.scale)

    def drawing(self) -> KnownDrawing:
        """Return what was drawn."""
        return KnownDrawing(
            self.width_px, self.height_px, tuple(self.strokes), tuple(self.fills), tuple(self.gaps)
        )

    def _swelling(self, count: int, width: float, share: float) -> Points:
        if not share:
            return np.full(count, width)
        waves = np.linspace(0, 1, count) * self.rng.uniform(0.5, 1.5) + self.rng.uniform()
        return width * (1 + share * np.sin(2 * np.pi * waves))


def smooth_curve(through: Points, is_closed: bool = False) -> Points:
    """Return points a pixel apart on a smooth curve (centripetal spline) through (N, 2) x, y."""
    if is_closed:
        through = np.vstack([through, through[:1]])
    if len(through) == 2:
        through = np.vstack([through[0], through.mean(axis=0), through[1]])
    knots = np.concatenate([[0], np.cumsum(np.sqrt(_lengths(through)) + 1e-9)])
    spline = CubicSpline(knots, through, bc_type="periodic" if is_closed else "natural")
    return resample(spline(np.linspace(0, knots[-1], 4000)))


def resample(points: Points, step_px: float = 1.0) -> Points:
    """Return (N, K) points evenly spaced along a line of (M, K): x, y and whatever else varies along it."""
    along = np.concatenate([[0], np.cumsum(_lengths(points[:, :2]))])
    count = max(2, round(along[-1] / step_px) + 1)
    at = np.linspace(0, along[-1], count)
    return np.stack([np.interp(at, along, column) for column in points.T], axis=1)


def circle(centre: tuple[float, float], radius_x: float, radius_y: float, count: int) -> Points:
    """Return the corners of a polygon on an ellipse."""
    angles = np.linspace(0, 2 * np.pi, count + 1)[:-1]
    return np.stack([centre[0] + radius_x * np.cos(angles), centre[1] + radius_y * np.sin(angles)], axis=1)


def _lengths(points: Points) -> Points:
    return np.asarray(np.linalg.norm(np.diff(points, axis=0), axis=1))


def _tapering(points: Points, taper_px: tuple[float, float]) -> Points:
    length = _lengths(points).sum()
    share = np.linspace(0, 1, len(points))
    factor = np.ones(len(points))
    for taper, distance in zip(taper_px, (share * length, (1 - share) * length), strict=True):
        if taper:
            factor *= 0.18 + 0.82 * np.sqrt(np.clip(distance / taper, 0, 1))
    return factor
