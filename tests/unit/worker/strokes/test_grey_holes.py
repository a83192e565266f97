"""Tiny grey holes are blur; white ones, and larger ones, are meant."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from douga_worker.strokes.grey_holes import LARGEST, fill_grey_holes


def page_with_hole(*pixels: tuple[int, int], tone: int) -> NDArray[np.uint8]:
    """A block of ink on paper, with a hole of these pixels."""
    lines = np.zeros((20, 20), np.uint8)
    lines[2:18, 2:18] = 255
    for row, column in pixels:
        lines[row, column] = tone
    return lines


def filled(lines: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The ink, after holes are filled."""
    is_ink = lines > 127
    fill_grey_holes(lines, is_ink)
    return is_ink


@pytest.mark.parametrize(
    "pixels", [[(8, 8)], [(8, 8), (8, 9), (8, 10)], [(8, 8), (9, 8), (9, 7)]], ids=["one", "row", "bent"]
)
def test_a_grey_hole_of_up_to_three_pixels_is_ink(pixels: list[tuple[int, int]]) -> None:
    """Whatever its shape."""
    assert filled(page_with_hole(*pixels, tone=90))[2:18, 2:18].all()


def test_a_larger_hole_stays() -> None:
    """It may be meant."""
    pixels = [(8, 8 + n) for n in range(LARGEST + 1)]
    assert not filled(page_with_hole(*pixels, tone=90))[8, 8 : 9 + LARGEST].any()


def test_a_hole_that_reaches_paper_stays() -> None:
    """One pixel of it is white: a highlight."""
    lines = page_with_hole((8, 8), (8, 9), tone=90)
    lines[8, 9] = 0
    assert not filled(lines)[8, 8:10].any()


def test_a_hole_that_touches_another_at_a_corner_only_is_one_by_itself() -> None:
    """Paper holds together along sides, as paint does."""
    assert filled(page_with_hole((8, 8), (9, 9), (10, 10), (11, 11), tone=90))[2:18, 2:18].all()


def test_the_edge_of_the_ink_and_of_the_page_are_no_holes() -> None:
    """Grey beside a line stays paper."""
    lines = page_with_hole(tone=0)
    lines[2, 5] = lines[10, 2] = 90
    lines[0, :] = 90
    before = lines > 127
    np.testing.assert_array_equal(before, filled(lines))
