"""Which ends of strokes are open: there paint could run around the line, if the line was meant to close."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

VIEW_WIDTHS = 2.0
"""So far around an end, in widths of the pencil, it is seen what the line does there."""
SHORTEST_VIEW_PX = 5.0
MOST_INK_SHARE = 0.5
"""Of the view: an end in more ink than this lies in a solid."""


def find_open_ends(
    ends: NDArray[np.float64], is_line: NDArray[np.bool_], *, pencil_width_px: float
) -> NDArray[np.bool_]:
    """Tell ends where a line stops in paper from those that run into a solid or another line.

    Around an open end the line leaves the view once. Where it leaves it twice it goes on, whatever the
    strokes say; a mark that does not leave it at all is a dot, and bounds nothing.

    Args:
        ends: (N, 2) x, y in px; the middle of the top left pixel is (0.5, 0.5).
        is_line: (H, W) of ``two_values``.
        pencil_width_px: usual width of the pencil's lines.

    Returns:
        (N,) true where the end is open.
    """
    view_px = max(SHORTEST_VIEW_PX, VIEW_WIDTHS * pencil_width_px)
    return np.array([_is_open(x, y, is_line, view_px) for x, y in ends.tolist()], np.bool_)


def _is_open(x: float, y: float, is_line: NDArray[np.bool_], view_px: float) -> bool:
    height, width = is_line.shape
    if not (view_px <= x <= width - view_px and view_px <= y <= height - view_px):
        # Paint stops at the sheet's edge.
        return False
    top, left, side = math.floor(y - view_px), math.floor(x - view_px), 2 * math.ceil(view_px) + 1
    seen = is_line[top : top + side, left : left + side]
    rows, columns = np.ogrid[: seen.shape[0], : seen.shape[1]]
    away = np.hypot(rows + (top + 0.5 - y), columns + (left + 0.5 - x))
    in_view = away <= view_px
    _, labels = cv2.connectedComponents((seen & in_view).view(np.uint8), connectivity=8)
    if not labels.any():
        return False
    own = labels == labels.ravel()[np.argmin(np.where(labels > 0, away, np.inf))]
    if np.count_nonzero(own) > MOST_INK_SHARE * np.count_nonzero(in_view):
        return False
    leaving = (own & (away > view_px - 1.5)).view(np.uint8)
    return bool(cv2.connectedComponents(leaving, connectivity=8)[0] == 2)
