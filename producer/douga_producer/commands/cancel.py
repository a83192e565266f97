"""`douga cancel`: end a job."""

from __future__ import annotations

import click


@click.command("cancel")
@click.argument("name", metavar="JOB")
def command(name: str) -> int:
    """End JOB: no frame begins any more, frames in the works are dropped, what is done stays.

    JOB is an id, the beginning of one, or the destination of a job (its latest job is meant). Submitting
    it again goes on where it stopped.

    Exit codes: 0 cancelled, or over already, 2 usage, 4 no such job, 5 the queue does not answer.
    """
    from douga_producer.client import open_farm  # noqa: PLC0415 - loads the clients of queue and stores
    from douga_producer.known_jobs import find_job, stop_job  # noqa: PLC0415
    from douga_producer.status import word_of  # noqa: PLC0415
    from douga_producer.terminal import say  # noqa: PLC0415
    from douga_shared.jobs import JobState  # noqa: PLC0415

    with open_farm() as farm:
        standing = stop_job(farm.jobs, find_job(farm.jobs, name), JobState.CANCELLED)
    left = standing.total - standing.done - standing.failed
    say(f"{standing.job.job_id}  {word_of(standing)}")
    if standing.is_complete:
        say("Nothing is left to cancel: every frame is settled.")
        return 0
    say(f"{standing.done} of {standing.total} frames are done and stay; {left} are left undone.")
    return 0
