"""`douga reconcile`: look at every running job and send what was lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from douga_shared.cli_options import log_format_option
from douga_shared.errors import ExitCode
from douga_shared.logs import set_up_logs

if TYPE_CHECKING:
    from douga_producer.client import Farm

_log = logging.getLogger(__name__)


@click.command("reconcile")
@click.option(
    "--every",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help="Go on, a look every so many seconds; five minutes are plenty. Default: look once.",
)
@log_format_option
def command(every: float | None, log_format: str | None) -> int:
    """Look at every running job and repair it: send what is neither settled nor on its way, ask for reports.

    Nothing is lost with a Redis or a producer that dies; this finds what they took along. Run it from a
    timer, or with --every beside the queue.

    Exit codes: 0 looked, 2 usage, 5 the queue or a store does not answer, 130 and 143 interrupted.
    """
    from douga_producer.client import open_farm  # noqa: PLC0415 - loads the clients of queue and stores
    from douga_producer.commands.order_options import Ended, endable  # noqa: PLC0415

    with open_farm() as farm:
        set_up_logs(log_format)
        if every is None:
            _look(farm)
            return ExitCode.OK
        try:
            with endable():
                _look_again_and_again(lambda: _look(farm), every)
        except Ended as end:
            return end.code
    return ExitCode.OK


def _look(farm: Farm) -> None:
    from douga_producer.reconcile import reconcile  # noqa: PLC0415
    from douga_producer.terminal import say  # noqa: PLC0415

    for resumed in reconcile(farm):
        if not resumed.is_idle or resumed.why_not:
            say(str(resumed))


def _look_again_and_again(look: Callable[[], None], every: float) -> None:
    from douga_shared.errors import QueueUnreachable, StoreUnreachable  # noqa: PLC0415

    pause = threading.Event()
    while True:
        try:
            look()
        except (QueueUnreachable, StoreUnreachable) as fault:
            _log.warning("%s; trying again in %.0f s", fault, every)
        pause.wait(every)
