"""`douga resume`: let a job go on, whatever stopped it."""

from __future__ import annotations

import click


@click.command("resume")
@click.argument("name", metavar="JOB")
def command(name: str) -> int:
    """Let JOB go on, after a pause, a cancellation, lost messages, a lost Redis or a submit cut off.

    Every frame of it that is neither settled nor on its way is sent again; one sent too often is done once.
    JOB is an id, the beginning of one, or the destination of a job (its latest job is meant): a job that
    Redis has lost is found by its destination.

    Exit codes: 0 it goes on, 2 usage, 4 no such job, 5 the queue or a store does not answer.
    """
    from douga_producer.client import open_farm  # noqa: PLC0415 - loads the clients of queue and stores
    from douga_producer.reconcile import resume  # noqa: PLC0415
    from douga_producer.terminal import say  # noqa: PLC0415

    with open_farm() as farm:
        say(str(resume(farm, name)))
    return 0
