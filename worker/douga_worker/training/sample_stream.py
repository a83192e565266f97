"""Samples without end: processes synthesise, the trainer draws from what came last."""

from __future__ import annotations

import multiprocessing as mp
import os
import queue
import signal
import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_shared.errors import DougaError
from douga_worker.training.synthesis import Material, Sample, synthesise

FIRST_TRAINING_SEED = 1_000_000
"""Seeds below are for validation, which training therefore never sees."""
WAIT_SECONDS = 5.0
"""How often whoever waits looks whether it is still worth it."""
STARVING_SECONDS = 300.0
"""A sample takes a fraction of a second; if none comes for so long, none will."""
MOST_FAILED_SHARE = 0.02
"""One drawing that cannot be drawn must not end a night's training; many mean that something is wrong."""
FIRST_FAILURES = 4
"""So many failures are never too many."""


class SamplesMissing(DougaError):
    """The processes that make samples died, fell silent, or fail too often; training cannot go on."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """Instead of a sample: why its process could not make it."""

    seed: int
    reason: str


class SampleStream:
    """Keeps the newest ``capacity`` samples; every one is used several times, cropped and turned.

    Use as a context manager: leaving it stops the processes.
    """

    def __init__(self, material: Material, *, processes: int, capacity: int, first_seed: int) -> None:
        self._samples: list[Sample] = []
        self._capacity = capacity
        self.made = 0
        """Samples taken so far, those that failed not counted."""
        self.failures: list[str] = []
        """Samples that could not be made, with seed and reason."""
        self._last_taken = time.monotonic()
        self._waiting: queue.Queue[Sample | _Failed | SamplesMissing] = queue.Queue(maxsize=64)
        self._is_left = False
        self._makers = [
            _Maker(material, FIRST_TRAINING_SEED + first_seed + number, processes)
            for number in range(processes)
        ]
        self._reader = threading.Thread(target=self._read, name="douga-samples", daemon=True)

    def __enter__(self) -> SampleStream:
        for maker in self._makers:
            maker.start()
        self._last_taken = time.monotonic()
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_left = True
        for maker in self._makers:
            maker.stop()
        self._reader.join()
        for maker in self._makers:
            maker.samples.close()

    def take_new(self, *, at_least: int = 0, at_most: int = 1) -> None:
        """Move finished samples into the store.

        Args:
            at_least: waits until so many are held in all.
            at_most: once they are, no more than so many new ones are taken; what is not taken keeps
                the processes from making more, so that synthesis never starves the arithmetic.

        Raises:
            SamplesMissing: a process has died, no sample came for minutes, or too many could not be made.
        """
        taken = 0
        while len(self._samples) < at_least or taken < at_most:
            is_waiting = len(self._samples) < at_least
            try:
                sample = self._waiting.get(block=is_waiting, timeout=WAIT_SECONDS)
            except queue.Empty:
                self._check_silence()
                if is_waiting:
                    continue
                return
            self._last_taken = time.monotonic()
            if isinstance(sample, SamplesMissing):
                raise sample
            if isinstance(sample, _Failed):
                self._note_failure(sample)
                continue
            taken += 1
            self._keep(sample)

    def _keep(self, sample: Sample) -> None:
        if len(self._samples) < self._capacity:
            self._samples.append(sample)
        else:
            self._samples[self.made % self._capacity] = sample
        self.made += 1

    def _note_failure(self, failed: _Failed) -> None:
        self.failures.append(f"sample {failed.seed} cannot be made: {failed.reason}")
        count = len(self.failures)
        if count > FIRST_FAILURES + MOST_FAILED_SHARE * self.made:
            raise SamplesMissing(
                f"{count} of {self.made + count} samples cannot be made, the last one because of "
                f"{failed.reason}; look at the material with 'douga samples'"
            )

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
        return crops_of(self._samples, rng, count, size)

    def _check_silence(self) -> None:
        silent_seconds = time.monotonic() - self._last_taken
        if silent_seconds > STARVING_SECONDS:
            raise SamplesMissing(
                f"no sample has come for {silent_seconds:.0f} s: the processes that make them hang or get no "
                "processor time; try 'douga samples' on the same material, and fewer --processes"
            )

    def _read(self) -> None:
        """Move what the processes send into the queue, in a thread of its own, until the stream is left."""
        by_pipe = {maker.samples: maker for maker in self._makers}
        while not self._is_left:
            for pipe in wait(list(by_pipe), timeout=WAIT_SECONDS):
                assert isinstance(pipe, Connection)
                try:
                    sample = pipe.recv()
                except (EOFError, OSError):
                    # Killed, if need be in the midst of a sample.
                    sample = SamplesMissing(
                        f"a process that makes samples has died ({by_pipe[pipe].ending()}); "
                        "the same command goes on from the last checkpoint"
                    )
                    self._pass_on(sample)
                    return
                self._pass_on(sample)

    def _pass_on(self, sample: Sample | _Failed | SamplesMissing) -> None:
        while not self._is_left:
            with suppress(queue.Full):
                self._waiting.put(sample, timeout=WAIT_SECONDS)
                return


class _Maker:
    """A process that makes samples, and the pipe they come through.

    Its own pipe: a process killed in the midst of a sample leaves it torn.
    """

    def __init__(self, material: Material, first_seed: int, stride: int) -> None:
        # Spawned, not forked: OpenCV and torch hold thread pools that do not survive a fork.
        context = mp.get_context("spawn")
        self.samples, self._sender = context.Pipe(duplex=False)
        self._process: SpawnProcess = context.Process(
            target=_synthesise_forever, args=(self._sender, material, first_seed, stride), daemon=True
        )

    def start(self) -> None:
        """Start it."""
        self._process.start()
        # Open in the process alone: its end is the pipe's end.
        self._sender.close()

    def stop(self) -> None:
        """Kill it: it leaves it to the trainer when to stop, and nothing else reaches it."""
        self._process.kill()
        self._process.join()

    def ending(self) -> str:
        """How it died."""
        self._process.join()
        return _ending(self._process.exitcode)


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"ended by {name}" + (", often for want of memory: give fewer --processes" * (code == -9))
    return f"exit code {code}; what it said stands above"


def crops_of(
    samples: Sequence[Sample], rng: np.random.Generator, count: int, size: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Draw a batch from these samples; see ``SampleStream.batch``."""
    chosen = [samples[i] for i in rng.integers(0, len(samples), count)]
    crops = [_crop(rng, sample, size) for sample in chosen]
    inks, targets = zip(*crops, strict=True)
    return _planes(inks), _planes(targets), np.array([sample.strength for sample in chosen], np.float32)


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


def _synthesise_forever(samples: Connection, material: Material, seed: int, stride: int) -> None:
    # Ctrl-C reaches every process of a terminal; the trainer saves first, and then ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # One thread and low priority: the trainer's arithmetic goes first.
    cv2.setNumThreads(1)
    os.nice(3)
    # The pipe breaks when the trainer was killed, which nobody else would notice.
    with suppress(BrokenPipeError):
        while True:
            samples.send(_sample_or_reason(seed, material))
            seed += stride


def _sample_or_reason(seed: int, material: Material) -> Sample | _Failed:
    try:
        return synthesise(seed, material)
    except Exception as fault:  # noqa: BLE001 - this process's entry: the next seed is another drawing
        ours = Path(__file__).parents[1]
        # Innermost of our own lines: a library's would say little.
        place = [
            at for at in traceback.extract_tb(fault.__traceback__) if Path(at.filename).is_relative_to(ours)
        ][-1]
        return _Failed(seed, f"{type(fault).__name__}: {fault} ({Path(place.filename).name}:{place.lineno})")
