"""What a drawing is made of: strokes, and shapes that hide what lies behind them. Lengths in px, y down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator

Points = NDArray[np.float32]
"""(N, 2) x, y."""

STEP_PX = 2.0
"""Distance of a curve's points: strokes end this close to the shape that hides them."""
SHORTEST_VISIBLE_PX = 5.0
"""What is left of a stroke between two hiding shapes is dropped when it is shorter."""


class Purpose(Enum):
    """What a stroke is for; only the first two are in the clean drawing."""

    LINE = "an outline"
    DETAIL = "a fold or a small form"
    HATCH = "shading"
    CONSTRUCTION = "finds the form"


class Pencil(Enum):
    """What a stroke is drawn with; the value is its colour at full pressure, RGB in 0..1."""

    GRAPHITE = (0.13, 0.13, 0.15)
    BLUE = (0.22, 0.42, 0.86)
    RED = (0.86, 0.20, 0.18)


@dataclass(frozen=True, slots=True)
class Stroke:
    """One line as it is meant."""

    points: Points
    weight: float = 1.0
    """Width relative to the pencil."""
    purpose: Purpose = Purpose.LINE
    pencil: Pencil = Pencil.GRAPHITE


@dataclass(frozen=True, slots=True)
class Shape:
    """Something drawn, and the area it hides of what was drawn before."""

    strokes: tuple[Stroke, ...] = ()
    hides: Points | None = None
    """(N, 2) outline of the hidden area; None hides nothing."""
    solids: tuple[Points, ...] = ()
    """Areas filled with black."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part's own coordinates lie on the sheet: scaled, turned clockwise, moved."""

    at: tuple[float, float] = (0.0, 0.0)
    degrees: float = 0.0
    scale: float = 1.0

    def __call__(self, points: ArrayLike) -> Points:
        """(N, 2) points of the part to (N, 2) px of the sheet."""
        turn = np.radians(self.degrees)
        matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        return np.asarray(np.asarray(points) @ matrix * self.scale + self.at, dtype=np.float32)

    def shapes(self, shapes: Sequence[Shape]) -> list[Shape]:
        """Put shapes drawn in the part's own coordinates on the sheet."""
        return [
            Shape(
                strokes=tuple(replace(s, points=self(s.points)) for s in shape.strokes),
                hides=None if shape.hides is None else self(shape.hides),
                solids=tuple(self(solid) for solid in shape.solids),
            )
            for shape in shapes
        ]


def detail(points: Points, weight: float = 0.8) -> Stroke:
    """A fold or a small form."""
    return Stroke(points, weight, Purpose.DETAIL)


def curve(*knots: tuple[float, float], closed: bool = False) -> Points:
    """A smooth curve through the knots: a cubic spline, centripetal, so that close knots make no loops."""
    line = np.array([*knots, knots[0]] if closed else knots, np.float64)
    along = np.r_[0, np.cumsum(np.sqrt(np.hypot(*np.diff(line, axis=0).T) + 1e-9))]
    spline = CubicSpline(along, line, bc_type="periodic" if closed else "natural")
    dense = spline(np.linspace(0, along[-1], 24 * len(knots)))
    return spaced(np.asarray(dense, dtype=np.float32))


def spaced(points: Points, step_px: float = STEP_PX) -> Points:
    """The same line with points every ``step_px``."""
    along = np.r_[0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
    places = np.linspace(0, along[-1], max(2, int(along[-1] / step_px) + 1))
    return np.stack([np.interp(places, along, points[:, i]) for i in (0, 1)], 1).astype(np.float32)


def straight(*corners: tuple[float, float], closed: bool = False) -> Points:
    """A line with corners."""
    return spaced(np.array([*corners, corners[0]] if closed else corners, np.float32))


def joined(*parts: Points) -> Points:
    """Several curves, end to end, with corners between them."""
    return np.concatenate(parts).astype(np.float32)


def oval(
    centre: tuple[float, float],
    radii: tuple[float, float],
    degrees: float = 0,
    turns: tuple[float, float] = (0, 1),
) -> Points:
    """An ellipse, or the stretch of it between two shares of a turn (0 is right, 0.25 below)."""
    angle = 2 * np.pi * np.linspace(*turns, 72)
    round_line = np.stack([radii[0] * np.cos(angle), radii[1] * np.sin(angle)], 1)
    return spaced(Place(centre, degrees)(round_line))


@dataclass(frozen=True, slots=True)
class Tube:
    """A bent, tapering form: a limb, a lock of hair, a scarf."""

    left: Points
    right: Points
    spine: Points
    reach: Points
    """(N, 2) from each point of the spine to the left side."""

    def at(self, share: float, side: float = 0.0) -> tuple[float, float]:
        """Find the point at a share 0..1 of the length; side 1 is the left edge, -1 the right one."""
        index = round(share * (len(self.spine) - 1))
        x, y = self.spine[index] + side * self.reach[index]
        return float(x), float(y)

    @property
    def outline(self) -> Points:
        """The closed outline, flat at both ends."""
        return joined(self.left, self.right[::-1])


def tube(spine: Points, widths: Sequence[float]) -> Tube:
    """Lay a form around its spine; ``widths`` are half widths at equal distances along it."""
    tangent = np.gradient(spine, axis=0)
    tangent /= np.hypot(tangent[:, :1], tangent[:, 1:]) + 1e-6
    places = np.linspace(0, len(widths) - 1, len(spine))
    half = PchipInterpolator(np.arange(len(widths)), widths)(places)[:, None]
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], 1) * half
    left, right = (_unknotted(spine + side * normal, spine, half) for side in (1, -1))
    return Tube(left, right, spine, np.asarray(normal, dtype=np.float32))


