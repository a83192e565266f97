"""A drawing of strokes made by hand, for those who write and read it."""

from __future__ import annotations

import cv2
import numpy as np
import resvg_py
from numpy.typing import NDArray

from douga_worker.strokes.stroke_drawing import ClosedGap, Curves, Fill, Stroke, StrokeDrawing

SIZE = (200, 150)
_ROUND = 4 / 3 * (2**0.5 - 1)
"""Length of the handles of a quarter of a circle, in radii."""


def circle(x: float, y: float, radius: float) -> Curves:
    """A circle of four cubics, clockwise on the screen from its right."""
    handle = _ROUND * radius
    corners = [(radius, 0), (0, radius), (-radius, 0), (0, -radius)]
    towards = [(0, handle), (-handle, 0), (0, -handle), (handle, 0)]
    curves = []
    for i in range(4):
        start, end = np.array(corners[i]), np.array(corners[(i + 1) % 4])
        curves.append([start, start + towards[i], end - towards[(i + 1) % 4], end])
    return np.asarray(np.array(curves, np.float64) + np.array((x, y)))


WAVE = np.array(
    [[[20, 60], [40, 10], [70, 10], [90, 60]], [[90, 60], [110, 110], [140, 110], [160, 60]]], float
)
SLANT = np.array([[[10, 140], [60, 138], [120, 132], [190, 130]]], float)
DRAWING = StrokeDrawing(
    width_px=SIZE[0],
    height_px=SIZE[1],
    strokes=(
        Stroke(WAVE, np.array([[0, 2.0], [0.5, 10.0], [1, 3.0]])),
        Stroke(circle(150, 95, 25), np.array([[0, 4.0], [0.5, 8.0], [1, 4.0]]), is_closed=True),
        Stroke(SLANT, np.array([[0, 3.0], [1, 3.0]]), ink="red"),
    ),
    fills=(
        Fill((circle(40, 100, 20), circle(40, 100, 8))),
        Fill((circle(100, 130, 6),), ink="blue"),
    ),
    closed_gaps=(ClosedGap((90.0, 60.0), (93.0, 61.5)),),
    open_ends=((20.0, 60.0), (160.0, 60.0)),
)
"""A swelling wave, a ring that swells, a red line, a black ring and a blue dot of solid ink."""
BLANK = StrokeDrawing(*SIZE)


def darkness(svg: bytes) -> NDArray[np.uint8]:
    """Render an SVG on white by resvg; (H, W) uint8, 255 = black, colours by their mean."""
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg.decode(), background="white"))
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return np.asarray(255 - pixels.min(axis=2), np.uint8)


def overlap(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Intersection over union of what is half covered."""
    a, b = one >= 128, other >= 128
    return int(np.count_nonzero(a & b)) / max(1, int(np.count_nonzero(a | b)))


def painted(drawing: StrokeDrawing, *, is_variable: bool, ink: str | None = None) -> NDArray[np.uint8]:
    """Draw it by stamping discs, eight pixels for one: what every writer must look like."""
    scale = 8
    canvas = np.zeros((drawing.height_px * scale, drawing.width_px * scale), np.uint8)
    for fill in (fill for fill in drawing.fills if ink in {None, fill.ink}):
        rings = [np.rint(_points(outline) * scale - 0.5).astype(np.int32) for outline in fill.outlines]
        cv2.fillPoly(canvas, rings, 255)
    for stroke in (stroke for stroke in drawing.strokes if ink in {None, stroke.ink}):
        points = _points(stroke.curves)
        steps = np.hypot(points[1:, 0] - points[:-1, 0], points[1:, 1] - points[:-1, 1])
        along = np.concatenate([np.zeros(1), np.cumsum(steps) / float(steps.sum())])
        widths = np.interp(along, stroke.widths[:, 0], stroke.widths[:, 1]).tolist()
        if not is_variable:
            widths = [stroke.width_px] * len(points)
        for (x, y), width in zip(points.tolist(), widths, strict=True):
            centre = (round(x * scale - 0.5), round(y * scale - 0.5))
            cv2.circle(canvas, centre, round(width / 2 * scale), 255, -1)
    size = (drawing.width_px, drawing.height_px)
    return np.asarray(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA), np.uint8)


def _points(curves: Curves) -> NDArray[np.float64]:
    t = np.linspace(0, 1, 200)[:, None, None]
    a, b, c, d = (curves[:, i] for i in range(4))
    points = (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
    return np.asarray(points.transpose(1, 0, 2).reshape(-1, 2))
