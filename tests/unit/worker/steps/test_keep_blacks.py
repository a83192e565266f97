"""Blacks that the network left hollow are filled; whatever else is dark is left to it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.steps.keep_blacks import keep_blacks
from douga_worker.steps.resample import to_size_of

SIZE = 200


def black(radius: int = 60, tone: int = 250) -> NDArray[np.uint8]:
    """A disc in the middle of a sheet."""
    sheet = np.zeros((SIZE, SIZE), np.uint8)
    cv2.circle(sheet, (SIZE // 2, SIZE // 2), radius, tone, -1, cv2.LINE_AA)
    return sheet


def rim(radius: int = 60) -> NDArray[np.uint8]:
    """What a network draws of it that sees no farther than 12 px."""
    sheet = black(radius, 255)
    cv2.circle(sheet, (SIZE // 2, SIZE // 2), radius - 12, 0, -1, cv2.LINE_AA)
    return sheet


def test_a_hollow_black_is_filled_to_its_rim() -> None:
    """And not beyond it."""
    filled = keep_blacks(rim(), black())
    assert (filled[black() == 250] == 255).all()
    assert not filled[black() == 0].any()


def test_a_scan_of_another_size_will_do() -> None:
    """The network works at its own."""
    large = cv2.resize(black(), None, fx=2.5, fy=2.5, interpolation=cv2.INTER_CUBIC)
    filled = keep_blacks(rim(), to_size_of(rim(), np.asarray(large, np.uint8)))
    assert (filled[black(57) == 250] == 255).all()
    assert not filled[cv2.dilate(black(), np.ones((5, 5))) == 0].any()


def test_a_large_black_amid_the_sheet_is_filled_even_where_the_network_saw_nothing_of_it() -> None:
    """Nothing but a pen or a brush makes a whole area as dark as the lines are."""
    filled = keep_blacks(np.zeros((SIZE, SIZE), np.uint8), black())
    assert (filled[black() == 250] == 255).all()
    assert not filled[black() == 0].any()


def test_a_small_black_that_the_network_saw_nothing_of_stays_away() -> None:
    """It knows blacks of that size, and dropped this one for a reason."""
    nothing = np.zeros((SIZE, SIZE), np.uint8)
    np.testing.assert_array_equal(nothing, keep_blacks(nothing, black(9)))


def cut_off(sheet: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Its right half, so that the disc reaches the edge."""
    return sheet[:, SIZE // 2 :]


def test_a_black_at_the_edge_that_the_network_saw_nothing_of_stays_away() -> None:
    """It is the table beyond the paper; one of which it drew the rim is the drawing's."""
    nothing = np.zeros((SIZE, SIZE // 2), np.uint8)
    np.testing.assert_array_equal(nothing, keep_blacks(nothing, cut_off(black())))
    assert (keep_blacks(cut_off(rim()), cut_off(black()))[cut_off(black()) == 250] == 255).all()


def test_a_coloured_area_stays_open() -> None:
    """Its outline is as dark as lines are, its tone is not."""
    ink = black(tone=180)
    cv2.circle(ink, (SIZE // 2, SIZE // 2), 60, 250, 4, cv2.LINE_AA)
    np.testing.assert_array_equal(rim(), keep_blacks(rim(), ink))


def test_shading_through_which_the_paper_shows_is_left_to_the_network() -> None:
    """It may be meant either way."""
    grain = np.random.default_rng(0).random((SIZE, SIZE)) < 0.3
    ink = np.where(cv2.dilate(grain.astype(np.uint8), np.ones((2, 2))) > 0, 90, black()).astype(np.uint8)
    np.testing.assert_array_equal(rim(), keep_blacks(rim(), ink))


def test_lines_and_crossings_are_no_areas() -> None:
    """Light gaps between lines stay open."""
    lines = np.zeros((SIZE, SIZE), np.uint8)
    lines[np.arange(SIZE) % 7 < 3] = 255
    lines[:, np.arange(SIZE) % 7 < 3] = 255
    np.testing.assert_array_equal(lines // 2, keep_blacks(lines // 2, lines))


def test_a_blank_sheet_stays_blank() -> None:
    """Nothing to fill."""
    blank = np.zeros((SIZE, SIZE), np.uint8)
    assert not keep_blacks(blank, blank).any()


def test_a_thin_rim_is_enough_however_large_the_black() -> None:
    """What the network saw of a black is a line's width of it, if it is large."""
    thin = black(90, 255)
    cv2.circle(thin, (SIZE // 2, SIZE // 2), 86, 0, -1, cv2.LINE_AA)
    assert (keep_blacks(thin, black(90))[black(90) == 250] == 255).all()
