"""`douga exporter`: the figures of the whole farm, for Prometheus."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType

import click

from douga_shared.cli_options import log_format_option
from douga_shared.errors import ExitCode
from douga_shared.logs import set_up_logs

_log = logging.getLogger(__name__)


@click.command("exporter")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Where to answer /metrics, /healthz and /readyz. Default: DOUGA_METRICS_PORT, or 9465.",
)
@log_format_option
def command(port: int | None, log_format: str | None) -> ExitCode:
    """Show queues, jobs and workers of the whole farm to Prometheus, until Ctrl-C or SIGTERM.

    Run one a farm; workers show what is their own. While the queue does not answer, its figures are absent
    and douga_broker_up is 0. docs/farm.md says what to look at.

    Exit codes: 0 ended by Ctrl-C or SIGTERM, 2 usage.
    """
    from douga_producer.exporter import PORT, exported  # noqa: PLC0415 - loads the clients of queue and stores
    from douga_shared.monitoring_port import MonitoringPort  # noqa: PLC0415
    from douga_shared.settings import read_settings  # noqa: PLC0415

    set_up_logs(log_format, level=logging.INFO)
    stopping = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    settings = read_settings()
    with (
        exported(settings) as registry,
        MonitoringPort(
            port or settings.metrics_port or PORT, registry, {"healthz": dict, "readyz": dict}
        ) as open_port,
    ):
        _log.info("showing the farm '%s' on port %d", settings.farm, open_port.port)
        stopping.wait()
    return ExitCode.OK
