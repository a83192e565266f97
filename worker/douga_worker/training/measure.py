"""How close a cleaned drawing comes to the artist's: the figures of ``douga evaluate``.

The measures follow "A Benchmark for Rough Sketch Cleanup" (Yan, Vanderhaeghe, Gingold, ACM TOG 39(6),
2020): drawings at a long edge of 1000 px, ink where grey < 0.75, distances between centre lines. Line
ends, junctions, length and width are added here: they show what a distance does not, that a line is
broken, doubled, hairy or too thick.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray
from skimage.morphology import skeletonize

LONG_EDGE_PX = 1000
"""Size at which everything is measured; a pixel is a thousandth of the drawing's long edge."""
INK_LEVEL = 64
"""Least coverage (of 255) that counts as ink: grey < 0.75 on white paper."""
SPUR_PX = 5
"""Shorter side branches of a centre line come from a bumpy outline: thinning makes them half a line wide."""
WIDTH_ZOOM = 3
"""Widths are read on an enlarged drawing: at 1000 px a line is 2 to 4 px wide, too coarse for a ratio."""

Mask = NDArray[np.bool_]


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """A result against the artist's drawing; pixels are thousandths of the long edge.

    Two blank drawings agree perfectly. Where one of them is blank, every share is 0, the distance is
    the long edge itself (1000), and ratios are taken against at least one piece: no figure is ever
    infinite or undefined.
    """

    precision_2px: float
    """Share of the result's centre line within 2 px of the artist's, 0..1."""
    recall_2px: float
    """Share of the artist's centre line within 2 px of the result's, 0..1."""
    f_2px: float
    """Harmonic mean of the two, 0..1."""
    precision_4px: float
    recall_4px: float
    f_4px: float
    chamfer_px: float
    """Mean distance from one centre line to the other, averaged over both directions; 0 is best."""
    line_ends: float
    """Line ends of the result / of the artist; 1 is best, more means broken lines and specks."""
    junctions: float
    """Forks and crossings, ratio; 1 is best, more means doubled and hairy lines."""
    length: float
    """Length of all lines, ratio; 1 is best."""
    ink_iou: float
    """Ink in both / ink in either, 0..1."""
    width: float
    """Median line width, ratio; 1 is best."""


SHARES = ("precision_2px", "recall_2px", "f_2px", "precision_4px", "recall_4px", "f_4px", "ink_iou")
RATIOS = ("line_ends", "junctions", "length", "width")


def compare_drawings(result: NDArray[np.uint8], target: NDArray[np.uint8]) -> Agreement:
    """Compare a cleaned drawing with the artist's.

    Both are brought to a long edge of 1000 px: averaged over the area when shrunk, cubic when enlarged.

    Args:
        result: (H, W) uint8 line image, 0 = paper, 255 = full line.
        target: the same for the artist's drawing, of the same size.

    Raises:
        ValueError: the sizes differ, or an image is not (H, W).
    """
    if result.shape != target.shape or result.ndim != 2:
        raise ValueError(f"two (H, W) images of one size are needed, not {result.shape} and {target.shape}")
    ours, artists = _describe(result), _describe(target)
    if not (ours.centre.any() and artists.centre.any()):
        return _blank(ours, artists)
    to_artist, to_ours = artists.away[ours.centre], ours.away[artists.centre]
    near = {d: (float((to_artist <= d).mean()), float((to_ours <= d).mean())) for d in (2, 4)}
    return Agreement(
        precision_2px=near[2][0],
        recall_2px=near[2][1],
        f_2px=_f(*near[2]),
        precision_4px=near[4][0],
        recall_4px=near[4][1],
        f_4px=_f(*near[4]),
        chamfer_px=float(to_artist.mean() + to_ours.mean()) / 2,
        ink_iou=float((ours.ink & artists.ink).sum() / (ours.ink | artists.ink).sum()),
        **_ratios(ours, artists),
    )


