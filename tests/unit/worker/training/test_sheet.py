"""The sheet keeps what its strength asks for, and a drawing lies on it where it should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from douga_worker.training.sheet import Placement, Sheet, is_visible, scribble, smooth_curve

SHARES = st.floats(0, 1)


def sheet_of(strength: float) -> Sheet:
    """A small empty sheet."""
    return Sheet(np.random.default_rng(0), 16, strength)


@given(SHARES, SHARES, SHARES)
def test_a_stroke_kept_at_a_strength_is_kept_at_every_lower_one(
    salience: float, one: float, other: float
) -> None:
    """Turning strength down never takes a line away."""
    low, high = sorted((one, other))
    assert sheet_of(low).keeps(salience) >= sheet_of(high).keeps(salience)


def test_the_ends_of_strength_mean_what_the_help_says() -> None:
    """0 keeps every stroke, 1 only the essential."""
    assert [True, True, True] == [sheet_of(0).keeps(salience) for salience in (0.0, 0.4, 1.0)]
    assert [False, False, True] == [sheet_of(1).keeps(salience) for salience in (0.0, 0.99, 1.0)]


@given(st.lists(SHARES, min_size=1, max_size=5))
def test_tone_over_tone_darkens_and_never_leaves_its_range(tones: list[float]) -> None:
    """Graphite stays in 0..1 however often it is drawn over."""
    sheet = sheet_of(0.5)
    for tone in tones:
        before = sheet.graphite.copy()
        sheet.add_tone(np.full_like(sheet.graphite, tone))
        assert (sheet.graphite >= before - 1e-6).all()
        assert sheet.graphite.max() <= 1 + 1e-6


@pytest.mark.parametrize("zoom", [0.5, 1.0, 3.0])
def test_some_point_of_the_drawing_lies_near_the_middle(zoom: float) -> None:
    """However large a drawing is, a part of it is on the sheet."""
    focus = np.random.default_rng(1).random((50, 2), dtype=np.float32)
    for seed in range(30):
        placed = Placement(np.random.default_rng(seed), focus, 320, zoom)(focus)
        assert is_visible(placed, 320)
        assert ((placed > 0.29 * 320) & (placed < 0.71 * 320)).all(1).any()


def test_a_placement_scales_by_its_zoom() -> None:
    """A drawing placed at zoom 2 is twice the sheet, stretched by at most 18 %."""
    line = np.linspace([0, 0.5], [1, 0.5], 50).astype(np.float32)
    for seed in range(20):
        placed = Placement(np.random.default_rng(seed), line, 100, 2.0)(line)
        assert 200 * 0.8 < float(np.hypot(*(placed[-1] - placed[0]))) < 200 * 1.25


def test_what_lies_beside_the_sheet_is_not_visible() -> None:
    """A stroke right off the edge is not drawn, one across it is."""
    across = np.array([[-50, 20], [5, 20]], np.float32)
    assert [True, False, False] == [
        is_visible(across + np.array(shift, np.float32), 32) for shift in ((0, 0), (-40, 0), (0, 60))
    ]


def test_a_smooth_curve_runs_through_its_knots() -> None:
    """It begins at the first, ends at the last, and misses none between."""
    knots = np.array([[0, 0], [10, 30], [40, 20], [60, 70]], np.float32)
    curve = smooth_curve(knots, 301)
    assert (301, 2) == curve.shape
    np.testing.assert_allclose(knots, curve[::100], atol=0.01)


def test_a_scribble_is_drawn_out_in_one_direction() -> None:
    """It has unit spread and changes far less along than across."""
    field = scribble(np.random.default_rng(2), 200, 2.0)
    assert (200, 200) == field.shape
    assert 1.0 == pytest.approx(float(field.std()), abs=0.01)
    gradients = np.array(np.gradient(field)).reshape(2, -1)
    weak, strong = np.linalg.eigvalsh(gradients @ gradients.T)
    assert strong > 4 * weak


def test_regions_are_what_lies_between_all_drawn_lines() -> None:
    """Lines that the target drops still bound them; a mask reaches into the line beside it."""
    sheet = Sheet(np.random.default_rng(0), 40, 0.5)
    sheet.drawn[:, 38:42] = 255
    labels, areas = sheet.regions()
    assert [0, 9 * 20, 9 * 20] == areas.tolist()
    mask = sheet.mask(labels == labels[0, 0])
    assert (80, 80) == mask.shape
    assert [1.0, 0.0] == [float(mask[40, 37]), float(mask[40, 43])]
