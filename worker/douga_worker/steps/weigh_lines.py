"""Redraw every line at one width; solid blacks stay what they are.

Lines are thinned to their centre (Zhang and Suen's thinning, as scikit-image has it), short spurs are
cut, the centre is smoothed, and every pixel is inked by its exact distance to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.morphology import skeletonize

FULL = 255.0
FAINTEST_PEAK = 142
"""On is what exceeds half of the darkest pixel around, or half of this: faint tips stay, fog goes."""
SOLID_WIDTHS = 2.4
"""Discs this much larger than the usual line make the body of a solid black ..."""
SOLID_CORE_WIDTHS = 3.0
"""... which must somewhere be this much thicker, or it is just a fat stroke ..."""
DOT_AREA = 13.0
"""... unless it is as compact as a dot (in squares of its own radius)."""
DOT_FILL = 0.6
"""Share of its square that a dot fills: a disc 0.79, a short stroke less."""
DOT_WIDTHS = 4.0
"""Larger dots than this many line widths are solid blacks by their depth."""
MARGIN_PX = 24
"""Twice the half width of the fattest line worth redrawing."""
THINNEST_SOLID_PX = 3.2
THICKEST_LINE_SHARE = 0.01
"""Half width that is no line any more, as a share of the long edge: a page of nothing but solid blacks."""
SPUR_REACH = 1.15
"""A side branch that ends within this many half widths of its fork (and 2 px) is a bump, not a stroke."""
PRUNING_ROUNDS = 2
"""Bumps may have bumps."""
SMOOTHING_ROUNDS = 8
"""Each round averages neighbours half and half: together a Gaussian of 2 px, the staircase's length."""

_AROUND = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))

Mask = NDArray[np.bool_]
Points = NDArray[np.float32]
"""(N, 2) y, x."""


@dataclass(frozen=True, slots=True)
class _Centre:
    """Centre lines as a graph of pixels."""

    points: Points
    """Where every centre pixel truly lies."""
    neighbours: NDArray[np.int32]
    """(N, 8) indices of the neighbours, first come first; the pixel's own index fills up."""


def weigh_lines(lines: NDArray[np.uint8], width_px: float) -> NDArray[np.uint8]:
    """Give every line the same width.

    Args:
        lines: (H, W) uint8 line image, 0 = paper, 255 = full line.
        width_px: the width asked for, 0.5..64 px of ``lines``.

    Returns:
        (H, W) uint8, anti-aliased. Areas about three times as thick as the usual line, and dots,
        stay as drawn; a line's end keeps its place. Blank stays blank.
    """
    if not lines.any():
        return np.zeros_like(lines)
    # Lines that leave the page run on beyond it, or their last bit would turn towards a corner.
    beyond = cv2.copyMakeBorder(np.ascontiguousarray(lines), *(MARGIN_PX,) * 4, cv2.BORDER_REPLICATE)
    drawn = _weigh(np.asarray(beyond, np.uint8), width_px)
    return np.ascontiguousarray(drawn[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX])


def _weigh(lines: NDArray[np.uint8], width_px: float) -> NDArray[np.uint8]:
    is_on = _on(lines)
    if not is_on.any():
        return np.zeros_like(lines)
    depth = _depth(is_on)
    half_width = _half_width(depth)
    kept = _solid_blacks(is_on, depth, half_width) | _dots(is_on, half_width)
    # Thinning takes a pass for every pixel of depth: without the solids it takes few.
    skeleton = np.asarray(skeletonize(is_on & ~kept), dtype=np.bool_)
    skeleton = _lengthened(_without_spurs(skeleton, depth), depth, width_px)
    drawn = _draw(_smooth_centre(skeleton), skeleton, width_px)
    rim = cv2.dilate(kept.view(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.asarray(np.where(rim, np.maximum(drawn, lines), drawn), np.uint8)


def _on(lines: NDArray[np.uint8]) -> Mask:
    peak = cv2.dilate(np.ascontiguousarray(lines), np.ones((5, 5), np.uint8))
    return np.asarray(lines > np.maximum(peak, FAINTEST_PEAK) // 2)


def _depth(mask: Mask) -> NDArray[np.float32]:
    """Distance to the paper, half a pixel at a line's outermost pixels."""
    padded = np.pad(mask.view(np.uint8), 1)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    return np.asarray(np.maximum(distance - 0.5, 0), np.float32)


def _half_width(depth: NDArray[np.float32]) -> float:
    """Usual depth along the lines' ridges, but never that of a page of nothing but solid blacks."""
    ridge = (depth > 0) & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)))
    thickest = max(4.0, THICKEST_LINE_SHARE * max(depth.shape))
    return float(min(np.median(depth[ridge]), thickest))


