"""No ink is lost: what strokes leave bare becomes fills."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.chains import CentreLines
from douga_worker.strokes.curve_points import points_along
from douga_worker.strokes.leftover_ink import MOST_POLYGON_POINTS, fill_leftover_ink, outline_ink
from douga_worker.strokes.stroke_drawing import Stroke


def taken_apart(ink: NDArray[np.float32], is_solid: NDArray[np.bool_] | None = None) -> CentreLines:
    """An image without chains."""
    solid = np.zeros(ink.shape, np.bool_) if is_solid is None else is_solid
    return CentreLines(ink, ink > 0.5, solid, 2.0, (), (), ())


def test_a_solid_disc_keeps_its_edge_within_a_fifth_of_a_pixel() -> None:
    """At the half level of its grey rim."""
    y, x = np.mgrid[0:80, 0:90] + 0.5
    ink = np.clip(20.5 - np.hypot(x - 40.3, y - 38.8), 0.0, 1.0).astype(np.float32)
    (fill,) = fill_leftover_ink(taken_apart(ink, ink > 0.5), (), ink="black")
    (outline,) = fill.outlines
    edge = points_along(outline, 0.5)[0]
    assert np.abs(np.hypot(*(edge - [40.3, 38.8]).T) - 20.0).max() < 0.5
    assert np.abs(np.hypot(*(edge - [40.3, 38.8]).T) - 20.0).mean() < 0.2
    assert len(outline) <= 8


def test_a_square_keeps_its_corners() -> None:
    """Four cubics, straight between them."""
    ink = np.zeros((60, 60), np.float32)
    ink[10:50, 10:50] = 1.0
    (outline,) = outline_ink(ink, left=100, top=200)
    assert len(outline) == 4
    assert np.allclose(
        sorted(outline[:, 0].tolist()), [[110, 210], [110, 250], [150, 210], [150, 250]], atol=0.6
    )


def test_a_hole_is_an_outline_of_its_own() -> None:
    """The outer one first."""
    ink = np.zeros((80, 80), np.float32)
    cv2.circle(ink, (40, 40), 30, 1.0, -1, cv2.LINE_AA)
    cv2.circle(ink, (40, 40), 10, 0.0, -1, cv2.LINE_AA)
    outer, inner = outline_ink(ink, left=0, top=0)
    assert np.ptp(outer[:, 0, 0]) > np.ptp(inner[:, 0, 0])


def test_ink_under_a_stroke_is_not_filled_again() -> None:
    """Only what lies beside it."""
    ink = np.zeros((80, 120), np.float32)
    ink[20:24, 10:110] = 1.0
    ink[50:62, 50:62] = 1.0
    line = Stroke(np.linspace([10.0, 22.0], [110.0, 22.0], 4)[None], np.array([[0, 4.0], [1, 4.0]]))
    (fill,) = fill_leftover_ink(taken_apart(ink), (line,), ink="red")
    assert fill.ink == "red"
    assert fill.outlines[0][..., 1].min() > 45


def test_blank_paper_has_no_fills() -> None:
    """Nothing to keep."""
    assert fill_leftover_ink(taken_apart(np.zeros((30, 30), np.float32)), (), ink="black") == ()


def test_noise_is_outlined_with_straight_sides_within_the_page() -> None:
    """Beyond a number of edge points, on a grid so coarse that a file of it can be used."""
    ink = np.random.default_rng(3).random((1100, 1100)).astype(np.float32)
    fills = fill_leftover_ink(taken_apart(ink, ink > 0.5), (), ink="black")
    curves = np.concatenate([outline for fill in fills for outline in fill.outlines])
    assert np.allclose(curves[:, 1], (2 * curves[:, 0] + curves[:, 3]) / 3)
    assert 500 < len(curves) < MOST_POLYGON_POINTS
    assert curves.min() > -2.0
    assert curves.max() < 1102.0
