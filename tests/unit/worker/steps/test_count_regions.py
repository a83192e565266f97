"""Areas are counted as paint sees them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.steps.count_regions import count_regions


def window(panes: int) -> NDArray[np.bool_]:
    """A frame on a sheet with so many panes side by side."""
    lines = np.zeros((40, 20 * panes + 20), np.uint8)
    for n in range(panes):
        cv2.rectangle(lines, (10 + 20 * n, 10), (30 + 20 * n, 30), 1)
    return lines > 0


def test_panes_and_the_wall_around_are_counted() -> None:
    """Three panes and the paper around them."""
    assert 4 == count_regions(window(3), pencil_width_px=1.0)


def test_a_leak_makes_one_area_of_two() -> None:
    """A missing pixel is enough."""
    leaking = window(3)
    leaking[20, 30] = False
    assert 3 == count_regions(leaking, pencil_width_px=1.0)


def test_a_corner_is_no_leak() -> None:
    """Buckets pour through sides of pixels only."""
    assert 2 == count_regions(np.eye(30, dtype=np.bool_), pencil_width_px=1.0)


def test_chinks_are_not_counted() -> None:
    """What is smaller than two pencils either way nobody paints."""
    assert 1 == count_regions(window(3), pencil_width_px=10.0)


def test_a_blank_sheet_is_one_area_and_a_black_one_none() -> None:
    """And no sheet at all is none."""
    sheets = [np.zeros((9, 9), np.bool_), np.ones((9, 9), np.bool_), np.zeros((0, 9), np.bool_)]
    assert [1, 0, 0] == [count_regions(sheet, pencil_width_px=0.0) for sheet in sheets]
