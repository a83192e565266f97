"""`douga train`: from line art, or from pairs of a studio's own, to weights."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from douga_shared.errors import ExitCode
from douga_shared.progress import BarProgress, Progress, Tally

if TYPE_CHECKING:
    from douga_worker.training.plan import Plan
    from douga_worker.training.train import Standing

_FOLDER = click.Path(path_type=Path, file_okay=False)
_MOST_USES = 60
"""A sample that is learnt from this often is known by heart."""


@click.command("train")
@click.argument("lines", metavar="[LINES]...", nargs=-1, type=_FOLDER)
@click.option("--out", required=True, type=_FOLDER, help="Folder for weights, log, pictures and checkpoint.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file with any of the options; those given here override it.",
)
@click.option("--over-sketches", type=_FOLDER, help="StrokeStrip figures: sketches whose lines are labelled.")
@click.option("--papers", type=_FOLDER, help="Pictures of empty paper.")
@click.option(
    "--pairs",
    nargs=2,
    type=_FOLDER,
    metavar="ROUGH CLEAN",
    help="Folders of your own roughs and their clean versions, named alike.",
)
@click.option(
    "--minutes",
    type=float,
    help="Length of the whole run; time between interrupted runs does not count. Default: 60.",
)
@click.option("--steps", type=int, help="Length of the run in steps instead of minutes.")
@click.option("--from", "start_from", help="Fine-tune these weights: a shipped network's name, or a file.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Default: auto.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    help="bf16 is mixed precision. Default: auto, bf16 on a GPU and fp32 on a CPU.",
)
@click.option("--batch", type=int, help="Crops a step. Default: 8.")
@click.option("--processes", type=int, help="Processes that make samples. Default: 1.")
@click.option("--learning-rate", type=float, help="At its highest. Default: 0.0015.")
@click.option(
    "--patience",
    type=int,
    help="Checkpoints without a better validation loss that end the run; 0: none do. Default: 20.",
)
@click.option("--seed", type=int, help="Of samples, crops and first weights. Default: 0.")
def command(lines: tuple[Path, ...], out: Path, config: Path | None, **options: Any) -> int:
    """Train a network on rough scans synthesised from SVG line art in the folders LINES, or on --pairs.

    It goes on from the checkpoint in --out if there is one, so it may be interrupted at any time. The
    result, weights.safetensors, is used with `douga clean --network OUT/weights.safetensors`.
    """
    from douga_worker.training.material import gather  # noqa: PLC0415 - loads torch
    from douga_worker.training.train import Watcher, train  # noqa: PLC0415

    plan = _plan(lines, config, options)
    material = gather(plan.sources, cache=out, report=click.echo)
    with _Stop() as stop, _progress() as shown:
        watcher = Watcher(
            checkpoint=lambda standing: shown.note(_line(standing, plan.batch)),
            moved=lambda share, seconds: shown.stands(_tally(share, seconds)),
            note=shown.note,
            is_stopped=lambda: stop.exit_code is not None,
        )
        weights = train(material, plan, out, watcher)
    if stop.exit_code is not None:
        click.echo("Interrupted: what was learnt is saved; run the same command again to go on.", err=True)
        return stop.exit_code
    click.echo(f"Weights: {weights}")
    return ExitCode.OK


def _plan(lines: tuple[Path, ...], config: Path | None, options: dict[str, Any]) -> Plan:
    from douga_worker.training.plan import read_plan  # noqa: PLC0415 - loads torch

    given = {name.replace("_", "-"): value for name, value in options.items() if value}
    sources: dict[str, Any] = {
        name: str(given.pop(name).absolute()) for name in ("over-sketches", "papers") if name in given
    }
    if lines:
        sources["lines"] = [str(folder.absolute()) for folder in lines]
    if "pairs" in given:
        sources["pairs"] = [str(folder.absolute()) for folder in given.pop("pairs")]
    if "start-from" in given:
        given["from"] = given.pop("start-from")
    # Zero is a seed, and means no patience at all: it was given all the same.
    given |= {name: 0 for name in ("seed", "patience") if options[name] == 0}
    return read_plan(config, given, sources)


class _Stop:
    """Turns the first Ctrl-C or SIGTERM into a wish that the training asks for; the second one ends it."""

    exit_code: ExitCode | None = None

    def __enter__(self) -> _Stop:
        self._before = {number: signal.signal(number, self._noted) for number in _STOPS}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _noted(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        if self.exit_code is not None:
            raise KeyboardInterrupt
        self.exit_code = _STOPS[signal.Signals(number)]


_STOPS = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


class _Notes(Progress):
    """A line a checkpoint, for logs: they come every two minutes."""

    def note(self, text: str) -> None:
        """See ``Progress``."""
        click.echo(text)


@contextmanager
def _progress() -> Iterator[Progress]:
    with BarProgress() if sys.stderr.isatty() else _Notes() as shown:
        yield shown


def _tally(share: float, seconds_left: float) -> Tally:
    return Tally(total=100, done=int(100 * share), word="training", seconds_left=seconds_left)


def _line(standing: Standing, batch: int) -> str:
    uses = standing.step * batch / max(1, standing.samples)
    better = (
        "best" if not standing.checkpoints_since_best else f"{standing.checkpoints_since_best} since best"
    )
    line = (
        f"step {standing.step:6d}  {standing.minutes:6.1f} min  loss {standing.loss:.4f}  "
        f"validation {standing.validation_loss:.4f}  overlap {standing.validation_overlap:.3f}  {better}"
    )
    hint = f"  (each sample is used {uses:.0f} times: give more --processes)"
    return line + hint if uses > _MOST_USES else line
