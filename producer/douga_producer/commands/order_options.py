"""What `douga submit` and `douga watch` share: options of the order, and how an end from outside is met."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import click

from douga_shared import cli_options
from douga_shared.errors import ExitCode
from douga_shared.jobs import Priority
from douga_shared.progress import one_line, writable

if TYPE_CHECKING:
    from douga_producer.orders import Wishes

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    cli_options.frames_option,
    *cli_options.drawing_options,
    click.option("--network", default="fast", show_default=True, help="A shipped network's name."),
    cli_options.precision_option,
    click.option(
        "--priority",
        type=click.Choice([priority.value for priority in Priority]),
        default=Priority.NORMAL.value,
        show_default=True,
        help="Who goes first: nothing of a lower priority begins while a higher one waits.",
    ),
    click.option(
        "--show", default="", metavar="NAME", help="Wait in this show's own queue. Default: the common one."
    ),
    cli_options.report_option,
    cli_options.max_megapixels_option,
)


def order_options(command: _Command) -> _Command:
    """Give a command the options that say what is to be made of the scans."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def wishes_of(options: dict[str, Any], base: str = "") -> Wishes:
    """Read the values of these options.

    Raises:
        ConfigurationError: names the option that cannot be used.
    """
    from douga_producer.orders import Wishes  # noqa: PLC0415 - loads the clients of stores
    from douga_shared.frames import FrameRange  # noqa: PLC0415
    from douga_shared.palette import read_palette  # noqa: PLC0415
    from douga_shared.recipe import Precision, Vector  # noqa: PLC0415

    frames = options["frames"]
    return Wishes(
        frames=None if frames is None else FrameRange.parse(frames),
        outputs=cli_options.read_outputs(options["outputs"]),
        strength=options["strength"],
        vector=Vector(options["vector"]),
        line_weight=cli_options.read_line_weight(options["line_weight"]),
        palette=read_palette(options["palette"]),
        close_gaps_px=cli_options.read_automatic_px("--close-gaps", options["close_gaps"]),
        drop_specks_px=cli_options.read_automatic_px("--drop-specks", options["drop_specks"]),
        network=options["network"],
        precision=Precision(options["precision"]),
        priority=Priority(options["priority"]),
        show=options["show"],
        has_report=options["report"],
        max_megapixels=options["max_megapixels"],
        base=base,
    )


def say_aside(line: str) -> None:
    """Print a line to standard error, whatever names it holds."""
    click.echo(writable(one_line(line), sys.stderr), err=True)


class Ended(BaseException):
    """Ctrl-C or SIGTERM; a BaseException, so that nothing on the way takes it for a fault."""

    def __init__(self, code: ExitCode) -> None:
        super().__init__(code)
        self.code = code


@contextmanager
def endable() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM raise ``Ended``, which knows the exit code."""
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    except KeyboardInterrupt as stop:
        raise Ended(ExitCode.INTERRUPTED) from stop
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
    raise Ended(ExitCode.TERMINATED)
