"""Widths along a line, in few pairs."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from douga_worker.strokes.stroke_drawing import Floats
from douga_worker.strokes.width_profile import profile_widths


def profile(widths: Floats, weights: Floats | None = None) -> Floats:
    """With the tracer's usual settings."""
    return profile_widths(
        widths, np.ones(len(widths)) if weights is None else weights, error_px=0.25, reach=10
    )


def at_samples(pairs: Floats, count: int) -> Floats:
    """The profile at evenly spaced samples."""
    return np.interp(np.linspace(0.0, 1.0, count), pairs[:, 0], pairs[:, 1])


def test_an_even_line_needs_two_pairs() -> None:
    """Noise asks for no more."""
    widths = 5.0 + np.random.default_rng(2).normal(0.0, 0.2, 300)
    pairs = profile(widths)
    assert pairs.shape == (2, 2)
    assert np.allclose(pairs[:, 1], 5.0, atol=0.1)


def test_a_taper_is_followed() -> None:
    """From 6 px to a point, and even before it."""
    widths = np.minimum(6.0, np.linspace(12.0, 0.5, 200))
    pairs = profile(widths)
    assert len(pairs) <= 5
    assert np.abs(at_samples(pairs, 200) - widths).max() < 0.3


def test_a_junction_leaves_no_bulge() -> None:
    """Widths measured across another line are outliers, even where they were trusted."""
    widths = np.full(200, 4.0)
    widths[95:105] = 13.0
    assert np.abs(profile(widths)[:, 1] - 4.0).max() < 0.2


def test_carried_over_widths_do_not_count() -> None:
    """What was not measured follows what was."""
    widths, weights = np.full(120, 4.0), np.ones(120)
    widths[80:], weights[80:] = 9.0, 0.04
    assert np.abs(profile(widths, weights)[:, 1] - 4.0).max() < 1.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 200.0), st.sampled_from([0.04, 1.0])), min_size=2, max_size=80))
def test_any_widths_give_a_valid_profile(rows: list[tuple[float, float]]) -> None:
    """Shares ascend from exactly 0 to exactly 1, widths are above nothing."""
    given_widths = np.array(rows)
    pairs = profile(given_widths[:, 0], given_widths[:, 1])
    assert (0.0, 1.0) == (pairs[0, 0], pairs[-1, 0])
    assert (np.diff(pairs[:, 0]) > 0.0).all()
    assert np.isfinite(pairs).all()
    assert (pairs[:, 1] > 0.0).all()
