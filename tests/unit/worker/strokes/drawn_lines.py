"""Small line images with known lines."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SUB_PX = 16
"""OpenCV draws to a sixteenth of a pixel."""


def draw(
    *lines: list[tuple[float, float]],
    width: int = 5,
    size: tuple[int, int] = (160, 160),
    is_closed: bool = False,
) -> NDArray[np.uint8]:
    """(H, W) polylines with round ends, smooth edges; in coordinates whose pixel centres lie at .5."""
    scale = 4
    large = np.zeros((size[0] * scale, size[1] * scale), np.uint8)
    for line in lines:
        points = np.round((np.array(line) * scale - 0.5) * SUB_PX).astype(np.int32)
        cv2.polylines(large, [points], is_closed, 255, width * scale, cv2.LINE_AA, 4)
    return np.asarray(cv2.resize(large, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)
