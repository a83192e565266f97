"""Dust and fluff go: what is too small to be drawn with this pencil is no drawing.

The one rule for it in Douga; every output is made of what it leaves.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

RIM_LEVEL = 32
"""What counts as part of a speck: its grey rim too. What lies in grey, or hangs on a line by it, is no speck:
erased it would leave a hole."""
LINE_LEVEL = 128
"""Half covered: where the edge of a line is."""
MOST_RIM_PX = 4.0
"""Whose box is longer than this and what is dropped need not be measured."""
AUTOMATIC_WIDTHS = 0.8
"""Of the pencil, whose width is known to some 15 %: the finest dot of a pencil is as wide as its line."""
USUAL_PENCIL_PX = 3.0
"""On a sheet with too little pencil to measure: A4 at 200 dpi."""
REACH_WIDTHS = 0.7
"""A crumb this near to the tip of a larger piece, in widths of the pencil, is the end of a taper."""
SHORTEST_REACH_PX = 2.0
VIEW_WIDTHS = 4.0
"""So far around a crumb it is seen whether a line ends there or runs past."""
SHORTEST_VIEW_PX = 8.0
TIP_AGREEMENT = 0.8
"""Length of the mean of all directions from a crumb to the line nearest by: near 1 where that line ends
before the crumb; where it runs past, both of its sides cancel out and 0.3 to 0.7 is left."""
HAIR_WIDTHS = 0.5
"""Of the pencil: nothing drawn on purpose is this much thinner than the pencil, but for tips."""
LEAST_OFFSHOOT_PX = 2.0
"""What stands out less is the roughness of the line's own edge."""
LINE_RIM_PX = 1.5
"""So near to a line lies its own soft edge."""
MOST_ROUNDS = 4
"""A tip may crumble into several crumbs, each near the one before."""

Mask = NDArray[np.bool_]


def drop_specks(
    lines: NDArray[np.uint8], longest_px: float | None, *, pencil_width_px: float
) -> NDArray[np.uint8]:
    """Erase lone specks, and hairs that stick out of lines.

    A speck is a piece of ink that touches nothing; a hair an offshoot less than half as thin as the pencil
    that leaves a line sideways. The crumbs of a taper's tip stay, and so do eyes, freckles and dots.

    Args:
        lines: (H, W) uint8 line image, 0 = paper, 255 = full line.
        longest_px: longest side of what is dropped; None = by the pencil's width;
            0 = nothing is dropped.
        pencil_width_px: usual width of the pencil's lines; 0 where nobody knows.

    Returns:
        (H, W) uint8, the same but for what is dropped.
    """
    pencil_width_px = pencil_width_px or USUAL_PENCIL_PX
    if longest_px is None:
        longest_px = AUTOMATIC_WIDTHS * pencil_width_px
    if longest_px < 1.0 or not lines.any():
        return lines
    shaved = _without_hairs(lines, longest_px, pencil_width_px)
    return _without_lone_specks(shaved, longest_px, pencil_width_px)


