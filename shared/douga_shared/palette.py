"""Coloured pencils: how each is recognised on the scan, and what becomes of its lines.

A palette file is TOML, one table a pencil::

    [[ink]]
    name = "blue"
    recognise = "#4a6fd0"   # the pencil as it looks on white paper
    output = "#0000ff"      # the colour in every drawing
    meaning = "shadow"      # line, shadow, highlight, border or construction
    keep = true             # false: recognised and left out
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import msgspec

from douga_shared.errors import ConfigurationError

BLACK = "black"
"""The ink that every drawing has: whatever is none of the palette's."""
NO_PALETTE = "none"
MOST_INKS = 16
_RESERVED = frozenset({BLACK, NO_PALETTE, "outline"})
"""Names that files and layers have anyway."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,15}")
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_WHITE = "#ffffff"
_LEAST_CHROMA = 32
"""Largest less smallest of red, green and blue: a paler pencil cannot be told from graphite."""


def rgb_of(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0..255, of ``#rrggbb``."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


class InkMeaning(StrEnum):
    """What a coloured line stands for, so that whoever paints knows without asking the show."""

    LINE = "line"
    """A line to be seen, coloured as drawn."""
    SHADOW = "shadow"
    """Where a shadow begins; takes the paint's colour."""
    HIGHLIGHT = "highlight"
    """Where a highlight begins; takes the paint's colour."""
    BORDER = "border"
    """Any other limit of two paints."""
    CONSTRUCTION = "construction"
    """Drawn to find the line, not to be seen."""


class PaletteInk(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"recognised_colour": "recognise", "output_colour": "output", "is_kept": "keep"},
):
    """One coloured pencil.

    Raises:
        ConfigurationError: a name or a colour cannot be used.
    """

    name: str
    """Short ASCII: names layers and files."""
    recognised_colour: str
    """``#rrggbb`` of the pencil on white paper; its hue decides, not how hard it was pressed."""
    output_colour: str
    """``#rrggbb`` of its lines in every output."""
    meaning: InkMeaning = InkMeaning.LINE
    is_kept: bool = True
    """False leaves its lines out."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name in _RESERVED:
            raise ConfigurationError(
                f"palette: an ink cannot be named {self.name!r}; give up to 16 small letters, digits and "
                f"dashes, a letter first, but none of {', '.join(sorted(_RESERVED))}"
            )
        # #FF0000 and #ff0000 decide the same pixels, so they must be fingerprinted alike.
        for field in ("recognised_colour", "output_colour"):
            msgspec.structs.force_setattr(self, field, self._checked_colour(getattr(self, field)))
        red, green, blue = rgb_of(self.recognised_colour)
        if max(red, green, blue) - min(red, green, blue) < _LEAST_CHROMA:
            raise ConfigurationError(
                f"palette: ink '{self.name}' is recognised by {self.recognised_colour}, which is too grey to "
                "be told from the black pencil; give the colour of the pencil's fullest strokes"
            )
        if self.output_colour == _WHITE:
            raise ConfigurationError(
                f"palette: ink '{self.name}' would be drawn white on white; to leave it out say keep = false"
            )

    def _checked_colour(self, colour: str) -> str:
        if not _COLOUR.fullmatch(colour.lower()):
            raise ConfigurationError(
                f"palette: ink '{self.name}': {colour!r} is no colour; give one as '#ff0000'"
            )
        return colour.lower()


Palette = tuple[PaletteInk, ...]

ANIMATION: Palette = (
    PaletteInk(
        name="red", recognised_colour="#d84040", output_colour="#ff0000", meaning=InkMeaning.HIGHLIGHT
    ),
    PaletteInk(name="blue", recognised_colour="#4068d8", output_colour="#0000ff", meaning=InkMeaning.SHADOW),
    PaletteInk(name="green", recognised_colour="#40a850", output_colour="#00ff00", meaning=InkMeaning.BORDER),
)
"""The pencils of most studios: red for highlights, blue for shadows, green for what is neither."""
PALETTES: dict[str, Palette] = {"animation": ANIMATION, NO_PALETTE: ()}
"""Palettes that have a name of their own; with ``none`` every line is black."""


class _PaletteFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ink: tuple[PaletteInk, ...]


def read_palette(text: str) -> Palette:
    """Read what ``--palette`` names: a built-in palette, or a TOML file.

    Raises:
        ConfigurationError: neither, or the file is no palette; says what is wrong with it.
    """
    if text in PALETTES:
        return PALETTES[text]
    path = Path(text)
    try:
        palette = msgspec.toml.decode(path.read_bytes(), type=_PaletteFile).ink
        check_palette(palette)
    except OSError as fault:
        raise ConfigurationError(
            f"--palette '{text}' is none of {', '.join(PALETTES)}, and no file that can be read: "
            f"{fault.strerror or fault}"
        ) from fault
    except (msgspec.MsgspecError, UnicodeDecodeError, ConfigurationError) as fault:
        raise ConfigurationError(f"--palette '{text}': {fault}") from fault
    return palette


def check_palette(palette: Sequence[PaletteInk]) -> None:
    """Check the inks together.

    Raises:
        ConfigurationError: two inks have one name, or there are too many.
    """
    if len(palette) > MOST_INKS:
        raise ConfigurationError(f"palette: {len(palette)} inks; {MOST_INKS} at most")
    names = [ink.name for ink in palette]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"palette: two inks are named '{name}'")


def is_layer_name(name: str) -> bool:
    """Tell whether a file may have this layer in its name."""
    return _NAME.fullmatch(name) is not None
