"""Two values keep together what the grey line holds together, and add next to nothing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from douga_worker.steps.two_values import FAINT_LEVEL, LINE_LEVEL, two_values

MIDDLE = (60, 60)


def sheet(rows: list[str]) -> NDArray[np.uint8]:
    """Full line where a row says ``#``, grey of 100 where ``+``, of 40 where ``-``, else paper."""
    tones = {"#": 255, "+": 100, "-": 40}
    return np.array([[tones.get(pixel, 0) for pixel in row] for row in rows], np.uint8)


def drawn(is_line: NDArray[np.bool_]) -> list[str]:
    """The opposite of ``sheet``."""
    return ["".join("#" if on else "." for on in row) for row in is_line]


def ring(width: float, faintest: float, turn: float, *, squash: float = 1.0) -> NDArray[np.uint8]:
    """A closed line around ``MIDDLE`` whose strength falls to a share once on its way around."""
    y, x = np.mgrid[:121, :121] - 60.0
    away = np.abs(np.hypot(x, y / squash) - 40)
    dip = np.exp(-(((np.arctan2(y, x) - turn + np.pi) % (2 * np.pi) - np.pi) ** 2) / 0.02)
    covered = np.clip(width / 2 + 0.5 - away, 0, min(1.0, width))
    return np.asarray(np.rint(255 * covered * (1 - (1 - faintest) * dip)), np.uint8)


def leaks(is_line: NDArray[np.bool_]) -> bool:
    """Whether paint poured into the middle reaches the sheet's corner, as paint programs pour it."""
    canvas = is_line.astype(np.uint8)
    cv2.floodFill(canvas, None, MIDDLE, 7, flags=4)
    return bool(canvas[0, 0] == 7)


@settings(deadline=None)
@given(
    width=st.floats(0.5, 4),
    faintest=st.floats(0.25, 1),
    turn=st.floats(-3.1, 3.1),
    squash=st.floats(0.5, 1.0),
)
def test_paint_never_leaks_through_a_line_that_is_continuous_in_grey(
    width: float, faintest: float, turn: float, squash: float
) -> None:
    """However thin it is, however pale at one place, and whatever its slant."""
    lines = ring(width, faintest, turn, squash=squash)
    assume(not leaks(lines >= FAINT_LEVEL))
    assert not leaks(two_values(lines))


def test_half_covered_alone_would_leak() -> None:
    """Or the test above could not fail."""
    lines = ring(2.0, 0.4, 0.7)
    assert (True, False) == (leaks(lines >= LINE_LEVEL), leaks(two_values(lines)))


@settings(deadline=None)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24))))
def test_whatever_is_half_covered_is_line(lines: NDArray[np.uint8]) -> None:
    """Also in noise, and at the sheet's edges; nothing paler than a bridge may be comes in but gaps."""
    is_line = two_values(lines)
    assert lines.shape == is_line.shape
    assert is_line[lines >= LINE_LEVEL].all()


def test_a_bridge_is_one_pixel_thin() -> None:
    """A pale place of a thick line is joined, not filled."""
    rows = [
        "...............",
        "######+++######",
        "######+++######",
        "######+++######",
        "...............",
    ]
    assert 3 == np.count_nonzero(two_values(sheet(rows))) - 36


def test_lines_side_by_side_stay_apart() -> None:
    """The grey between two lines falls off on no side, and joins them nowhere."""
    rows = ["." * 20, "#" * 20, "+" * 20, "#" * 20, "." * 20]
    assert drawn(two_values(sheet(rows)))[2] == "." * 20


def test_a_line_that_fades_out_is_not_drawn_longer() -> None:
    """Grey that leads nowhere holds nothing together."""
    rows = ["..............", "######+++++...", ".............."]
    assert drawn(two_values(sheet(rows))) == ["." * 14, "######........", "." * 14]


def test_a_pale_mark_of_its_own_is_paper() -> None:
    """As by the threshold alone."""
    assert not two_values(sheet(["......", ".++++.", "......"])).any()


def test_a_gap_of_one_pixel_is_closed() -> None:
    """Two ends almost touching were meant to touch."""
    rows = ["...........", "#####.#####", "#####.#####", "..........."]
    assert drawn(two_values(sheet(rows))) == ["." * 11, "#" * 11, "#" * 11, "." * 11]


def test_a_slanting_gap_of_one_pixel_is_closed() -> None:
    """Also where both lines are one pixel thin."""
    rows = ["#.......", ".#......", "..#.....", "........", "....#...", ".....#..", "......#."]
    assert "...#...." == drawn(two_values(sheet(rows)))[3]


def test_a_gap_of_two_pixels_is_left_to_the_tracer() -> None:
    """It knows where the lines lead; pixels do not."""
    rows = [".............", "#####...#####", "#####...#####", "............."]
    assert not two_values(sheet(rows))[:, 6].any()


def test_a_channel_of_one_pixel_stays_open() -> None:
    """Closing it would make one fat line of two."""
    rows = ["############", "............", "############"]
    assert drawn(two_values(sheet(rows)))[1] == "." * 12


def test_an_acute_corner_stays_as_sharp_as_drawn() -> None:
    """Its last pixel is no gap: it leads nowhere."""
    rows = [
        "##########......",
        "####.###########",
        "####...#########",
        "####.....#######",
        "####.......#####",
    ]
    before = sheet(rows)
    before[1, 4] = 0
    assert drawn(two_values(before))[2:] == drawn(before > 0)[2:]


def test_a_hole_of_one_pixel_is_filled() -> None:
    """No bucket can be poured into it; a hole of two stays, for it may be meant."""
    one, two = ["#####", "##.##", "#####"], ["######", "##..##", "######"]
    assert two_values(sheet(one)).all()
    assert 2 == np.count_nonzero(~two_values(sheet(two)))


def test_a_pixel_at_the_sheets_edge_is_no_hole() -> None:
    """Nobody knows what lies beyond."""
    assert not two_values(sheet(["#.#", "###"]))[0, 1]


@pytest.mark.parametrize("tone", [0, 100, 255])
def test_a_sheet_of_one_tone_stays_so(tone: int) -> None:
    """Blank, grey and black."""
    assert (tone >= LINE_LEVEL) == two_values(np.full((9, 7), tone, np.uint8)).all()
