"""A line image in several inks becomes one line image an ink, each whole where another lies on top."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.hidden_pieces import hidden_pieces

REACH_WIDTHS = 2.2
"""Half the longest gap under another ink, in line widths: lines that cross at 25 degrees leave so much ..."""
REACH_PX = 3.0
"""... and this on top: pencils are told apart over some pixels, of which the top one takes most."""


def ink_layers(
    lines: NDArray[np.uint8], line_inks: NDArray[np.uint8], line_width_px: float
) -> dict[int, NDArray[np.uint8]]:
    """Separate a line image by ink.

    A line that another ink crosses is cut there. It is joined again where its two ends continue each
    other under the other ink; a gap that shows paper stays a gap.

    Args:
        lines: (H, W) uint8 line image, 0 = paper.
        line_inks: (H, W) uint8, the ink of every line pixel, 0 off the lines.
        line_width_px: the usual line's width.

    Returns:
        For each ink that there is, in order, its lines, (H, W) uint8.
    """
    counts = cv2.calcHist([line_inks], [0], None, [256], [0, 256]).ravel()[1:]
    inks = (np.flatnonzero(counts) + 1).tolist()
    if len(inks) == 1:
        return {inks[0]: lines}
    width = max(line_width_px, 1.0)
    return {ink: np.asarray(lines * _whole(line_inks, ink, width), np.uint8) for ink in inks}


def _whole(line_inks: NDArray[np.uint8], ink: int, width_px: float) -> NDArray[np.bool_]:
    is_ink = np.asarray(line_inks == ink)
    is_other = np.asarray((line_inks > 0) & ~is_ink)
    reach = REACH_WIDTHS * width_px + REACH_PX
    return np.asarray(is_ink | hidden_pieces(is_ink, is_other, width_px, 2 * reach))
