"""What is all black on the scan stays black: in the midst of a large area the network sees no edge.

It answers a place from what lies around it; far inside a black there is nothing but black, as there is
nothing but paper far inside a sheet, and it may take the one for the other.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.steps.line_tone import line_tone

BLACK_SHARE = 0.88
"""Of the lines' own tone: an area that is on average this dark is no tone, no colour, no shading."""
PALEST_SHARE = 0.8
"""And nowhere paler than this: pencil that lets the paper through is left to the network."""
RIM_SHARE = 0.6
"""An area ends where it is less than this dark."""
RADIUS_PX = 5
"""At working size, where a line is 3 px wide: what holds such a disc is an area."""
WINDOW_PX = 9
SEEN_SHARE = 0.5
"""So much of an area's rim the network must itself have drawn; what it saw nothing of was dropped for a
reason."""
LARGE_PX = 11
"""Half the width of an area amid the sheet that needs no rim: the network knows few blacks as large, and
nothing but a pen or a brush makes them as dark as the lines. At the sheet's edge they are the table."""
RIM_PX = 3
"""Width of the rim: that of a line."""


def keep_blacks(coverage: NDArray[np.uint8], ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fill the areas that the network left hollow or left out though they are black all over.

    Args:
        coverage: (h, w) uint8 of the network, at its working size.
        ink: (h, w) uint8 flattened scan, of the same size.

    Returns:
        (h, w) uint8.
    """
    area = _black_areas(ink, line_tone(ink))
    if not area.any():
        return coverage
    count, found = cv2.connectedComponents(area, connectivity=4)
    labels = np.asarray(found, np.int32)
    # What the sheet's edge cuts off has no rim there.
    inner = cv2.erode(area, _disc(RIM_PX), borderType=cv2.BORDER_CONSTANT, borderValue=1)
    rim = labels[(area > 0) & (inner == 0)]
    drawn = coverage[(area > 0) & (inner == 0)] >= 128
    is_kept = np.bincount(rim, drawn, count) >= SEEN_SHARE * np.maximum(np.bincount(rim, minlength=count), 1)
    is_kept |= _is_large(area, labels, count) & ~_reaches_edge(labels, count)
    is_kept[0] = False
    return np.asarray(np.where(is_kept[labels], 255, coverage), dtype=np.uint8)


def _is_large(area: NDArray[np.uint8], labels: NDArray[np.int32], count: int) -> NDArray[np.bool_]:
    """Of every area, whether a disc of ``LARGE_PX`` fits into it."""
    is_large = np.zeros(count, np.bool_)
    is_large[labels[cv2.distanceTransform(area, cv2.DIST_L2, 3) >= LARGE_PX]] = True
    return is_large


def _reaches_edge(labels: NDArray[np.int32], count: int) -> NDArray[np.bool_]:
    """Of every area, whether the sheet's edge cuts it off."""
    reaches = np.zeros(count, np.bool_)
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        reaches[side] = True
    return reaches


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
