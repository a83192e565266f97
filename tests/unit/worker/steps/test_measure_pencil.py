"""How wide is the pencil?"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from douga_worker.steps import measure_pencil
from douga_worker.steps.measure_pencil import (
    LARGEST_SCALE,
    SMALLEST_SCALE,
    WORKING_PENCIL_PX,
    pencil_width_px,
    working_scale,
)

Ink = NDArray[np.uint8]
SIZE = 600
WIDTHS = [1.5, 2, 3, 4, 6, 8, 12]


@cache
def curves(width_px: float) -> Ink:
    """Draw five ellipses of a true width."""
    finer = 6
    random = np.random.default_rng(0)
    page = np.zeros((SIZE * finer, SIZE * finer), np.uint8)
    for _ in range(5):
        middle = (random.uniform(0.35, 0.65, 2) * SIZE * finer).astype(int).tolist()
        axes = (random.uniform(0.1, 0.3, 2) * SIZE * finer).astype(int).tolist()
        cv2.ellipse(page, middle, axes, random.uniform(0, 180), 0, 360, 255, round(width_px * finer))
    ink = cv2.resize(page, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    ink.setflags(write=False)
    return np.asarray(ink, np.uint8)


@pytest.mark.parametrize("width_px", WIDTHS)
def test_the_width_is_right_to_about_fifteen_percent(width_px: float) -> None:
    """From 1.5 px upwards."""
    assert pytest.approx(width_px, rel=0.16) == pencil_width_px(curves(width_px))


@pytest.mark.parametrize("width_px", [1.5, 2, 3, 6])
def test_a_large_sheet_is_measured_as_exactly(width_px: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """On bands of it only."""
    whole = pencil_width_px(curves(width_px))
    monkeypatch.setattr(measure_pencil, "MEASURED_PIXEL_COUNT", SIZE * SIZE // 3)
    monkeypatch.setattr(measure_pencil, "BAND_ROW_COUNT", 32)
    assert pytest.approx(whole, rel=0.1) == pencil_width_px(curves(width_px))


def test_a_huge_sheet_is_measured_at_half_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pencil is wide enough for that, and the width counts in its own pixels."""
    monkeypatch.setattr(measure_pencil, "MEASURED_PIXEL_COUNT", SIZE * SIZE // 12)
    monkeypatch.setattr(measure_pencil, "BAND_ROW_COUNT", 16)
    assert pytest.approx(12, rel=0.16) == pencil_width_px(curves(12))


@pytest.mark.parametrize("width_px", [3, 4, 6])
def test_a_scan_at_double_size_has_double_the_width(width_px: float) -> None:
    """The network then sees both at one size."""
    once = curves(width_px)
    twice = np.asarray(cv2.resize(once, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
    assert pytest.approx(2 * pencil_width_px(once), rel=0.15) == pencil_width_px(twice)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (300, 400)])
def test_a_blank_sheet_has_no_pencil(shape: tuple[int, int]) -> None:
    """0 means: nothing to measure."""
    assert 0 == pencil_width_px(np.zeros(shape, np.uint8))


def test_faint_grain_is_no_pencil() -> None:
    """Nor is a single speck."""
    grain = np.random.default_rng(2).integers(0, 60, (300, 400), dtype=np.uint8)
    grain[100:103, 100:103] = 255
    assert 0 == pencil_width_px(grain)


@pytest.mark.parametrize("width_px", [3, 6])
def test_shading_hardly_changes_the_width(width_px: float) -> None:
    """A soft grey area, and a grainy one, over a tenth of the sheet."""
    lines = curves(width_px)
    area = cv2.ellipse(np.zeros((SIZE, SIZE), np.uint8), (300, 300), (130, 90), 0, 0, 360, 255, -1) > 0
    grain = np.random.default_rng(1).random((SIZE, SIZE)) > 0.55
    for shading in (area * 90, (area & grain) * 110):
        shaded = np.maximum(lines, shading.astype(np.uint8))
        assert pytest.approx(pencil_width_px(lines), rel=0.2) == pencil_width_px(shaded)


@given(st.floats(0.01, 300), st.floats(0.01, 300))
def test_a_wider_pencil_never_gets_a_larger_scale(one: float, other: float) -> None:
    """The scale falls from one end to the other."""
    assert working_scale(max(one, other)) <= working_scale(min(one, other))


@given(st.floats(0.01, 300))
def test_scales_are_half_octaves_within_bounds(width_px: float) -> None:
    """Few of them, so that frames of a level share one."""
    half_octaves = 2 * np.log2(working_scale(width_px))
    assert pytest.approx(half_octaves, abs=1e-9) == round(half_octaves)
    assert SMALLEST_SCALE <= working_scale(width_px) <= LARGEST_SCALE


@given(st.floats(WORKING_PENCIL_PX / LARGEST_SCALE, WORKING_PENCIL_PX / SMALLEST_SCALE))
def test_the_network_sees_every_pencil_near_its_own_width(width_px: float) -> None:
    """A quarter octave to either side."""
    seen = working_scale(width_px) * width_px
    assert WORKING_PENCIL_PX / 1.19 <= seen <= WORKING_PENCIL_PX * 1.19


def test_most_neighbours_get_the_same_scale() -> None:
    """Measured three percent apart; only those near a step differ, and then by one step."""
    widths = np.geomspace(1, 20, 400)
    pairs = [(working_scale(width), working_scale(width * 1.03)) for width in widths]
    assert sum(one == other for one, other in pairs) / len(pairs) > 0.9
    assert {round(2**0.5, 9)} == {round(one / other, 9) for one, other in pairs if one != other}


def test_a_sheet_without_pencil_stays_as_it_is() -> None:
    """There is nothing to bring to size."""
    assert 1.0 == working_scale(0)