def _unknotted(side: NDArray[np.floating], spine: Points, half: NDArray[np.floating]) -> Points:
    """Drop what would lie inside the form: the inside of a sharp bend would cross itself."""
    distance = np.hypot(*(side[:, None] - spine[None]).transpose(2, 0, 1))
    is_outside = (distance >= 0.95 * np.minimum(half, half.T)).all(1)
    is_outside[[0, -1]] = True
    return spaced(np.asarray(side[is_outside], dtype=np.float32))


def hatching(
    start: tuple[float, float], end: tuple[float, float], slant: tuple[float, float], count: int
) -> list[Stroke]:
    """``count`` parallel strokes, their middles from ``start`` to ``end``, each ``slant`` long."""
    strokes = []
    for share in np.linspace(0, 1, count):
        x, y = (a + (b - a) * share for a, b in zip(start, end, strict=True))
        half_x, half_y = slant[0] / 2, slant[1] / 2
        line = curve((x - half_x, y - half_y), (x + 1.5, y + 1), (x + half_x, y + half_y))
        strokes.append(Stroke(line, 0.8, Purpose.HATCH))
    return strokes


@dataclass(frozen=True, slots=True)
class Visible:
    """What is seen of a drawing."""

    strokes: tuple[Stroke, ...]
    solids: NDArray[np.uint8]
    """(S, S) black areas, 255 inside, edges smoothed; at ``scale`` times the size of the sheet."""


def see(shapes: Sequence[Shape], size: int, *, scale: int = 1) -> Visible:
    """Cut away what is hidden; the last shape lies in front.

    Args:
        shapes: back to front.
        size: edge of the square sheet in px.
        scale: how much finer the solid areas are wanted.
    """
    hidden = np.zeros((size, size), np.uint8)
    solids = np.zeros((size * scale,) * 2, np.uint8)
    strokes: list[Stroke] = []
    for shape in reversed(shapes):
        for solid in shape.solids:
            is_hidden = np.kron(hidden, np.ones((scale, scale), np.uint8))
            solids |= _filled(solid, size, scale) & ~is_hidden
        for stroke in shape.strokes:
            # Construction is drawn first and all through: nothing hides it.
            if stroke.purpose is Purpose.CONSTRUCTION:
                strokes.append(stroke)
            elif stroke.purpose is Purpose.HATCH and shape.hides is not None:
                strokes.extend(_pieces(stroke, hidden | ~_filled(shape.hides, size)))
            else:
                strokes.extend(_pieces(stroke, hidden))
        if shape.hides is not None:
            hidden |= _filled(shape.hides, size)
    return Visible(tuple(reversed(strokes)), solids)


def _filled(outline: Points, size: int, scale: int = 1) -> NDArray[np.uint8]:
    mask = np.zeros((size * scale,) * 2, np.uint8)
    if scale == 1:
        cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 255)
    else:
        fixed = np.round(((outline + 0.5) * scale - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, 4)
    return mask


def _pieces(stroke: Stroke, hidden: NDArray[np.uint8]) -> Iterator[Stroke]:
    """The runs of a stroke's points that lie outside the hidden area."""
    points = spaced(stroke.points, 1.0)
    columns, rows = np.round(points).astype(int).clip(0, len(hidden) - 1).T
    is_seen = hidden[rows, columns] == 0
    ends = np.flatnonzero(np.diff(np.r_[False, is_seen, False]))
    for begin, end in zip(ends[::2], ends[1::2], strict=True):
        if end - begin >= min(SHORTEST_VISIBLE_PX, len(points)):
            yield replace(stroke, points=points[begin:end])
