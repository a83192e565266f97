"""Synthetic pairs are repeatable, aligned, and show what they ask for."""

from __future__ import annotations

import multiprocessing as mp
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import cv2
import numpy as np
import pytest
from tests.training_parts import drawn_material, pair_material, pair_of_lines, shift_between

from douga_worker.training.synthesis import (
    Material,
    Sample,
    WorkingPair,
    shows_its_target,
    synthesise,
)

SIZE = 128


def samples(count: int, material: Material | None = None) -> Iterator[Sample]:
    """Samples of the first seeds."""
    return (synthesise(seed, material or drawn_material(), size=SIZE) for seed in range(count))


def as_bytes(sample: Sample) -> tuple[bytes, bytes, float]:
    """Everything a sample says."""
    return sample.ink.tobytes(), sample.target.tobytes(), sample.strength


def test_a_seed_gives_the_same_sample_again() -> None:
    """A training can be repeated."""
    assert [as_bytes(s) for s in samples(4)] == [as_bytes(s) for s in samples(4)]


def test_a_seed_gives_the_same_sample_in_another_process() -> None:
    """Nothing of a sample depends on the process that makes it."""
    here = [as_bytes(synthesise(seed, drawn_material())) for seed in range(3)]
    with ProcessPoolExecutor(1, mp_context=mp.get_context("spawn")) as pool:
        there = [pool.submit(synthesise, seed, drawn_material()) for seed in range(3)]
        assert here == [as_bytes(future.result()) for future in there]


def test_seeds_differ() -> None:
    """Training never sees a sample twice by way of its seed."""
    assert 8 == len({as_bytes(sample) for sample in samples(8)})


def test_a_sample_is_two_images_of_its_size_and_a_share() -> None:
    """Both uint8 with ink positive; half of all samples are of the usual strength."""
    made = list(samples(24))
    images = [image for sample in made for image in (sample.ink, sample.target)]
    assert {((SIZE, SIZE), np.dtype(np.uint8))} == {(image.shape, image.dtype) for image in images}
    assert all(0 <= s.strength <= 1 for s in made)
    assert 0.5 == pytest.approx(np.mean([s.strength == 0.5 for s in made]), abs=0.3)
    assert float(np.mean([np.median(s.ink) for s in made])) < 40


def test_ink_and_target_lie_over_each_other_after_the_scan() -> None:
    """Blur, resampling and flattening move nothing by half a pixel."""
    shifts = []
    for sample in samples(30):
        if sample.target.max() == 0:
            continue
        shifts.append(shift_between(sample.ink, sample.target))
    assert len(shifts) > 20
    assert float(np.median(np.hypot(*np.transpose(shifts)))) < 0.5
    assert float(np.hypot(*np.median(shifts, axis=0))) < 0.2


def test_targets_are_shown_by_their_ink() -> None:
    """Nearly no sample asks for a line that the scanner lost."""
    assert sum(shows_its_target(sample) for sample in samples(20)) >= 19


def test_some_sheets_are_blank_and_ask_for_nothing() -> None:
    """Blank paper must give blank paper, so some samples teach it."""
    made = [synthesise(seed, drawn_material(), size=64) for seed in range(80)]
    blank = [sample for sample in made if sample.target.max() == 0]
    assert 1 <= len(blank) <= 16
    assert min(float((sample.ink > 100).mean()) for sample in blank) < 0.01


def test_a_line_without_ink_is_not_shown() -> None:
    """The guard refuses invention, and lets a blank target pass."""
    line = np.zeros((SIZE, SIZE), np.uint8)
    line[60:64] = 255
    nothing = np.zeros_like(line)
    beside = np.roll(line, 2, axis=0)
    pairs = [(line, line), (beside, line), (nothing, line), (line, nothing), (nothing, nothing)]
    judged = [shows_its_target(Sample(ink, target, 0.5)) for ink, target in pairs]
    assert [True, True, False, True, True] == judged


def test_pairs_alone_are_enough() -> None:
    """A studio's own pairs need no line art beside them."""
    lines = pair_of_lines()
    for sample in samples(10, pair_material()):
        assert 0.5 == sample.strength
        np.testing.assert_array_equal(sample.ink, sample.target)
        found = cv2.matchTemplate(lines, sample.ink, cv2.TM_SQDIFF)
        # Sums of squares in 32 bits: a single pixel that differs in full would be 65,000.
        assert found.min() < 1_000


def test_half_of_the_samples_are_cut_from_pairs_where_there_are_any() -> None:
    """Own pairs and synthetic ones take turns."""
    mark = np.full((200, 200), 77, np.uint8)
    material = Material(drawn_material().drawings, pairs=[WorkingPair(ink=mark, target=mark)])
    cut = [bool((sample.target == 77).all()) for sample in samples(24, material)]
    assert 0.5 == pytest.approx(np.mean(cut), abs=0.25)


def test_a_pair_smaller_than_a_sample_lies_on_blank_paper() -> None:
    """Small drawings are padded, not stretched."""
    small = np.full((50, 300), 200, np.uint8)
    material = Material((), pairs=[WorkingPair(ink=small, target=small)])
    (sample,) = samples(1, material)
    expected = np.zeros((SIZE, SIZE), np.uint8)
    expected[:50] = 200
    np.testing.assert_array_equal(expected, sample.target)
