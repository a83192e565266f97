"""A line image in several inks becomes one line image an ink, each whole where another lies on top."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

BRIDGE_WIDTHS = 2.2
"""Half the longest gap under another ink, in line widths: lines that cross at 25 degrees leave so much."""


def ink_layers(
    lines: NDArray[np.uint8], line_inks: NDArray[np.uint8], line_width_px: float
) -> dict[int, NDArray[np.uint8]]:
    """Separate a line image by ink.

    A line that another ink crosses is cut there. Closing joins it again, but only where the other ink
    lies: a gap that shows paper stays a gap.

    Args:
        lines: (H, W) uint8 line image, 0 = paper.
        line_inks: (H, W) uint8, the ink of every line pixel, 0 off the lines.
        line_width_px: the usual line's width.

    Returns:
        For each ink that there is, in order, its lines, (H, W) uint8.
    """
    counts = cv2.calcHist([line_inks], [0], None, [256], [0, 256]).ravel()[1:]
    reach = BRIDGE_WIDTHS * max(line_width_px, 1.0)
    return {
        ink: np.asarray(lines * _whole(line_inks, ink, reach), np.uint8)
        for ink in (np.flatnonzero(counts) + 1).tolist()
    }


def _whole(line_inks: NDArray[np.uint8], ink: int, reach_px: float) -> NDArray[np.bool_]:
    """Closing by a disc; by distances, which cost the same for a disc of any size."""
    is_ink = np.asarray(line_inks == ink)
    left, top, width, height = cv2.boundingRect(is_ink.view(np.uint8))
    margin = int(reach_px) + 2
    rows = slice(max(0, top - margin), top + height + margin)
    columns = slice(max(0, left - margin), left + width + margin)
    own, near = is_ink[rows, columns], line_inks[rows, columns]
    away = cv2.distanceTransform((~own).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    inside = cv2.distanceTransform((away <= reach_px).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    is_ink[rows, columns] = own | ((inside > reach_px) & (near > 0))
    return np.asarray(is_ink)
