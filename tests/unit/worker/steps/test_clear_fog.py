"""Fog goes, lines stay whole."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.steps.clear_fog import clear_fog


def sheet_with_line(value: int) -> NDArray[np.uint8]:
    """A 3 px line across a small sheet."""
    sheet = np.zeros((60, 80), np.uint8)
    cv2.line(sheet, (5, 30), (75, 30), value, 3)
    return sheet


def pencil(tone: int) -> NDArray[np.uint8]:
    """The scan of that line, beside a firm one that tells how dark this pencil can be."""
    scan = sheet_with_line(tone)
    cv2.line(scan, (5, 50), (75, 50), 250, 3)
    return scan


def test_a_firm_line_keeps_every_pixel() -> None:
    """Soft edges included, and however pale the pencil."""
    line = np.asarray(cv2.GaussianBlur(sheet_with_line(255), (0, 0), 0.7), dtype=np.uint8)
    for tone in (100, 250):
        assert int((line.astype(int) - clear_fog(line, pencil(tone))).max()) <= 12


def test_fog_that_is_nowhere_firm_is_gone() -> None:
    """A hatching at half strength leaves nothing, whatever it lies on."""
    assert clear_fog(sheet_with_line(140), pencil(250)).max() == 0


def test_what_the_network_is_less_sure_of_stays_where_the_pencil_was_firm() -> None:
    """Lettering stays; the same answer on grain or shading is fog."""
    unsure = sheet_with_line(200)
    np.testing.assert_array_equal(unsure, clear_fog(unsure, pencil(250)))
    assert clear_fog(unsure, pencil(130)).max() == 0


def test_a_fading_end_of_a_firm_line_stays_as_far_as_it_is_line() -> None:
    """What is connected to a firm piece is part of the line; what is less than half covered is nothing."""
    line = sheet_with_line(255)
    line[:, 50:] //= 2
    line[:, 65:] //= 2
    cleared = clear_fog(line, pencil(100))
    assert 127 == cleared[30, 60]
    assert 0 == cleared[30, 70]


def test_a_blank_sheet_stays_blank() -> None:
    """And its shape is kept."""
    blank = np.zeros((7, 9), np.uint8)
    np.testing.assert_array_equal(blank, clear_fog(blank, blank))
