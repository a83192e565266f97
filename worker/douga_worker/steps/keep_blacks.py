"""What is all black on the scan stays black: in the midst of a large area the network sees no edge.

It answers a place from what lies around it; far inside a black there is nothing but black, as there is
nothing but paper far inside a sheet, and it may take the one for the other.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

BLACK_SHARE = 0.88
"""Of the lines' own tone: an area that is on average this dark is no tone, no colour, no shading."""
PALEST_SHARE = 0.8
"""And nowhere paler than this: pencil that lets the paper through is left to the network."""
LEAST_TONE = 110
"""Of 255; below it even the darkest marks of a sheet are pale."""
RIM_SHARE = 0.6
"""An area ends where it is less than this dark."""
RADIUS_PX = 5
"""At working size, where a line is 3 px wide: what holds such a disc is an area."""
WINDOW_PX = 9
SEEN_SHARE = 0.15
"""So much of an area the network must itself have drawn, its rim at least; what it saw nothing of was
dropped for a reason."""


def keep_blacks(coverage: NDArray[np.uint8], ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fill the areas that the network left hollow though they are black all over.

    Args:
        coverage: (h, w) uint8 of the network, at its working size.
        ink: (H, W) flattened scan, of any size.

    Returns:
        (h, w) uint8.
    """
    if ink.shape != coverage.shape:
        shrunk = cv2.INTER_AREA if ink.size > coverage.size else cv2.INTER_LINEAR
        ink = np.asarray(cv2.resize(ink, coverage.shape[::-1], interpolation=shrunk), dtype=np.uint8)
    marks = ink[ink > 60]
    if not marks.size:
        return coverage
    area = _black_areas(ink, max(float(np.percentile(marks, 95)), LEAST_TONE / BLACK_SHARE))
    if not area.any():
        return coverage
    count, labels = cv2.connectedComponents(area, connectivity=4)
    drawn = np.bincount(labels.ravel(), coverage.ravel() >= 128, count)
    is_kept = drawn >= SEEN_SHARE * np.bincount(labels.ravel(), minlength=count)
    is_kept[0] = False
    return np.asarray(np.where(is_kept[labels], 255, coverage), dtype=np.uint8)


def _black_areas(ink: NDArray[np.uint8], tone: float) -> NDArray[np.uint8]:
    """1 where it is black all over, for as far as it is."""
    soft = cv2.GaussianBlur(ink, (0, 0), 1.2)
    is_black = (cv2.blur(ink, (WINDOW_PX, WINDOW_PX)) >= BLACK_SHARE * tone) & (soft >= PALEST_SHARE * tone)
    black = is_black.astype(np.uint8)
    core = cv2.erode(black, _disc(RADIUS_PX))
    # The rim is paler, but belongs to it as far as it is more ink than paper.
    grown = cv2.dilate(core, _disc(RADIUS_PX + WINDOW_PX // 2)) > 0
    return np.asarray(grown & (soft >= RIM_SHARE * tone), dtype=np.uint8)


def _disc(radius: int) -> NDArray[np.uint8]:
    return np.asarray(
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8
    )
