"""What a clean drawing leaves out is drawn, and left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tests.training_parts import face

from douga_worker.training.line_drawing import draw_line_art
from douga_worker.training.roughen import Hand, random_hand
from douga_worker.training.sheet import Sheet
from douga_worker.training.surroundings import add_blacks, add_surroundings, draw_construction, draw_hatching

SIZE = 160
MARKS = [draw_hatching, draw_construction]
Draw = Callable[[Sheet, Hand], None]


def marked(draw: Draw, seed: int, strength: float) -> Sheet:
    """A sheet with one kind of mark alone."""
    sheet = Sheet(np.random.default_rng(seed), SIZE, strength)
    draw(sheet, random_hand(np.random.default_rng(seed)))
    return sheet


@pytest.mark.parametrize("draw", MARKS)
def test_marks_are_on_the_rough_and_not_in_the_usual_target(draw: Draw) -> None:
    """Hatching and construction lines are simplified away at strength 0.5."""
    sheets = [marked(draw, seed, 0.5) for seed in range(12)]
    assert sum(sheet.graphite.max() > 0.02 for sheet in sheets) >= 8
    assert 0 == max(sheet.clean.max() for sheet in sheets)


@pytest.mark.parametrize("draw", MARKS)
def test_marks_are_kept_at_strength_zero(draw: Draw) -> None:
    """0 keeps every deliberate stroke."""
    sheets = [marked(draw, seed, 0.0) for seed in range(12)]
    assert sum(sheet.clean.max() == 255 for sheet in sheets) >= 8


@pytest.mark.parametrize("draw", MARKS)
def test_marks_are_nested_in_strength(draw: Draw) -> None:
    """What is kept at a strength is kept at every lower one, over the same rough."""
    for seed in range(12):
        weak, strong = marked(draw, seed, 0.05), marked(draw, seed, 0.2)
        np.testing.assert_array_equal(weak.graphite, strong.graphite)
        assert (weak.clean >= strong.clean).all(), f"seed {seed}"


def test_surroundings_darken_the_rough_and_leave_the_usual_target_alone() -> None:
    """Tone, erased lines and helping lines never become lines; they occur in most samples."""
    changed = 0
    for seed in range(16):
        sheet = Sheet(np.random.default_rng(seed), SIZE, 0.5)
        hand = random_hand(np.random.default_rng(seed))
        draw_line_art(sheet, hand, [face()])
        rough, clean = sheet.graphite.copy(), sheet.clean.copy()
        add_surroundings(sheet, hand)
        np.testing.assert_array_equal(clean, sheet.clean)
        assert (sheet.graphite >= rough - 1e-6).all()
        changed += bool((sheet.graphite > rough + 0.02).any())
    assert 8 <= changed <= 16


def inked(seed: int, strength: float) -> Sheet:
    """A drawn sheet before its surroundings."""
    sheet = Sheet(np.random.default_rng(seed), SIZE, strength)
    draw_line_art(sheet, random_hand(np.random.default_rng(seed)), [face()])
    return sheet


@pytest.mark.parametrize("surround", [add_surroundings, add_blacks])
def test_strength_decides_nothing_of_what_surrounds_a_drawing(surround: Draw) -> None:
    """A ghost or a coloured area follows every line that was drawn, not those that the target kept."""
    for seed in range(12):
        weak, strong = inked(seed, 0.3), inked(seed, 0.9)
        for sheet in (weak, strong):
            surround(sheet, random_hand(np.random.default_rng(seed)))
        np.testing.assert_array_equal(weak.graphite, strong.graphite)
        assert (weak.clean >= strong.clean).all(), f"seed {seed}"


def test_small_blacks_are_dark_on_the_rough_and_solid_in_the_target() -> None:
    """Pupils and stripes are meant, whatever the strength."""
    added = 0
    for seed in range(12):
        sheet = inked(seed, 1.0)
        before = sheet.clean.copy()
        add_blacks(sheet, random_hand(np.random.default_rng(seed)))
        black = (sheet.clean > 200) & (before < 50)
        added += bool(black.any())
        assert black.mean() < 0.15
        assert not black.any() or sheet.graphite[black].mean() > 0.5
    assert added >= 6
