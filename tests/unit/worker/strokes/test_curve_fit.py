"""Few cubics, close to their samples, for any row of points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from douga_worker.strokes.curve_fit import fit_curves
from douga_worker.strokes.curve_points import points_along
from douga_worker.strokes.stroke_drawing import Curves, Floats

coordinates = st.floats(-50.0, 5000.0)


def fit(points: Floats, *, error_px: float = 0.3, is_loop: bool = False) -> Curves:
    """Fit points that are all trusted."""
    samples = np.column_stack([points, np.ones(len(points))])
    return fit_curves(samples, error_px=error_px, reach=3, is_loop=is_loop)


def circle(radius: float, noise: float = 0.0) -> Floats:
    """A closed circle around (200, 200), sampled every pixel."""
    angles = np.linspace(0.0, 2 * np.pi, round(2 * np.pi * radius) + 1)
    points = 200.0 + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points += np.random.default_rng(4).normal(0.0, noise, points.shape)
    points[-1] = points[0]
    return points


def off_circle(curves: Curves, radius: float) -> float:
    """How far the curve is off the circle at most."""
    along, _, _ = points_along(curves, 0.5)
    return float(np.abs(np.hypot(*(along - 200.0).T) - radius).max())


@pytest.mark.parametrize("radius", [8.0, 30.0, 120.0, 400.0])
def test_a_circle_stays_round_in_few_cubics(radius: float) -> None:
    """Within .1 px with at most 8 cubics, when that is what was asked for."""
    curves = fit(circle(radius), error_px=0.06, is_loop=True)
    assert len(curves) <= 8
    assert off_circle(curves, radius) < 0.1


def test_noise_is_not_followed() -> None:
    """A quarter of a pixel of noise moves a circle by far less, and costs no cubics."""
    curves = fit(circle(60.0, noise=0.25), error_px=0.4, is_loop=True)
    assert len(curves) <= 6
    assert off_circle(curves, 60.0) < 0.3


def test_a_straight_line_is_one_cubic_between_its_ends() -> None:
    """From its first sample to its last, exactly."""
    points = np.linspace([3.0, 4.0], [203.0, 104.0], 225)
    curves = fit(points)
    assert curves.shape == (1, 4, 2)
    assert np.array_equal(curves[0, [0, 3]], points[[0, -1]])


def test_a_loop_closes_without_a_corner() -> None:
    """It ends where it starts, in the same direction."""
    curves = fit(circle(40.0), is_loop=True)
    out, back = curves[0, 1] - curves[0, 0], curves[-1, 3] - curves[-1, 2]
    assert np.allclose(curves[-1, 3], curves[0, 0], atol=1e-9)
    assert abs(out[0] * back[1] - out[1] * back[0]) < 1e-6 * np.hypot(*out) * np.hypot(*back)


def test_knots_are_smooth() -> None:
    """The handles on both sides of every knot lie on one line."""
    x = np.arange(601.0)
    curves = fit(np.stack([x, 40 * np.sin(x / 30)], axis=1))
    assert len(curves) > 3
    before, after = curves[:-1, 3] - curves[:-1, 2], curves[1:, 1] - curves[1:, 0]
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    assert np.abs(cross / np.hypot(*before.T) / np.hypot(*after.T)).max() < 1e-6


def test_a_wave_is_met_within_the_error() -> None:
    """And a looser error needs fewer cubics."""
    x = np.arange(601.0)
    wave = np.stack([x, 40 * np.sin(x / 30)], axis=1)
    fine, loose = fit(wave, error_px=0.2), fit(wave, error_px=45.0)
    along, _, _ = points_along(fine, 0.5)
    assert np.abs(along[:, 1] - 40 * np.sin(along[:, 0] / 30)).max() < 0.5
    assert len(loose) < len(fine) <= 14


def test_untrusted_samples_do_not_pull() -> None:
    """A bulge that nobody measured is bridged."""
    points = np.linspace([0.0, 0.0], [100.0, 0.0], 101)
    points[45:56, 1] += 3.0
    trust = np.ones(101)
    trust[45:56] = 0.04
    curves = fit_curves(np.column_stack([points, trust]), error_px=0.3, reach=3, is_loop=False)
    assert len(curves) == 1
    assert np.abs(points_along(curves, 1.0)[0][:, 1]).max() < 0.4


@settings(max_examples=60, deadline=None)
@given(
    st_numpy.arrays(np.float64, st.tuples(st.integers(2, 40), st.just(2)), elements=coordinates),
    st.booleans(),
)
def test_any_row_of_points_gives_a_finite_chain(points: Floats, is_loop: bool) -> None:
    """From the first point to the last, each cubic starting where the last one ends."""
    if is_loop:
        points = np.vstack([points, points[:1]])
    curves = fit(points, is_loop=is_loop)
    assert np.isfinite(curves).all()
    assert np.array_equal(curves[1:, 0], curves[:-1, 3])
    if not is_loop:
        assert np.array_equal(curves[0, 0], points[0])
        assert np.array_equal(curves[-1, 3], points[-1])
