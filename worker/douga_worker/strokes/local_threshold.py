"""Which pixels are line: a threshold that follows the strength of the line around it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FAINTEST_PEAK = 143
"""A line this faint at its darkest still counts; half of it is the lowest threshold on the page."""
NEIGHBOURHOOD_PX = 5
"""Reaches from the edge of a thin line to its middle, and not to its neighbour."""


def find_ink(lines: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Mark the pixels that more than half belong to a line.

    Half of the darkest pixel around is where the edge of a line truly is: one threshold for the page makes
    faint tips short and thick lines fat.

    Args:
        lines: (H, W), 0 paper .. 255 full line.

    Returns:
        (H, W).
    """
    if not lines.size:
        return np.zeros(lines.shape, np.bool_)
    darkest = cv2.dilate(lines, np.ones((NEIGHBOURHOOD_PX, NEIGHBOURHOOD_PX), np.uint8))
    return np.asarray(lines > np.maximum(darkest, FAINTEST_PEAK) >> 1, np.bool_)
