"""Training: from samples to weights, in one resumable loop."""

from __future__ import annotations

import csv
import json
import math
import pickle
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from douga_shared.errors import ConfigurationError
from douga_worker.network.architecture import Shape, SimplificationNetwork, on_device
from douga_worker.network.weights import load_weights, write_weights
from douga_worker.training.level_heads import LevelHeads
from douga_worker.training.loss import line_loss
from douga_worker.training.sample_stream import SampleStream
from douga_worker.training.synthesis import Material, Sample, synthesise

VALIDATION_SEEDS = range(48)
CHECKPOINT_SECONDS = 120.0
LEVELS_WEIGHT = 0.5
"""Of the coarse levels' own losses against that of the drawing."""
PICTURED = 12
"""So many validation samples are drawn in ``validation.png``."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides a training run besides its material."""

    minutes: float = 60.0
    """Length of the whole run; the learning rate falls to zero over it."""
    batch: int = 8
    crop_px: int = 192
    """Edge of what one step sees of a sample; a multiple of ``shape.multiple_px``."""
    learning_rate: float = 1.5e-3
    average_decay: float = 0.998
    """Per step, of the running mean of the weights that is shipped."""
    synthesis_processes: int = 1
    kept_samples: int = 4_000
    """Newest samples to draw crops from; 0.2 MB each."""
    device: str = "cpu"
    """``cpu`` or ``cuda``."""
    shape: Shape = field(default_factory=Shape)
    start_from: str | None = None
    """Weights to fine-tune, a shipped name or a path; their shape then counts, not ``shape``."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A line of the training log."""

    step: int
    minutes: float
    loss: float
    validation_loss: float
    validation_overlap: float
    """Intersection over union of lines, in 0..1, on samples that training never sees.

    They are made of the same material by other seeds, or cut from the same pairs: they tell whether the
    training goes well, not how good the network is. ``douga evaluate`` on drawings kept apart does.
    """
    samples: int
    """Made so far; each is used several times."""


