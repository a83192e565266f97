"""`douga samples`: look at what a network would learn from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from douga_worker.training.synthesis import Sample

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
@click.option("--size", type=click.IntRange(64, 2000), default=320, show_default=True, help="Edge in px.")
@click.option(
    "--pairs", is_flag=True, help="Write OUT/rough and OUT/clean for 'douga evaluate' instead of one sheet."
)
def command(  # noqa: PLR0917 - one parameter an option
    lines: tuple[Path, ...],
    out: Path,
    over_sketches: Path | None,
    papers: Path | None,
    count: int,
    seed: int,
    size: int,
    pairs: bool,
) -> None:
    """Write OUT/samples.png: synthetic rough scans, each above the clean drawing it was made from."""
    from douga_worker.training.material import gather  # noqa: PLC0415 - slow to load
    from douga_worker.training.plan import Sources  # noqa: PLC0415
    from douga_worker.training.synthesis import synthesise  # noqa: PLC0415

    sources = Sources(
        lines=tuple(map(str, lines)),
        over_sketches=str(over_sketches) if over_sketches else None,
        papers=str(papers) if papers else None,
    )
    material = gather(sources, cache=out, report=click.echo)
    seeds = range(seed, seed + count)
    if pairs:
        _write_pairs(
            out, ((number, synthesise(number, material, size=size, strength=0.5)) for number in seeds)
        )
    else:
        _write_sheet(out / "samples.png", [synthesise(number, material, size=size) for number in seeds])


def _write_pairs(out: Path, samples: Iterable[tuple[int, Sample]]) -> None:
    from PIL import Image  # noqa: PLC0415

    for number, sample in samples:
        for folder, picture in (("rough", sample.ink), ("clean", sample.target)):
            (out / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(255 - picture).save(out / folder / f"S{number:04d}.png")
    click.echo(f"Pairs: {out / 'rough'} and {out / 'clean'}")


def _write_sheet(path: Path, samples: list[Sample]) -> None:
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    columns = [np.vstack([sample.ink, sample.target]) for sample in samples]
    columns += [np.zeros_like(columns[0])] * (-len(samples) % 6)
    sheet = np.vstack([np.hstack(columns[i : i + 6]) for i in range(0, len(columns), 6)])
    Image.fromarray(255 - sheet).save(path)
    click.echo(f"Samples: {path}")
