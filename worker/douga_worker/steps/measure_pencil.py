"""How wide is the pencil on this scan? The network wants to see every pencil at one width."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

WORKING_PENCIL_PX = 3.0
"""Pencil width the network was trained around (it has seen 1.3 to 6)."""
SCALE_STEPS_PER_OCTAVE = 2
"""Scales are rounded to half octaves, so that neighbouring frames, measured a little apart, agree."""
LARGEST_SCALE = 4.0
SMALLEST_SCALE = 1 / 8
LOST_EDGE_PX = 0.2
"""Cut above half its tone, a soft line loses a tenth of a pixel on either side."""
WIDEST_LINE_SHARE = 1 / 30
"""Of the long edge; what is wider is a solid black, not a line."""
MEASURED_PIXEL_COUNT = 9_000_000
"""A larger sheet is measured on bands of rows across it: pencil enough, and memory has a ceiling."""
BAND_ROW_COUNT = 128


def pencil_width_px(ink: NDArray[np.uint8]) -> float:
    """Measure the usual width of a sheet's lines.

    Args:
        ink: (H, W) uint8 ink image, 0 = paper.

    Returns:
        Median line width in px of ``ink``; 0 where there is no ink to speak of. Good to about 15 %
        from 1.5 px upwards.
    """
    shrunk = 1
    # Bands of so large a sheet would lie far apart; its pencil is wide enough to be measured at half size.
    while ink.size > 4 * MEASURED_PIXEL_COUNT:
        ink = np.asarray(cv2.resize(ink, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        shrunk *= 2
    tone = _line_tone(ink)
    widths = np.concatenate([_widths_px(band, tone) for band in _bands(ink)])
    widths = widths[widths < max(ink.shape) * WIDEST_LINE_SHARE]
    if widths.size < 60:
        return 0.0
    # Grain breaks lines into crumbs: a crumb counts by its width, a line by its length.
    widths = widths[widths >= np.percentile(widths, 25)]
    return (float(np.median(widths)) + LOST_EDGE_PX) * shrunk


def working_scale(width_px: float) -> float:
    """Factor from scan size to the size the network works at, a power of the square root of two."""
    if width_px <= 0:
        return 1.0
    octaves = math.log2(WORKING_PENCIL_PX / width_px)
    rounded = round(octaves * SCALE_STEPS_PER_OCTAVE) / SCALE_STEPS_PER_OCTAVE
    return float(min(max(2.0**rounded, SMALLEST_SCALE), LARGEST_SCALE))


def _bands(ink: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The whole sheet if it is small, else bands of it at equal distances."""
    height, width = ink.shape
    row_count = MEASURED_PIXEL_COUNT // width
    if row_count >= height:
        return [ink]
    band_count = max(1, row_count // BAND_ROW_COUNT)
    rows = max(1, row_count // band_count)
    return [ink[top : top + rows] for top in np.linspace(0, height - rows, band_count, dtype=int)]


def _widths_px(ink: NDArray[np.uint8], tone: float) -> NDArray[np.float32]:
    """Line widths along the middles of all lines."""
    # Twice the size, or a line of 2 px could not be told from one of 1 px.
    large = cv2.resize(ink, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    depth = cv2.distanceTransform((large > tone).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    ridge = (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8))) & (depth >= 1.0)
    return np.asarray((depth[ridge] * 2 - 1) / 2, dtype=np.float32)


def _line_tone(ink: NDArray[np.uint8]) -> float:
    """Above most coloured areas and shading, below the lines that are drawn around them."""
    marks = ink[ink > 60]
    return max(70.0, 0.6 * float(np.percentile(marks, 95))) if marks.size else 255.0
