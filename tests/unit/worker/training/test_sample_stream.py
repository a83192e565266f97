"""Samples come from another process, and its end is noticed."""

from __future__ import annotations

import multiprocessing as mp
import os
import re
import signal

import numpy as np
import pytest
from tests.training_parts import pair_material

from douga_worker.training import sample_stream
from douga_worker.training.sample_stream import SamplesMissing, SampleStream
from douga_worker.training.synthesis import Material, WorkingPair


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
    with SampleStream(pair_material(), processes=1, capacity=4, first_seed=0) as stream:
        stream.take_new(at_least=1)
        (process,) = mp.active_children()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(SamplesMissing, match=r"SIGKILL, .* memory.* goes on from the last checkpoint"):
            stream.take_new(at_least=10_000)


def test_ctrl_c_is_the_trainers_business() -> None:
    """It reaches every process of a terminal; those that make samples must not end before the training."""
    with SampleStream(pair_material(), processes=1, capacity=200, first_seed=0) as stream:
        stream.take_new(at_least=1)
        (process,) = mp.active_children()
        assert process.pid is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(process.pid, number)
        # More than had been waiting in the queue.
        stream.take_new(at_least=150)
        assert process.is_alive()


def test_material_that_nothing_can_be_made_of_is_an_error_that_says_why() -> None:
    """Not a queue that stays empty."""
    with (
        SampleStream(Material(drawings=()), processes=1, capacity=4, first_seed=0) as stream,
        pytest.raises(SamplesMissing, match=r"5 of [56] .* ValueError.*\.py:\d+.*douga samples"),
    ):
        stream.take_new(at_least=64)


def test_a_sample_that_cannot_be_made_is_noted_and_left_out() -> None:
    """One drawing among thousands must not end a night's training, nor be passed over in silence."""
    sheet = np.zeros((330, 330), np.uint8)
    torn = WorkingPair(ink=sheet, target=np.zeros(3, np.uint8))
    pairs = [WorkingPair(ink=sheet, target=sheet)] * 100 + [torn]
    with SampleStream(Material((), pairs=pairs), processes=1, capacity=400, first_seed=0) as stream:
        stream.take_new(at_least=300)
    assert 1 <= len(stream.failures) <= 10
    assert re.match(r"sample \d+ cannot be made: \w+Error: .+ \(synthesis\.py:\d+\)", stream.failures[0])


def test_a_stream_that_runs_dry_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes live, but nothing comes."""
    monkeypatch.setattr(sample_stream, "WAIT_SECONDS", 0.01)
    with SampleStream(pair_material(), processes=1, capacity=4, first_seed=0) as stream:
        stream.take_new(at_least=1)
        (process,) = mp.active_children()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP)
        monkeypatch.setattr(sample_stream, "STARVING_SECONDS", 0.05)
        with pytest.raises(SamplesMissing, match=r"no sample has come .* fewer --processes"):
            stream.take_new(at_least=10_000)
