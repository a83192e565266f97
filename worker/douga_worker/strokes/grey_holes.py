"""Tiny grey holes in ink, where two lines meet at a small angle: blur, not paper."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.compiled import compiled

LARGEST = 3
"""Pixels; what is larger may be meant."""
LIGHTEST = 13
"""Of 255: a hole that reaches paper is meant, however small."""


def fill_grey_holes(lines: NDArray[np.uint8], is_ink: NDArray[np.bool_]) -> None:
    """Count holes as ink around which thinning would draw a web of short strokes.

    Args:
        lines: (H, W), 0 paper .. 255 full line.
        is_ink: (H, W); changed.
    """
    _fill(np.ascontiguousarray(lines), is_ink)


@compiled("(uint8[:, ::1], boolean[:, ::1])")
def _fill(lines: NDArray[np.uint8], is_ink: NDArray[np.bool_]) -> None:
    height, width = is_ink.shape
    hole = np.empty((LARGEST + 4, 2), np.int64)
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            # A hole is met at its first pixel, which has ink above and to the left.
            if is_ink[y, x] or not is_ink[y - 1, x] or not is_ink[y, x - 1]:
                continue
            hole[0, 0], hole[0, 1] = y, x
            for k in range(_follow(lines, is_ink, hole)):
                is_ink[hole[k, 0], hole[k, 1]] = True


@compiled("(uint8[:, ::1], boolean[:, ::1], int64[:, ::1])")
def _follow(lines: NDArray[np.uint8], is_ink: NDArray[np.bool_], hole: NDArray[np.int64]) -> int:
    """Collect the pixels of a hole from its first one, (row, column) each; 0 where it is none."""
    height, width = is_ink.shape
    seen, count = 0, 1
    while seen < count <= LARGEST:
        row, column = hole[seen, 0], hole[seen, 1]
        seen += 1
        if lines[row, column] < LIGHTEST or row in (0, height - 1) or column in (0, width - 1):
            return 0
        for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            there, aside = row + down, column + right
            is_new = not is_ink[there, aside]
            for k in range(count):
                is_new = is_new and not (hole[k, 0] == there and hole[k, 1] == aside)
            if is_new:
                hole[count, 0], hole[count, 1] = there, aside
                count += 1
    return count if count <= LARGEST else 0
