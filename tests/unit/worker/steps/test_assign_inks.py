"""Every line gets its ink."""

from __future__ import annotations

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from tests.coloured_sheets import BENIGN, PALE_PENCILS, USUAL, Spoiling, coloured_sheet

from douga_shared.palette import ANIMATION
from douga_worker.steps.assign_inks import assign_inks, drop_inks, extend_inks, settle_inks
from douga_worker.steps.find_inks import BLACK_INK, FIRST_COLOUR, NO_INK, SHOW_THROUGH, find_inks, ink_names
from douga_worker.steps.flatten_paper import darkness_of

Labels = NDArray[np.uint8]
RED, BLUE = FIRST_COLOUR, FIRST_COLOUR + 1


@pytest.mark.parametrize(
    ("spoiling", "least", "most"), [(BENIGN, 0.985, 0.002), (USUAL, 0.98, 0.003), (PALE_PENCILS, 0.97, 0.003)]
)
def test_lines_get_the_ink_that_drew_them(spoiling: Spoiling, least: float, most: float) -> None:
    """Shares of length: coloured lines, where black lies nowhere near, and black lines in a coloured ink."""
    label_of = {name: label for label, name in ink_names(ANIMATION).items()}
    right, black_in_colour = [], []
    for seed in (1, 2):
        sheet = coloured_sheet(seed, height=450, width=600, stroke_count=16, spoiling=spoiling)
        inks = find_inks(darkness_of(sheet.pixels), ANIMATION, sheet.width_px)
        assert inks is not None
        line_inks = assign_inks(sheet.lines, inks, sheet.width_px)
        black = np.zeros(line_inks.shape, np.uint8)
        along = [(stroke.ink, *stroke.points.astype(int).T) for stroke in sheet.strokes]
        for ink, x, y in along:
            black[y, x] |= ink == "black"
        near_black = cv2.dilate(black, np.ones((11, 11), np.uint8)) > 0
        for ink, x, y in along:
            if ink == "black":
                black_in_colour.append(line_inks[y, x] > BLACK_INK)
            else:
                right.append((line_inks[y, x] == label_of[ink])[~near_black[y, x]])
    assert np.concatenate(right).mean() > least
    assert np.concatenate(black_in_colour).mean() < most


def bar(top: int, left: int, height: int, width: int) -> Labels:
    """A rectangle of line on a page of 60 x 60."""
    lines = np.zeros((60, 60), np.uint8)
    lines[top : top + height, left : left + width] = 255
    return lines


def test_a_speck_of_another_ink_amid_a_line_goes() -> None:
    """Where pencils mix nobody drew a third one."""
    lines = bar(28, 5, 3, 50)
    inks = np.where(lines > 0, RED, NO_INK).astype(np.uint8)
    inks[28:31, 30:32] = BLACK_INK
    assert {RED} == set(assign_inks(lines, inks, 3.0)[lines > 0].tolist())


def test_a_piece_of_another_ink_as_long_as_a_stroke_stays() -> None:
    """One line may go on from another."""
    lines = bar(28, 5, 3, 50)
    inks = np.where(lines > 0, RED, NO_INK).astype(np.uint8)
    inks[:, 30:] = np.where(lines[:, 30:] > 0, BLACK_INK, NO_INK)
    line_inks = assign_inks(lines, inks, 3.0)
    assert (RED, BLACK_INK) == (line_inks[29, 20], line_inks[29, 40])


def test_a_dot_that_touches_nothing_keeps_its_ink() -> None:
    """A small blue highlight in an eye is no mixture."""
    lines = bar(10, 10, 3, 3)
    lines[30:33, 5:55] = 255
    inks = np.where(lines > 0, BLACK_INK, NO_INK).astype(np.uint8)
    inks[10:13, 10:13] = BLUE
    assert BLUE == assign_inks(lines, inks, 3.0)[11, 11]


def test_a_line_the_scan_says_nothing_about_is_black() -> None:
    """Somebody drew it, with whatever pencil."""
    lines = bar(28, 5, 3, 50)
    assert {BLACK_INK} == set(assign_inks(lines, np.zeros_like(lines), 3.0)[lines > 0].tolist())


def test_a_label_reaches_over_a_gap_in_the_scan() -> None:
    """The network joined what the pencil skipped."""
    lines = bar(28, 5, 3, 50)
    inks = np.where(lines > 0, RED, NO_INK).astype(np.uint8)
    inks[:, 28:34] = NO_INK
    assert {RED} == set(assign_inks(lines, inks, 3.0)[lines > 0].tolist())


def test_closed_gaps_take_the_ink_beside_them() -> None:
    """Labels grow along new lines, black first, and no further than told."""
    inks = np.zeros((5, 40), np.uint8)
    inks[2, :5], inks[2, 15:20] = RED, BLACK_INK
    is_line = np.zeros((5, 40), np.bool_)
    is_line[2] = True
    extended = extend_inks(inks, is_line, 6)
    assert [RED] * 10 + [BLACK_INK] * 30 == extended[2].tolist()
    assert NO_INK == extended[1].max()


def test_lines_of_an_ink_that_is_not_kept_are_left_out() -> None:
    """Construction, and what shines through."""
    palette = (ANIMATION[0], msgspec.structs.replace(ANIMATION[1], is_kept=False))
    lines = np.full((1, 4), 255, np.uint8)
    inks = np.array([[BLACK_INK, RED, BLUE, SHOW_THROUGH]], np.uint8)
    left, left_inks = drop_inks(lines, inks, palette)
    assert [255, 255, 0, 0] == left[0].tolist()
    assert [BLACK_INK, RED, NO_INK, NO_INK] == left_inks[0].tolist()


def test_a_drawing_that_turns_out_black_has_no_inks() -> None:
    """It is written as any black drawing is."""
    lines = bar(28, 5, 3, 50)
    inks = np.where(lines > 0, BLACK_INK, NO_INK).astype(np.uint8)
    inks[50, 50] = RED
    settled, line_inks = settle_inks(lines, inks, ANIMATION, 3.0)
    np.testing.assert_array_equal(lines, settled)
    assert line_inks is None


@settings(max_examples=40, deadline=None)
@given(
    lines=arrays(np.uint8, (12, 17), elements=st.sampled_from([0, 40, 255])),
    inks=arrays(np.uint8, (12, 17), elements=st.sampled_from([0, 1, 2, 3, 4, SHOW_THROUGH])),
    width=st.sampled_from([0.0, 1.0, 3.0, 40.0]),
)
def test_all_line_has_an_ink_and_paper_has_none(lines: Labels, inks: Labels, width: float) -> None:
    """Whatever the scan looked like."""
    line_inks = assign_inks(lines, inks, width)
    np.testing.assert_array_equal(lines > 0, line_inks > 0)
    assert set(np.unique(line_inks)) <= set(np.unique(inks)) | {NO_INK, BLACK_INK}
