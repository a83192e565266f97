"""What thresholding alone makes of a rough: the mark that the network is held against."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.steps.flatten_paper import flatten_paper
from douga_worker.training.evaluate import Cleaner

WINDOW_SHARE = 1 / 40
"""Side of the adaptive threshold's window as a share of the long edge: some ten pencil widths."""
LEAST_CONTRAST = 25
"""Ink stands out from its surroundings by at least this much of 255; below it lies the paper's grain."""


def threshold_otsu(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One threshold for the flattened sheet, by Otsu (1979).

    Args:
        pixels: (H, W) grey or (H, W, 3) RGB scan, uint8.

    Returns:
        (H, W) uint8 line image, 0 or 255.
    """
    _, lines = cv2.threshold(flatten_paper(pixels), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return np.asarray(lines, dtype=np.uint8)


def threshold_adaptive(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Ink is what is darker than its surroundings on the flattened sheet.

    Args and result as for ``threshold_otsu``.
    """
    ink = flatten_paper(pixels)
    window = max(3, round(WINDOW_SHARE * max(ink.shape))) | 1
    lines = cv2.adaptiveThreshold(
        ink, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, window, -LEAST_CONTRAST
    )
    return np.asarray(lines, dtype=np.uint8)


BASELINES: Mapping[str, Cleaner] = MappingProxyType({"Otsu": threshold_otsu, "adaptive": threshold_adaptive})
"""By the name they have in the table of ``douga evaluate --baselines``."""
