"""Sure lines lose a little of their width, unsure ones nothing."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from douga_worker.steps.trim_edges import trim_edges


def line(peak: int, width_px: float = 3.0) -> NDArray[np.uint8]:
    """A soft upright line."""
    away = np.abs(np.arange(41) - 20)
    row = (peak * np.clip(width_px / 2 + 1 - away, 0, 2) / 2).round()
    return np.tile(row.astype(np.uint8), (20, 1))


def width_px(lines: NDArray[np.uint8]) -> float:
    """Where it is half covered, to a fraction of a pixel, steepened as the later steps do."""
    return float(np.clip((lines[10] - 127.5) * 1.8 + 127.5, 0, 255).sum()) / 255


def test_a_sure_line_becomes_narrower_by_a_fraction_of_a_pixel() -> None:
    """By half a pixel in all, on its edges only."""
    trimmed = trim_edges(line(255))
    assert -0.5 == pytest.approx(width_px(trimmed) - width_px(line(255)), abs=0.2)
    assert trimmed[10, 20] > 200


@pytest.mark.parametrize("peak", [0, 90, 150, 219])
def test_an_unsure_line_is_left_as_it_is(peak: int) -> None:
    """It might fall into pieces."""
    np.testing.assert_array_equal(line(peak), trim_edges(line(peak)))


def test_nothing_falls_into_pieces() -> None:
    """A line that fades along its way is line, at half its coverage, as far as before."""
    fading = (np.linspace(255, 100, 60)[:, None] * line(255)[0] / 255).astype(np.uint8)
    before, after = (fading[:, 20] >= 128).sum(), (trim_edges(fading)[:, 20] >= 128).sum()
    assert before == after
