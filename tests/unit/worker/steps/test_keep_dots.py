"""Firm dots that stand by themselves are drawn though the network left them out; dust is not."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.steps.keep_dots import keep_dots

SIZE = 120
MIDDLE = (60, 60)
NOTHING = np.zeros((SIZE, SIZE), np.uint8)


def face(radius: int = 3, tone: int = 250) -> NDArray[np.uint8]:
    """An eye: a ring as the network draws lines, and a pupil."""
    sheet = ring()
    cv2.circle(sheet, MIDDLE, radius, tone, -1, cv2.LINE_AA)
    return sheet


def ring() -> NDArray[np.uint8]:
    """The eye without its pupil."""
    sheet = NOTHING.copy()
    cv2.circle(sheet, MIDDLE, 20, 250, 3, cv2.LINE_AA)
    return sheet


def test_a_pupil_that_was_left_out_is_drawn() -> None:
    """And nothing else changes."""
    kept = keep_dots(ring(), face())
    assert kept[MIDDLE] == 255
    np.testing.assert_array_equal(ring()[face() == ring()], kept[face() == ring()])


def test_a_pupil_that_was_drawn_stays_as_it_is() -> None:
    """The network's own edges are better."""
    drawn = face(2)
    np.testing.assert_array_equal(drawn, keep_dots(drawn, face()))


def test_dust_stays_away() -> None:
    """Too small, or too pale."""
    for dust in (face(radius=1), face(tone=150)):
        np.testing.assert_array_equal(ring(), keep_dots(ring(), dust))


def test_grain_and_short_strokes_are_left_to_the_network() -> None:
    """Dots beside each other are texture; what is long is a stroke."""
    grain = ring()
    for x in range(52, 70, 8):
        cv2.circle(grain, (x, 60), 2, 250, -1, cv2.LINE_AA)
    stroke = ring()
    cv2.line(stroke, (54, 60), (66, 60), 250, 4, cv2.LINE_AA)
    for ink in (grain, stroke):
        np.testing.assert_array_equal(ring(), keep_dots(ring(), ink))


def test_a_blank_sheet_stays_blank() -> None:
    """No marks, no tone to go by."""
    np.testing.assert_array_equal(NOTHING, keep_dots(NOTHING, NOTHING))
