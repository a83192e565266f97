"""From a skeleton's pixels to paths between its nodes: ends, and clusters of pixels where lines meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.compiled import compiled
from douga_worker.strokes.stroke_drawing import Floats

NO_NODE = 0
"""Both ends of a closed path."""


@dataclass(frozen=True, slots=True)
class SkeletonPaths:
    """Every path of a skeleton, one after the other."""

    points: Floats
    """(N, 2) x, y: centres of the pixels."""
    starts: NDArray[np.int64]
    """(E + 1,) path e is ``points[starts[e]:starts[e + 1]]``."""
    nodes: NDArray[np.int64]
    """(E, 2) the nodes at both ends, from 1; NO_NODE for closed paths."""

    def __len__(self) -> int:
        return len(self.nodes)

    def path(self, number: int) -> Floats:
        """(n, 2) the points of one path, those of its nodes included."""
        return self.points[self.starts[number] : self.starts[number + 1]]


def find_paths(skeleton: NDArray[np.uint8]) -> SkeletonPaths:
    """Follow every line of a skeleton from node to node.

    Args:
        skeleton: (H, W) 1 on lines one pixel wide, 0 elsewhere and on the outermost pixels.
    """
    pixels = np.flatnonzero(skeleton).astype(np.int64)
    labels = np.zeros(skeleton.shape, np.int32)
    _label_nodes(skeleton, labels, pixels)
    steps, starts, nodes = _follow(skeleton, labels, pixels)
    width = skeleton.shape[1]
    points = np.stack([steps % width, steps // width], 1) + 0.5 if width else np.zeros((0, 2))
    return SkeletonPaths(points, starts, nodes)


@compiled("(uint8[:, ::1], int32[:, ::1], int64[::1])")
def _label_nodes(skeleton: NDArray[np.uint8], labels: NDArray[np.int32], pixels: NDArray[np.int64]) -> None:
    """Number the clusters of pixels that have any but two neighbours."""
    width = skeleton.shape[1]
    around = np.array([1, width, -1, -width, 1 + width, width - 1, -1 - width, 1 - width])
    lines, flat = skeleton.ravel(), labels.ravel()
    for pixel in pixels:
        count = 0
        for k in range(8):
            count += lines[pixel + around[k]]
        if count != 2:
            flat[pixel] = -1
    waiting = np.empty(len(pixels) + 1, np.int64)
    label = 0
    for pixel in pixels:
        if flat[pixel] != -1:
            continue
        label += 1
        flat[pixel] = label
        waiting[0], top = pixel, 1
        while top:
            top -= 1
            here = waiting[top]
            for k in range(8):
                if flat[here + around[k]] == -1:
                    flat[here + around[k]] = label
                    waiting[top] = here + around[k]
                    top += 1


@compiled("(uint8[:, ::1], int32[:, ::1], int64[::1])")
def _follow(  # noqa: C901  (one walk, compiled whole)
    skeleton: NDArray[np.uint8], labels: NDArray[np.int32], pixels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Walk from every node along every line, then around what has no node; visited lines turn from 1 to 2."""
    width = skeleton.shape[1]
    around = np.array([1, width, -1, -width, 1 + width, width - 1, -1 - width, 1 - width])
    lines, flat = skeleton.ravel(), labels.ravel()
    steps = np.empty(3 * len(pixels) + 16, np.int64)
    starts = np.zeros(len(pixels) * 2 + 2, np.int64)
    nodes = np.zeros((len(pixels) * 2 + 1, 2), np.int64)
    count, paths = 0, 0
    for is_closed in (False, True):
        for first in pixels:
            if (flat[first] == 0) != is_closed or (is_closed and lines[first] == 2):
                continue
            for k in range(8):
                here = first + around[k]
                if lines[here] != 1 or flat[here] or (is_closed and lines[first] == 2):
                    continue
                before = first
                steps[count] = first
                count += 1
                if is_closed:
                    lines[first] = 2
                end = 0
                while True:
                    steps[count] = here
                    count += 1
                    if flat[here]:
                        end = flat[here]
                        break
                    lines[here] = 2
                    onward = -1
                    for q in range(8):
                        there = here + around[q]
                        if there != before and lines[there] and (flat[there] or lines[there] == 1):
                            onward = there
                            break
                    if onward < 0:
                        break
                    before, here = here, onward
                nodes[paths, 0], nodes[paths, 1] = flat[first], end
                paths += 1
                starts[paths] = count
    return steps[:count].copy(), starts[: paths + 1].copy(), nodes[:paths].copy()
