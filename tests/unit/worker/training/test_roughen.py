"""A rough stroke lies on the line it means."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from douga_worker.training.roughen import (
    STEP_PX,
    SUPERSAMPLE,
    Graphite,
    Hand,
    draw_polyline,
    draw_rough,
    random_hand,
    resample,
)

SIZE = 160
TIDY = Hand(
    pencil_px=3,
    depth=1,
    scatter_px=0,
    wander_px=0,
    stroke_px=2000,
    overshoot_px=0,
    darkness=1,
    taper=0,
)
SKETCHY = replace(TIDY, depth=3.5, scatter_px=3, wander_px=1, stroke_px=60, overshoot_px=3, taper=0.5)
LINE = np.array([[20, 80.25], [140, 80.25]], np.float32)


def rough(hand: Hand, seed: int = 0, points: Graphite = LINE) -> Graphite:
    """One line drawn by a hand."""
    sheet = np.zeros((SIZE * SUPERSAMPLE,) * 2, np.float32)
    draw_rough(np.random.default_rng(seed), sheet, points, hand, 1.0, 1.0)
    return sheet


def centre_y(graphite: Graphite) -> float:
    """Height of the drawn line's middle, in px of the sheet."""
    rows = graphite.sum(1)
    return float((rows * np.arange(len(rows))).sum() / rows.sum() + 0.5) / SUPERSAMPLE - 0.5


@pytest.mark.parametrize("width", [1.0, 1.5, 2.7, 6.0])
@pytest.mark.parametrize("y", [20.0, 50.25, 80.5, 110.8])
def test_a_line_is_drawn_where_it_lies(y: float, width: float) -> None:
    """Its middle is right within an eighth of a pixel; soft edges make it wider, by 1.4 px at most."""
    canvas = np.zeros((SIZE * SUPERSAMPLE,) * 2, np.uint8)
    draw_polyline(canvas, np.array([[20, y], [140, y]], np.float32), width, 255)
    assert y == pytest.approx(centre_y(canvas.astype(np.float32)), abs=0.125)
    across = float(canvas[:, SIZE].sum()) / 255 / SUPERSAMPLE
    assert width < across < width + 1.4


@given(st.lists(st.tuples(st.floats(0, 99, width=32), st.floats(0, 99, width=32)), min_size=2, max_size=8))
def test_resampling_keeps_the_ends(corners: list[tuple[float, float]]) -> None:
    """The line is as long as it was, no step is longer than asked for by half."""
    points = np.array(corners, np.float32)
    again = resample(points, 2.5)
    assert len(again) >= 2
    np.testing.assert_allclose(again[[0, -1]], points[[0, -1]], atol=1e-3)
    assert np.hypot(*np.diff(again, axis=0).T).max() < 5


def test_a_tidy_hand_draws_the_line_itself() -> None:
    """Without scatter and wander, graphite covers the line and nothing else."""
    graphite = rough(TIDY)
    assert 80.25 == pytest.approx(centre_y(graphite), abs=0.35)
    assert graphite[162, 60:270].min() > 0.5
    assert 0 == graphite[:150].max() == graphite[175:].max()


def test_a_searching_hand_means_the_line_in_its_middle() -> None:
    """Its strokes lie pixels apart, their mean lies on the line: pairs are aligned."""
    middles = [centre_y(rough(SKETCHY, seed)) for seed in range(24)]
    assert 80.25 == pytest.approx(float(np.mean(middles)), abs=0.2)
    assert max(abs(middle - 80.25) for middle in middles) < 1.5


def test_a_searching_hand_covers_more_paper_than_a_tidy_one() -> None:
    """It draws several strokes beside each other."""
    covered = [float((rough(hand) > 0.2).mean()) for hand in (TIDY, SKETCHY)]
    assert covered[1] > 1.3 * covered[0]


def test_a_line_has_no_gap_whatever_the_hand() -> None:
    """Strokes follow one another without leaving out more of the line than the distance of two points."""
    for seed in range(30):
        hand = random_hand(np.random.default_rng(seed))
        graphite = rough(replace(hand, darkness=1, taper=0), seed)
        drawn = cv2.dilate(graphite, np.ones((1, int(2 * STEP_PX * SUPERSAMPLE) + 1), np.uint8))
        assert (drawn[:, 50:270].max(0) > 0.25).all(), f"seed {seed}"


def test_graphite_never_leaves_its_range() -> None:
    """However many strokes lie over each other, black is the limit."""
    graphite = rough(replace(SKETCHY, depth=30))
    assert 0 <= graphite.min() <= graphite.max() <= 1


@pytest.mark.parametrize("shift", [-1000, 1000])
def test_a_stroke_beside_the_sheet_leaves_it_bare(shift: float) -> None:
    """Drawings are larger than their sheet; what lies outside costs nothing."""
    assert 0 == rough(SKETCHY, points=LINE + np.float32(shift)).max()


def test_a_dot_can_be_drawn() -> None:
    """A stroke shorter than the distance of its points is still a mark."""
    dot = np.array([[80, 80], [80.4, 80]], np.float32)
    assert rough(TIDY, points=dot).max() > 0.5


def test_hands_differ_and_stay_within_what_people_do() -> None:
    """Pencils of 1.3 to 6 px, a few up to 8; some hands tidy, more of them searching deeply."""
    hands = [random_hand(np.random.default_rng(seed)) for seed in range(400)]
    assert all(1.3 <= hand.pencil_px <= 8 and hand.depth >= 1 and 0 < hand.darkness <= 1 for hand in hands)
    assert 0.02 < np.mean([hand.pencil_px > 6 for hand in hands]) < 0.12
    depths = np.array([hand.depth for hand in hands])
    assert 0.1 < (depths < 1.15).mean() < (depths > 2).mean()


def test_long_lines_are_searched_for_more_widely_than_short_ones() -> None:
    """Measured on real over-sketching; the mean stays on the line for both."""
    hand = replace(SKETCHY, depth=6, overshoot_px=0, wander_px=0)
    short = (LINE * 0.25 + [60, 60.2]).astype(np.float32)
    long = np.array([[-400, 80.25], [600, 80.25]], np.float32)
    heights = [
        np.mean([np.ptp(np.nonzero(rough(hand, seed, line).max(1) > 0.2)[0]) for seed in range(12)])
        for line in (short, long)
    ]
    assert heights[1] > 1.3 * heights[0]


def test_some_lines_fade_on_their_way() -> None:
    """A hurried hand leaves a stretch faint, which the target still draws."""
    palest = [rough(TIDY, seed)[150:172, 60:270].max(0).min() for seed in range(30)]
    assert 4 <= sum(tone < 0.7 for tone in palest) <= 20
