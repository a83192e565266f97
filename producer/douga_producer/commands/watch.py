"""`douga watch`: send scans as they arrive."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from douga_producer.commands.order_options import order_options, say_aside, wishes_of
from douga_shared.cli_options import log_format_option
from douga_shared.errors import ExitCode
from douga_shared.logs import set_up_logs

if TYPE_CHECKING:
    from douga_producer.submission import Submission


@click.command("watch")
@click.argument("source", metavar="SRC")
@click.argument("destination", metavar="DST")
@order_options
@click.option(
    "--every",
    type=click.FloatRange(min=0.1),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look.",
)
@log_format_option
def command(source: str, destination: str, every: float, log_format: str | None, **options: Any) -> int:
    """Send scans to the farm as they arrive in SRC, all into one growing job; Ctrl-C or SIGTERM ends it.

    SRC and DST are as in 'douga submit'. A file of a folder counts as arrived when it was the same at two
    looks. A scan that changes is done again. Outages of stores and queue are waited for.

    Exit codes: 0 ended by Ctrl-C, SIGTERM or because the job was cancelled, 2 usage, 4 SRC is not there.
    """
    from douga_producer.client import open_farm  # noqa: PLC0415 - loads the clients of queue and stores
    from douga_producer.watch import watch  # noqa: PLC0415

    set_up_logs(log_format)
    stopping = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with open_farm() as farm:
        watch(
            farm,
            source,
            destination,
            wishes_of(options),
            stopping=stopping,
            every_seconds=every,
            on_sent=_tell,
        )
    return ExitCode.OK


def _tell(submission: Submission) -> None:
    if submission.is_new:
        click.echo(submission.job_id)
    progress = submission.progress
    told = f"{progress.sent:,} frames sent"
    if progress.done_before:
        told += f", {progress.done_before:,} done before"
    if progress.rejected:
        told += f", {progress.rejected:,} rejected"
    say_aside(f"{submission.job_id}  {told}; {submission.total:,} in all")
