"""The command `douga`: finds the right program for a word, and nothing else.

Commands of the worker are named here by text and loaded when they are called: `douga --help` must
not wait for a network library, and a studio's machine without one gets told what to install.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, NamedTuple

import click

from douga_shared import __version__
from douga_shared.errors import DougaError, ExitCode


class _Command(NamedTuple):
    module: str
    extra: str
    """What to install beside the bare ``douga`` when the module cannot be loaded."""
    help: str


_COMMANDS = {
    "cancel": _Command("douga_producer.commands.cancel", "", "End a job; what is done stays."),
    "clean": _Command(
        "douga_worker.cli.clean", "worker", "Turn a folder of rough scans into clean drawings."
    ),
    "evaluate": _Command(
        "douga_worker.cli.evaluate", "train", "Compare clean-up with an artist's own clean drawings."
    ),
    "exporter": _Command(
        "douga_producer.commands.exporter", "", "Show the farm's queues and jobs to Prometheus."
    ),
    "fetch": _Command(
        "douga_producer.commands.fetch", "", "Bring a job's drawings, manifest and report to this machine."
    ),
    "jobs": _Command("douga_producer.commands.jobs", "", "List the farm's jobs."),
    "pause": _Command("douga_producer.commands.pause", "", "Let a job wait until 'douga resume'."),
    "reconcile": _Command(
        "douga_producer.commands.reconcile", "", "Look at every running job and send what was lost."
    ),
    "report": _Command("douga_producer.commands.report", "", "Bring a job's report to this machine."),
    "resume": _Command(
        "douga_producer.commands.resume", "", "Let a job go on, after a pause or whatever stopped it."
    ),
    "retry": _Command("douga_producer.commands.retry", "", "Do a job's failed frames again."),
    "samples": _Command(
        "douga_worker.cli.samples", "train", "Draw a contact sheet of synthetic training pairs."
    ),
    "status": _Command(
        "douga_producer.commands.status",
        "",
        "Tell where a job stands: how far, how fast, what failed and why.",
    ),
    "submit": _Command("douga_producer.commands.submit", "", "Send scans to the farm."),
    "train": _Command("douga_worker.cli.train", "train", "Train or fine-tune a simplification network."),
    "watch": _Command("douga_producer.commands.watch", "", "Send scans to the farm as they arrive."),
    "worker": _Command(
        "douga_worker.cli.worker", "worker", "Clean chunks of frames from the farm's queue, until stopped."
    ),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it so
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        loaded: click.Command = importlib.import_module(_COMMANDS[cmd_name].module).command
        return loaded

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not ctx.resilient_parsing:
            ctx.fail(_unknown(args[0]))
        # Known before it is loaded: loading may fail.
        ctx.invoked_subcommand = args[0]
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Load and run; commands load what they need at both moments, and it may be missing at both."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as missing:
            command = _COMMANDS.get(ctx.invoked_subcommand or "")
            if command is None or _is_our_fault(missing.name):
                raise
            raise click.ClickException(
                f"'douga {ctx.invoked_subcommand}' needs the package '{missing.name}': "
                f"pip install '{'douga' + f'[{command.extra}]' * bool(command.extra)}'"
            ) from missing

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in sorted(_COMMANDS.items())])


def _is_our_fault(missing: str | None) -> bool:
    """A module of Douga's own that is missing inside its package is no extra somebody forgot."""
    return missing is None or (missing.startswith("douga_") and "." in missing)


def _unknown(word: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only somebody who mistypes waits for it

    nearest = get_close_matches(word, _COMMANDS, n=1)
    remedy = f"Did you mean '{nearest[0]}'?" if nearest else f"There are {', '.join(sorted(_COMMANDS))}."
    return f"No such command '{word}'. {remedy}"


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
