"""Medians of short rows."""

from __future__ import annotations

import numpy as np
import pytest

from douga_worker.strokes.medians import median_of


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_a_median_is_that_of_numpy(count: int) -> None:
    """Of odd and even numbers of values."""
    values = np.random.default_rng(count).random(count)
    assert float(np.median(values)) == median_of(values)


def test_a_reversed_row_has_the_same_median() -> None:
    """Callers look at rows from either end, without a copy."""
    values = np.array([3.0, 1.0, 2.0, 9.0])
    assert 2.5 == median_of(values[::-1])
    assert [3.0, 1.0, 2.0, 9.0] == values.tolist()