def average(agreements: Sequence[Agreement]) -> Agreement:
    """Average over drawings: shares and distance by their mean, ratios by their median.

    The median, because one drawing gone wrong (a ratio of 30, or of 0) shall not speak for the rest,
    and because a geometric mean has no answer to 0.

    Raises:
        ValueError: there is nothing to average.
    """
    if not agreements:
        raise ValueError("no drawing to average over")

    def over(field: str, how: Callable[[list[float]], np.floating]) -> float:
        return float(how([getattr(agreement, field) for agreement in agreements]))

    means = {field: over(field, np.mean) for field in (*SHARES, "chamfer_px")}
    medians = {field: over(field, np.median) for field in RATIOS}
    return Agreement(**means, **medians)


@dataclass(frozen=True, slots=True)
class _Description:
    """What the figures are computed from, at 1000 px."""

    ink: Mask
    centre: Mask
    away: NDArray[np.float32]
    """Distance of every pixel to the centre line."""
    end_count: int
    junction_count: int
    length_px: float
    width_px: float


def _describe(drawing: NDArray[np.uint8]) -> _Description:
    small = _to_measuring_size(drawing)
    ink = small >= INK_LEVEL
    centre = _prune_spurs(_centre_line(ink))
    neighbours = _neighbour_count(centre)
    return _Description(
        ink=ink,
        centre=centre,
        away=_distance_to(centre),
        # A dot is a line with both its ends in one place.
        end_count=int((neighbours == 1).sum() + 2 * (centre & (neighbours == 0)).sum()),
        junction_count=_count_junctions(centre & (neighbours >= 3)),
        length_px=_length(centre),
        width_px=_median_width(small, centre),
    )


def _blank(ours: _Description, artists: _Description) -> Agreement:
    both = not (ours.centre.any() or artists.centre.any())
    shares = dict.fromkeys(SHARES, 1.0 if both else 0.0)
    return Agreement(**shares, chamfer_px=0.0 if both else float(LONG_EDGE_PX), **_ratios(ours, artists))


def _ratios(ours: _Description, artists: _Description) -> dict[str, float]:
    return {
        "line_ends": _ratio(ours.end_count, artists.end_count),
        "junctions": _ratio(ours.junction_count, artists.junction_count),
        "length": _ratio(ours.length_px, artists.length_px),
        "width": _ratio(ours.width_px, artists.width_px),
    }


def _ratio(ours: float, artists: float) -> float:
    """A drawing of closed shapes has no line end at all: counted as one, and 0 against 0 as equal."""
    return 1.0 if ours == artists else ours / max(artists, 1.0)


def _f(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _to_measuring_size(drawing: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = drawing.shape
    scale = LONG_EDGE_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(drawing, size, interpolation=how), dtype=np.uint8)


def _centre_line(ink: Mask) -> Mask:
    """One pixel wide, without the doubled steps that thinning leaves on slanted lines."""
    centre = np.pad(skeletonize(ink), 1)
    before = -1
    while before != (before := int(centre.sum())):
        for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
            # No two pixels of such a quarter touch, so all of them can go at once.
            quarter = (slice(y, None, 2), slice(x, None, 2))
            centre[quarter] &= ~_REDUNDANT[_around(centre)[quarter]]
    return np.ascontiguousarray(centre[1:-1, 1:-1])


_CLOCKWISE = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))


