"""The command `douga`: finds the right program for a word, and nothing else.

Commands of the worker are named here by text and loaded when they are called: `douga --help` must
not wait for a network library, and a studio's machine without one gets told what to install.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import NamedTuple

import click

from douga_shared import __version__
from douga_shared.errors import DougaError, ExitCode


class _Command(NamedTuple):
    module: str
    extra: str
    """What to install when the module cannot be loaded."""
    help: str


_COMMANDS = {
    "clean": _Command(
        "douga_worker.cli.clean", "worker", "Turn a folder of rough scans into clean drawings."
    ),
    "evaluate": _Command(
        "douga_worker.cli.evaluate", "train", "Compare clean-up with an artist's own clean drawings."
    ),
    "samples": _Command(
        "douga_worker.cli.samples", "train", "Draw a contact sheet of synthetic training pairs."
    ),
    "train": _Command("douga_worker.cli.train", "train", "Train or fine-tune a simplification network."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it so
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command = _COMMANDS[cmd_name]
        try:
            module = importlib.import_module(command.module)
        except ModuleNotFoundError as missing:
            raise click.ClickException(
                f"'douga {cmd_name}' needs the package '{missing.name}': pip install 'douga[{command.extra}]'"
            ) from missing
        loaded: click.Command = module.command
        return loaded

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in sorted(_COMMANDS.items())])


@click.group(
    cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="douga")
def _douga() -> None:
    """Clean-up for animation: rough pencil scans in, clean line drawings and vectors out."""


def main() -> None:
    """Run the command line and leave with the exit code that a render farm expects."""
    try:
        code = _douga.main(standalone_mode=False)
    except click.exceptions.Abort:
        code = ExitCode.INTERRUPTED
    except click.ClickException as fault:
        fault.show()
        code = ExitCode.USAGE
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except MemoryError:
        click.echo("douga: out of memory; give it more, or fewer --processes", err=True)
        code = ExitCode.OUT_OF_MEMORY
    except DougaError as fault:
        click.echo(f"douga: {fault}", err=True)
        code = fault.exit_code
    sys.exit(int(code or 0))
