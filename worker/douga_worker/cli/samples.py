"""`douga samples`: look at what a network would learn from."""

from __future__ import annotations

from pathlib import Path

import click

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("samples")
@click.argument("lines", metavar="LINES...", nargs=-1, required=True, type=_FOLDER)
@click.option("--out", required=True, type=_FOLDER, help="Folder for samples.png and the cache of strokes.")
@click.option("--over-sketches", type=_FOLDER, help="StrokeStrip figures: sketches whose lines are labelled.")
@click.option("--papers", type=_FOLDER, help="Pictures of empty paper.")
@click.option("--count", type=click.IntRange(1, 400), default=24, show_default=True)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the first sample."
)
def command(
    lines: tuple[Path, ...], out: Path, over_sketches: Path | None, papers: Path | None, count: int, seed: int
) -> None:
    """Write OUT/samples.png: synthetic rough scans, each above the clean drawing it was made from."""
    import numpy as np  # noqa: PLC0415 - slow to load
    from PIL import Image  # noqa: PLC0415

    from douga_worker.training.material import gather  # noqa: PLC0415
    from douga_worker.training.synthesis import synthesise  # noqa: PLC0415

    material = gather(
        lines=lines, over_sketches=over_sketches, papers=papers, pairs=None, cache=out, report=click.echo
    )
    samples = [synthesise(seed + number, material) for number in range(count)]
    columns = [np.vstack([sample.ink, sample.target]) for sample in samples]
    blank = np.zeros_like(columns[0])
    columns += [blank] * (-count % 6)
    sheet = np.vstack([np.hstack(columns[i : i + 6]) for i in range(0, len(columns), 6)])
    Image.fromarray(255 - sheet).save(out / "samples.png")
    click.echo(f"Samples: {out / 'samples.png'}")
