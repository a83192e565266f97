"""To the size the network works at, and back to the size of the scan without losing the edge."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FOG_GAIN = 1.8
"""Coverage is spread around one half by this much: what is nearly paper becomes paper, nearly line line."""


def to_working_size(ink: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Resample an ink image by ``scale``; (H, W) uint8 to (round(H * scale), round(W * scale))."""
    if scale == 1.0:
        return ink
    size = (max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(ink, size, interpolation=method), dtype=np.uint8)


def to_size_of(coverage: NDArray[np.uint8], ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring an ink image, (H, W) uint8, to the (h, w) of what the network drew of it."""
    if ink.shape == coverage.shape:
        return ink
    method = cv2.INTER_AREA if ink.size > coverage.size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(ink, coverage.shape[::-1], interpolation=method), dtype=np.uint8)


def to_scan_size(lines: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Bring the network's coverage back to the scan's size, with edges one scan pixel soft.

    Args:
        lines: (h, w) uint8 coverage at working size.
        shape: (H, W) of the scan.

    Returns:
        (H, W) uint8, 0 = paper, 255 = line.
    """
    enlarge = max(shape) / max(lines.shape)
    gain = FOG_GAIN * max(1.0, enlarge)
    if lines.shape != shape:
        method = cv2.INTER_AREA if enlarge < 1 else cv2.INTER_CUBIC
        lines = np.asarray(cv2.resize(lines, shape[::-1], interpolation=method), dtype=np.uint8)
    # An edge of one working pixel became `enlarge` scan pixels wide: steepen it by as much.
    curve = ((np.arange(256) - 127.5) * gain + 127.5).round().clip(0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(lines, curve), dtype=np.uint8)
