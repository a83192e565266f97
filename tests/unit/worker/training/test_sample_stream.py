"""Samples come from another process, and its end is noticed."""

from __future__ import annotations

import numpy as np
import pytest
from tests.training_parts import pair_material

from douga_worker.training import sample_stream
from douga_worker.training.sample_stream import SampleStream
from douga_worker.training.synthesis import Material


def test_batches_are_crops_of_ink_and_target_alike() -> None:
    """Both are cropped, turned and mirrored together; old samples make room for new ones."""
    with SampleStream(pair_material(), processes=1, capacity=6, first_seed=0) as stream:
        stream.take_new(at_least=5)
        stream.take_new(at_least=6, at_most=1)
        assert stream.made >= 6
        ink, target, strength = stream.batch(np.random.default_rng(0), 8, 64)
        again = stream.batch(np.random.default_rng(0), 8, 64)
    assert [(8, 1, 64, 64), (8, 1, 64, 64), (8,)] == [ink.shape, target.shape, strength.shape]
    assert {np.dtype(np.float32)} == {ink.dtype, target.dtype, strength.dtype}
    np.testing.assert_array_equal(ink, target)
    np.testing.assert_array_equal(ink, again[0])
    assert (0.0, 1.0) == (float(ink.min()), float(ink.max()))


def test_a_dead_process_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training whose samples stop coming stops, and does not wait for ever."""
    monkeypatch.setattr(sample_stream, "WAIT_SECONDS", 0.1)
    nothing = Material(drawings=())
    with (
        SampleStream(nothing, processes=1, capacity=4, first_seed=0) as stream,
        pytest.raises(RuntimeError, match="died"),
    ):
        stream.take_new(at_least=64)