def train(material: Material, plan: Plan, folder: Path, report: Callable[[Progress], None]) -> Path:
    """Train until ``plan.minutes`` are used up, over as many runs as it takes.

    Args:
        material: line art, over-sketches and papers.
        plan: how long and how.
        folder: where ``weights.safetensors``, ``log.csv``, ``validation.png`` and the checkpoint go;
            a checkpoint found there is gone on from.
        report: called at every checkpoint.

    Returns:
        Path of the weights.

    Raises:
        ConfigurationError: ``plan.start_from`` cannot be used, or the checkpoint is damaged or of a
            network of another shape.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = _Run(plan, folder)
    rng = np.random.default_rng(run.step)
    with SampleStream(
        material,
        processes=plan.synthesis_processes,
        capacity=plan.kept_samples,
        first_seed=run.samples,
    ) as stream:
        validation = [synthesise(seed, material) for seed in VALIDATION_SEEDS]
        stream.take_new(at_least=16 * plan.batch)
        began, already, made_before = time.monotonic(), run.minutes, run.samples
        saved = began
        while run.minutes < plan.minutes:
            stream.take_new()
            run.learn(*stream.batch(rng, plan.batch, plan.crop_px))
            run.minutes = already + (time.monotonic() - began) / 60
            run.samples = made_before + stream.made
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                report(run.save(validation))
                saved = time.monotonic()
        report(run.save(validation))
    return run.weights_path


class _Run:
    """The state of a run: network, optimiser, running mean, counters; saved and restored whole."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.folder = folder
        self.weights_path = folder / "weights.safetensors"
        self.step = 0
        self.minutes = 0.0
        self.samples = 0
        self._loss = 0.0
        torch.manual_seed(0)
        network = (
            load_weights(plan.start_from).build() if plan.start_from else SimplificationNetwork(plan.shape)
        )
        self.plan = replace(plan, shape=network.shape)
        self.network = on_device(network, plan.device).train()
        self.mean = on_device(SimplificationNetwork(network.shape), plan.device)
        self.mean.load_state_dict(network.state_dict())
        self.heads = LevelHeads(self.network).to(plan.device)
        self.optimiser = torch.optim.AdamW(
            [*self.network.parameters(), *self.heads.parameters()],
            plan.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=1e-3,
        )
        self._checkpoint = folder / "checkpoint.pt"
        if self._checkpoint.exists():
            try:
                self._restore()
            except (OSError, RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError) as fault:
                raise ConfigurationError(
                    f"checkpoint {self._checkpoint} cannot be gone on from ({fault}); "
                    "give the options it was begun with, or another --out"
                ) from fault

    def learn(
        self, ink: NDArray[np.float32], target: NDArray[np.float32], strength: NDArray[np.float32]
    ) -> None:
        """One step on one batch; the arrays are those of ``SampleStream.batch``."""
        for group in self.optimiser.param_groups:
            group["lr"] = self._learning_rate()
        meant = self._tensor(target)
        loss = line_loss(self.network(*self._tensors(ink, strength)), meant)
        learnt = loss + LEVELS_WEIGHT * self.heads.loss(meant)
        self.optimiser.zero_grad(set_to_none=True)
        learnt.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self._loss += (loss.item() - self._loss) * max(0.005, 1 / self.step)
        decay = min(self.plan.average_decay, self.step / (self.step + 20))
        with torch.no_grad():
            for mean, value in zip(self.mean.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(value, 1 - decay)

    def save(self, validation: list[Sample]) -> Progress:
        """Write checkpoint, weights, a line of the log and the validation picture."""
        loss, overlap, lines = self._validate(validation)
        progress = Progress(self.step, round(self.minutes, 2), self._loss, loss, overlap, self.samples)
        state = {
            "network": self.network.state_dict(),
            "mean": self.mean.state_dict(),
            "heads": self.heads.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "progress": asdict(progress),
        }
        partial = self._checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self._checkpoint)
        notes = {
            "training": json.dumps({"plan": asdict(self.plan), "progress": asdict(progress)}, default=str)
        }
        write_weights(self.weights_path, self.mean, notes)
        _write_picture(self.folder / "validation.png", validation, lines)
        log = self.folder / "log.csv"
        is_new = not log.exists()
        with log.open("a", newline="") as file:
            writer = csv.DictWriter(file, asdict(progress).keys())
            if is_new:
                writer.writeheader()
            writer.writerow(asdict(progress))
        return progress

    def _restore(self) -> None:
        state = torch.load(self._checkpoint, map_location=self.plan.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.mean.load_state_dict(state["mean"])
        self.heads.load_state_dict(state["heads"])
        self.optimiser.load_state_dict(state["optimiser"])
        progress = Progress(**state["progress"])
        self.step, self.minutes, self.samples = progress.step, progress.minutes, progress.samples
        self._loss = progress.loss

    def _learning_rate(self) -> float:
        warm = min(1.0, (self.step + 1) / 200)
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, self.minutes / self.plan.minutes)))
        return self.plan.learning_rate * warm * (cosine + 0.01)

    def _tensor(self, values: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(values).to(self.plan.device, memory_format=torch.channels_last)

    def _tensors(self, ink: NDArray[np.float32], strength: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
        return self._tensor(ink), torch.from_numpy(strength).to(self.plan.device)

    @torch.inference_mode()
    def _validate(self, validation: list[Sample]) -> tuple[float, float, list[NDArray[np.uint8]]]:
        losses, both, either, lines = [], 0.0, 0.0, []
        for sample in validation:
            ink = (sample.ink[None, None] / 255).astype(np.float32)
            target = self._tensor((sample.target[None, None] / 255).astype(np.float32))
            logits = self.mean(*self._tensors(ink, np.array([sample.strength], np.float32)))
            losses.append(float(line_loss(logits, target)))
            drawn, meant = logits > 0, target > 0.5
            both += float((drawn & meant).sum())
            either += float((drawn | meant).sum())
            lines.append((torch.sigmoid(logits[0, 0]).float().cpu().numpy() * 255).astype(np.uint8))
        return float(np.mean(losses)), both / max(either, 1.0), lines


def _write_picture(path: Path, validation: list[Sample], lines: list[NDArray[np.uint8]]) -> None:
    """Columns of scan, result and target, for eyes."""
    columns = [
        np.vstack([sample.ink, line, sample.target])
        for sample, line in zip(validation[:PICTURED], lines[:PICTURED], strict=True)
    ]
    rows = [np.hstack(columns[i : i + 6]) for i in range(0, len(columns), 6)]
    Image.fromarray(255 - np.vstack(rows)).save(path)
