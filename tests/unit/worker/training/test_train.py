"""Training learns, stops and goes on, and leaves what it promises."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import TracebackType

import pytest
import torch
from PIL import Image
from tests.training_parts import TINY, pair_material, write_tiny_weights

from douga_shared.errors import ConfigurationError
from douga_worker.network.architecture import Shape
from douga_worker.network.weights import load_weights
from douga_worker.training import train as training
from douga_worker.training.sample_stream import FIRST_TRAINING_SEED, SampleStream
from douga_worker.training.synthesis import synthesise
from douga_worker.training.train import Plan, Progress, train

PLAN = Plan(minutes=4, batch=2, crop_px=64, learning_rate=5e-3, shape=TINY)
"""By the clock below some 120 steps, and a report after every 60."""


class _Clock:
    """A second passes whenever somebody looks: runs are as long on every machine."""

    def __init__(self) -> None:
        self._seconds = count()

    def monotonic(self) -> float:
        """Seconds."""
        return float(next(self._seconds))


class _StreamWithoutProcesses(SampleStream):
    def __enter__(self) -> _StreamWithoutProcesses:
        self._samples = [synthesise(FIRST_TRAINING_SEED + seed, pair_material()) for seed in range(8)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def take_new(self, *, at_least: int = 0, at_most: int = 1) -> None:
        self.made += 1


@pytest.fixture(autouse=True)
def _small_and_repeatable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    # Networks this small lose more by sharing than they win.
    torch.set_num_threads(1)
    monkeypatch.setattr(training, "time", _Clock())
    monkeypatch.setattr(training, "SampleStream", _StreamWithoutProcesses)
    monkeypatch.setattr(training, "VALIDATION_SEEDS", range(3))
    yield
    torch.set_num_threads(threads)


def run(folder: Path, plan: Plan = PLAN) -> list[Progress]:
    """Train, and return what was reported."""
    reports: list[Progress] = []
    assert folder / "weights.safetensors" == train(pair_material(), plan, folder, reports.append)
    return reports


def logged_steps(folder: Path) -> list[int]:
    """The steps in the log, which has one head and a line per report."""
    with (folder / "log.csv").open() as file:
        return [int(row["step"]) for row in csv.DictReader(file)]


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    """The network learns what its samples ask for, also where it never trained."""
    first, *_, last = run(tmp_path)
    assert last.step > first.step
    assert last.validation_loss < 0.8 * first.validation_loss
    assert last.loss < first.loss


def test_training_writes_weights_log_and_picture(tmp_path: Path) -> None:
    """The weights say what they are; the log has a line per report; the picture shows the samples."""
    reports = run(tmp_path)
    weights = load_weights(str(tmp_path / "weights.safetensors"))
    assert TINY == weights.build().shape
    notes = json.loads(weights.notes["training"])
    assert (reports[-1].step, [4, 8]) == (notes["progress"]["step"], notes["plan"]["shape"]["channels"])
    assert [report.step for report in reports] == logged_steps(tmp_path)
    with Image.open(tmp_path / "validation.png") as picture:
        assert (3 * 320, 3 * 320) == picture.size


def test_training_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    """Steps, samples and minutes continue; the log is one log; what was learnt is kept."""
    before, after = run(tmp_path, replace(PLAN, minutes=2)), run(tmp_path)
    assert before[-1].step < after[0].step
    assert before[-1].samples < after[0].samples
    assert PLAN.minutes == pytest.approx(after[-1].minutes, abs=0.1)
    assert after[-1].validation_loss < before[-1].validation_loss
    assert [report.step for report in (*before, *after)] == logged_steps(tmp_path)


def test_a_finished_training_learns_no_further(tmp_path: Path) -> None:
    """The same command again gives the same network."""
    first = run(tmp_path)[-1]
    weights = load_weights(str(tmp_path / "weights.safetensors"))
    (again,) = run(tmp_path)
    assert (first.step, first.validation_loss) == (again.step, again.validation_loss)
    kept = load_weights(str(tmp_path / "weights.safetensors")).tensors
    assert all(torch.equal(value, kept[name]) for name, value in weights.tensors.items())


def test_fine_tuning_begins_with_the_weights_given(tmp_path: Path) -> None:
    """Their shape counts, and what they know is not lost."""
    start = write_tiny_weights(tmp_path / "start.safetensors")
    plan = replace(PLAN, minutes=0.05, start_from=str(start), shape=Shape(channels=(6, 6), blocks=(1, 1)))
    (only,) = run(tmp_path / "out", plan)
    tuned = load_weights(str(tmp_path / "out" / "weights.safetensors"))
    assert only.step <= 2
    assert TINY == tuned.shape
    for name, value in load_weights(str(start)).tensors.items():
        torch.testing.assert_close(value, tuned.tensors[name], atol=0.01, rtol=0.01)


def test_a_checkpoint_of_another_network_is_refused_with_a_remedy(tmp_path: Path) -> None:
    """Changing the plan half way is a mistake to be told of, not a traceback."""
    run(tmp_path, replace(PLAN, minutes=0.05))
    with pytest.raises(ConfigurationError, match="another --out"):
        run(tmp_path, replace(PLAN, shape=Shape(channels=(6, 8), blocks=(1, 1))))


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_damaged_checkpoint_is_refused_with_a_remedy(tmp_path: Path, share: float) -> None:
    """A disk that was full, say."""
    run(tmp_path, replace(PLAN, minutes=0.05))
    checkpoint = tmp_path / "checkpoint.pt"
    data = checkpoint.read_bytes()
    checkpoint.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ConfigurationError, match="another --out"):
        run(tmp_path)
