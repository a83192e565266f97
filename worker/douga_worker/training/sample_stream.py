"""Samples without end: processes synthesise, the trainer draws from what came last."""

from __future__ import annotations

import multiprocessing as mp
import os
import queue
import sys
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.training.synthesis import Material, Sample, synthesise

FIRST_TRAINING_SEED = 1_000_000
"""Seeds below are for validation, which training therefore never sees."""
WAIT_SECONDS = 5.0
"""How often a waiting process looks whether the other one is still there."""


class SampleStream:
    """Keeps the newest ``capacity`` samples; every one is used several times, cropped and turned.

    Use as a context manager: leaving it stops the processes.
    """

    def __init__(self, material: Material, *, processes: int, capacity: int, first_seed: int) -> None:
        # Spawned, not forked: OpenCV and torch hold thread pools that do not survive a fork.
        context = mp.get_context("spawn")
        self._queue: Queue[Sample] = context.Queue(maxsize=64)
        self._samples: list[Sample] = []
        self._capacity = capacity
        self.made = 0
        self._processes = [
            context.Process(
                target=_synthesise_forever,
                args=(self._queue, material, FIRST_TRAINING_SEED + first_seed + number, processes),
                daemon=True,
            )
            for number in range(processes)
        ]

    def __enter__(self) -> SampleStream:
        for process in self._processes:
            process.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.terminate()
            process.join()

    def take_new(self, *, at_least: int = 0, at_most: int = 1) -> None:
        """Move finished samples into the store.

        Args:
            at_least: waits until so many are held in all.
            at_most: once they are, no more than so many new ones are taken; what is not taken keeps
                the processes from making more, so that synthesis never starves the arithmetic.

        Raises:
            RuntimeError: a process that makes samples has died.
        """
        taken = 0
        while len(self._samples) < at_least or taken < at_most:
            is_waiting = len(self._samples) < at_least
            try:
                sample = self._queue.get(block=is_waiting, timeout=WAIT_SECONDS)
            except queue.Empty:
                self._check_processes()
                if is_waiting:
                    continue
                return
            taken += 1
            if len(self._samples) < self._capacity:
                self._samples.append(sample)
            else:
                self._samples[self.made % self._capacity] = sample
            self.made += 1

    def batch(
        self, rng: np.random.Generator, count: int, size: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Draw random crops of random samples, turned by quarters and mirrored.

        Args:
            rng: source of chance.
            count: B, how many.
            size: edge of a crop in px, at most a sample's.

        Returns:
            ink (B, 1, size, size), target of the same shape, both 0..1, and strength (B,).
        """
        chosen = [self._samples[i] for i in rng.integers(0, len(self._samples), count)]
        crops = [_crop(rng, sample, size) for sample in chosen]
        inks, targets = zip(*crops, strict=True)
        return _planes(inks), _planes(targets), np.array([sample.strength for sample in chosen], np.float32)

    def _check_processes(self) -> None:
        if not all(process.is_alive() for process in self._processes):
            raise RuntimeError("a process that makes samples has died; what it said stands above")


def _planes(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """(B, 1, H, W) in 0..1."""
    return np.asarray(np.stack(pictures)[:, None] / np.float32(255), dtype=np.float32)


def _crop(rng: np.random.Generator, sample: Sample, size: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    y, x = (int(v) for v in rng.integers(0, sample.ink.shape[0] - size + 1, 2))
    turns, is_flipped = int(rng.integers(4)), rng.random() < 0.5
    sides = []
    for side in (sample.ink, sample.target):
        crop = np.rot90(side[y : y + size, x : x + size], turns)
        sides.append(crop[:, ::-1] if is_flipped else crop)
    return sides[0], sides[1]


def _synthesise_forever(samples: Queue[Sample], material: Material, seed: int, stride: int) -> None:
    # One thread and low priority: the trainer's arithmetic goes first.
    cv2.setNumThreads(1)
    os.nice(3)
    trainer = mp.parent_process()
    assert trainer is not None
    while True:
        _put(samples, synthesise(seed, material), trainer)
        seed += stride


def _put(samples: Queue[Sample], sample: Sample, trainer: BaseProcess) -> None:
    """Wait for room; leave when the trainer was killed, which nobody else would notice."""
    while True:
        try:
            return samples.put(sample, timeout=WAIT_SECONDS)
        except queue.Full:
            if not trainer.is_alive():
                samples.cancel_join_thread()
                sys.exit()
