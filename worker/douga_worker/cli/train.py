"""`douga train`: from line art, or from pairs of a studio's own, to weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from douga_worker.training.train import Progress

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("train")
@click.argument("lines", metavar="[LINES]...", nargs=-1, type=_FOLDER)
@click.option("--out", required=True, type=_FOLDER, help="Folder for weights, log, pictures and checkpoint.")
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
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Length of the whole run; time between interrupted runs does not count.",
)
@click.option("--from", "start_from", help="Fine-tune these weights: a shipped network's name, or a file.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--batch", type=click.IntRange(1), default=8, show_default=True)
@click.option(
    "--processes", type=click.IntRange(1), default=1, show_default=True, help="Processes that make samples."
)
def command(  # noqa: PLR0913, PLR0917 - one parameter an option
    lines: tuple[Path, ...],
    out: Path,
    over_sketches: Path | None,
    papers: Path | None,
    pairs: tuple[Path, Path] | None,
    minutes: float,
    start_from: str | None,
    device: str,
    batch: int,
    processes: int,
) -> None:
    """Train a network on rough scans synthesised from SVG line art in the folders LINES, or on --pairs.

    It goes on from the checkpoint in --out if there is one, so it may be interrupted at any time. The
    result, weights.safetensors, is used with `douga clean --network OUT/weights.safetensors`.
    """
    from douga_worker.training.material import gather  # noqa: PLC0415 - loads torch
    from douga_worker.training.train import Plan, train  # noqa: PLC0415

    material = gather(
        lines=lines, over_sketches=over_sketches, papers=papers, pairs=pairs, cache=out, report=click.echo
    )
    plan = Plan(
        minutes=minutes, batch=batch, device=device, synthesis_processes=processes, start_from=start_from
    )
    weights = train(material, plan, out, _show)
    click.echo(f"Weights: {weights}")


def _show(progress: Progress) -> None:
    click.echo(
        f"step {progress.step:6d}  {progress.minutes:6.1f} min  loss {progress.loss:.4f}  "
        f"validation {progress.validation_loss:.4f}  overlap {progress.validation_overlap:.3f}"
    )
