"""Judge a drawing without a person looking: lost ink, invented ink, specks, fog, blanks."""

from __future__ import annotations

import math

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from douga_shared.manifest import PlaceKind, Quality
from douga_worker.steps.worst_places import worst_places

SCAN_INK_LEVEL = 96
"""Pencil on a flattened scan; grain and the rubbed-out stay below."""
LINE_LEVEL = 128
"""Half covered counts as line."""
FAINT_LEVEL = 32
"""Less than this nobody sees on a drawing."""
FIRM_LEVEL = 160
"""A pixel this dark belongs to a line; grey next to it is that line's soft edge, not fog."""

BLANK_SHARE = 2e-5
"""An A4 page at 200 dpi with less ink than this (78 pixels) holds no stroke, at most a crumb."""
SCAN_BLANK_SHARE = 2e-4
"""Grain leaves a few dark pixels on any paper; the shortest useful sketch leaves more than this."""

NEAR_WIDTHS = 2.0
"""Rough strokes scatter about a pencil's width or two around the line they mean."""
NEAR_SHARE = 0.003
"""The same scatter as a share of the long edge: the hand's, where the pencil is thin (A4, 200 dpi: 7 px)."""
SPECK_WIDTHS = 1.5
"""Shorter than this many pencil widths in both directions: no stroke, a small dot at best."""
EDGE_PX = 3
"""How far a line's soft edge reaches at the network's scale."""
EXAMINED_PX = 4_500_000
"""A4 at 200 dpi is looked at as it is; larger scans smaller, lines kept by taking each cell's darkest."""

NEARLY_BLANK_COVER = 0.08
"""Less than this share of the scan's ink drawn: little more than a page number came through."""
LOST_SHARE = 0.7
"""Shading and construction lines are left out on purpose and may be half of a page's ink, seldom more."""
INVENTED_SHARE = 0.1
"""Closing gaps and running corners to a point invents a few percent."""
MANY_SPECKS = 60
"""Freckles, stars and buttons are meant; beyond this it is grain that was taken for drawing."""
MOSTLY_BLACK_SHARE = 0.4
"""A drawing is mostly paper, even one with large solid blacks; beyond this the scan is a negative or dark."""
FOG_SHARE = 0.25
"""Faint ends of strokes make up to a tenth of an honest drawing."""


def check_quality(ink: NDArray[np.uint8], lines: NDArray[np.uint8], *, pencil_width_px: float) -> Quality:
    """Compare a drawing with its scan.

    Ink counts as covered, and a line as drawn by the artist, when the other image has something within
    ``max(NEAR_WIDTHS * pencil_width_px, NEAR_SHARE * long edge, 2)`` px.

    Args:
        ink: (H, W) uint8 flattened scan, 0 = paper.
        lines: (H, W) uint8 line image of the same size.
        pencil_width_px: median line width on the scan; 0 on blank paper.

    Returns:
        Shares in 0..1 and flags among ``blank`` (ink but no line), ``blank_scan`` (neither),
        ``nearly_blank``, ``lost_ink``, ``invented_ink``, ``specks``, ``fog``,
        ``mostly_black``.
    """
    scan_ink_share = _share_at_least(ink, SCAN_INK_LEVEL)
    line_ink_share = _share_at_least(lines, LINE_LEVEL)
    step = max(1, math.ceil(math.sqrt(ink.size / EXAMINED_PX)))
    near_px = max(NEAR_WIDTHS * pencil_width_px, NEAR_SHARE * max(ink.shape), 2.0) / step
    small_ink, small_lines = _darkest_of_cells(ink, step), _darkest_of_cells(lines, step)
    scan, drawn = small_ink >= SCAN_INK_LEVEL, small_lines >= LINE_LEVEL
    lost, invented = _far_from(scan, drawn, near_px), _far_from(drawn, scan, near_px)
    width = pencil_width_px / step
    quality = Quality(
        scan_ink_share=scan_ink_share,
        line_ink_share=line_ink_share,
        uncovered_share=_share_of(scan, lost),
        invented_share=_share_of(drawn, invented),
        worst_places=(
            *worst_places(lost, PlaceKind.LOST, pencil_width_px=width, scale=step),
            *worst_places(invented, PlaceKind.INVENTED, pencil_width_px=width, scale=step),
        ),
        speck_count=_count_specks(drawn, SPECK_WIDTHS * max(pencil_width_px, 2.0) / step),
        grey_share=_fog_share(small_lines, max(1, round(EDGE_PX * max(1.0, pencil_width_px / 3) / step))),
        pencil_width_px=pencil_width_px,
    )
    return msgspec.structs.replace(quality, flags=_flags(quality))


def _flags(quality: Quality) -> tuple[str, ...]:
    is_scan_blank = quality.scan_ink_share < SCAN_BLANK_SHARE
    if quality.line_ink_share < BLANK_SHARE:
        return ("blank_scan",) if is_scan_blank else ("blank",)
    checks = {
        "mostly_black": quality.line_ink_share > MOSTLY_BLACK_SHARE,
        "nearly_blank": not is_scan_blank and quality.uncovered_share > 1 - NEARLY_BLANK_COVER,
        "lost_ink": not is_scan_blank and LOST_SHARE < quality.uncovered_share <= 1 - NEARLY_BLANK_COVER,
        "invented_ink": quality.invented_share > INVENTED_SHARE,
        "specks": quality.speck_count > MANY_SPECKS,
        "fog": quality.grey_share > FOG_SHARE,
    }
    return tuple(flag for flag, is_raised in checks.items() if is_raised)


def _share_at_least(image: NDArray[np.uint8], level: int) -> float:
    return float(np.count_nonzero(image >= level)) / max(1, image.size)


def _darkest_of_cells(image: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Shrink without losing a thin line: the darkest pixel speaks for its cell."""
    if step == 1:
        return image
    darkest = cv2.dilate(np.ascontiguousarray(image), np.ones((step, step), np.uint8), anchor=(0, 0))
    return np.ascontiguousarray(darkest[::step, ::step], dtype=np.uint8)


def _far_from(marks: NDArray[np.bool_], others: NDArray[np.bool_], near_px: float) -> NDArray[np.bool_]:
    """Those of ``marks`` with nothing of ``others`` within ``near_px``."""
    if not marks.any() or not others.any():
        return marks
    distance = cv2.distanceTransform((~others).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
    return np.asarray(marks & (distance > near_px))


def _share_of(marks: NDArray[np.bool_], some: NDArray[np.bool_]) -> float:
    """Share of ``marks`` that are ``some``; 0 where there are no marks."""
    return float(np.count_nonzero(some)) / max(1, int(np.count_nonzero(marks)))


def _count_specks(drawn: NDArray[np.bool_], longest_px: float) -> int:
    _, _, stats, _ = cv2.connectedComponentsWithStats(drawn.view(np.uint8), connectivity=8)
    sides = np.maximum(stats[1:, cv2.CC_STAT_WIDTH], stats[1:, cv2.CC_STAT_HEIGHT])
    return int(np.count_nonzero(sides < longest_px))


def _fog_share(lines: NDArray[np.uint8], edge_px: int) -> float:
    """Share of the visible pixels that are grey and not at a line's edge."""
    visible = lines >= FAINT_LEVEL
    count = np.count_nonzero(visible)
    if not count:
        return 0.0
    firm = cv2.dilate((lines >= FIRM_LEVEL).view(np.uint8), np.ones((2 * edge_px + 1,) * 2, np.uint8))
    return float(np.count_nonzero(visible & (firm == 0))) / float(count)
