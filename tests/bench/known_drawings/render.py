"""Known drawings as line images: as they are, or as a network would give them."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray
from tests.bench.known_drawings.drawing import KnownDrawing, KnownFill, Points

Lines = NDArray[np.uint8]
Ink = NDArray[np.float32]

FILL_SUPERSAMPLING = 8


def draw_ink(drawing: KnownDrawing) -> Ink:
    """Return (H, W) 0..1, each pixel covered as far as lines and solids cover it."""
    ink = np.zeros((drawing.height_px, drawing.width_px), np.float32)
    for fill in drawing.fills:
        _draw_fill(ink, fill)
    for stroke in drawing.strokes:
        points, widths = stroke.points, stroke.widths
        if stroke.is_closed:
            points, widths = np.vstack([points, points[:1]]), np.append(widths, widths[0])
        _draw_capsules(ink, np.ascontiguousarray(points), widths)
    return ink


def as_lines(ink: Ink) -> Lines:
    """Return ink as a line image: (H, W) uint8, 255 = line."""
    return 255 - np.clip(np.rint(255 * (1 - ink)), 0, 255).astype(np.uint8)


def soften(ink: Ink, seed: int) -> Ink:
    """Give ink what a cleaning network tends to give: soft, wobbling edges, uneven strength, noise."""
    rng = np.random.default_rng(seed)
    height, width = ink.shape
    shift_x, shift_y = (_clouds(rng, ink.shape, 1.2, 2) for _ in range(2))
    pixels = 0.25 / shift_x.std()
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    ink = cv2.remap(ink, x + pixels * shift_x, y + pixels * shift_y, cv2.INTER_CUBIC).astype(np.float32)
    ink = cv2.GaussianBlur(ink, (0, 0), 0.75).astype(np.float32)
    strength = _clouds(rng, ink.shape, 2, 24)
    ink = ink * (1 + 0.08 * strength / strength.std())
    noise = rng.standard_normal(ink.shape).astype(np.float32)
    return np.asarray(np.clip(ink + noise * 0.012 * (ink > 0.01), 0, 1), np.float32)


def _clouds(rng: np.random.Generator, shape: tuple[int, ...], sigma: float, grain_px: int) -> Ink:
    height, width = shape
    noise = rng.standard_normal((height // grain_px + 2, width // grain_px + 2)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma)
    return np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def _draw_fill(ink: Ink, fill: KnownFill) -> None:
    left, top = np.floor(fill.outline.min(axis=0)).astype(int) - 2
    right, bottom = np.ceil(fill.outline.max(axis=0)).astype(int) + 3
    large = np.zeros(((bottom - top) * FILL_SUPERSAMPLING, (right - left) * FILL_SUPERSAMPLING), np.uint8)
    polygons = [
        np.rint((polygon - [left, top]) * FILL_SUPERSAMPLING - 0.5).astype(np.int32)
        for polygon in (fill.outline, *fill.holes)
    ]
    cv2.fillPoly(large, polygons, 255)
    cover = cv2.resize(large, (int(right - left), int(bottom - top)), interpolation=cv2.INTER_AREA) / 255
    place = ink[top:bottom, left:right]
    np.maximum(place, cover, out=place, casting="same_kind")


@njit(cache=True)
def _draw_capsules(ink: Ink, points: Points, widths: Points) -> None:
    """Draw rounded pieces from point to point; a pixel is covered by its distance inside the edge, 0..1."""
    height, width = ink.shape
    for k in range(len(points) - 1):
        x0, y0 = points[k]
        dx, dy = points[k + 1] - points[k]
        r0, r1 = widths[k] / 2, widths[k + 1] / 2
        reach = max(r0, r1) + 1.5
        squared = dx * dx + dy * dy + 1e-12
        for j in range(max(0, int(min(y0, y0 + dy) - reach)), min(height, int(max(y0, y0 + dy) + reach) + 2)):
            for i in range(
                max(0, int(min(x0, x0 + dx) - reach)), min(width, int(max(x0, x0 + dx) + reach) + 2)
            ):
                px, py = i + 0.5 - x0, j + 0.5 - y0
                t = min(1.0, max(0.0, (px * dx + py * dy) / squared))
                radius = r0 + t * (r1 - r0)
                cover = min(1.0, max(0.0, radius - math.hypot(px - t * dx, py - t * dy) + 0.5))
                # A line thinner than a pixel covers none of them whole.
                ink[j, i] = max(ink[j, i], cover * min(1.0, 2 * radius))
