"""Solid blacks: ink so much fatter than the lines that it has no centre line."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.compiled import compiled
from douga_worker.strokes.pieces import find_pieces

SOLID_WIDTHS = 2.4
"""Discs this much larger than the usual line make the body of a solid black ..."""
CORE_WIDTHS = 3.0
"""... which must somewhere be this much thicker, or it is just a fat stroke ..."""
DOT_AREA = 13.0
"""... unless it is as compact as a dot (in squares of its own radius)."""
THINNEST_SOLID_PX = 3.2
RIM_PX = 1.6
"""Ink this near to a solid is its edge ..."""
REST_PX = 3.0
"""... and what starts this near to it and never leaves its neighbourhood is a rest of it."""
REST_REACH = 3.0
"""A body reaches one smallest disc beyond its core, and its neighbourhood two more."""
THICKEST_LINE_SHARE, THICKEST_LINE_PX = 0.01, 4.0
"""Half width beyond which ink is no line any more: a share of the long edge, and never less than this."""
USUAL_LINE_PX = 1.5
"""Half width taken for a page without a single line."""

_SIDE, _DIAGONAL, _KNIGHT = np.float32(1.0), np.float32(1.4), np.float32(2.1969)
"""Distances to neighbours, as OpenCV has them."""
_BEFORE = (
    (2, 1, _KNIGHT), (2, -1, _KNIGHT), (1, 2, _KNIGHT), (1, 1, _DIAGONAL), (1, 0, _SIDE), (1, -1, _DIAGONAL),
    (1, -2, _KNIGHT), (0, 1, _SIDE),
)  # fmt: skip
"""The neighbours that come earlier row by row: rows and columns back, and their distances."""

Depth = NDArray[np.float32]
"""(H, W) distance to the nearest paper in px, 0 on paper."""
Mask = NDArray[np.bool_]


def measure_depth(is_ink: Mask) -> Depth:
    """Measure how deep each pixel lies in the ink; what lies beyond the page's rim counts as paper.

    The chamfer distance over 5 x 5 pixels of Borgefors, "Distance transformations in digital images" (1986),
    as OpenCV has it, but paper costs nothing: it stays the zeros that a page of memory begins with.
    """
    depth = np.zeros(is_ink.shape, np.float32)
    _sink(np.ascontiguousarray(is_ink), depth)
    return depth


@compiled("(boolean[:, ::1], float32[:, ::1])")
def _sink(is_ink: Mask, depth: Depth) -> None:
    """Let depths grow from the top left, then from the bottom right."""
    height, width = is_ink.shape
    for way in (1, -1):
        for n in range(height):
            y = n if way > 0 else height - 1 - n
            for m in range(width):
                x = m if way > 0 else width - 1 - m
                if not is_ink[y, x]:
                    continue
                # As if paper lay around the page.
                least = min(x, y, width - 1 - x, height - 1 - y) + _SIDE
                if way < 0:
                    least = min(least, depth[y, x])
                for k in range(8):
                    row, column = y - way * _BEFORE[k][0], x - way * _BEFORE[k][1]
                    if 0 <= row < height and 0 <= column < width:
                        least = min(least, depth[row, column] + _BEFORE[k][2])
                depth[y, x] = least


def usual_half_width(depth: Depth) -> float:
    """Half the width of the page's usual line in px, from the ridges of the depth."""
    if not depth.size:
        return USUAL_LINE_PX
    ridges = _depths_of_ridges(depth)
    thickest = max(THICKEST_LINE_SHARE * max(depth.shape), THICKEST_LINE_PX)
    return min(float(np.median(ridges)), thickest) if len(ridges) else USUAL_LINE_PX


