"""Options that `douga clean` and `douga submit` share: what is said about a drawing is said once."""

from __future__ import annotations

import click

from douga_shared.errors import ConfigurationError
from douga_shared.recipe import LineWeight, Output, Precision, Vector

frames_option = click.option(
    "--frames",
    metavar="RANGE",
    help="Only these numbers, whatever their level, such as 1-100x2,205,3a. Default: all.",
)
outputs_option = click.option(
    "--outputs",
    default="png,svg",
    show_default=True,
    metavar="LIST",
    help=f"What to write for each frame: {', '.join(Output)}.",
)
strength_option = click.option(
    "--strength",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="How much is simplified away: 0 keeps every deliberate stroke, 1 only the essential.",
)
vector_option = click.option(
    "--vector",
    type=click.Choice([vector.value for vector in Vector]),
    default=Vector.STROKES.value,
    show_default=True,
    help="Lines of the SVG: one curve a drawn line, outlines, or a file of each.",
)
line_weight_option = click.option(
    "--line-weight",
    default=LineWeight.KEEP.value,
    show_default=True,
    metavar="keep|variable|normalised|PX",
    help="Width of the lines: each its own, changing along the line, all alike, or this many scan pixels.",
)
palette_option = click.option(
    "--palette",
    default="animation",
    show_default=True,
    metavar="NAME|FILE",
    help="Coloured pencils told apart: animation (red, blue, green), none, or a TOML file.",
)
close_gaps_option = click.option(
    "--close-gaps",
    default="auto",
    show_default=True,
    metavar="auto|PX",
    help="Join ends of lines this near each other, in scan pixels; 0 joins none.",
)
drop_specks_option = click.option(
    "--drop-specks",
    default="auto",
    show_default=True,
    metavar="auto|PX",
    help="Leave out specks up to this long, in scan pixels; 0 keeps all.",
)
drawing_options = (
    outputs_option,
    strength_option,
    vector_option,
    line_weight_option,
    palette_option,
    close_gaps_option,
    drop_specks_option,
)
"""What decides the drawings themselves, in the order of the help."""
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


def read_line_weight(text: str) -> LineWeight | float:
    """Read ``keep``, ``variable``, ``normalised``, ``3`` or ``3px``.

    Raises:
        ConfigurationError: it is none of these.
    """
    if text in list(LineWeight):
        return LineWeight(text)
    return _read_px("--line-weight", text, tuple(LineWeight))


def read_automatic_px(option: str, text: str) -> float | None:
    """Read ``auto``, which is None, ``3`` or ``3px``.

    Raises:
        ConfigurationError: names the option; it is none of these.
    """
    return None if text == "auto" else _read_px(option, text, ("auto",))


def _read_px(option: str, text: str, words: tuple[str, ...]) -> float:
    try:
        return float(text.removesuffix("px"))
    except ValueError:
        named = ", ".join(f"'{word}'" for word in words)
        raise ConfigurationError(f"{option} '{text}': give {named} or a number of pixels") from None
