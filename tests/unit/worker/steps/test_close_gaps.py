"""Closed gaps are drawn as wide as their lines, and nothing else changes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from douga_worker.steps.close_gaps import close_gaps
from douga_worker.steps.two_values import two_values


def broken_line(width: int, gap_px: int = 10) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A line across the sheet with a gap in its middle, and the gap."""
    lines = np.zeros((60, 100), np.uint8)
    top = 30 - width // 2
    lines[top : top + width] = 255
    left = 50 - gap_px // 2
    lines[:, left : left + gap_px] = 0
    middle = top + width / 2
    return lines, np.array([[[left, middle], [left + gap_px, middle]]], float)


@pytest.mark.parametrize("width", [2, 3, 4, 7])
def test_a_gap_is_drawn_as_wide_as_its_line(width: int) -> None:
    """To half a pixel."""
    closed = close_gaps(*broken_line(width))
    assert width == pytest.approx(closed[:, 50].sum() / 255, abs=0.5)


def test_nothing_but_the_gap_changes() -> None:
    """Lines far away, and the line's own edges, stay as drawn."""
    lines, gaps = broken_line(4)
    changed = np.argwhere(close_gaps(lines, gaps) != lines)
    assert (45, 54) == (changed[:, 1].min(), changed[:, 1].max())
    assert 6 >= np.ptp(changed[:, 0]) + 1


def test_between_a_thin_and_a_thick_line_the_width_changes_evenly() -> None:
    """As a hand would do it."""
    lines, gaps = broken_line(8, 20)
    lines[:29, 60:] = lines[31:, 60:] = 0
    widths = close_gaps(lines, gaps)[:, 42:58].sum(axis=0) / 255
    assert (np.diff(widths) <= 0.01).all()
    assert widths[0] - widths[-1] > 3


def test_a_slanting_gap_is_tight_for_paint() -> None:
    """In two values too."""
    lines = np.zeros((60, 60), np.uint8)
    cv2.line(lines, (0, 0), (24, 20), 255, 2, cv2.LINE_AA)
    cv2.line(lines, (36, 30), (59, 49), 255, 2, cv2.LINE_AA)
    canvas = two_values(close_gaps(lines, np.array([[[24.5, 20.5], [36.5, 30.5]]]))).astype(np.uint8)
    cv2.floodFill(canvas, None, (40, 0), 7, flags=4)
    assert canvas[50, 5] == 0


def test_a_gap_between_hairlines_can_be_seen() -> None:
    """However pale they are: half a pixel of line would be lost in two values."""
    lines, gaps = broken_line(1)
    assert two_values(close_gaps(lines // 3, gaps))[:, 50].any()


@pytest.mark.parametrize("place", [(-5.0, 3.0), (0.0, 0.0), (99.9, 59.9), (300.0, 300.0)])
def test_gaps_at_and_beyond_the_edge_do_no_harm(place: tuple[float, float]) -> None:
    """Curves may leave the sheet."""
    lines = np.zeros((60, 100), np.uint8)
    assert lines.shape == close_gaps(lines, np.array([[place, (place[0] + 4, place[1])]])).shape


def test_no_gaps_no_work() -> None:
    """The very same image comes back."""
    lines = broken_line(3)[0]
    assert close_gaps(lines, np.empty((0, 2, 2))) is lines


def test_a_gap_in_the_midst_of_ink_is_a_thin_line() -> None:
    """Where no paper is in view no width can be measured; pale solids have such gaps."""
    lines = np.full((60, 100), 140, np.uint8)
    closed = close_gaps(lines, np.array([[[45.0, 30.5], [55.0, 30.5]]]))
    assert (140, 255) == (closed[20, 50], closed.max())
    assert 2 >= (closed[:, 50] > 140).sum()
