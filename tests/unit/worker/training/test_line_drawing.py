"""The rough and the clean drawing are of the same lines."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from tests.training_parts import face, shift_between

from douga_worker.training.line_art import Drawing
from douga_worker.training.line_drawing import draw_line_art, draw_over_sketch
from douga_worker.training.roughen import SUPERSAMPLE, random_hand
from douga_worker.training.sheet import Sheet
from douga_worker.training.strokestrip import OverSketch

SIZE = 128


def drawn(seed: int, strength: float = 0.0, *, is_identity: bool = False) -> Sheet:
    """A sheet with one or two drawings by a random hand."""
    sheet = Sheet(np.random.default_rng(seed), SIZE, strength)
    hand = random_hand(np.random.default_rng(seed))
    draw_line_art(sheet, hand, [face()], is_identity=is_identity)
    return sheet


def test_the_same_lines_are_drawn_rough_at_every_strength() -> None:
    """Strength decides what stays, never what is drawn."""
    for seed in range(4):
        weak, strong = drawn(seed, 0.1), drawn(seed, 0.9)
        np.testing.assert_array_equal(weak.graphite, strong.graphite)


def test_targets_are_nested_in_strength() -> None:
    """What is line at a strength is line at every lower one."""
    kept = []
    for seed in range(8):
        targets = [drawn(seed, strength).clean for strength in (0.0, 0.7, 1.0)]
        for lower, higher in pairwise(targets):
            assert (lower >= higher).all(), f"seed {seed}"
        kept.append(targets[-1].mean() / targets[0].mean())
    # Strength takes something away from some drawings, and everything from none.
    assert 0.05 < min(kept) < 0.95


def test_an_identity_sample_is_its_own_target() -> None:
    """A clean drawing is learnt to pass unchanged, to the last pixel."""
    for seed in range(4):
        sheet = drawn(seed, 0.9, is_identity=True)
        np.testing.assert_allclose(sheet.clean / 255, sheet.graphite, atol=0.005)


def test_rough_and_clean_lie_over_each_other() -> None:
    """Scattered as the strokes are, they are aligned: half a pixel at worst, far less on average."""
    shifts = []
    for seed in range(12):
        sheet = drawn(seed)
        shifts.append(shift_between(sheet.graphite, sheet.clean / np.float32(255)) / SUPERSAMPLE)
    assert float(np.median(np.hypot(*np.transpose(shifts)))) < 0.5
    assert float(np.hypot(*np.median(shifts, axis=0))) < 0.2


def test_the_most_crowded_drawing_under_the_widest_pencil_is_drawn() -> None:
    """It would want a sheet larger than there is; a training must not end over it."""
    thicket = Drawing("thicket", face().strokes * 60, ())
    hand = replace(random_hand(np.random.default_rng(0)), pencil_px=8.0)
    sheet = Sheet(np.random.default_rng(3), SIZE, 0.0)
    draw_line_art(sheet, hand, [thicket])
    assert sheet.clean.any()


def test_an_over_sketch_is_drawn_as_it_was_labelled() -> None:
    """The person's strokes become graphite, the labelled line the target, at any strength."""
    clean = np.linspace([10, 50], [90, 50], 30).astype(np.float32)
    passes = tuple(clean + np.array([0, offset], np.float32) for offset in (-2, 0, 2))
    figure = OverSketch("line", passes, (0, 0, 0), (clean,), (0,), 100, 100)
    hand = replace(random_hand(np.random.default_rng(0)), darkness=0.9)
    for seed in range(6):
        sheet = Sheet(np.random.default_rng(seed), SIZE, 1.0)
        draw_over_sketch(sheet, hand, [figure])
        line = sheet.clean > 127
        assert sheet.graphite[line].mean() > 0.3
        assert float((sheet.graphite > 0.2).sum()) > 1.2 * line.sum()


@pytest.mark.parametrize("is_identity", [True, False])
def test_solids_are_solid_in_the_target_or_left_as_outlines(is_identity: bool) -> None:
    """Both ways are learnt: blacks filled, and blacks left for paint."""
    deepest = []
    for seed in range(10):
        clean = drawn(seed, is_identity=is_identity).clean
        deepest.append(cv2.distanceTransform((clean > 127).astype(np.uint8), cv2.DIST_L2, 5).max())
    assert max(deepest) > 12
    assert min(deepest) < 10
