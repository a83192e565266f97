"""A pale pencil beside a firm one is drawn as firmly: the network takes what is pale for doubtful."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from douga_worker.steps.find_inks import FIRST_COLOUR, SHOW_THROUGH

FIRM = 220
"""Ink that a coloured pencil's usual stroke is brought to; graphite has about as much."""
MOST_GAIN = 2.6
"""A pencil of a third of graphite's darkness still becomes firm; beyond that grain would be line."""
CORE_PERCENTILE = 85
"""Labels reach beyond the strokes: the middle of a stroke is among their darkest pixels."""


def strengthen_inks(ink: NDArray[np.uint8], inks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring every coloured pencil of a sheet to the same darkness, never to less than it has.

    Args:
        ink: (H, W) flattened scan, 0 = paper.
        inks: (H, W) labels; see ``find_inks``.

    Returns:
        (H, W) uint8, another image; black and paper as they were.
    """
    strengthened = ink.copy().ravel()
    coloured = np.flatnonzero((inks >= FIRST_COLOUR) & (inks != SHOW_THROUGH))
    labels = inks.ravel()[coloured]
    for label in np.flatnonzero(np.bincount(labels, minlength=1)):
        places = coloured[labels == label]
        tones = strengthened[places]
        usual = max(1.0, float(np.percentile(tones, CORE_PERCENTILE)))
        gain = min(max(FIRM / usual, 1.0), MOST_GAIN)
        strengthened[places] = np.rint(tones * np.float32(gain)).clip(0, 255)
    return strengthened.reshape(ink.shape)
