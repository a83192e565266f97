"""Thinning in order of depth: lines down to one pixel, joined as they were, from the outside in.

A pixel goes where that neither cuts a line nor shortens an end (homotopic thinning after Pudney, 1998,
"Distance-ordered homotopic thinning"). The order is the depth in the ink plus the ink itself, so that a
line one or two pixels wide keeps its darkest pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.compiled import compiled

STEPS_PER_PX = 64
"""Depths are compared to 1/64 px: as whole numbers they sort in linear time."""


def thin(
    is_ink: NDArray[np.bool_], depth: NDArray[np.float32], ink: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Thin ink to lines one pixel wide.

    Args:
        is_ink: (H, W).
        depth: (H, W) distance to paper in px.
        ink: (H, W) 0..1.

    Returns:
        (H, W) 1 on the lines, 0 elsewhere; the outermost pixels of the page are always 0.
    """
    width = int(is_ink.shape[1])
    left = np.zeros(is_ink.shape, np.uint8)
    left[1:-1, 1:-1] = is_ink[1:-1, 1:-1]
    pixels = np.flatnonzero(left)
    rank = 2.0 * np.floor((depth.ravel()[pixels] + ink.ravel()[pixels]) * STEPS_PER_PX)
    # Every other column first: row by row, an upright line of even width is eaten up from its top.
    rank += pixels % max(width, 1) & 1
    order = np.argsort(np.minimum(rank, np.iinfo(np.uint16).max).astype(np.uint16), kind="stable")
    _remove_in_order(left, pixels[order].astype(np.int64))
    return left


@compiled("(uint8[:, ::1], int64[::1])")
def _remove_in_order(left: NDArray[np.uint8], pixels: NDArray[np.int64]) -> None:
    width = left.shape[1]
    around = np.array([1, 1 + width, width, width - 1, -1, -1 - width, -width, 1 - width])
    flat = left.ravel()
    paper = np.empty(10, np.int64)
    count, before = len(pixels), -1
    while count != before:
        before = count
        count = 0
        for n in range(before):
            pixel = pixels[n]
            inked = 0
            for k in range(8):
                is_line = flat[pixel + around[k]]
                paper[k] = 1 - is_line
                inked += is_line
            paper[8], paper[9] = paper[0], paper[1]
            # Yokoi's number: into how many pieces the neighbourhood falls without this pixel.
            pieces = 0
            for k in range(0, 8, 2):
                pieces += paper[k] - paper[k] * paper[k + 1] * paper[k + 2]
            if pieces == 1 and inked >= 2:
                flat[pixel] = 0
            else:
                pixels[count] = pixel
                count += 1
