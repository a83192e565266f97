"""`douga evaluate`: how close does clean-up come to an artist's own clean drawings?"""

from __future__ import annotations

from pathlib import Path

import click

from douga_shared.errors import ExitCode

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("evaluate")
@click.argument("rough", metavar="ROUGH_DIR", type=_FOLDER)
@click.argument("clean", metavar="CLEAN_DIR", type=_FOLDER)
@click.option(
    "--network", default="fast", show_default=True, help="A shipped network, or a file from 'douga train'."
)
@click.option("--strength", type=click.FloatRange(0, 1), default=0.5, show_default=True)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--baselines", is_flag=True, help="Measure two kinds of thresholding on the same drawings.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write all figures."
)
def command(  # noqa: PLR0917 - one parameter an option
    rough: Path,
    clean: Path,
    network: str,
    strength: float,
    device: str,
    baselines: bool,
    json_path: Path | None,
) -> int:
    """Clean the drawings in ROUGH_DIR and compare them with those of the same name in CLEAN_DIR.

    Figures are taken at a long edge of 1000 px, on centre lines. Ratios are ours / the artist's: 1 is
    best. Distances are in px. Exit code 3 if a pair could not be compared.
    """
    import msgspec  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    from douga_worker.training.baselines import BASELINES  # noqa: PLC0415
    from douga_worker.training.evaluate import as_table, evaluate_folders  # noqa: PLC0415
    from douga_worker.wiring import open_single_cleaner  # noqa: PLC0415

    cleaner = open_single_cleaner(network, strength, device)
    evaluation = evaluate_folders(rough, clean, cleaner, baselines=BASELINES if baselines else None)
    Console().print(as_table(evaluation))
    for refusal in evaluation.refusals:
        click.echo(f"refused  {refusal.name}: {refusal.message}", err=True)
    if json_path:
        json_path.write_bytes(msgspec.json.format(msgspec.json.encode(evaluation), indent=1))
    return ExitCode.SOME_FRAMES_FAILED if evaluation.refusals else ExitCode.OK
