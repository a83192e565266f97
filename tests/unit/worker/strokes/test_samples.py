"""Chains become evenly spaced samples."""

from __future__ import annotations

import numpy as np

from douga_worker.strokes.chains import Chain
from douga_worker.strokes.samples import WEIGHT_OF_UNMEASURED, resample_chain, resample_loop
from douga_worker.strokes.stroke_drawing import Floats


def chain_of(points: Floats, *, is_closed: bool = False) -> Chain:
    """A chain 4 px wide, measured everywhere."""
    count = len(points)
    return Chain(points, np.full(count, 4.0), np.ones(count, np.bool_), is_closed)


def test_samples_lie_a_pixel_apart_from_end_to_end() -> None:
    """Whatever the spacing of the chain."""
    samples = resample_chain(chain_of(np.array([[0.0, 0.0], [0.4, 0.0], [30.0, 0.0]])))
    assert samples is not None
    assert np.allclose(np.diff(samples.points[:, 0]), 1.0)
    assert samples.points[0].tolist() == [0.0, 0.0]
    assert samples.points[-1].tolist() == [30.0, 0.0]


def test_a_long_hop_is_trusted_little() -> None:
    """Nothing was measured between points far apart."""
    samples = resample_chain(chain_of(np.array([[0.0, 0.0], [2.0, 0.0], [20.0, 0.0], [22.0, 0.0]])))
    assert samples is not None
    assert samples.weights[0] == 1.0
    assert samples.weights[10] == WEIGHT_OF_UNMEASURED


def test_a_loop_starts_at_its_top_and_repeats_its_start() -> None:
    """So that the next frame's starts there too."""
    square = np.array([[10.0, 40.0], [10.0, 10.0], [40.0, 10.5], [40.0, 40.0]])
    samples = resample_chain(chain_of(square, is_closed=True))
    assert samples is not None
    assert samples.points[0].tolist() == [10.0, 10.0]
    assert np.array_equal(samples.points[0], samples.points[-1])


def test_a_chain_without_length_has_no_samples() -> None:
    """All points in one place, or none that is a number."""
    assert resample_chain(chain_of(np.full((5, 2), 7.0))) is None
    assert resample_chain(chain_of(np.full((5, 2), np.nan))) is None


def test_a_tiny_loop_has_the_fewest_samples_a_loop_needs() -> None:
    """Four, the first one repeated."""
    loop = resample_loop(np.array([[0.0, 0.0], [0.2, 0.0], [0.0, 0.2]]))
    assert len(loop) == 4
    assert np.allclose(loop[0], loop[-1])
