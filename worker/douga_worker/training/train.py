"""Training: from samples to weights, in one resumable loop."""

from __future__ import annotations

import csv
import json
import math
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from douga_shared.errors import ConfigurationError
from douga_worker.network.weights import write_weights
from douga_worker.training.learner import Learner
from douga_worker.training.plan import Plan, Sources, write_plan
from douga_worker.training.sample_stream import SampleStream
from douga_worker.training.synthesis import Material, Sample, synthesise

PICTURED = 12
"""So many validation samples are drawn in ``validation.png``."""
CROPS_A_SAMPLE = 8
"""One new sample is taken in for so many crops that are learnt from."""
HELD_OUT_SHARE = 0.1
"""Of a studio's own pairs, kept for validation where there are at least ten."""

_UNREADABLE = (OSError, RuntimeError, ValueError, TypeError, KeyError, EOFError, pickle.UnpicklingError)
"""What a checkpoint that is damaged, or of another plan, makes torch and us raise."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run stands: a line of its log."""

    step: int
    minutes: float
    loss: float
    validation_loss: float
    validation_overlap: float
    """Intersection over union of lines, in 0..1, on samples that training never sees.

    They are made of the same material by other seeds, or cut from pairs kept apart: they tell whether the
    training goes well, not how good the network is. ``douga evaluate`` on drawings kept apart does.
    """
    samples: int
    """Made so far; each is used several times."""
    best_validation_loss: float
    """The lowest so far; the weights written are those that had it."""
    checkpoints_since_best: int
    learning_rate: float


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who is told how a run goes; each of these is called from the training's own thread."""

    checkpoint: Callable[[Standing], None]
    moved: Callable[[float, float], None] = lambda _share, _seconds_left: None
    """After every step: the share of the run that is over, and the seconds that are left."""
    note: Callable[[str], None] = lambda _text: None
    is_stopped: Callable[[], bool] = lambda: False
    """Asked before every step; on True the run is saved and left, to be gone on with another time."""


