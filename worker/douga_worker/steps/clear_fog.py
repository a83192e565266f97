"""What the network is unsure of is no line: marks that are nowhere firm go."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.steps.line_tone import line_tone

FIRM = 225
"""Coverage of which a piece of line must somewhere be: the network is sure of it there."""
FIRM_ON_DARK = 180
"""Enough where the pencil itself was firm: lettering, and clean lines of a kind the network does not know."""
DARK_SHARE = 0.65
"""Of the lines' own tone: what lies on pencil as dark as this was meant; grain and shading are paler."""
EDGE = 127
"""Half covered: where the edge of a line is. What is paler holds no line together."""


def clear_fog(coverage: NDArray[np.uint8], ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Drop marks that are nowhere firm.

    Hysteresis as in Canny's edge detector (1986): a line stays with all that is connected to its firm part.

    Args:
        coverage: (h, w) uint8 of the network, at its working size.
        ink: (h, w) uint8 flattened scan, of the same size.

    Returns:
        (h, w) uint8; lines that stay keep their soft edge.
    """
    is_covered = coverage >= EDGE
    count, pieces = cv2.connectedComponents(is_covered.astype(np.uint8))
    labels = np.asarray(pieces, np.int32)
    covered = labels[is_covered]
    darkness = np.bincount(covered, ink[is_covered], count) / np.maximum(
        np.bincount(covered, minlength=count), 1
    )
    is_line = _holds(labels, coverage >= FIRM_ON_DARK, count) & (darkness >= DARK_SHARE * line_tone(ink))
    is_line |= _holds(labels, coverage >= FIRM, count)
    kept = cv2.dilate(is_line[labels].astype(np.uint8), np.ones((3, 3), np.uint8))
    return np.asarray(coverage * kept, dtype=np.uint8)


def _holds(labels: NDArray[np.int32], mask: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Whether a piece holds a pixel of the mask; the mask lies within the pieces."""
    holds = np.zeros(count, np.bool_)
    holds[np.unique(labels[mask])] = True
    return holds
