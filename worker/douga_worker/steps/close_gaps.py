"""Draw the gaps that the tracer closed, so that pixels and strokes say the same."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH_REACH_PX = 6
"""So far from its end a line is measured: a tip alone would say that it is thinner than it is."""
ENLARGEMENT = 4
"""Measured on this many pixels for one, the width is good to a quarter of a pixel."""
THINNEST_PX = 1.0
"""A line in the gap covers whole pixels, or two values could not show it."""


def close_gaps(lines: NDArray[np.uint8], gaps: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Draw a straight anti-aliased line across every gap, as wide as the lines at its two ends.

    Args:
        lines: (H, W) uint8 line image, 0 = paper, 255 = full line.
        gaps: (N, 2, 2) start and end, x before y, in px; the middle of the top left pixel is (0.5, 0.5).

    Returns:
        (H, W) uint8, nowhere lighter than ``lines``.
    """
    if not len(gaps):
        return lines
    closed = lines.copy()
    for start, end in gaps:
        radii = (_half_width(lines, start), _half_width(lines, end))
        _draw(closed, start, end, radii)
    return closed


def _half_width(lines: NDArray[np.uint8], tip: NDArray[np.float64]) -> float:
    """Return half the width of the line that ends here: the largest disc near the tip that is all line."""
    view = _view(lines.shape, tip, tip, 2 * WIDTH_REACH_PX)
    seen = lines[view]
    if not seen.size:
        return THINNEST_PX / 2
    large = cv2.resize(seen, None, fx=ENLARGEMENT, fy=ENLARGEMENT, interpolation=cv2.INTER_LINEAR)
    is_line = (large > max(int(seen.max()), 1) // 2).astype(np.uint8)
    if is_line.all():
        # Without paper in view nothing tells a width, and the distance to it is endless.
        return THINNEST_PX / 2
    depth = cv2.distanceTransform(is_line, cv2.DIST_L2, cv2.DIST_MASK_5)
    x, y = (tip - (view[1].start, view[0].start)).tolist()
    rows, columns = np.ogrid[: depth.shape[0], : depth.shape[1]]
    is_near = np.hypot(rows / ENLARGEMENT - y, columns / ENLARGEMENT - x) <= WIDTH_REACH_PX
    # On average a quarter of a pixel of the distance lies beyond the edge.
    return max(float((depth * is_near).max() - 0.25) / ENLARGEMENT, THINNEST_PX / 2)


def _draw(
    canvas: NDArray[np.uint8],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    radii: tuple[float, float],
) -> None:
    view = _view(canvas.shape, start, end, math.ceil(max(radii)) + 1)
    away, along = _away(view, start, end)
    covered = np.clip(radii[0] + (radii[1] - radii[0]) * along + 0.5 - away, 0.0, 1.0)
    canvas[view] = np.maximum(canvas[view], np.rint(255 * covered).astype(np.uint8))


def _view(
    shape: tuple[int, ...], start: NDArray[np.float64], end: NDArray[np.float64], margin_px: int
) -> tuple[slice, slice]:
    """Return rows and columns around two points, within the image."""
    low = np.maximum(np.floor(np.minimum(start, end)).astype(int) - margin_px, 0)
    high = np.maximum(np.ceil(np.maximum(start, end)).astype(int) + margin_px, 0)
    low, high = (np.minimum(at, (shape[1], shape[0])) for at in (low, high))
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _away(
    view: tuple[slice, slice], start: NDArray[np.float64], end: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return for every pixel its distance to a line between two points, and where along it: 0 to 1."""
    y, x = np.mgrid[view].astype(np.float64) + 0.5
    dx, dy = (end - start).tolist()
    along = ((x - start[0]) * dx + (y - start[1]) * dy) / max(dx * dx + dy * dy, 1e-9)
    along = np.clip(along, 0.0, 1.0)
    return np.hypot(x - start[0] - along * dx, y - start[1] - along * dy), along
