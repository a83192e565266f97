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


def test_a_firm_line_keeps_every_pixel() -> None:
    """Soft edges included."""
    line = np.asarray(cv2.GaussianBlur(sheet_with_line(255), (0, 0), 0.7), dtype=np.uint8)
    cleared = clear_fog(line)
    assert int((line.astype(int) - cleared).max()) <= 12


def test_fog_that_is_nowhere_firm_is_gone() -> None:
    """A hatching at half strength leaves nothing."""
    assert clear_fog(sheet_with_line(140)).max() == 0


def test_a_fading_end_of_a_firm_line_stays() -> None:
    """What is connected to a firm piece is part of the line."""
    line = sheet_with_line(255)
    line[:, 50:] = line[:, 50:] // 2
    assert clear_fog(line)[30, 70] == 127


def test_a_blank_sheet_stays_blank() -> None:
    """And its shape is kept."""
    assert clear_fog(np.zeros((7, 9), np.uint8)).tolist() == np.zeros((7, 9)).tolist()
