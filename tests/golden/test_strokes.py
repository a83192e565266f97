"""Golden drawings give what they gave; see golden.py for how to renew them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.golden.golden import Outcome, draw, outcome_of, read_lines, read_outcome
from tests.golden.small_drawings import SMALL_DRAWINGS
from tests.tracing import trace_constant

NEAR_PX = 0.5
"""Other processors round otherwise; what moves less than this, nobody sees."""


@pytest.fixture(scope="module", params=list(SMALL_DRAWINGS))
def name(request: pytest.FixtureRequest) -> str:
    """Each golden drawing in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
def outcome(name: str) -> Outcome:
    """What it gives today."""
    return outcome_of(name, trace_constant(read_lines(name)))


def test_the_line_image_is_what_the_known_drawing_gives(name: str) -> None:
    """The truth that the figures are measured against belongs to the image that is traced."""
    difference = np.abs(draw(name).astype(int) - read_lines(name))
    assert difference.max() <= 2


def test_figures_are_as_good_as_they_were(name: str, outcome: Outcome) -> None:
    """No figure moves by more than a hundredth without somebody renewing it."""
    assert read_outcome(name)["figures"] == pytest.approx(outcome["figures"], abs=0.01, nan_ok=True)


def test_as_few_curves_say_it(name: str, outcome: Outcome) -> None:
    """The number of curves is within a twentieth of what it was; of fills there are as many."""
    golden = read_outcome(name)
    assert golden["segments"] == pytest.approx(outcome["segments"], rel=0.05, abs=2)
    assert golden["fills"] == outcome["fills"]


def test_the_same_strokes_come_in_the_same_order(name: str, outcome: Outcome) -> None:
    """Every stroke runs where it ran, in the direction in which it ran, at its width."""
    golden = read_outcome(name)["strokes"]
    assert len(golden) == len(outcome["strokes"])
    moved = [n for n, pair in enumerate(zip(golden, outcome["strokes"], strict=True)) if not _is_same(*pair)]
    assert [] == moved


def _is_same(one: Outcome, other: Outcome) -> bool:
    distances = [math.dist(a, b) for a, b in zip(one["marks"], other["marks"], strict=True)]
    is_as_wide = abs(one["width"] - other["width"]) <= 0.2
    return one["closed"] == other["closed"] and is_as_wide and max(distances) <= NEAR_PX
