"""Everything that decides the pixels of a drawing, and its fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from enum import StrEnum

import msgspec

from douga_shared.errors import ConfigurationError
from douga_shared.palette import ANIMATION, BLACK, PaletteInk, check_palette

RECIPE_VERSION = 4
"""Raised when the processing around the network makes other pixels or other curves."""
OUTLINE = "outline"
"""Layer of the file that holds outlines beside the strokes."""
WHOLE = ""
"""Layer of a file that holds the whole drawing."""
_LARGEST_GAP_PX = 200.0
_LARGEST_SPECK_PX = 64.0


class Output(StrEnum):
    """A kind of file written for every frame."""

    PNG = "png"
    """8-bit grey line on white."""
    PNG_ALPHA = "png-alpha"
    """Black line on transparent paper."""
    TGA = "tga"
    """2-value (black and white, no anti-aliasing) TGA for paint software."""
    TIF = "tif"
    """2-value G4 TIFF for paint software."""
    SVG = "svg"
    """The drawing as vectors: what ``Vector`` says."""
    PDF = "pdf"
    """The strokes as a page of true size."""
    JSON = "json"
    """The strokes as points with widths, for pipelines; see docs/stroke-json.md."""
    SVG_LAYERS = "svg-layers"
    """An SVG for every ink on the sheet."""
    PNG_LAYERS = "png-layers"
    """A 2-value PNG on transparent paper for every ink on the sheet."""

    @property
    def is_layered(self) -> bool:
        """Whether there is a file for every ink."""
        return self in {Output.SVG_LAYERS, Output.PNG_LAYERS}

    def file_suffix(self, layer: str = WHOLE) -> str:
        """What follows the frame's stem in the file name, such as ``.png`` or ``.red.svg``."""
        if self is Output.PNG_ALPHA:
            return "-alpha.png"
        ending = self.value.removesuffix("-layers")
        return f".{layer}.{ending}" if layer else f".{ending}"


class Vector(StrEnum):
    """What the lines of an SVG are."""

    STROKES = "strokes"
    """One curve a drawn line, with its width."""
    OUTLINE = "outline"
    """Filled areas, as exact as the pixels, with nothing to take hold of."""
    BOTH = "both"
    """Strokes, and a second file of outlines: some programs would show a hidden layer too."""


class LineWeight(StrEnum):
    """How wide lines are, where it is no number of pixels."""

    KEEP = "keep"
    """Every line its own width: in the SVG one for each stroke."""
    VARIABLE = "variable"
    """As drawn, and in the SVG too a width that changes along the stroke."""
    NORMALISED = "normalised"
    """Every line the drawing's usual width."""


class Precision(StrEnum):
    """Number format of the network's arithmetic."""

    AUTO = "auto"
    """What the device does best; results agree within the stated tolerance."""
    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"

    def on(self, device: str) -> Precision:
        """Return what ``AUTO`` means on ``cpu`` or ``cuda``; any other is what it says."""
        if self is not Precision.AUTO:
            return self
        return Precision.BF16 if device == "cuda" else Precision.FP32


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a scan becomes a drawing: drawing = f(scan, recipe), nothing else.

    Raises:
        ConfigurationError: a value is outside its range.
    """

    network: str = "fast"
    """Name of the shipped network, or of a weights file of the user's."""
    network_sha256: str
    """Hash of the weights file, so that new weights make a new recipe."""
    strength: float = 0.5
    """How much is simplified away: 0 keeps every deliberate stroke, 1 only the essential."""
    vector: Vector = Vector.STROKES
    line_weight: LineWeight | float = LineWeight.KEEP
    """How wide lines are; a number is their width in scan pixels."""
    palette: tuple[PaletteInk, ...] = ANIMATION
    """Coloured pencils told apart; whatever is none of them is black."""
    close_gaps_px: float | None = None
    """Ends this near each other are joined: None for as near as is safe in any drawing, 0 for never."""
    drop_specks_px: float | None = None
    """Specks up to this long are no drawing: None for what dust is in any drawing, 0 to keep all."""
    precision: Precision = Precision.AUTO
    version: int = RECIPE_VERSION
    """Version of the processing around the network."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.strength <= 1.0:
            raise ConfigurationError(f"strength {self.strength} is outside 0..1")
        _check_px(self.close_gaps_px, "closed gap", _LARGEST_GAP_PX, "0 closes none")
        _check_px(self.drop_specks_px, "dropped speck", _LARGEST_SPECK_PX, "0 keeps all")
        if isinstance(self.line_weight, int | float) and not 0.5 <= self.line_weight <= 64.0:
            raise ConfigurationError(
                f"line weight {self.line_weight} px is outside 0.5..64; use 'keep' for the pencil's own"
            )
        check_palette(self.palette)
        # 1 and 1.0 decide the same pixels, so they must be written, and fingerprinted, alike; so must -0.0.
        for field in ("strength", "line_weight", "close_gaps_px", "drop_specks_px"):
            if isinstance(number := getattr(self, field), int | float):
                msgspec.structs.force_setattr(self, field, float(number) + 0.0)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change exactly when the pixels may."""
        canonical = msgspec.json.encode(self, order="sorted")
        return hashlib.sha256(canonical).hexdigest()[:16]

    def layers_of(self, output: Output) -> tuple[str, ...]:
        """Layers that an output may have a file of; ``WHOLE`` for the whole drawing."""
        return layers_of(output, self.vector, self.palette)


def layers_of(output: Output, vector: Vector, palette: Collection[PaletteInk]) -> tuple[str, ...]:
    """Layers that an output may have a file of under such a recipe; ``WHOLE`` for the whole drawing."""
    if output.is_layered:
        return (BLACK, *(ink.name for ink in palette if ink.is_kept))
    return (WHOLE, OUTLINE) if output is Output.SVG and vector is Vector.BOTH else (WHOLE,)


def file_suffixes(
    outputs: Collection[Output],
    vector: Vector = Vector.STROKES,
    palette: Collection[PaletteInk] = ANIMATION,
) -> frozenset[str]:
    """Whatever may follow a frame's stem in the names of its drawings."""
    return frozenset(
        output.file_suffix(layer) for output in outputs for layer in layers_of(output, vector, palette)
    )


def _check_px(size: float | None, what: str, largest: float, remedy: str) -> None:
    if size is not None and not 0.0 <= size <= largest:
        raise ConfigurationError(f"{what} of {size} px is outside 0..{largest:g}; {remedy}")
