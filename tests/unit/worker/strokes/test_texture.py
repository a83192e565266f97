"""Parts of a page that are no drawing."""

from __future__ import annotations

import numpy as np

from douga_worker.strokes.skeleton_paths import SkeletonPaths
from douga_worker.strokes.stroke_drawing import Floats
from douga_worker.strokes.texture import BLOCK_PX, MOST_PATHS, find_texture

SHAPE = (200, 300)


def paths_at(places: Floats) -> SkeletonPaths:
    """A path of two points at each place."""
    count = len(places)
    points = np.repeat(places, 2, axis=0)
    return SkeletonPaths(points, np.arange(0, 2 * count + 1, 2), np.zeros((count, 2), np.int64))


def test_a_crowded_drawing_has_no_texture() -> None:
    """Up to as many paths as can be traced in time."""
    assert not find_texture(paths_at(np.full((MOST_PATHS, 2), 40.5)), SHAPE).any()


def test_of_too_many_paths_the_densest_place_goes() -> None:
    """A block of noise beside some lines."""
    lines = np.array([[10.5, 10.5], [250.5, 150.5]])
    noise = np.full((MOST_PATHS + 1, 2), 2.5 * BLOCK_PX)
    is_texture = find_texture(paths_at(np.concatenate([lines, noise])), SHAPE)
    block = slice(2 * BLOCK_PX, 3 * BLOCK_PX)
    assert is_texture[block, block].all()
    assert BLOCK_PX**2 == is_texture.sum()
