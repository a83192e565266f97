"""`douga clean`: a folder of scans on this machine."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from douga_shared.cli_options import (
    close_gaps_option,
    drop_specks_option,
    frames_option,
    line_weight_option,
    max_megapixels_option,
    outputs_option,
    palette_option,
    precision_option,
    read_automatic_px,
    read_line_weight,
    read_outputs,
    report_option,
    strength_option,
    vector_option,
)
from douga_shared.errors import ExitCode
from douga_shared.frames import FrameRange
from douga_shared.manifest import FrameState
from douga_shared.palette import read_palette
from douga_shared.progress import ProgressKind, failure_line, open_progress, writable
from douga_shared.recipe import Precision, Vector

if TYPE_CHECKING:
    from douga_worker.local import CleanResult

_MOST_FAILURES_SHOWN = 20


class _Terminated(BaseException):
    """SIGTERM arrived; a BaseException, so that nothing on the way takes it for a fault of a frame."""


@click.command("clean")
@click.argument("source", metavar="SRC", type=click.Path(path_type=Path))
@click.argument("destination", metavar="DST", type=click.Path(path_type=Path))
@frames_option
@outputs_option
@strength_option
@vector_option
@line_weight_option
@palette_option
@close_gaps_option
@drop_specks_option
@click.option(
    "--network",
    default="fast",
    show_default=True,
    help="A shipped network's name, or a file from 'douga train'.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where the network runs; auto takes a GPU if there is one.",
)
@precision_option
@click.option(
    "--progress",
    type=click.Choice([kind.value for kind in ProgressKind]),
    help="Default: a bar on a terminal, plain lines elsewhere; openjd and afanasy are for those farms.",
)
@report_option
@click.option("--force", is_flag=True, help="Clean again what is done already.")
@max_megapixels_option
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    help="Processes beside the network. Default: one a core, up to 8.",
)
def command(  # noqa: PLR0913, PLR0917 - one parameter an option
    source: Path,
    destination: Path,
    frames: str | None,
    outputs: str,
    strength: float,
    vector: str,
    line_weight: str,
    palette: str,
    close_gaps: str,
    drop_specks: str,
    network: str,
    device: str,
    precision: str,
    progress: str | None,
    report: bool,
    force: bool,
    max_megapixels: float,
    processes: int | None,
) -> int:
    """Clean every scan in SRC (a folder, or one scan) and write the drawings to DST.

    Frames already done under the same settings are left alone: run it again after a retake, or after
    it was interrupted, and only what is missing is done.

    Exit codes: 0 all good or done already, 1 a fault of Douga, 2 usage, 3 some frames failed, 4 no scans
    to read, 5 a store does not answer, 33 out of memory, 130 and 143 interrupted.
    """
    from douga_worker.local import CleanOptions, clean_folder  # noqa: PLC0415 - loads the imaging libraries

    options = CleanOptions(
        frames=FrameRange.parse(frames) if frames is not None else None,
        outputs=read_outputs(outputs),
        network=network,
        strength=strength,
        vector=Vector(vector),
        line_weight=read_line_weight(line_weight),
        palette=read_palette(palette),
        close_gaps_px=read_automatic_px("--close-gaps", close_gaps),
        drop_specks_px=read_automatic_px("--drop-specks", drop_specks),
        device=device,
        precision=Precision(precision),
        has_report=report,
        is_forced=force,
        max_megapixels=max_megapixels,
        process_count=processes,
    )
    signal.signal(signal.SIGTERM, _terminate)
    try:
        with open_progress(ProgressKind(progress) if progress else None) as shown:
            result = clean_folder(source, destination, options, shown)
    except (KeyboardInterrupt, _Terminated) as stop:
        click.echo(
            "Interrupted: what is finished is kept; run the same command again for the rest.", err=True
        )
        return ExitCode.INTERRUPTED if isinstance(stop, KeyboardInterrupt) else ExitCode.TERMINATED
    if progress != "json":
        _sum_up(result, destination)
    return result.exit_code


def _sum_up(result: CleanResult, destination: Path) -> None:
    manifest = result.manifest
    done, failures = manifest.count(FrameState.DONE), manifest.count(FrameState.FAILED)
    flagged = sum(1 for frame in manifest.frames if frame.quality and frame.quality.flags)
    before = f" ({result.already_done_count} of them before)" if result.already_done_count else ""
    _say(f"{done} of {len(manifest.frames)} frames done{before}, {failures} failed, {flagged} to look at.")
    _say(f"Drawings: {destination}")
    if result.report:
        _say(f"Report:   {result.report}")
    rejected = [frame.failure for frame in manifest.frames if frame.failure]
    for failure in rejected[:_MOST_FAILURES_SHOWN]:
        _say(failure_line(failure.message))
    if len(rejected) > _MOST_FAILURES_SHOWN:
        _say(f"failed  ... and {len(rejected) - _MOST_FAILURES_SHOWN} more, all in douga.json")


def _say(line: str) -> None:
    click.echo(writable(line, sys.stdout))


def _terminate(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
    raise _Terminated
