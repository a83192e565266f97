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
MEASURED_PX = 3_000
"""Longer edges are measured on every other pixel row and column: enough pencil is left."""


def pencil_width_px(ink: NDArray[np.uint8]) -> float:
    """Measure the usual width of a sheet's lines.

    Args:
        ink: (H, W) uint8 ink image, 0 = paper.

    Returns:
        Median line width in px of ``ink``; 0 where there is no ink to speak of. Good to about 15 %
        from 1.5 px upwards.
    """
    # Twice the size, or a line of 2 px could not be told from one of 1 px.
    enlarge = 2.0 if max(ink.shape) <= MEASURED_PX else 1.0
    large = cv2.resize(ink, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_LINEAR)
    drawn = (large > _line_tone(ink)).astype(np.uint8)
    depth = cv2.distanceTransform(drawn, cv2.DIST_L2, cv2.DIST_MASK_5)
    ridge = (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8))) & (depth >= 1.0)
    widths = depth[ridge] * 2 - 1
    if widths.size < 60:
        return 0.0
    # Grain breaks lines into crumbs: a crumb counts by its width, a line by its length.
    widths = widths[widths >= np.percentile(widths, 25)]
    return float(np.median(widths)) / enlarge


def working_scale(width_px: float) -> float:
    """Factor from scan size to the size the network works at, a power of the square root of two."""
    if width_px <= 0:
        return 1.0
    octaves = math.log2(WORKING_PENCIL_PX / width_px)
    rounded = round(octaves * SCALE_STEPS_PER_OCTAVE) / SCALE_STEPS_PER_OCTAVE
    return float(min(max(2.0**rounded, SMALLEST_SCALE), LARGEST_SCALE))


def _line_tone(ink: NDArray[np.uint8]) -> float:
    """Half way up to the darkest pencil: between the tone of shading and that of lines."""
    marks = ink[ink > 60]
    return max(70.0, 0.5 * float(np.percentile(marks, 85))) if marks.size else 255.0
