"""Pencils that are not to be drawn are gone before the network looks."""

from __future__ import annotations

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray
from tests.coloured_sheets import ColouredSheet, PencilStroke, Spoiling, coloured_sheet, draw_sheet
from tests.line_images import straight

from douga_shared.palette import ANIMATION, Palette
from douga_worker.steps.find_inks import find_inks
from douga_worker.steps.flatten_paper import Darkness, darkness_of, ink_of
from douga_worker.steps.leave_out_inks import leave_out_inks

Ink = NDArray[np.uint8]
BLUE_LEFT_OUT: Palette = tuple(
    msgspec.structs.replace(ink, is_kept=False) if ink.name == "blue" else ink for ink in ANIMATION
)
UPRIGHT = PencilStroke(straight((150, 20), (160, 280)), "black")
ACROSS = PencilStroke(straight((20, 140), (380, 160)), "blue")
RED = PencilStroke(straight((250, 30), (260, 270)), "red")
CROSSING = draw_sheet((UPRIGHT, ACROSS, RED), 300, 400)


def without(sheet: ColouredSheet, palette: Palette) -> Darkness:
    """The sheet as the network is to see it."""
    darkness = darkness_of(sheet.pixels)
    inks = find_inks(darkness, palette, sheet.width_px)
    assert inks is not None
    return leave_out_inks(darkness, inks, palette)


def along(stroke: PencilStroke, ink: Ink) -> Ink:
    """Ink along the middle of a stroke."""
    x, y = stroke.points.astype(int).T
    return np.asarray(ink[y, x], np.uint8)


def test_a_construction_colour_is_left_out() -> None:
    """Hardly any of it is left for the network to see."""
    before, after = ink_of(darkness_of(CROSSING.pixels)), ink_of(without(CROSSING, BLUE_LEFT_OUT))
    assert np.percentile(along(ACROSS, before), 20) > 120
    assert np.percentile(along(ACROSS, after), 80) < 50


def test_lines_that_cross_it_stay_whole() -> None:
    """No gap where black, or another colour, lies over construction."""
    before, after = ink_of(darkness_of(CROSSING.pixels)), ink_of(without(CROSSING, BLUE_LEFT_OUT))
    for stroke in (UPRIGHT, RED):
        assert (along(stroke, after) / along(stroke, before)).min() > 0.5


def test_nothing_else_changes() -> None:
    """Away from construction every line stays what it was."""
    before, after = darkness_of(CROSSING.pixels), without(CROSSING, BLUE_LEFT_OUT)
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old[:110, 180:], new[:110, 180:])


def test_a_sheet_on_which_all_is_kept_is_not_copied() -> None:
    """Most sheets pass untouched."""
    sheet = draw_sheet((UPRIGHT, RED), 300, 400)
    darkness = darkness_of(sheet.pixels)
    inks = find_inks(darkness, ANIMATION, sheet.width_px)
    assert inks is not None
    inks[inks == 255] = 0
    assert leave_out_inks(darkness, inks, ANIMATION) is darkness


def test_shading_on_the_back_is_left_out() -> None:
    """It would be fog, or its edge a line."""
    sheet = coloured_sheet(1, stroke_count=8, spoiling=Spoiling(show_through=0.18))
    away = cv2.dilate(sheet.lines, np.ones((15, 15), np.uint8)) == 0
    before, after = ink_of(darkness_of(sheet.pixels)), ink_of(without(sheet, ANIMATION))
    assert (before[away] > 32).sum() > 1500
    assert (after[away] > 32).sum() < 0.25 * (before[away] > 32).sum()
