"""From a skeleton's pixels to paths between its nodes: ends, and clusters of pixels where lines meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.compiled import compiled
from douga_worker.strokes.stroke_drawing import Floats

NO_NODE = 0
"""Both ends of a closed path."""
_LINE, _VISITED, _OF_NODE = 1, 2, 3
"""What the skeleton's pixels are while it is walked."""


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
        skeleton: (H, W) 1 on lines one pixel wide, 0 elsewhere and on the outermost pixels; changed, but not
            where it is 0.
    """
    pixels = np.flatnonzero(skeleton.view(np.bool_)).astype(np.int64)
    at, labels = _label_nodes(skeleton, pixels)
    steps, starts, nodes = _follow(skeleton, pixels, at, labels)
    width = skeleton.shape[1]
    points = np.stack([steps % width, steps // width], 1) + 0.5 if width else np.zeros((0, 2))
    return SkeletonPaths(points, starts, nodes)


@compiled("(uint8[:, ::1], int64[::1])")
def _label_nodes(  # noqa: C901  (one loop, compiled whole)
    skeleton: NDArray[np.uint8], pixels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the clusters of pixels that have any but two neighbours; in the skeleton they become _OF_NODE.

    Returns:
        Those pixels, ascending, and the number of each one's cluster, from 1.
    """
    width = skeleton.shape[1]
    around = np.array([1, width, -1, -width, 1 + width, width - 1, -1 - width, 1 - width])
    lines = skeleton.ravel()
    at = np.empty(len(pixels), np.int64)
    held = 0
    for pixel in pixels:
        count = 0
        for k in range(8):
            count += lines[pixel + around[k]] != 0
        if count != 2:
            at[held] = pixel
            held += 1
    at = at[:held].copy()
    for pixel in at:
        lines[pixel] = _OF_NODE
    labels = np.zeros(held, np.int64)
    waiting = np.empty(held + 1, np.int64)
    label = 0
    for first in range(held):
        if labels[first]:
            continue
        label += 1
        labels[first] = label
        waiting[0], top = first, 1
        while top:
            top -= 1
            here = at[waiting[top]]
            for k in range(8):
                there = here + around[k]
                if lines[there] != _OF_NODE:
                    continue
                found = np.searchsorted(at, there)
                if not labels[found]:
                    labels[found] = label
                    waiting[top] = found
                    top += 1
    return at, labels


@compiled("(uint8[:, ::1], int64[::1], int64[::1], int64[::1])")
def _follow(  # noqa: C901  (one walk, compiled whole)
    skeleton: NDArray[np.uint8],
    pixels: NDArray[np.int64],
    at: NDArray[np.int64],
    labels: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Walk from every node along every line, then around what has no node; lines turn to _VISITED."""
    width = skeleton.shape[1]
    around = np.array([1, width, -1, -width, 1 + width, width - 1, -1 - width, 1 - width])
    lines = skeleton.ravel()
    steps = np.empty(3 * len(pixels) + 16, np.int64)
    starts = np.zeros(len(pixels) * 2 + 2, np.int64)
    nodes = np.zeros((len(pixels) * 2 + 1, 2), np.int64)
    count, paths = 0, 0
    for is_closed in (False, True):
        for first in pixels:
            if lines[first] != (_LINE if is_closed else _OF_NODE):
                continue
            for k in range(8):
                here = first + around[k]
                if lines[here] != _LINE or (is_closed and lines[first] != _LINE):
                    continue
                before = first
                steps[count] = first
                count += 1
                start = 0 if is_closed else labels[np.searchsorted(at, first)]
                if is_closed:
                    lines[first] = _VISITED
                end = 0
                while True:
                    steps[count] = here
                    count += 1
                    if lines[here] == _OF_NODE:
                        end = labels[np.searchsorted(at, here)]
                        break
                    lines[here] = _VISITED
                    onward = -1
                    for q in range(8):
                        there = here + around[q]
                        if there != before and (lines[there] == _LINE or lines[there] == _OF_NODE):
                            onward = there
                            break
                    if onward < 0:
                        break
                    before, here = here, onward
                nodes[paths, 0], nodes[paths, 1] = start, end
                paths += 1
                starts[paths] = count
    return steps[:count].copy(), starts[: paths + 1].copy(), nodes[:paths].copy()
