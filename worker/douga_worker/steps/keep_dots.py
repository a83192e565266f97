"""A firm dot that stands by itself is meant: a pupil, a freckle, a button.

Networks that have learnt to leave out dust leave these out as well, now and then.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.steps.line_tone import line_tone

FIRM_SHARE = 0.9
"""Of the lines' own tone: a dot that is nowhere this dark may be dust or grain."""
PALE_SHARE = 0.3
"""What is at least this dark belongs to a dot, or stands too near it."""
LEAST_PX, MOST_PX = 4, 12
"""Height and width of a dot at working size, where a line is 3 px wide: wider than a line, and no area."""
LEAST_FILL = 0.6
"""Of its box; a disc has 0.79. What has less is a stroke, however short."""
MOST_LENGTH = 1.6
"""Times its width; what is longer is a stroke too."""
CLEAR_PX = 4
"""So far around it there is nothing: dots of grain, hatching and shading have neighbours."""


def keep_dots(coverage: NDArray[np.uint8], ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Draw the firm dots that the network left out.

    Args:
        coverage: (h, w) uint8 of the network, at its working size.
        ink: (h, w) uint8 flattened scan, of the same size.

    Returns:
        (h, w) uint8.
    """
    tone = line_tone(ink)
    pale = (ink >= PALE_SHARE * tone).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(pale, connectivity=8)
    kept = coverage.copy()
    for number in np.flatnonzero(_may_be_dots(np.asarray(stats, np.int32))):
        left, top, width, height, _ = stats[number]
        around = np.s_[
            max(0, top - CLEAR_PX) : top + height + CLEAR_PX,
            max(0, left - CLEAR_PX) : left + width + CLEAR_PX,
        ]
        dot = labels[around] == number
        is_alone = not (pale[around] > dot).any()
        if is_alone and ink[around][dot].max() >= FIRM_SHARE * tone and coverage[around][dot].max() < 128:
            drawn = np.minimum(255, ink[around] * (255 / tone)).astype(np.uint8)
            kept[around] = np.where(dot, np.maximum(kept[around], drawn), kept[around])
    return kept


def _may_be_dots(stats: NDArray[np.int32]) -> NDArray[np.bool_]:
    """By its box and how full it is; the first row is the paper."""
    width, height, area = stats[:, 2], stats[:, 3], stats[:, 4]
    shorter, longer = np.minimum(width, height), np.maximum(width, height)
    is_dot = (shorter >= LEAST_PX) & (longer <= MOST_PX) & (longer <= MOST_LENGTH * shorter)
    is_dot &= area >= LEAST_FILL * width * height
    is_dot[0] = False
    return np.asarray(is_dot, dtype=np.bool_)
