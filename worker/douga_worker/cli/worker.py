"""`douga worker`: one worker of a farm."""

from __future__ import annotations

import logging
import socket

import click

from douga_shared.cli_options import log_format_option
from douga_shared.errors import ExitCode
from douga_shared.logs import set_up_logs
from douga_shared.settings import read_settings


@click.command("worker")
@click.option(
    "--queues",
    default="gpu,cpu",
    show_default=True,
    metavar="LIST",
    help="What to serve: gpu (chunks of frames), gpu.SHOW (those of one show), cpu (accounts of jobs).",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 256),
    help="Chunks at once. Default: as many as keep the network busy.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where the network runs; auto takes a GPU if there is one.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    help="Processes beside the network. Default: one a core, up to 8.",
)
@click.option("--name", default="", help="Name of this worker in records and logs. Default: the host's name.")
@click.option("--verbose", is_flag=True, help="Log every step, Celery's too.")
@log_format_option
def command(  # noqa: PLR0917 - one parameter an option
    queues: str,
    concurrency: int | None,
    device: str,
    processes: int | None,
    name: str,
    verbose: bool,
    log_format: str | None,
) -> ExitCode:
    """Take chunks of frames off the queue and clean them, until stopped.

    The broker, the stores that may be touched and everything else about this machine come from
    environment variables, DOUGA_BROKER_URL and DOUGA_STORES first of all; docs/farm.md lists them.
    SIGTERM and Ctrl-C finish the frames that are begun, hand the rest back to the queue and end with 0.
    """
    from douga_worker.farm import WorkerOptions, run_worker  # noqa: PLC0415 - loads the imaging libraries

    worker = name or socket.gethostname()
    set_up_logs(log_format, level=logging.INFO, is_verbose=verbose, worker=worker)
    options = WorkerOptions(
        queues=tuple(word.strip() for word in queues.split(",") if word.strip()),
        concurrency=concurrency,
        device=device,
        process_count=processes,
        name=name,
    )
    return run_worker(read_settings(), options)
