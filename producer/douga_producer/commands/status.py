"""`douga status`: where a job stands."""

from __future__ import annotations

import json
import sys

import click

from douga_shared.errors import ExitCode
from douga_shared.progress import ProgressKind


@click.command("status")
@click.argument("name", metavar="JOB")
@click.option("--watch", is_flag=True, help="Follow the job until it is over.")
@click.option("--json", "is_json", is_flag=True, help="For programs; with --watch one object a line.")
@click.option(
    "--rebuild",
    is_flag=True,
    help="Make it known anew from the store's records; JOB is its destination then.",
)
def command(name: str, watch: bool, is_json: bool, rebuild: bool) -> int:
    """Tell where JOB stands: waiting, running, done and failed frames, the pace, what failed and why.

    JOB is an id, the beginning of one, or the destination of a job (its latest job is meant).

    Exit codes: 0 complete and good, or well on its way, 2 usage, 3 some frames failed, 4 no such job,
    5 the queue or a store does not answer, 130 and 143 interrupted.
    """
    from douga_producer.client import open_farm  # noqa: PLC0415 - loads the clients of queue and stores
    from douga_producer.follow import follow  # noqa: PLC0415
    from douga_producer.known_jobs import find_job  # noqa: PLC0415
    from douga_producer.status import as_json, describe, read_status  # noqa: PLC0415
    from douga_producer.status import rebuild_latest as rebuilt  # noqa: PLC0415
    from douga_producer.terminal import say, width  # noqa: PLC0415
    from douga_shared.progress import open_progress  # noqa: PLC0415

    code = ExitCode.OK
    with open_farm() as farm:
        job_id = rebuilt(farm, name) if rebuild else find_job(farm.jobs, name)
        if watch:
            with open_progress(ProgressKind.JSON if is_json else None) as progress:
                code = follow(farm, job_id, progress)
            if code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED, ExitCode.UNREACHABLE}:
                return code
        status = read_status(farm.jobs, job_id)
    if not is_json:
        for line in describe(status, width(), sys.stdout.encoding):
            say(line)
    elif not watch:
        say(json.dumps(as_json(status), indent=1))
    return code if watch else status.exit_code
