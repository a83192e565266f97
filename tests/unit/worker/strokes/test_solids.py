"""Solid blacks are told from lines, at every scale of a page."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.worker.strokes.drawn_lines import draw

from douga_worker.strokes.local_threshold import find_ink
from douga_worker.strokes.solids import find_solids, measure_depth, usual_half_width

LINE_PX = 6


def _solids(lines: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], float]:
    """(H, W) the solids, and half the usual line's width."""
    is_ink = find_ink(lines)
    depth = measure_depth(is_ink)
    half_width = usual_half_width(depth)
    return find_solids(is_ink, depth, half_width), half_width


def _page_with_shoe(scale: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """(H, W) three lines and a black shoe with a hole for the foot, and (H, W) the shoe alone."""
    size = (260 * scale, 400 * scale)
    rows = [[(20.0 * scale, y * scale), (380.0 * scale, y * scale)] for y in (20.3, 40.3, 240.3)]
    lines = draw(*rows, width=LINE_PX, size=size)
    shoe = np.zeros(size, np.uint8)
    cv2.ellipse(shoe, (200 * scale, 140 * scale), (130 * scale, 75 * scale), 0, 0, 360, 255, -1)
    cv2.ellipse(shoe, (150 * scale, 125 * scale), (45 * scale, 20 * scale), 0, 0, 360, 0, -1)
    return np.maximum(lines, shoe), shoe > 0


@pytest.mark.parametrize("scale", [1, 3])
def test_a_shoe_with_a_hole_is_a_solid(scale: int) -> None:
    """All of it and nothing of the lines, also where the page is so large that its inside is very deep."""
    lines, is_shoe = _page_with_shoe(scale)
    is_solid, half_width = _solids(lines)
    # Depth counts whole pixels.
    assert abs(half_width - LINE_PX / 2) <= 1
    assert not (is_solid & ~is_shoe).any()
    assert (is_solid & is_shoe).sum() > 0.99 * is_shoe.sum()


@pytest.mark.parametrize("radius", [20, 80])
def test_a_ring_drawn_with_a_usual_line_is_no_solid(radius: int) -> None:
    """A small and a large one, beside a shoe."""
    lines, _ = _page_with_shoe(3)
    turns = np.linspace(0, 2 * np.pi, 120)
    middle_x, middle_y = 1095, 560
    ring = draw(
        [(middle_x + radius * np.cos(t), middle_y + radius * np.sin(t)) for t in turns],
        width=LINE_PX,
        size=(780, 1200),
    )
    is_solid, _ = _solids(np.maximum(lines, ring))
    assert not (is_solid & (ring > 0)).any()
