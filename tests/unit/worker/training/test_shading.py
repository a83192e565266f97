"""Black and colour are told apart by how dark they are, and both stay where they belong."""

from __future__ import annotations

import numpy as np
import pytest

from douga_worker.training.shading import FIRMEST_COLOUR, colour_in, shade_black

SIZE = 120
INSIDE = np.zeros((SIZE, SIZE), np.float32)
INSIDE[40:80, 30:90] = 1
FAR = np.ones((SIZE, SIZE), bool)
FAR[28:92, 18:102] = False


def blacks(count: int = 30) -> list[np.ndarray]:
    """The same area filled black by several hands."""
    return [shade_black(np.random.default_rng(seed), INSIDE, 3.0) for seed in range(count)]


def colours(count: int = 30) -> list[np.ndarray]:
    """The same area in several colours."""
    return [colour_in(np.random.default_rng(seed), INSIDE) for seed in range(count)]


@pytest.mark.parametrize("filled", [blacks, colours])
def test_a_fill_is_tone_inside_and_leaves_what_is_far_away_bare(filled: object) -> None:
    """Strokes may run over the edge, by a pencil's width."""
    assert callable(filled)
    for tone in filled():
        assert (SIZE, SIZE) == tone.shape
        assert 0 <= tone.min() <= tone.max() <= 1
        assert tone[INSIDE > 0].mean() > 0.1
        assert 0 == tone[FAR].max()


def test_black_is_darker_than_the_firmest_colour() -> None:
    """Both must not look the same: the one is in the target, the other is not."""
    darkest = max(float(tone[INSIDE > 0].mean()) for tone in colours())
    palest = min(float(tone[INSIDE > 0].mean()) for tone in blacks())
    assert darkest <= FIRMEST_COLOUR + 0.02 < palest


def test_most_blacks_show_the_strokes_they_were_filled_with() -> None:
    """Pale slits between strokes are what a network must learn to close."""
    spread = [float(tone[45:75, 35:85].std()) for tone in blacks()]
    assert 0.5 < float(np.mean([s > 0.04 for s in spread])) < 0.95


@pytest.mark.parametrize("filled", [blacks, colours])
def test_a_seed_fills_the_same_way_again(filled: object) -> None:
    """A sample is repeatable to the bit."""
    assert callable(filled)
    np.testing.assert_array_equal(filled(3), filled(3))


def test_an_area_off_the_sheet_is_filled_with_nothing() -> None:
    """Drawings are larger than their sheet."""
    nothing = np.zeros((SIZE, SIZE), np.float32)
    assert 0 == max(shade_black(np.random.default_rng(seed), nothing, 3.0).max() for seed in range(8))