def _without_lone_specks(
    lines: NDArray[np.uint8], longest_px: float, pencil_width_px: float
) -> NDArray[np.uint8]:
    is_ink = lines >= RIM_LEVEL
    _, labels, stats, centres = cv2.connectedComponentsWithStats(is_ink.view(np.uint8), connectivity=8)
    is_dropped = _longest_sides(np.asarray(stats)) <= longest_px + MOST_RIM_PX
    is_dropped[0] = False
    is_dropped &= _lengths_px(lines, labels, is_dropped) <= longest_px
    if not is_dropped.any():
        return lines
    reach, view_px = max(SHORTEST_REACH_PX, REACH_WIDTHS * pencil_width_px), _view_px(pencil_width_px)
    for _ in range(MOST_ROUNDS):
        kept = is_ink & ~is_dropped[labels]
        away = cv2.distanceTransform((~kept).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
        is_near = np.zeros_like(is_dropped)
        is_near[labels[is_ink & ~kept & (away <= reach + 0.5)]] = True
        crumbs = [n for n in np.flatnonzero(is_near) if _is_beyond_tip(kept, centres[n], view_px)]
        if not crumbs:
            break
        is_dropped[crumbs] = False
    dropped = is_dropped[labels]
    rim = ~is_ink & _grown(dropped)
    return np.asarray(np.where(dropped | rim, 0, lines), np.uint8)


def _without_hairs(lines: NDArray[np.uint8], longest_px: float, pencil_width_px: float) -> NDArray[np.uint8]:
    side = math.floor(HAIR_WIDTHS * pencil_width_px) + 1
    if side < 2 or longest_px < LEAST_OFFSHOOT_PX:
        return lines
    is_line = (lines >= LINE_LEVEL).view(np.uint8)
    body = _opened(is_line, side)
    thin = is_line & ~body & 1
    _, labels, stats, centres = cv2.connectedComponentsWithStats(thin, connectivity=8)
    is_hair = _longest_sides(np.asarray(stats)) <= longest_px
    is_hair[0] = False
    away = cv2.distanceTransform(1 - body, cv2.DIST_L2, cv2.DIST_MASK_5)
    stands_out = np.zeros_like(is_hair)
    stands_out[labels[away >= LEAST_OFFSHOOT_PX]] = True
    erased = np.zeros_like(lines, np.bool_)
    for n in np.flatnonzero(is_hair & stands_out):
        view = _view(stats[n])
        hair = labels[view] == n
        if _is_offshoot(hair, body[view], lines[view]) and not _is_beyond_tip(
            body > 0, centres[n], _view_px(pencil_width_px)
        ):
            reach = _grown(hair, 2)
            erased[view] |= reach & (away[view] >= LINE_RIM_PX) | hair
    return np.asarray(np.where(erased, 0, lines), np.uint8)


def _opened(is_line: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Keep what squares of such a side cover. OpenCV's own opening moves the image where the side is even."""
    square = np.ones((side, side), np.uint8)
    inner = cv2.erode(is_line, square, anchor=(side - 1, side - 1))
    return np.asarray(cv2.dilate(inner, square, anchor=(0, 0)), np.uint8)


_SQUARE = np.ones((3, 3), np.uint8)


def _view(stat: NDArray[Any]) -> tuple[slice, slice]:
    """Return the window of a piece and what lies within 3 px of it."""
    x, y, width, height = (int(stat[n]) for n in range(4))
    return slice(max(0, y - 3), y + height + 3), slice(max(0, x - 3), x + width + 3)


def _is_offshoot(hair: Mask, body: NDArray[np.uint8], lines: NDArray[np.uint8]) -> bool:
    """Whether it hangs on the body at one place, and paper lies all around it else."""
    touched = _grown(hair) & (body > 0)
    if cv2.connectedComponents(touched.view(np.uint8), connectivity=8)[0] != 2:
        return False
    rim = _grown(hair | (body > 0))
    return not (_grown(hair, 3) & ~rim & (lines >= RIM_LEVEL)).any()


def _grown(mask: Mask, by_px: int = 1) -> Mask:
    return np.asarray(cv2.dilate(mask.view(np.uint8), _SQUARE, iterations=by_px) > 0)


def _lengths_px(
    lines: NDArray[np.uint8], labels: NDArray[Any], is_measured: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the longer side of every piece measured: soft ends count by their tone, as they cover pixels."""
    places = np.nonzero(is_measured[labels])
    if not len(places[0]):
        return np.zeros(len(is_measured))
    piece, tone = labels[places].astype(np.int64), lines[places]
    sides = []
    for across in places:
        # The darkest pixel of every row, and of every column, speaks for it.
        order = np.lexsort((tone, across, piece))
        own, at = piece[order], across[order]
        is_darkest = np.append((own[1:] != own[:-1]) | (at[1:] != at[:-1]), True)
        tones = tone[order][is_darkest] / 255
        sides.append(np.bincount(own[is_darkest], weights=tones, minlength=len(is_measured)))
    return np.asarray(np.maximum(*sides))


def _longest_sides(stats: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]))


def _is_beyond_tip(ink: Mask, place: NDArray[np.float64], view_px: float) -> bool:
    """Whether the line nearest to a place ends there: seen from it, the line lies to one side."""
    x, y = (float(at) for at in place)
    top, left = max(0, math.floor(y - view_px)), max(0, math.floor(x - view_px))
    seen = ink[top : math.ceil(y + view_px) + 1, left : math.ceil(x + view_px) + 1]
    offset_y, offset_x = np.ogrid[: seen.shape[0], : seen.shape[1]]
    offset_y, offset_x = offset_y + (top - y), offset_x + (left - x)
    away = np.hypot(offset_y, offset_x)
    _, labels = cv2.connectedComponents((seen & (away <= view_px)).view(np.uint8), connectivity=8)
    if not labels.any():
        return False
    is_nearest = labels == labels.ravel()[np.argmin(np.where(labels > 0, away, np.inf))]
    away = np.maximum(away, 1e-6)
    mean_y, mean_x = ((offset / away)[is_nearest].mean() for offset in (offset_y, offset_x))
    return math.hypot(mean_y, mean_x) >= TIP_AGREEMENT


def _view_px(pencil_width_px: float) -> float:
    return max(SHORTEST_VIEW_PX, VIEW_WIDTHS * pencil_width_px)
