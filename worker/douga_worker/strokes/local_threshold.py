"""Which pixels are line: a threshold that follows the strength of the line around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.compiled import compiled

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
    is_ink = np.zeros(lines.shape, np.bool_)
    _mark(np.ascontiguousarray(lines), is_ink)
    return is_ink


@compiled("(uint8[:, ::1], boolean[:, ::1])")
def _mark(lines: NDArray[np.uint8], is_ink: NDArray[np.bool_]) -> None:
    height, width = lines.shape
    reach = NEIGHBOURHOOD_PX // 2
    for y in range(height):
        for x in range(width):
            here = lines[y, x]
            if here <= FAINTEST_PEAK >> 1:
                continue
            # Darker than half of full line is darker than half of whatever there is.
            darkest = 0
            if here <= 127:
                for row in range(max(y - reach, 0), min(y + reach + 1, height)):
                    for column in range(max(x - reach, 0), min(x + reach + 1, width)):
                        darkest = max(darkest, lines[row, column])
            is_ink[y, x] = here > darkest >> 1
