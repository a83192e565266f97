"""`douga fetch`: bring a job's drawings to this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from douga_shared.errors import ConfigurationError, ExitCode
from douga_shared.progress import ProgressKind
from douga_shared.recipe import Output

if TYPE_CHECKING:
    from douga_producer.fetch import Fetched

_MOST_FAULTS_SHOWN = 20


@click.command("fetch")
@click.argument("name", metavar="JOB")
@click.argument("destination", metavar="DST", type=click.Path(path_type=Path, file_okay=False))
@click.option("--outputs", metavar="LIST", help="Only these kinds, such as png,svg. Default: all it made.")
@click.option(
    "--progress",
    type=click.Choice([kind.value for kind in ProgressKind]),
    help="Default: a bar on a terminal, plain lines elsewhere.",
)
def command(name: str, destination: Path, outputs: str | None, progress: str | None) -> int:
    """Fetch drawings, manifest and report of JOB into the folder DST.

    JOB is an id, the beginning of one, or the destination of a job (its latest job is meant; this works
    without the queue). While the job runs, what is done is fetched; run it again for the rest: files that
    are there already are skipped.

    Exit codes: 0 fetched what is done, 2 usage, 3 some frames failed or could not be fetched, 4 no such
    job, 5 the queue or the store does not answer.
    """
    from douga_producer.client import open_farm  # noqa: PLC0415 - loads the clients of queue and stores
    from douga_producer.fetch import fetch_job  # noqa: PLC0415
    from douga_producer.known_jobs import open_drawings  # noqa: PLC0415
    from douga_shared.progress import open_progress  # noqa: PLC0415

    wanted = _outputs(outputs)
    with open_farm() as farm, open_progress(ProgressKind(progress) if progress else None) as shown:
        job, drawings = open_drawings(farm, name)
        if unmade := [output for output in wanted if output not in job.outputs]:
            raise ConfigurationError(
                f"--outputs: the job made {', '.join(job.outputs)}, but no {', '.join(unmade)}"
            )
        fetched = fetch_job(drawings, job.job_id, destination, shown, outputs=wanted)
    if progress != "json":
        _sum_up(fetched, destination)
    return ExitCode.SOME_FRAMES_FAILED if fetched.faults or fetched.failed else ExitCode.OK


def _sum_up(fetched: Fetched, destination: Path) -> None:
    from douga_producer.terminal import count_of, folded, say, width  # noqa: PLC0415
    from douga_shared.object_keys import MANIFEST, REPORT_PAGE  # noqa: PLC0415
    from douga_shared.progress import failure_line  # noqa: PLC0415

    say(
        f"{fetched.frames} of {fetched.total} frames are here; {count_of(fetched.written, 'file')} written "
        f"({fetched.bytes_written / 1e6:.1f} MB), {fetched.kept} were here already."
    )
    if fetched.waiting:
        say(f"{count_of(fetched.waiting, 'frame')} not done yet; fetch again later.")
    if fetched.failed:
        say(f"{count_of(fetched.failed, 'frame')} failed, without drawings; 'douga status' tells why.")
    say(f"Drawings: {destination}")
    if fetched.has_manifest:
        say(f"Manifest: {destination / MANIFEST}")
    if fetched.has_report:
        say(f"Report:   {destination / REPORT_PAGE}")
    for fault in fetched.faults[:_MOST_FAULTS_SHOWN]:
        for line in folded(failure_line(fault), width(), " " * 8):
            say(line)
    if len(fetched.faults) > _MOST_FAULTS_SHOWN:
        say(f"failed  ... and {len(fetched.faults) - _MOST_FAULTS_SHOWN} more")


def _outputs(text: str | None) -> tuple[Output, ...]:
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    known = [output.value for output in Output]
    for name in names:
        if name not in known:
            raise ConfigurationError(f"--outputs: '{name}' is none of {', '.join(known)}")
    return tuple(dict.fromkeys(Output(name) for name in names))
