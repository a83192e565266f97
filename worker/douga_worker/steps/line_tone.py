"""How dark a sheet's lines are: what is firm on a pale sheet is pale on a dark one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_MARK = 60
"""Of 255; less is paper."""
LEAST_TONE = 125
"""Of 255; a sheet whose darkest marks are paler than this has nothing firm."""


def line_tone(ink: NDArray[np.uint8]) -> float:
    """Tone of a sheet's darkest marks: 19 of 20 marked pixels are paler.

    Args:
        ink: (h, w) uint8 flattened scan, 0 = paper.

    Returns:
        125 to 255; 125 also where nothing is drawn.
    """
    marks = ink[ink > LEAST_MARK]
    return max(float(np.percentile(marks, 95)), LEAST_TONE) if marks.size else LEAST_TONE
