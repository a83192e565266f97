"""Training learns, stops and goes on, and leaves what it promises."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import TracebackType

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from numpy.typing import NDArray
from PIL import Image
from tests.training_parts import TINY, pair_material, write_tiny_weights

from douga_shared.errors import ConfigurationError
from douga_worker.network.architecture import Shape
from douga_worker.network.weights import load_weights
from douga_worker.training import train as training
from douga_worker.training.learner import Learner
from douga_worker.training.plan import Plan, Sources, read_plan
from douga_worker.training.sample_stream import FIRST_TRAINING_SEED, SampleStream
from douga_worker.training.synthesis import Material, Sample, WorkingPair, synthesise
from douga_worker.training.train import Standing, Watcher, train

PLAN = Plan(
    minutes=4,
    batch=2,
    crop_px=64,
    learning_rate=5e-3,
    shape=TINY,
    validation_samples=3,
    device="cpu",
    sources=Sources(lines=("here",)),
)
"""By the clock below some 120 steps, and a report after every 60."""


class _Clock:
    """Two seconds pass whenever somebody looks: runs are as long on every machine."""

    def __init__(self) -> None:
        self._seconds = count(step=2)

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
    yield
    torch.set_num_threads(threads)


def run(folder: Path, plan: Plan = PLAN) -> list[Standing]:
    """Train, and return what was reported."""
    reports: list[Standing] = []
    watcher = Watcher(reports.append)
    assert folder / "weights.safetensors" == train(pair_material(), plan, folder, watcher)
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
    """The same command again leaves everything as it is."""
    run(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert [] == run(tmp_path)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_a_run_can_be_as_long_as_so_many_steps(tmp_path: Path) -> None:
    """The same on every machine, interrupted or not."""
    (*_, last) = run(tmp_path, replace(PLAN, steps=30, minutes=0.01))
    assert 30 == last.step


def test_a_run_that_is_stopped_is_saved_first(tmp_path: Path) -> None:
    """Ctrl-C costs nothing: the very step is in the checkpoint."""
    reports: list[Standing] = []
    asked = iter([False] * 5 + [True])
    train(pair_material(), PLAN, tmp_path, Watcher(reports.append, is_stopped=lambda: next(asked)))
    assert [5] == [standing.step for standing in reports] == logged_steps(tmp_path)
    assert run(tmp_path)[-1].step > 60


def test_the_weights_kept_are_those_that_validated_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that gets worse ends early, and leaves the weights from before it did."""

    def draw_ever_worse(self: Learner, sample: Sample) -> tuple[float, NDArray[np.uint8]]:
        return 0.1 + self.step / 1000, np.zeros_like(sample.ink)

    monkeypatch.setattr(Learner, "draw", draw_ever_worse)
    plan = replace(PLAN, minutes=40, patience=3)
    reports = run(tmp_path, plan)
    assert [0, 1, 2, 3] == [standing.checkpoints_since_best for standing in reports]
    notes = json.loads(load_weights(str(tmp_path / "weights.safetensors")).notes["training"])
    assert reports[0].step == notes["progress"]["step"]
    assert [] == run(tmp_path, plan)


def test_the_plan_is_written_beside_the_weights_and_not_where_the_sources_lie(tmp_path: Path) -> None:
    """The folder says how it was made; the weights, which are given away, do not name a studio's folders."""
    run(tmp_path, replace(PLAN, minutes=0.05))
    assert replace(PLAN, minutes=0.05) == replace(
        read_plan(tmp_path / "plan.toml", {}, {}), sources=Sources(lines=("here",))
    )
    notes = json.loads(load_weights(str(tmp_path / "weights.safetensors")).notes["training"])
    assert "here" not in json.dumps(notes)


def test_mixed_precision_learns_too(tmp_path: Path) -> None:
    """Products in 16 bits, weights and loss in 32."""
    first, *_, last = run(tmp_path, replace(PLAN, precision="bf16"))
    assert last.validation_loss < 0.8 * first.validation_loss


def test_a_training_that_diverges_says_so_and_keeps_what_was_good(tmp_path: Path) -> None:
    """Not-a-number is no network."""
    run(tmp_path, replace(PLAN, minutes=1))
    good = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(ConfigurationError, match=r"diverged .* smaller learning-rate"):
        run(tmp_path, replace(PLAN, learning_rate=1e38))
    assert good == (tmp_path / "checkpoint.pt").read_bytes()


def test_of_own_pairs_some_are_kept_to_validate_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was learnt by heart must not look good; the last ones are whole shots."""
    sheets = [np.full((64, 64), tone, np.uint8) for tone in range(20)]
    seen: list[tuple[int, ...]] = []

    def watch(seed: int, material: Material) -> object:
        seen.append(tuple(int(pair.ink[0, 0]) for pair in material.pairs))
        return synthesise(seed, material)

    monkeypatch.setattr(training, "synthesise", watch)
    twenty = Material(drawings=(), pairs=[WorkingPair(ink=sheet, target=sheet) for sheet in sheets])
    train(twenty, replace(PLAN, minutes=0.05), tmp_path, Watcher(lambda standing: None))
    assert {(18, 19)} == set(seen)


def test_crops_that_do_not_fit_the_network_are_refused(tmp_path: Path) -> None:
    """Before the first step, with the number that would do."""
    with pytest.raises(ConfigurationError, match=r"crop-px is 65; .* multiple of 4"):
        run(tmp_path, replace(PLAN, crop_px=65))


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
