"""To the network's size and back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from douga_worker.steps.resample import to_scan_size, to_working_size

Lines = NDArray[np.uint8]
SCALES = [2 ** (half / 2) for half in range(-6, 5)]


def ring(width_px: float, size: int = 400) -> Lines:
    """Draw one circle of a true width, its edge softened over one pixel."""
    row, column = np.mgrid[:size, :size]
    distance = np.abs(np.hypot(row - size / 2 + 0.3, column - size / 2 + 0.1) - size / 3)
    return np.asarray((np.clip(width_px / 2 - distance + 0.5, 0, 1) * 255).round(), np.uint8)


def there_and_back(lines: Lines, scale: float) -> Lines:
    """As a frame goes whose network changes nothing."""
    return to_scan_size(to_working_size(lines, scale), (lines.shape[0], lines.shape[1]))


@settings(max_examples=60)
@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from(SCALES))
def test_any_shape_comes_back_exactly(height: int, width: int, scale: float) -> None:
    """Odd ones, thin ones and single pixels; empty paper stays empty, full ink full."""
    for tone in (0, 255):
        page = np.full((height, width), tone, np.uint8)
        back = there_and_back(page, scale)
        assert ((height, width), np.uint8) == (back.shape, back.dtype.type)
        assert {tone} == set(back.ravel().tolist())


@pytest.mark.parametrize("scale", SCALES)
def test_the_working_size_is_the_scan_s_times_the_scale(scale: float) -> None:
    """Rounded to whole pixels."""
    expected = (round(301 * scale), round(203 * scale))
    assert expected == to_working_size(np.zeros((301, 203), np.uint8), scale).shape


def test_a_scan_of_the_right_size_is_not_touched() -> None:
    """No resampling at scale 1."""
    lines = ring(3)
    assert lines is to_working_size(lines, 1.0)


@pytest.mark.parametrize(
    ("width_px", "scale"),
    [
        (1, 4.0),
        (1.5, 2.0),
        (2, 2**0.5),
        (3, 1.0),
        (4, 2**-0.5),
        (6, 0.5),
        (8, 2**-1.5),
        (12, 0.25),
        (24, 0.125),
    ],
)
def test_a_line_keeps_its_width(width_px: float, scale: float) -> None:
    """Within a tenth, at the scale its pencil would get."""
    lines = ring(width_px)
    assert pytest.approx(float(lines.sum()), rel=0.1) == float(there_and_back(lines, scale).sum())


def test_a_line_stays_where_it_is() -> None:
    """No drift by half a pixel on the way."""
    lines = ring(8)
    for scale in SCALES[2:]:
        back = there_and_back(lines, scale)
        assert np.abs(lines.astype(int) - back).mean() < 2.5
        for there, here in zip(_middle(lines), _middle(back), strict=True):
            assert pytest.approx(there, abs=0.25) == here


def _middle(lines: Lines) -> tuple[float, float]:
    moments = cv2.moments(lines)
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]


@pytest.mark.parametrize("enlarge", [1, 2**0.5, 2, 4, 8])
def test_an_edge_is_sharp_after_enlarging(enlarge: float) -> None:
    """An edge one pixel soft is at most two scan pixels soft then, whatever the enlargement."""
    edge = np.zeros((20, 40), np.uint8)
    edge[:, 20:] = 255
    edge[:, 19] = 90
    back = to_scan_size(edge, (round(20 * enlarge), round(40 * enlarge)))
    is_grey = (back > 12) & (back < 243)
    assert is_grey.sum(axis=1).max() <= 2


def test_fog_becomes_paper_and_near_black_becomes_line() -> None:
    """What the network is nearly sure of is sure in the drawing; what it doubts stays grey."""
    tones = np.array([[0, 20, 33, 127, 128, 222, 240, 255]], np.uint8)
    (expected,) = to_scan_size(tones, tones.shape).tolist()
    assert [0, 0, 0, 127, 128, 255, 255, 255] == expected
