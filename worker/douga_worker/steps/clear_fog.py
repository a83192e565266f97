"""What the network is unsure of is no line: faint marks go, unless they lead into a firm one."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FIRM = 180
"""Coverage of which a piece of line must somewhere be: the network is sure of it there."""
FAINT = 90
"""Below this nothing holds a line together. Between the two lies fog, or a line's fading end."""


def clear_fog(coverage: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Drop marks that are nowhere firm.

    Hysteresis as in Canny's edge detector (1986): faint pixels stay where they are connected to firm ones.

    Args:
        coverage: (H, W) uint8 of the network, at its working size.

    Returns:
        (H, W) uint8; lines that stay keep their soft edge.
    """
    count, labels = cv2.connectedComponents((coverage >= FAINT).astype(np.uint8))
    is_line = np.zeros(count, np.bool_)
    is_line[np.unique(labels[coverage >= FIRM])] = True
    kept = cv2.dilate(is_line[labels].astype(np.uint8), np.ones((3, 3), np.uint8))
    return np.asarray(coverage * kept, dtype=np.uint8)