def train(material: Material, plan: Plan, folder: Path, watcher: Watcher) -> Path:
    """Train until the plan is fulfilled or validation gets no better, over as many runs as it takes.

    Args:
        material: line art, over-sketches, papers, pairs.
        plan: how long and how.
        folder: where ``weights.safetensors`` (the best by validation), ``plan.toml``, ``log.csv``,
            ``validation.png`` and the checkpoint go; a checkpoint found there is gone on from.
        watcher: told how it goes.

    Returns:
        Path of the weights.

    Raises:
        ConfigurationError: ``plan`` cannot be carried out here, the checkpoint is damaged or of a network
            of another shape, or the training diverged.
        SamplesMissing: samples stopped coming; what was learnt until then is saved.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = _Run(plan, folder)
    write_plan(folder / "plan.toml", plan)
    rng = np.random.default_rng((plan.seed, run.learner.step))
    training, validation = _parted(material)
    checked = [synthesise(seed, validation) for seed in range(plan.validation_samples)]
    with SampleStream(
        training, processes=plan.processes, capacity=plan.kept_samples, first_seed=run.next_seed
    ) as stream:
        try:
            if not run.is_over:
                _learn(run, stream, rng, checked, watcher)
        finally:
            run.make_up_time()
            if run.has_learnt:
                watcher.checkpoint(run.save(checked))
    return run.weights_path


def _learn(
    run: _Run, stream: SampleStream, rng: np.random.Generator, checked: Sequence[Sample], watcher: Watcher
) -> None:
    plan = run.plan
    stream.take_new(at_least=16 * plan.batch)
    made_before, noted = run.samples, 0
    run.start_clock()
    while not run.is_over and not watcher.is_stopped():
        stream.take_new(at_most=max(1, plan.batch // CROPS_A_SAMPLE))
        run.learner.learn(*stream.batch(rng, plan.batch, plan.crop_px), run.learning_rate)
        run.samples = made_before + stream.made
        run.make_up_time()
        watcher.moved(run.share, run.seconds_left)
        for failure in stream.failures[noted:]:
            watcher.note(failure)
        noted = len(stream.failures)
        if run.is_checkpoint_due:
            watcher.checkpoint(run.save(checked))


class _Run:
    """The state of a run: learner, clock, counters, what was best; saved and restored whole."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.learner = Learner(plan)
        self.weights_path = folder / "weights.safetensors"
        self.samples = 0
        self.minutes = 0.0
        self._folder = folder
        self._best = math.inf
        self._since_best = 0
        self._saved_step = 0
        self._saved_minutes = 0.0
        self._clock_began: float | None = None
        self._minutes_before = 0.0
        self._checkpoint = folder / "checkpoint.pt"
        if self._checkpoint.exists():
            try:
                self._restore()
            except _UNREADABLE as fault:
                raise ConfigurationError(
                    f"checkpoint {self._checkpoint} cannot be gone on from ({fault}); "
                    "give the options it was begun with, or another --out"
                ) from fault

    @property
    def share(self) -> float:
        """How much of the run is over, 0..1."""
        if self.plan.steps is not None:
            return min(1.0, self.learner.step / self.plan.steps)
        return min(1.0, self.minutes / self.plan.minutes)

    @property
    def seconds_left(self) -> float:
        """As long as the rest takes at the pace so far."""
        return 60 * self.minutes * (1 - self.share) / max(self.share, 1e-6)

    @property
    def is_over(self) -> bool:
        """The plan is fulfilled, or validation has not got better for too long."""
        return self.share >= 1 or 0 < self.plan.patience <= self._since_best

    @property
    def has_learnt(self) -> bool:
        """There is something to save; a finished run that is started again is left as it is."""
        return self._saved_step != self.learner.step

    @property
    def is_checkpoint_due(self) -> bool:
        """It is time to save."""
        return self.minutes - self._saved_minutes > self.plan.checkpoint_minutes

    @property
    def next_seed(self) -> int:
        """Of the samples to be made; seeds of other plans lie far away."""
        return self.samples + self.plan.seed * 1_000_000_000

    @property
    def learning_rate(self) -> float:
        """Of the next step: up while it warms, then down along a cosine."""
        warm = min(1.0, (self.learner.step + 1) / self.plan.warm_up_steps)
        return self.plan.learning_rate * warm * (0.5 * (1 + math.cos(math.pi * self.share)) + 0.01)

    def start_clock(self) -> None:
        """Time counts from now on."""
        self._clock_began, self._minutes_before = time.monotonic(), self.minutes
        self._saved_minutes = self.minutes

    def make_up_time(self) -> None:
        """Count the time until now."""
        if self._clock_began is not None:
            self.minutes = self._minutes_before + (time.monotonic() - self._clock_began) / 60

    def save(self, checked: Sequence[Sample]) -> Standing:
        """Validate; write checkpoint, picture, a line of the log, and the weights if they are the best.

        Raises:
            ConfigurationError: the training diverged; what was saved before is left as it is.
        """
        drawn = [self.learner.draw(sample) for sample in checked]
        standing = self._standing(float(np.mean([loss for loss, _ in drawn])), _overlap(checked, drawn))
        if not (math.isfinite(standing.loss) and math.isfinite(standing.validation_loss)):
            raise ConfigurationError(
                f"the training diverged at step {standing.step}; give a smaller learning-rate and go on "
                "from the last checkpoint"
            )
        self._best, self._since_best = standing.best_validation_loss, standing.checkpoints_since_best
        if self._since_best == 0:
            write_weights(self.weights_path, self.learner.mean, self._notes(standing))
        partial = self._checkpoint.with_suffix(".partial")
        torch.save({**self.learner.state(), "standing": asdict(standing)}, partial)
        partial.replace(self._checkpoint)
        self._saved_step, self._saved_minutes = standing.step, self.minutes
        _write_picture(self._folder / "validation.png", checked, [lines for _, lines in drawn])
        _append(self._folder / "log.csv", standing)
        return standing

    def _standing(self, loss: float, overlap: float) -> Standing:
        # A log is for people: four figures and not seventeen.
        loss = round(loss, 6)
        is_best = loss < self._best
        return Standing(
            step=self.learner.step,
            minutes=round(self.minutes, 2),
            loss=round(self.learner.loss, 6),
            validation_loss=loss,
            validation_overlap=round(overlap, 4),
            samples=self.samples,
            best_validation_loss=loss if is_best else self._best,
            checkpoints_since_best=0 if is_best else self._since_best + 1,
            learning_rate=self.learning_rate,
        )

    def _notes(self, standing: Standing) -> dict[str, str]:
        # Where the sources lie on this machine is nobody's business who gets the weights.
        plan = msgspec.structs.replace(self.plan, shape=self.learner.shape, sources=Sources())
        stated = {"plan": msgspec.to_builtins(plan), "progress": asdict(standing)}
        return {"training": json.dumps(stated)}

    def _restore(self) -> None:
        state = torch.load(self._checkpoint, map_location=self.learner.device, weights_only=True)
        self.learner.restore(state)
        standing = Standing(**state["standing"])
        self.minutes, self.samples = standing.minutes, standing.samples
        self._best, self._since_best = standing.best_validation_loss, standing.checkpoints_since_best
        self._saved_step = standing.step


def _parted(material: Material) -> tuple[Material, Material]:
    """What is learnt from, and what is validated on: of own pairs the last, which are whole shots of it."""
    held_out = int(HELD_OUT_SHARE * len(material.pairs))
    if not held_out:
        return material, material
    return (
        replace(material, pairs=material.pairs[:-held_out]),
        replace(material, pairs=material.pairs[-held_out:]),
    )


def _overlap(checked: Sequence[Sample], drawn: Sequence[tuple[float, NDArray[np.uint8]]]) -> float:
    both = either = 0
    for sample, (_, lines) in zip(checked, drawn, strict=True):
        ours, meant = lines > 127, sample.target > 127
        both += int((ours & meant).sum())
        either += int((ours | meant).sum())
    return both / max(either, 1)


def _append(log: Path, standing: Standing) -> None:
    is_new = not log.exists()
    with log.open("a", newline="") as file:
        writer = csv.DictWriter(file, asdict(standing).keys())
        if is_new:
            writer.writeheader()
        writer.writerow(asdict(standing))


def _write_picture(path: Path, checked: Sequence[Sample], lines: Sequence[NDArray[np.uint8]]) -> None:
    """Columns of scan, result and target, for eyes."""
    columns = [
        np.vstack([sample.ink, line, sample.target])
        for sample, line in zip(checked[:PICTURED], lines[:PICTURED], strict=True)
    ]
    rows = [np.hstack(columns[i : i + 6]) for i in range(0, len(columns), 6)]
    rows = [np.pad(row, ((0, 0), (0, rows[0].shape[1] - row.shape[1]))) for row in rows]
    Image.fromarray(255 - np.vstack(rows)).save(path)
