"""Options that `douga clean` and `douga submit` share: what is said about a drawing is said once."""

from __future__ import annotations

import click

from douga_shared.errors import ConfigurationError
from douga_shared.recipe import Output, Precision

frames_option = click.option(
    "--frames", metavar="RANGE", help="Only these drawings, such as 1-100x2,205,3a. Default: all."
)
outputs_option = click.option(
    "--outputs",
    default="png,svg",
    show_default=True,
    metavar="LIST",
    help="What to write for each frame: png, png-alpha, tga, tif, svg.",
)
strength_option = click.option(
    "--strength",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="How much is simplified away: 0 keeps every deliberate stroke, 1 only the essential.",
)
line_weight_option = click.option(
    "--line-weight",
    default="keep",
    show_default=True,
    metavar="keep|PX",
    help="Width of the lines: the pencil's own, or this many scan pixels everywhere.",
)
precision_option = click.option(
    "--precision",
    type=click.Choice([p.value for p in Precision]),
    default="auto",
    show_default=True,
    help="Number format of the network; auto is fp32 on a CPU, bf16 on a GPU.",
)
report_option = click.option(
    "--report/--no-report", default=True, show_default=True, help="Write report/index.html to look at."
)
max_megapixels_option = click.option(
    "--max-megapixels",
    type=click.FloatRange(min=0, min_open=True),
    default=400.0,
    show_default=True,
    help="Refuse scans with more pixels than this.",
)
log_format_option = click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    help="How to write the log. Default: text on a terminal, a JSON object a line elsewhere.",
)


def read_outputs(text: str) -> tuple[Output, ...]:
    """Read ``png,svg``.

    Raises:
        ConfigurationError: names the word that is no output, or says that there is none.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = [output.value for output in Output]
    for name in names:
        if name not in known:
            raise ConfigurationError(f"--outputs: '{name}' is none of {', '.join(known)}")
    if not names:
        raise ConfigurationError(f"--outputs names nothing; give some of {', '.join(known)}")
    return tuple(dict.fromkeys(Output(name) for name in names))


def read_line_weight(text: str) -> float | None:
    """Read ``keep``, ``3`` or ``3px``; None keeps the pencil's own width.

    Raises:
        ConfigurationError: it is none of these.
    """
    if text == "keep":
        return None
    try:
        return float(text.removesuffix("px"))
    except ValueError:
        raise ConfigurationError(f"--line-weight '{text}': give 'keep' or a number of pixels") from None