def _solid_blacks(is_on: Mask, depth: NDArray[np.float32], half_width: float) -> Mask:
    limit = max(SOLID_WIDTHS * half_width, THINNEST_SOLID_PX)
    count, labels, stats, _ = cv2.connectedComponentsWithStats((depth > limit).view(np.uint8), connectivity=8)
    if count == 1:
        return np.zeros_like(is_on)
    top = _largest_of_each(depth, labels, count)
    grown_area = stats[:, cv2.CC_STAT_AREA] + 2 * limit * np.sqrt(np.pi * stats[:, cv2.CC_STAT_AREA])
    is_solid = (top > SOLID_CORE_WIDTHS * half_width) | (grown_area + np.pi * limit**2 < DOT_AREA * top**2)
    is_solid[0] = False
    core = is_solid[labels]
    if not core.any():
        return np.zeros_like(is_on)
    away = cv2.distanceTransform((~core).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    solid = is_on & (away <= limit + 1.5)
    return np.asarray(solid | _corners(is_on & ~solid, solid, limit))


def _corners(rest: Mask, solid: Mask, limit: float) -> Mask:
    """Find the sharp corners that discs cannot reach: small leftovers that touch a solid black."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(rest.view(np.uint8), connectivity=8)
    touching = np.zeros(count, np.bool_)
    touching[labels[cv2.dilate(solid.view(np.uint8), np.ones((3, 3), np.uint8)) > 0]] = True
    is_corner = touching & (stats[:, cv2.CC_STAT_AREA] < limit**2)
    is_corner[0] = False
    return np.asarray(is_corner[labels])


def _dots(is_on: Mask, half_width: float) -> Mask:
    """Find eyes, freckles, full stops: as wide as they are high, so they have no direction to thin along."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(is_on.view(np.uint8), connectivity=8)
    side = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    is_dot = (stats[:, cv2.CC_STAT_AREA] > DOT_FILL * side**2) & (side < 2 * DOT_WIDTHS * half_width)
    is_dot[0] = False
    return np.asarray(is_dot[labels])


def _without_spurs(skeleton: Mask, depth: NDArray[np.float32]) -> Mask:
    for _ in range(PRUNING_ROUNDS):
        fork = skeleton & (_neighbour_count(skeleton) >= 3)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(
            (skeleton & ~fork).view(np.uint8), connectivity=8
        )
        reach = cv2.dilate(np.where(fork, depth, 0).astype(np.float32), np.ones((3, 3), np.uint8))
        at_fork = _largest_of_each(reach, labels, count)
        tips = np.where(_neighbour_count(skeleton) == 1, depth, 0)
        tip_depth = _largest_of_each(tips, labels, count)
        length = stats[:, cv2.CC_STAT_AREA]
        is_spur = (at_fork > 0) & (tip_depth > 0) & (length + tip_depth < SPUR_REACH * at_fork + 2)
        is_spur[0] = False
        if not is_spur.any():
            break
        skeleton = np.asarray(skeletonize(skeleton & ~is_spur[labels]), dtype=np.bool_)
    return skeleton


def _largest_of_each(values: NDArray[Any], labels: NDArray[Any], count: int) -> NDArray[np.float32]:
    """Largest value on every labelled piece; 0 for the background, label 0."""
    places = np.flatnonzero(labels)
    largest = np.zeros(count, np.float32)
    np.maximum.at(largest, labels.ravel()[places], values.ravel()[places].astype(np.float32))
    return largest


def _neighbour_count(skeleton: Mask) -> NDArray[np.uint8]:
    ones = skeleton.view(np.uint8)
    counts = cv2.boxFilter(ones, cv2.CV_8U, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(np.where(skeleton, counts - ones, 0), np.uint8)


def _smooth_centre(skeleton: Mask) -> _Centre:
    pixels = np.argwhere(skeleton)
    index = np.full((skeleton.shape[0] + 2, skeleton.shape[1] + 2), -1, np.int32)
    index[pixels[:, 0] + 1, pixels[:, 1] + 1] = np.arange(len(pixels))
    found = np.stack([index[pixels[:, 0] + 1 + dy, pixels[:, 1] + 1 + dx] for dy, dx in _AROUND], axis=1)
    order = np.argsort(found < 0, axis=1, kind="stable")
    found = np.take_along_axis(found, order, axis=1)
    is_there = found >= 0
    degree = is_there.sum(axis=1)
    neighbours = np.where(is_there, found, np.arange(len(pixels))[:, None]).astype(np.int32)
    points = pixels.astype(np.float32)
    inner = np.flatnonzero(degree >= 2)
    share = (is_there[inner] / degree[inner, None]).astype(np.float32)[..., None]
    most = int(degree.max(initial=0))
    for _ in range(SMOOTHING_ROUNDS):
        mean = (points[neighbours[inner, :most]] * share[:, :most]).sum(axis=1)
        points[inner] = 0.5 * (points[inner] + mean)
    return _Centre(points=points, neighbours=neighbours)


def _lengthened(skeleton: Mask, depth: NDArray[np.float32], width_px: float) -> Mask:
    """Push free ends out so that a thinner line still ends where the old one did."""
    centre = _smooth_centre(skeleton)
    own = np.arange(len(centre.points))
    ends = np.flatnonzero((centre.neighbours != own[:, None]).sum(axis=1) == 1)
    tips = np.rint(centre.points[ends]).astype(np.intp)
    missing = depth[tips[:, 0], tips[:, 1]] - width_px / 2
    ends, missing = ends[missing >= 1.0], missing[missing >= 1.0]
    if not len(ends):
        return skeleton
    before, inward = ends, centre.neighbours[ends, 0]
    for _ in range(5):
        onward = centre.neighbours[inward]
        before, inward = inward, np.where(onward[:, 0] == before, onward[:, 1], onward[:, 0])
    heading = centre.points[ends] - centre.points[inward]
    heading /= np.hypot(heading[:, :1], heading[:, 1:]) + 1e-6
    canvas = skeleton.astype(np.uint8)
    for (y, x), (to_y, to_x) in zip(
        np.rint(centre.points[ends]).astype(int).tolist(),
        np.rint(centre.points[ends] + heading * missing[:, None]).astype(int).tolist(),
        strict=True,
    ):
        cv2.line(canvas, (x, y), (to_x, to_y), 1)
    return canvas > 0


def _draw(centre: _Centre, skeleton: Mask, width_px: float) -> NDArray[np.uint8]:
    """Ink every pixel near a centre line by its distance to the nearest piece of it."""
    drawn = np.zeros(skeleton.shape, np.uint8)
    if not len(centre.points):
        return drawn
    distance, labels = cv2.distanceTransformWithLabels(
        (~skeleton).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    pixel_of = np.zeros(int(labels.max()) + 1, np.int32)
    pixel_of[labels[skeleton]] = np.arange(len(centre.points))
    # Smoothing moves a centre by up to a pixel, and the soft edge adds half a one.
    near = np.flatnonzero(distance.ravel() <= width_px / 2 + 2.0)
    nearest = pixel_of[labels.ravel()[near]]
    here = np.stack(np.unravel_index(near, skeleton.shape), axis=1).astype(np.float32)
    away = _distance_to_pieces(here, nearest, centre)
    # A line thinner than a pixel is paler instead.
    covered = np.clip(width_px / 2 + 0.5 - away, 0, min(1.0, width_px))
    drawn.ravel()[near] = np.rint(FULL * covered).astype(np.uint8)
    return drawn


def _distance_to_pieces(here: Points, nearest: NDArray[np.int32], centre: _Centre) -> NDArray[np.float32]:
    starts = centre.points[nearest]
    from_start = here - starts
    best = np.hypot(from_start[:, 0], from_start[:, 1])
    for slot in range(centre.neighbours.shape[1]):
        ends = centre.neighbours[nearest, slot]
        used = np.flatnonzero(ends != nearest)
        if not len(used):
            break
        piece = centre.points[ends[used]] - starts[used]
        offset = from_start[used]
        along = (offset * piece).sum(axis=1) / np.maximum((piece * piece).sum(axis=1), 1e-6)
        beside = offset - np.clip(along, 0, 1)[:, None] * piece
        best[used] = np.minimum(best[used], np.hypot(beside[:, 0], beside[:, 1]))
    return np.asarray(best, np.float32)
