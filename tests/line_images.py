"""Line images for tests and benches: curves, tapers, dots and solid blacks of known width."""

from __future__ import annotations

import io

import cv2
import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image

Lines = NDArray[np.uint8]
Points = NDArray[np.float64]

SUPERSAMPLING = 4
_SHIFT = 4
"""Bits after the point in the coordinates OpenCV draws with."""


class Pen:
    """Draws anti-aliased lines on a page: (height, width) uint8, 0 = paper, 255 = line."""

    def __init__(self, height: int, width: int) -> None:
        self._size = (width, height)
        self._canvas = np.zeros((height * SUPERSAMPLING, width * SUPERSAMPLING), np.uint8)

    def stroke(self, points: Points, width_px: float | Points) -> None:
        """Draw along (N, 2) x, y with one width, or one for every point."""
        widths = np.broadcast_to(width_px, (len(points),))
        places = np.rint(points * SUPERSAMPLING * 2**_SHIFT).astype(int)
        for (x, y), radius in zip(places.tolist(), widths * SUPERSAMPLING * 2**_SHIFT / 2, strict=True):
            cv2.circle(self._canvas, (x, y), round(radius), 255, -1, cv2.LINE_8, _SHIFT)

    def solid(self, points: Points) -> None:
        """Fill the polygon of (N, 2) x, y."""
        cv2.fillPoly(self._canvas, [np.rint(points * SUPERSAMPLING).astype(np.int32)], 255)

    def page(self) -> Lines:
        """Return what was drawn."""
        return np.asarray(cv2.resize(self._canvas, self._size, interpolation=cv2.INTER_AREA), np.uint8)


def straight(start: tuple[float, float], end: tuple[float, float]) -> Points:
    """Return points along a straight line, four a pixel."""
    count = 2 + int(4 * np.hypot(end[0] - start[0], end[1] - start[1]))
    return np.linspace(start, end, count)


def ring(centre: tuple[float, float], radius_px: float) -> Points:
    """Return points along a circle, four a pixel."""
    angles = np.linspace(0, 2 * np.pi, 2 + int(8 * np.pi * radius_px))
    return np.asarray(centre + radius_px * np.stack([np.cos(angles), np.sin(angles)], axis=1))


def wave(start: tuple[float, float], length_px: float, height_px: float) -> Points:
    """Return points along two gentle bends from left to right."""
    x = np.linspace(0, length_px, 2 + int(6 * length_px))
    return np.stack([start[0] + x, start[1] + height_px * np.sin(2 * np.pi * x / length_px)], axis=1)


def character(size_px: int = 400, width_px: float = 4.0) -> Lines:
    """Draw a face of sorts: outline, tapered hair, eyes, a dot, a solid black."""
    unit = size_px / 100
    pen = Pen(size_px, size_px)
    pen.stroke(ring((50 * unit, 52 * unit), 38 * unit), width_px)
    for x in (36, 64):
        pen.stroke(ring((x * unit, 46 * unit), 6 * unit), width_px)
        pen.stroke(np.array([[x * unit, 47 * unit]]), 1.5 * width_px)
    hair = wave((14 * unit, 20 * unit), 70 * unit, 6 * unit)
    pen.stroke(hair, width_px * np.linspace(1.0, 0.4, len(hair)))
    pen.stroke(wave((38 * unit, 70 * unit), 24 * unit, -3 * unit), 0.8 * width_px)
    pen.solid(unit * np.array([[4.0, 80], [22, 78], [26, 96], [6, 97]]))
    return pen.page()


def render_svg(svg: bytes, height: int, width: int) -> Lines:
    """Draw an SVG at the given size: (height, width) uint8, 255 = black."""
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg.decode(), width=width, height=height))
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    return np.asarray(255 - np.asarray(Image.alpha_composite(paper, picture).convert("L")), np.uint8)


def overlap(one: Lines, other: Lines) -> float:
    """Intersection over union of two pages, grey counted by its share; 1 for two blank ones."""
    union = float(np.maximum(one, other).sum(dtype=np.int64))
    return float(np.minimum(one, other).sum(dtype=np.int64)) / union if union else 1.0
