"""Pairs of near points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from douga_worker.strokes.close_pairs import close_pairs


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=30), st.floats(0, 30))
def test_every_pair_within_reach_is_found_once(places: list[tuple[int, int]], reach: float) -> None:
    """As comparing each with each finds them."""
    points = np.array(places, np.float64).reshape(-1, 2)
    expected = [
        [i, j]
        for i in range(len(points))
        for j in range(i + 1, len(points))
        if np.hypot(*(points[i] - points[j])) <= reach
    ]
    assert expected == close_pairs(points, reach).tolist()


@pytest.mark.parametrize("count", [0, 1])
def test_a_point_alone_has_no_pair(count: int) -> None:
    """Nor has none."""
    assert close_pairs(np.zeros((count, 2)), 5.0).shape == (0, 2)