@compiled("(float32[:, ::1])")
def _depths_of_ridges(depth: Depth) -> NDArray[np.float32]:
    """The depths of all pixels that no neighbour lies deeper than."""
    height, width = depth.shape
    ridges = np.empty(64, np.float32)
    count = 0
    for y in range(height):
        for x in range(width):
            here = depth[y, x]
            if not here > 0.0:
                continue
            is_ridge = True
            for row in range(max(y - 1, 0), min(y + 2, height)):
                for column in range(max(x - 1, 0), min(x + 2, width)):
                    if depth[row, column] > here:
                        is_ridge = False
            if is_ridge:
                if count == len(ridges):
                    longer = np.empty(2 * count, np.float32)
                    longer[:count] = ridges
                    ridges = longer
                ridges[count] = here
                count += 1
    return ridges[:count].copy()


def find_solids(is_ink: Mask, depth: Depth, half_width_px: float) -> Mask:
    """Mark the solid blacks, and the rests left around them.

    Args:
        is_ink: (H, W).
        depth: (H, W), ``measure_depth`` of it.
        half_width_px: Half the usual line's width.

    Returns:
        (H, W), a part of ``is_ink``.
    """
    smallest = max(SOLID_WIDTHS * half_width_px, THINNEST_SOLID_PX)
    is_solid = np.zeros(is_ink.shape, np.bool_)
    cores = find_pieces(_deeper_than(is_ink, depth, smallest))
    for number in range(len(cores)):
        box = _box_around(cores.boxes[number], int(REST_REACH * smallest + 8), is_ink.shape)
        window = slice(int(box[1]), int(box[3])), slice(int(box[0]), int(box[2]))
        core, ink = cores.mask(number, box), is_ink[window]
        body = _grow(core, smallest + 0.5) & ink
        deepest = float(depth[window][core].max())
        if deepest > CORE_WIDTHS * half_width_px or body.sum() < DOT_AREA * deepest**2:
            is_solid[window] |= _with_rests(body, ink, smallest)
    return is_solid


@compiled("(boolean[:, ::1], float32[:, ::1], float64)")
def _deeper_than(is_ink: Mask, depth: Depth, least: float) -> Mask:
    """Whether pixels lie deeper than this; paper is not looked at."""
    is_deep = np.zeros(is_ink.shape, np.bool_)
    for y in range(is_ink.shape[0]):
        for x in range(is_ink.shape[1]):
            if is_ink[y, x] and depth[y, x] > least:
                is_deep[y, x] = True
    return is_deep


def _box_around(box: NDArray[np.int64], margin: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    grown = box + np.array([-margin, -margin, margin, margin])
    return np.asarray(np.clip(grown, 0, np.array([shape[1], shape[0], shape[1], shape[0]])), np.int64)


def _grow(mask: Mask, radius: float) -> Mask:
    away = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(away <= radius, np.bool_)


def _with_rests(is_solid: Mask, is_ink: Mask, smallest: float) -> Mask:
    """Add the rim of every solid, which discs cannot reach, and the small rests around it."""
    away = cv2.distanceTransform((~is_solid).view(np.uint8), cv2.DIST_L2, 5)
    is_solid = is_solid | (is_ink & (away < RIM_PX))
    rest = is_ink & ~is_solid
    count, labels = cv2.connectedComponents(rest.view(np.uint8), connectivity=8)
    farthest, nearest = _spans(np.asarray(labels, np.int32), np.asarray(away, np.float32), count)
    is_rest = (farthest < 2 * smallest) & (nearest < REST_PX)
    is_rest[0] = False
    return np.asarray(is_solid | is_rest[labels], np.bool_)


@compiled("(int32[:, ::1], float32[:, ::1], int64)")
def _spans(labels: NDArray[np.int32], away: Depth, count: int) -> tuple[Depth, Depth]:
    """(count,) the largest and the smallest distance of every label."""
    farthest, nearest = np.zeros(count, np.float32), np.full(count, np.inf, np.float32)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            label = labels[y, x]
            farthest[label] = max(farthest[label], away[y, x])
            nearest[label] = min(nearest[label], away[y, x])
    return farthest, nearest
