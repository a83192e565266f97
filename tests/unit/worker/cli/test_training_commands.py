"""The commands of the training, as they are typed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from tests.training_parts import pair_of_lines, write_line_art, write_tiny_weights

from douga_shared.errors import ConfigurationError, ExitCode, InputMissing
from douga_worker.cli import evaluate, samples, train
from douga_worker.network.weights import load_weights
from douga_worker.training.learner import Learner


def run(command: click.Command, *arguments: str | Path) -> tuple[object, str]:
    """Run a command as the light program does; returns its value and what it printed."""
    result = CliRunner().invoke(
        command, [str(a) for a in arguments], standalone_mode=False, catch_exceptions=False
    )
    return result.return_value, result.output


def save_pairs(folder: Path, count: int) -> tuple[Path, Path]:
    """Drawings that are their own clean version."""
    for side in ("rough", "clean"):
        (folder / side).mkdir(parents=True)
        for number in range(count):
            picture = Image.fromarray(255 - np.rot90(pair_of_lines(), number))
            picture.save(folder / side / f"A{number:04d}.png")
    return folder / "rough", folder / "clean"


def test_line_art_becomes_samples_to_look_at_and_then_weights(
    tmp_path: Path,
) -> None:
    """`douga samples`, then `douga train` on the same folder, which is not followed again."""
    lines, out = write_line_art(tmp_path / "lines", 2), tmp_path / "out"
    _, said = run(samples.command, lines, "--out", out, "--count", "7")
    assert "2 drawings" in said
    with Image.open(out / "samples.png") as picture:
        assert (6 * 320, 4 * 320) == picture.size
    start = write_tiny_weights(tmp_path / "tiny.safetensors")
    config = tmp_path / "plan.toml"
    config.write_text('validation-samples = 2\nbatch = 1\nminutes = 90\n[sources]\nlines = ["lines"]')
    options = ("--minutes", "0.01", "--config", config, "--from", start, "--device", "cpu")
    code, said = run(train.command, "--out", out, *options)
    assert ExitCode.OK == code
    assert "following" not in said
    assert "validation" in said
    assert (4, 8) == load_weights(str(out / "weights.safetensors")).shape.channels


def test_a_stopped_training_saves_and_tells_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM, as a farm sends it; the same command then goes on."""
    save_pairs(tmp_path, 1)
    config = tmp_path / "plan.toml"
    config.write_text('validation-samples = 2\nbatch = 1\n[sources]\npairs = ["rough", "clean"]\n')
    with config.open("a") as file:
        file.write("[shape]\nchannels = [4, 8]\nblocks = [1, 1]\n")
    learn = Learner.learn

    def learn_and_be_told_to_stop(self: Learner, *arguments: Any) -> None:
        learn(self, *arguments)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Learner, "learn", learn_and_be_told_to_stop)
    options = ("--config", config, "--out", tmp_path / "out", "--device", "cpu")
    code, said = run(train.command, *options)
    assert ExitCode.TERMINATED == code
    assert "run the same command again" in said
    code, said = run(train.command, *options)
    assert "step      2" in said


def test_a_plan_that_cannot_be_meant_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    """The option is named."""
    with pytest.raises(ConfigurationError, match="batch"):
        run(train.command, tmp_path, "--batch", "-1", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_training_on_a_missing_folder_says_which(tmp_path: Path) -> None:
    """The exit code tells a farm that its input is missing."""
    with pytest.raises(InputMissing, match="gone"):
        run(train.command, tmp_path / "gone", "--out", tmp_path / "out")


def test_samples_of_a_missing_folder_leave_nothing_behind(tmp_path: Path) -> None:
    """It is named before anything is made."""
    with pytest.raises(InputMissing, match="gone"):
        run(samples.command, tmp_path / "gone", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_evaluation_of_a_network_file_prints_a_table_and_writes_json(tmp_path: Path) -> None:
    """Every pair has its row, beside what thresholding gets; all good is exit code 0."""
    rough, clean = save_pairs(tmp_path, 2)
    tiny = write_tiny_weights(tmp_path / "tiny.safetensors")
    figures = tmp_path / "figures.json"
    options = ("--network", tiny, "--device", "cpu", "--baselines", "--json", figures)
    code, said = run(evaluate.command, rough, clean, *options)
    assert ExitCode.OK == code
    assert "Compared with the artist's lines" in said
    written = json.loads(figures.read_bytes())
    assert 6 == len(written["rows"])
    assert written["averages"]["adaptive"]["f_2px"] > 0.95


def test_evaluation_says_what_it_refused(tmp_path: Path) -> None:
    """A pair that cannot be compared is named, and the exit code tells."""
    rough, clean = save_pairs(tmp_path, 2)
    (clean / "A0001.png").unlink()
    tiny = write_tiny_weights(tmp_path / "tiny.safetensors")
    code, said = run(evaluate.command, rough, clean, "--network", tiny, "--device", "cpu")
    assert ExitCode.SOME_FRAMES_FAILED == code
    assert "refused  A0001" in said
