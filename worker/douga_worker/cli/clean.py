"""`douga clean`: a folder of scans on this machine."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from douga_shared.errors import ConfigurationError, ExitCode
from douga_shared.frames import FrameRange
from douga_shared.manifest import FrameState
from douga_shared.progress import ProgressKind, failure_line, open_progress, writable
from douga_shared.recipe import Output, Precision

if TYPE_CHECKING:
    from douga_worker.local import CleanResult

_MOST_FAILURES_SHOWN = 20


class _Terminated(BaseException):
    """SIGTERM arrived; a BaseException, so that nothing on the way takes it for a fault of a frame."""


@click.command("clean")
@click.argument("source", metavar="SRC", type=click.Path(path_type=Path))
@click.argument("destination", metavar="DST", type=click.Path(path_type=Path))
@click.option("--frames", metavar="RANGE", help="Only these drawings, such as 1-100x2,205,3a. Default: all.")
@click.option(
    "--outputs",
    default="png,svg",
    show_default=True,
    metavar="LIST",
    help="What to write for each frame: png, png-alpha, tga, tif, svg.",
)
@click.option(
    "--strength",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="How much is simplified away: 0 keeps every deliberate stroke, 1 only the essential.",
)
@click.option(
    "--line-weight",
    default="keep",
    show_default=True,
    metavar="keep|PX",
    help="Width of the lines: the pencil's own, or this many scan pixels everywhere.",
)
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
@click.option(
    "--precision",
    type=click.Choice([p.value for p in Precision]),
    default="auto",
    show_default=True,
    help="Number format of the network; auto is fp32 on a CPU, bf16 on a GPU.",
)
@click.option(
    "--progress",
    type=click.Choice([kind.value for kind in ProgressKind]),
    help="Default: a bar on a terminal, plain lines elsewhere; openjd and afanasy are for those farms.",
)
@click.option(
    "--report/--no-report", default=True, show_default=True, help="Write report/index.html to look at."
)
@click.option("--force", is_flag=True, help="Clean again what is done already.")
@click.option(
    "--max-megapixels",
    type=click.FloatRange(min=0, min_open=True),
    default=400.0,
    show_default=True,
    help="Refuse scans with more pixels than this.",
)
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
    line_weight: str,
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
        outputs=_outputs(outputs),
        network=network,
        strength=strength,
        line_weight_px=_line_weight(line_weight),
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


def _outputs(text: str) -> tuple[Output, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = [output.value for output in Output]
    for name in names:
        if name not in known:
            raise ConfigurationError(f"--outputs: '{name}' is none of {', '.join(known)}")
    if not names:
        raise ConfigurationError(f"--outputs names nothing; give some of {', '.join(known)}")
    return tuple(dict.fromkeys(Output(name) for name in names))


def _line_weight(text: str) -> float | None:
    if text == "keep":
        return None
    try:
        return float(text.removesuffix("px"))
    except ValueError:
        raise ConfigurationError(f"--line-weight '{text}': give 'keep' or a number of pixels") from None


def _terminate(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
    raise _Terminated
