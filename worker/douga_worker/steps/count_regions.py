"""How many areas are there to paint? A line that leaks makes one of two."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SMALLEST_WIDTHS = 2.0
"""Side of the smallest area that anybody paints, in widths of the pencil; smaller are chinks in a line."""
SMALLEST_SIDE_PX = 4.0


def count_regions(is_line: NDArray[np.bool_], *, pencil_width_px: float) -> int:
    """Count the areas of paper that lines close off, the one around the drawing included.

    Areas are told apart as a paint program's bucket does it: through sides of pixels, not corners. The
    sheet's edge closes an area too.

    Args:
        is_line: (H, W) of ``two_values``.
        pencil_width_px: usual width of the pencil's lines. Areas smaller than a square of
            ``max(SMALLEST_WIDTHS * pencil_width_px, SMALLEST_SIDE_PX)`` are not counted.
    """
    if not is_line.size:
        return 0
    is_paper = (~is_line).view(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(is_paper, connectivity=4)
    smallest = max(SMALLEST_WIDTHS * pencil_width_px, SMALLEST_SIDE_PX) ** 2
    return int(np.count_nonzero(stats[1:, cv2.CC_STAT_AREA] >= smallest))