def _around(mask: Mask) -> NDArray[np.uint8]:
    """The eight neighbours of every pixel as the bits of a number, clockwise from above."""
    weights = np.zeros((3, 3), np.float32)
    for bit, (dy, dx) in enumerate(_CLOCKWISE):
        weights[dy + 1, dx + 1] = 1 << bit
    codes = cv2.filter2D(mask.astype(np.uint8), cv2.CV_8U, weights, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(codes, dtype=np.uint8)


def _redundant_neighbourhoods() -> Mask:
    """For every neighbourhood: the pixel can go, its neighbours stay in one piece and no end is lost."""
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    sides, corners, next_sides = bits[:, 0::2], bits[:, 1::2], np.roll(bits[:, 0::2], -1, axis=1)
    # Pieces around the pixel, joined through corners: Yokoi's number for 8-connected lines.
    pieces = ((1 - sides) * (1 - (1 - corners) * (1 - next_sides))).sum(axis=1)
    return np.asarray((pieces == 1) & (bits.sum(axis=1) >= 2))


_REDUNDANT = _redundant_neighbourhoods()


def _prune_spurs(centre: Mask) -> Mask:
    """Cut side branches up to SPUR_PX, but no fork that has nothing else: it is a small drawn cross."""
    neighbours = _neighbour_count(centre)
    fork = centre & (neighbours >= 3)
    fork_count, forks = _label(fork)
    branch_count, branches = _label(centre & ~fork)
    if fork_count == 0 or branch_count == 0:
        return centre
    touching = _touching_pairs(branches, forks)
    size = np.bincount(branches.ravel(), minlength=branch_count + 1)
    ends = np.bincount(branches[neighbours == 1], minlength=branch_count + 1)
    is_spur = (size <= SPUR_PX) & (ends == 1)
    has_line = np.zeros(fork_count + 1, bool)
    has_line[touching[~is_spur[touching[:, 0]], 1]] = True
    cut = np.zeros(branch_count + 1, bool)
    cut[touching[is_spur[touching[:, 0]] & has_line[touching[:, 1]], 0]] = True
    # Where the branches were, the fork's own pixels stay behind as a doubled step.
    return _centre_line(centre & ~cut[branches])


def _touching_pairs(branches: NDArray[np.int32], forks: NDArray[np.int32]) -> NDArray[np.int32]:
    """(N, 2): a branch and a fork that are neighbours."""
    near = cv2.dilate(forks.astype(np.float32), np.ones((3, 3), np.uint8)).astype(np.int32)
    both = (branches > 0) & (near > 0)
    return np.unique(np.stack([branches[both], near[both]], 1), axis=0)


def _label(mask: Mask) -> tuple[int, NDArray[np.int32]]:
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return count - 1, np.asarray(labels, dtype=np.int32)


def _neighbour_count(centre: Mask) -> NDArray[np.uint8]:
    """Number of neighbours for the pixels of a centre line, 255 elsewhere."""
    counts = _BIT_COUNT[_around(centre)]
    counts[~centre] = 255
    return counts


_BIT_COUNT = np.array([code.bit_count() for code in range(256)], np.uint8)


def _count_junctions(fork: Mask) -> int:
    """Forks up to 5 px apart are one junction: thinning tears a slanted crossing into two."""
    return _label(cv2.dilate(fork.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)[0]


def _length(centre: Mask) -> float:
    """Steps to the side count 1, slanted steps the root of 2 unless two steps to the side go there too."""
    right, down = centre[:, :-1] & centre[:, 1:], centre[:-1] & centre[1:]
    a, b = centre[:-1, :-1], centre[1:, 1:]
    c, d = centre[:-1, 1:], centre[1:, :-1]
    slanted = int((a & b & ~c & ~d).sum() + (c & d & ~a & ~b).sum())
    return float(right.sum() + down.sum() + sqrt(2) * slanted)


def _distance_to(mask: Mask) -> NDArray[np.float32]:
    """Distance of every pixel to the mask; as far as can be where it is empty."""
    if not mask.any():
        return np.full(mask.shape, LONG_EDGE_PX, np.float32)
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away, dtype=np.float32)


def _median_width(small: NDArray[np.uint8], centre: Mask) -> float:
    """Twice the distance from the centre line to the ink's edge."""
    if not centre.any():
        return 0.0
    height, width = small.shape
    large = cv2.resize(small, (WIDTH_ZOOM * width, WIDTH_ZOOM * height), interpolation=cv2.INTER_LINEAR)
    # The 5 x 5 mask is within 2 % of the true distance and takes a third of the time.
    edge_px = cv2.distanceTransform((large >= INK_LEVEL).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    # The deepest of the nine enlarged pixels lies on the true centre.
    deepest = cv2.dilate(edge_px, np.ones((WIDTH_ZOOM, WIDTH_ZOOM), np.uint8))
    deepest = deepest[WIDTH_ZOOM // 2 :: WIDTH_ZOOM, WIDTH_ZOOM // 2 :: WIDTH_ZOOM]
    return float(np.median(2 * deepest[centre] - 1)) / WIDTH_ZOOM
