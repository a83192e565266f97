"""Every pixel of the clean lines gets its ink: the network says where line is, the scan which pencil."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_shared.palette import Palette
from douga_worker.steps.find_inks import BLACK_INK, FIRST_COLOUR, NO_INK, SHOW_THROUGH

SHORTEST_LENGTHS = 2.0
"""A piece that touches another ink must be so many line widths long."""
SHORTEST_BETWEEN = 4.0
"""A black piece that touches two others lies where they cross and mix: it must be so long ..."""
MIXED_PX = 1.5
"""... of lines that much wider, for pencils are told apart over some pixels."""
RIM_SHARE = 0.6
"""Colour narrower than this share of a line, beside black, is that line's rim: the area it runs along."""
TOUCHING_PX = 2
"""Inks this near touch: between them lie pixels of neither."""
SPREAD_WIDTHS = 4.0
"""So far a label reaches along a line where the scan says nothing; further on it is black."""


def settle_inks(
    lines: NDArray[np.uint8], inks: NDArray[np.uint8], palette: Palette, line_width_px: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Assign every line its ink, and leave out the lines of inks that are not kept.

    Args:
        lines: (H, W) uint8 line image at the scan's size, 0 = paper.
        inks: (H, W) labels of the scan's marks; see ``find_inks``.
        palette: the one they were found with.
        line_width_px: the usual line's width.

    Returns:
        The lines that stay, and their inks as in ``assign_inks``; None where all are black.
    """
    lines, line_inks = drop_inks(lines, assign_inks(lines, inks, line_width_px), palette)
    return lines, (line_inks if int(line_inks.max(initial=0)) > BLACK_INK else None)


def assign_inks(lines: NDArray[np.uint8], inks: NDArray[np.uint8], line_width_px: float) -> NDArray[np.uint8]:
    """Say for every line pixel which ink it is.

    Args:
        lines: (H, W) uint8 line image at the scan's size, 0 = paper.
        inks: (H, W) labels of the scan's marks; see ``find_inks``.
        line_width_px: the usual line's width.

    Returns:
        (H, W) uint8: ``NO_INK`` off the lines; on them a label, never ``NO_INK``. Where nothing is known
        it is the nearest label along the line, or black.
    """
    is_line, width = lines > 0, max(line_width_px, 2.0)
    known = np.asarray(inks * is_line, np.uint8)
    _forget_crumbs(known, width)
    _forget_rims(known, width)
    return extend_inks(known, is_line, round(SPREAD_WIDTHS * width))


def extend_inks(line_inks: NDArray[np.uint8], is_line: NDArray[np.bool_], reach_px: int) -> NDArray[np.uint8]:
    """Let labels grow along lines that they do not cover, such as closed gaps; black first.

    Args:
        line_inks: (H, W) uint8 labels, ``NO_INK`` where there is none.
        is_line: (H, W), the lines to be labelled.
        reach_px: so far a label grows; what none reaches is black.

    Returns:
        (H, W) uint8: ``NO_INK`` off the lines, never on them.
    """
    # A margin, so that every pixel has neighbours; flat, because few pixels are looked at.
    known = cv2.copyMakeBorder(np.asarray(line_inks * is_line, np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    inner, labels, row = known[1:-1, 1:-1], known.ravel(), known.shape[1]
    y, x = np.nonzero(is_line & (inner == NO_INK))
    unknown = (y + 1) * row + x + 1
    around = (-row - 1, -row, -row + 1, -1, 1, row - 1, row, row + 1)
    for _ in range(reach_px):
        # The lowest label wins, and paper, which is lower still, wraps round to the highest.
        lowest = np.minimum.reduce([labels[unknown + step] - np.uint8(1) for step in around])
        labels[unknown] = lowest + np.uint8(1)
        unknown = unknown[lowest == np.uint8(255)]
        if not len(unknown):
            break
    labels[unknown] = BLACK_INK
    return np.ascontiguousarray(inner)


def drop_inks(
    lines: NDArray[np.uint8], line_inks: NDArray[np.uint8], palette: Palette
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Take from the lines what is of a pencil not to be kept, or of the sheet's back.

    Args:
        lines: (H, W) uint8 line image.
        line_inks: (H, W) labels; see ``assign_inks``.
        palette: says which inks are kept.

    Returns:
        Both without it.
    """
    is_kept = np.ones(256, np.uint8)
    is_kept[SHOW_THROUGH] = 0
    for i, ink in enumerate(palette):
        is_kept[FIRST_COLOUR + i] = ink.is_kept
    kept = is_kept[line_inks]
    return np.asarray(lines * kept, np.uint8), np.asarray(line_inks * kept, np.uint8)


def _forget_crumbs(known: NDArray[np.uint8], line_width_px: float) -> None:
    """Unlabel small pieces amid other inks."""
    window = np.ones((3, 3), np.uint8)
    is_known = (known != NO_INK).view(np.uint8)
    highest = cv2.dilate(known, window)
    # Without its rims towards higher labels, the picture falls into pieces of one ink each.
    is_piece = np.asarray(is_known * (highest == known), np.uint8)
    count, labelled, stats, _ = cv2.connectedComponentsWithStats(is_piece, connectivity=8)
    pieces = np.asarray(labelled, np.int32)
    area = stats[:, cv2.CC_STAT_AREA]
    most = SHORTEST_BETWEEN * (line_width_px + MIXED_PX) ** 2
    is_small = area < most
    # Lines are a small part of a page, and look-ups cost by the pixel.
    places = np.flatnonzero(is_piece)
    piece_of = pieces.ravel()[places]
    is_black = np.zeros(count, np.bool_)
    is_black[piece_of[known.ravel()[places] == BLACK_INK]] = True
    in_small = is_small[piece_of]
    other_count = _other_ink_counts(known, places[in_small], piece_of[in_small], count)
    least = np.where(is_black & (other_count > 1), most, SHORTEST_LENGTHS * line_width_px**2)
    is_crumb = is_small & (other_count > 0) & (area < least)
    known.ravel()[places[is_crumb[piece_of]]] = NO_INK
    # The rims themselves are as uncertain.
    known[is_known > is_piece] = NO_INK


def _forget_rims(known: NDArray[np.uint8], line_width_px: float) -> None:
    """Unlabel slivers of colour along black lines."""
    side = max(2, round(RIM_SHARE * line_width_px))
    is_colour = (known > BLACK_INK).view(np.uint8)
    broad = cv2.morphologyEx(is_colour, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    reach = np.ones((2 * side + 1, 2 * side + 1), np.uint8)
    beside_black = cv2.dilate((known == BLACK_INK).view(np.uint8), reach)
    known[(is_colour > broad) & (beside_black > 0)] = NO_INK


def _other_ink_counts(
    known: NDArray[np.uint8], places: NDArray[np.intp], piece_of: NDArray[np.int32], count: int
) -> NDArray[np.intp]:
    """How many other inks each piece touches, looked up around given flat places of the pieces."""
    column_of = np.zeros(256, np.intp)
    inks = np.flatnonzero(cv2.calcHist([known], [0], None, [256], [0, 256]).ravel()[1:]) + 1
    column_of[inks] = 1 + np.arange(len(inks))
    touched = np.zeros((count, 1 + len(inks)), np.bool_)
    padded = cv2.copyMakeBorder(known, *(TOUCHING_PX,) * 4, cv2.BORDER_CONSTANT)
    y, x = np.divmod(places, known.shape[1])
    for dy in range(2 * TOUCHING_PX + 1):
        for dx in range(2 * TOUCHING_PX + 1):
            touched[piece_of, column_of[padded[y + dy, x + dx]]] = True
    touched[:, 0] = False
    touched[piece_of, column_of[known[y, x]]] = False
    return np.asarray(touched.sum(axis=1))
