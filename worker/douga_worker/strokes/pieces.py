"""Connected pieces of a mask, found in time that goes with what is set in it: most of a page is paper."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.compiled import compiled


@dataclass(frozen=True, slots=True)
class Pieces:
    """Every piece of a mask, pixels that touch at a corner being of one piece."""

    pixels: NDArray[np.int64]
    """(N,) numbers of the pixels, row by row from 0, piece after piece."""
    starts: NDArray[np.int64]
    """(K + 1,) piece k is ``pixels[starts[k]:starts[k + 1]]``."""
    boxes: NDArray[np.int64]
    """(K, 4) left, top, right and bottom of each; the last two are just outside."""
    page_width: int

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def areas(self) -> NDArray[np.int64]:
        """(K,) pixels of each."""
        return np.asarray(np.diff(self.starts))

    def mask(self, piece: int, box: NDArray[np.int64]) -> NDArray[np.bool_]:
        """A piece in a window of the page, which holds all of it.

        Args:
            piece: its number.
            box: (4,) left, top, right and bottom of the window.
        """
        left, top, right, bottom = (int(side) for side in box)
        rows, columns = np.divmod(self.pixels[self.starts[piece] : self.starts[piece + 1]], self.page_width)
        mask = np.zeros((bottom - top, right - left), np.bool_)
        mask[rows - top, columns - left] = True
        return mask


def find_pieces(mask: NDArray[np.bool_]) -> Pieces:
    """Find the connected pieces of a mask, in order of their first pixels, row by row.

    Args:
        mask: (H, W).
    """
    pixels, starts, boxes = _find(np.array(mask, np.bool_, order="C"), int(np.count_nonzero(mask)))
    return Pieces(pixels, starts, boxes, int(mask.shape[1]))


@compiled("(boolean[:, ::1], int64)")
def _find(
    left: NDArray[np.bool_], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Clear ``left`` pixel by pixel; the pixels of a piece are the queue by which it is walked."""
    height, width = left.shape
    pixels = np.empty(count, np.int64)
    starts = [0]
    boxes = [(0, 0, 0, 0)]
    held = 0
    for row in range(height):
        if held == count:
            break
        for column in range(width):
            if not left[row, column]:
                continue
            left[row, column] = False
            pixels[held] = row * width + column
            here = held
            held += 1
            x0, y0, x1, y1 = column, row, column + 1, row + 1
            while here < held:
                y = pixels[here] // width
                x = pixels[here] - y * width
                here += 1
                x0, x1, y1 = min(x0, x), max(x1, x + 1), max(y1, y + 1)
                for ny in range(max(y - 1, 0), min(y + 2, height)):
                    for nx in range(max(x - 1, 0), min(x + 2, width)):
                        if left[ny, nx]:
                            left[ny, nx] = False
                            pixels[held] = ny * width + nx
                            held += 1
            starts.append(held)
            boxes.append((x0, y0, x1, y1))
    out = np.empty((len(boxes) - 1, 4), np.int64)
    for k in range(1, len(boxes)):
        out[k - 1, 0], out[k - 1, 1], out[k - 1, 2], out[k - 1, 3] = boxes[k]
    return pixels, np.array(starts), out
