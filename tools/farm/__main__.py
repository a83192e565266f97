"""The command: ``python -m tools.farm``, or ``make farm``."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import click
from tools.farm.ports import chosen_ports
from tools.farm.servers import HOUSE
from tools.farm.stack import PartEnded, Stack
from tools.farm.tour import tour

from douga_shared.errors import DougaError

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Ctrl-C, SIGTERM, or the terminal was closed."""


@click.command()
@click.option("--servers", is_flag=True, help="Only queue and bucket; workers and orders are yours.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 16), help="How many workers.")
@click.option(
    "--scans",
    default=HOUSE / "examples" / "walk",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="What to order. Default: the bundled example.",
)
@click.option(
    "--folder",
    default=HOUSE / "out" / "local-farm",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where everything lies. Default: out/local-farm.",
)
def main(servers: bool, workers: int, scans: Path, folder: Path) -> None:
    """Run a farm on this machine until Ctrl-C: queue, bucket, workers, exporter and Prometheus.

    The bundled example is ordered, followed and fetched. Started again, the farm knows what it knew.
    QUEUE_PORT, BUCKET_PORT, PROMETHEUS_PORT and METRICS_PORT name ports; what they do not name are the
    usual ones or, if those are taken, the next that are free.

    Exit codes: 0 stopped by Ctrl-C or SIGTERM, 1 a part would not start or ended by itself, 2 usage.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one(folder) as lock, ExitStack() as end:
        stack = Stack(folder.resolve(), chosen_ports(os.environ, workers), lock)
        end.callback(_stop, stack)
        for number in _ENDS:
            signal.signal(number, _raise_stopped)
        try:
            stack.start_servers()
            if servers:
                settings = stack.told(stack.settings_file)
                click.echo(f"The farm's servers run. In the shells that use them:  . {settings}")
            else:
                stack.start_the_rest()
                tour(stack, scans.resolve())
            stack.stay()
        except Stopped:
            click.echo()
        except (PartEnded, DougaError) as fault:
            raise click.ClickException(str(fault)) from None


@contextmanager
def _only_one(folder: Path) -> Iterator[int]:
    """Hold the folder's lock; the farm's programs hold it too, should this one be killed."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise click.ClickException(
            f"A farm runs in {folder} already. 'fuser {folder / 'lock'}' names its processes."
        ) from None
    else:
        yield lock
    finally:
        os.close(lock)


def _raise_stopped(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
    for end in _ENDS:  # a second one must not break into the stopping
        signal.signal(end, signal.SIG_IGN)
    raise Stopped


def _stop(stack: Stack) -> None:
    """End everything; Ctrl-C once more kills it."""

    def hurry(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        stack.parts.hurry.set()

    for end in _ENDS:
        signal.signal(end, signal.SIG_IGN)
    signal.signal(signal.SIGINT, hurry)
    stack.stop()


if __name__ == "__main__":
    main(prog_name="python -m tools.farm")
