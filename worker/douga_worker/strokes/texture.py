"""Noise and texture: where lines meet more densely than anybody draws, there are no strokes to be found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.skeleton_paths import SkeletonPaths

MOST_PATHS = 8_000
"""A crowded page has a few thousand; tracing takes about a millisecond for each."""
BLOCK_PX = 32


def find_texture(paths: SkeletonPaths, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Mark the densest parts of a page that holds too many paths to be a drawing.

    Args:
        paths: Of the page's skeleton.
        shape: (H, W) of the page.

    Returns:
        (H, W) whole blocks; nothing on a page that is a drawing.
    """
    is_texture = np.zeros(shape, np.bool_)
    if len(paths) <= MOST_PATHS:
        return is_texture
    across = -(-shape[1] // BLOCK_PX)
    down = -(-shape[0] // BLOCK_PX)
    starts = (paths.points[paths.starts[:-1]] / BLOCK_PX).astype(np.int64)
    counts = np.bincount(starts[:, 1] * across + starts[:, 0], minlength=across * down)
    sparsest_first = np.argsort(counts, kind="stable")
    kept = int(np.searchsorted(np.cumsum(counts[sparsest_first]), MOST_PATHS, side="right"))
    is_dense = np.zeros(across * down, np.bool_)
    is_dense[sparsest_first[kept:]] = True
    blocks = is_dense.reshape(down, across).repeat(BLOCK_PX, 0).repeat(BLOCK_PX, 1)
    is_texture[:] = blocks[: shape[0], : shape[1]]
    return is_texture
