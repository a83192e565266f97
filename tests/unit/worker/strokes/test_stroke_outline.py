"""Strokes of varying width as areas."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from douga_worker.strokes.curve_points import points_along
from douga_worker.strokes.stroke_drawing import Curves, Stroke
from douga_worker.strokes.stroke_outline import outline_of

SCALE = 8


def painted(outlines: tuple[Curves, ...], size: int) -> NDArray[np.bool_]:
    """The outlines filled by the nonzero rule, enlarged."""
    winding = np.zeros((size * SCALE, size * SCALE), np.int32)
    for outline in outlines:
        row = points_along(outline, 0.25)[0] * SCALE - 0.5
        for a, b in zip(row, np.roll(row, -1, axis=0), strict=True):
            low, high = sorted((a[1], b[1]))
            rows = np.arange(max(0, int(np.ceil(low))), min(len(winding), int(np.ceil(high))))
            if len(rows):
                columns = np.ceil(a[0] + (rows - a[1]) * (b[0] - a[0]) / (b[1] - a[1])).astype(int)
                for y, x in zip(rows, columns.clip(0, len(winding)), strict=True):
                    winding[y, x:] += 1 if b[1] > a[1] else -1
    is_inside: NDArray[np.bool_] = winding != 0
    return is_inside


def stamped(stroke: Stroke, size: int) -> NDArray[np.bool_]:
    """What a round pen leaves, enlarged."""
    canvas = np.zeros((size * SCALE, size * SCALE), np.uint8)
    points, _, shares = points_along(stroke.curves, 0.25)
    widths = np.interp(shares, stroke.widths[:, 0], stroke.widths[:, 1])
    for (x, y), width in zip(points, widths, strict=True):
        centre = (round((x * SCALE - 0.5) * 16), round((y * SCALE - 0.5) * 16))
        cv2.circle(canvas, centre, round(width * SCALE * 8), 255, -1, shift=4)
    return canvas > 0


def overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Intersection over union."""
    return float((a & b).sum() / (a | b).sum())


SHAPES = {
    "straight": ([[[10, 30], [23, 30], [37, 30], [50, 30]]], False),
    "arc": ([[[10, 40], [10, 5], [50, 5], [50, 40]]], False),
    "hairpin": ([[[10, 28], [60, 28], [60, 34], [10, 34]]], False),
    "corner": ([[[10, 10], [20, 10], [40, 10], [50, 10]], [[50, 10], [40, 23], [30, 37], [20, 50]]], False),
    "loop": ([[[10, 50], [70, 0], [-10, 0], [50, 50]]], False),
    "ring": ([[[30, 10], [57, 10], [57, 50], [30, 50]], [[30, 50], [3, 50], [3, 10], [30, 10]]], True),
}


@pytest.mark.parametrize("name", SHAPES)
def test_an_outline_covers_what_a_pen_would(name: str) -> None:
    """Even with a taper, and where the line turns more tightly than it is wide."""
    curves, is_closed = SHAPES[name]
    widths = [[0.0, 6.0], [1.0, 6.0]] if is_closed else [[0.0, 7.0], [0.6, 6.0], [1.0, 2.0]]
    stroke = Stroke(np.array(curves, float), np.array(widths), is_closed)
    assert overlap(stamped(stroke, 64), painted(outline_of(stroke), 64)) > 0.97


def test_an_open_stroke_has_one_outline_and_a_ring_two() -> None:
    """Closed, each of them."""
    for name, count in (("arc", 1), ("ring", 2)):
        curves, is_closed = SHAPES[name]
        outlines = outline_of(Stroke(np.array(curves, float), np.array([[0, 4.0], [1, 4.0]]), is_closed))
        assert count == len(outlines)
        for outline in outlines:
            assert np.allclose(outline[0, 0], outline[-1, 3])
            assert np.allclose(outline[1:, 0], outline[:-1, 3])


def test_a_dot_is_round() -> None:
    """A stroke as good as without length."""
    dot = Stroke(np.linspace([20.0, 20.0], [20.1, 20.0], 4)[None], np.array([[0, 8.0], [1, 8.0]]))
    points = points_along(outline_of(dot)[0], 0.5)[0]
    assert np.abs(np.hypot(*(points - [20.05, 20.0]).T) - 4.0).max() < 0.3


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 300), st.floats(0, 300)), min_size=4, max_size=4),
    st.tuples(st.floats(0.2, 60), st.floats(0.2, 60)),
    st.booleans(),
)
def test_any_stroke_has_finite_outlines(
    corners: list[tuple[float, float]], widths: tuple[float, float], is_closed: bool
) -> None:
    """Whatever its handles and widths."""
    curve = np.array(corners)
    if is_closed:
        curve[3] = curve[0]
    stroke = Stroke(curve[None], np.array([[0.0, widths[0]], [1.0, widths[1]]]), is_closed)
    assert all(np.isfinite(outline).all() for outline in outline_of(stroke))
