"""`douga retry`: dead letters again, after the cause is mended."""

from __future__ import annotations

import click


@click.command("retry")
@click.argument("name", metavar="JOB")
@click.option("--failed", is_flag=True, help="All frames that failed, which is the default.")
@click.option("--frames", metavar="RANGE", help="Of the frames that failed only these, such as 7,12a.")
def command(name: str, failed: bool, frames: str | None) -> int:  # noqa: ARG001 - said for clarity
    """Do the failed frames of JOB again, after their cause is mended.

    JOB is an id, the beginning of one, or the destination of a job (its latest job is meant). Frames whose
    names collide stay as they are: rename their scans and submit the same order again. A scan of this
    machine that was mended is submitted again too.

    Exit codes: 0 sent, 2 usage, 3 some frames cannot be tried again, 4 no such job or no such frames, 5 the
    queue or a store does not answer.
    """
    from douga_producer.client import open_farm  # noqa: PLC0415 - loads the clients of queue and stores
    from douga_producer.reconcile import retry  # noqa: PLC0415
    from douga_producer.terminal import say  # noqa: PLC0415
    from douga_shared.errors import ExitCode  # noqa: PLC0415
    from douga_shared.frames import FrameRange  # noqa: PLC0415
    from douga_shared.progress import failure_line  # noqa: PLC0415

    with open_farm() as farm:
        retried = retry(farm, name, FrameRange.parse(frames) if frames is not None else None)
    say(f"{retried.job_id}  {retried.sent:,} frames sent again")
    for letter in retried.colliding:
        say(failure_line(letter.message))
    return ExitCode.SOME_FRAMES_FAILED if retried.colliding else ExitCode.OK
