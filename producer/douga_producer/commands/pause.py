"""`douga pause`: let a job wait."""

from __future__ import annotations

import click


@click.command("pause")
@click.argument("name", metavar="JOB")
def command(name: str) -> int:
    """Let JOB wait: no frame of it begins until 'douga resume JOB'; frames in the works are finished.

    JOB is an id, the beginning of one, or the destination of a job (its latest job is meant).

    Exit codes: 0 paused, or over already, 2 usage, 4 no such job, 5 the queue does not answer.
    """
    from douga_producer.client import open_farm  # noqa: PLC0415 - loads the clients of queue and stores
    from douga_producer.known_jobs import find_job, is_over, stop_job  # noqa: PLC0415
    from douga_producer.status import word_of  # noqa: PLC0415
    from douga_producer.terminal import say  # noqa: PLC0415
    from douga_shared.jobs import JobState  # noqa: PLC0415

    with open_farm() as farm:
        standing = stop_job(farm.jobs, find_job(farm.jobs, name), JobState.PAUSED)
    job_id = standing.job.job_id
    say(f"{job_id}  {word_of(standing)}")
    if is_over(standing):
        say("Nothing is left to pause.")
    else:
        say(f"{standing.done} of {standing.total} frames are done; 'douga resume {job_id}' goes on.")
    return 0
