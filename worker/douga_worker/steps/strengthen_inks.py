"""A pale pencil beside a firm one is drawn as firmly: the network takes what is pale for doubtful."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.steps.find_inks import FIRST_COLOUR, SHOW_THROUGH

FIRM = 220
"""Ink that a coloured pencil's usual stroke is brought to; graphite has about as much."""
MOST_GAIN = 2.6
"""A pencil of a third of graphite's darkness still becomes firm; beyond that grain would be line."""
AREA_WIDTHS = 2.0
"""Colour wider than so many lines is a coloured area, whose hatching is no line ..."""
LABEL_PX = 5
"""... of labels that are so much wider than the marks."""
CORE_PERCENTILE = 85
"""Labels reach beyond the strokes: the middle of a stroke is among their darkest pixels."""


def strengthen_inks(
    ink: NDArray[np.uint8], inks: NDArray[np.uint8], line_width_px: float
) -> NDArray[np.uint8]:
    """Bring every coloured pencil of a sheet to the same darkness, never to less than it has.

    Args:
        ink: (H, W) flattened scan, 0 = paper.
        inks: (H, W) labels; see ``find_inks``.
        line_width_px: the usual line's width.

    Returns:
        (H, W) uint8, another image; black, paper and coloured areas as they were.
    """
    strengthened = ink.copy().ravel()
    is_coloured = np.asarray((inks >= FIRST_COLOUR) & (inks != SHOW_THROUGH))
    coloured = np.flatnonzero(is_coloured & ~_is_area(is_coloured, line_width_px))
    labels = inks.ravel()[coloured]
    for label in np.flatnonzero(np.bincount(labels, minlength=1)):
        places = coloured[labels == label]
        tones = strengthened[places]
        usual = max(1.0, float(np.percentile(tones, CORE_PERCENTILE)))
        gain = min(max(FIRM / usual, 1.0), MOST_GAIN)
        strengthened[places] = np.rint(tones * np.float32(gain)).clip(0, 255)
    return strengthened.reshape(ink.shape)


def _is_area(is_coloured: NDArray[np.bool_], line_width_px: float) -> NDArray[np.bool_]:
    side = round(AREA_WIDTHS * max(line_width_px, 2.0)) + LABEL_PX
    broad = cv2.morphologyEx(is_coloured.view(np.uint8), cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    # Its ragged rim belongs to it.
    return np.asarray(cv2.dilate(broad, np.ones((side, side), np.uint8)) > 0)
