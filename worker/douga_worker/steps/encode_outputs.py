"""A finished drawing becomes files: for every output one, or one for each of its layers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from douga_shared.palette import BLACK, Palette
from douga_shared.recipe import OUTLINE, WHOLE, LineWeight, Output, Vector
from douga_worker.steps.find_inks import ink_names
from douga_worker.steps.two_values import two_values
from douga_worker.steps.write_coloured_drawing import encode_coloured_drawing, encode_layer, two_valued_inks
from douga_worker.steps.write_drawing import RASTER_OUTPUTS, RasterOutput, encode_drawing
from douga_worker.strokes.drawing_layers import colours_of
from douga_worker.strokes.ink_layers import ink_layers

if TYPE_CHECKING:
    from douga_worker.strokes.chains import CentreLines
    from douga_worker.strokes.stroke_drawing import StrokeDrawing

Timed = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True)
class CleanSheet:
    """Clean lines, and which pencil drew them."""

    lines: NDArray[np.uint8]
    """(H, W) 0 = paper, 255 = full line."""
    line_inks: NDArray[np.uint8] | None
    """(H, W) see ``assign_inks``; None where all is black."""
    palette: Palette
    line_weight: LineWeight | float
    """How wide strokes are; never ``NORMALISED``, whose width is known by now."""
    line_width_px: float
    """The usual line's."""

    @cached_property
    def layers(self) -> dict[str, NDArray[np.uint8]]:
        """The lines of every ink by its name: black, and others where they are on the sheet."""
        if self.line_inks is None:
            return {BLACK: self.lines}
        parted = ink_layers(self.lines, self.line_inks, self.line_width_px)
        names = ink_names(self.palette)
        found = {names[ink]: lines for ink, lines in parted.items() if ink in names}
        # A sheet without black is no error, but every sheet has a black layer.
        return {BLACK: np.zeros_like(self.lines)} | found

    @cached_property
    def two_valued_layers(self) -> dict[str, NDArray[np.bool_]]:
        """The same without greys: each line whole, and all together as tight as the whole drawing."""
        layers = {ink: two_values(lines) for ink, lines in self.layers.items()}
        if self.line_inks is not None:
            # What holds two inks together is seen in neither of them alone.
            whole = two_valued_inks(self.lines, self.line_inks)
            for label, ink in ink_names(self.palette).items():
                if ink in layers:
                    layers[ink] |= whole == label
        return layers


@dataclass(frozen=True, slots=True)
class EncodedDrawing:
    """What became of a sheet."""

    files: dict[Output, dict[str, bytes]]
    """Of every output its files by their layers; ``WHOLE`` is the layer of a whole drawing."""
    strokes: StrokeDrawing | None
    """None where no output asks for strokes."""


def encode_outputs(
    sheet: CleanSheet,
    centre_lines: dict[str, CentreLines],
    outputs: tuple[Output, ...],
    *,
    vector: Vector,
    dpi: float | None,
    title: str,
    recipe_fingerprint: str,
    timed: Timed,
) -> EncodedDrawing:
    """Encode what is asked for.

    Args:
        sheet: the drawing as pixels.
        centre_lines: of every ink, as far as the drawing is traced.
        outputs: what to encode.
        vector: what the lines of an SVG are.
        dpi: of the scan, or None.
        title: name of the drawing.
        recipe_fingerprint: kept in the formats that can say it.
        timed: measures a step by its name.

    Raises:
        FrameRejected: the vectorizer of outlines failed on this drawing.
    """
    encoding = _Encoding(sheet, centre_lines, vector, dpi, title, recipe_fingerprint, timed)
    files = {output: encoding.files(output) for output in outputs}
    return EncodedDrawing(files, encoding.strokes)


@dataclass(frozen=True)
class _Encoding:
    sheet: CleanSheet
    centre_lines: dict[str, CentreLines]
    vector: Vector
    dpi: float | None
    title: str
    recipe_fingerprint: str
    timed: Timed

    @property
    def strokes(self) -> StrokeDrawing | None:
        """The strokes, if an output needed them."""
        return self._strokes if "_strokes" in vars(self) else None

    def files(self, output: Output) -> dict[str, bytes]:
        if output is Output.SVG:
            return self._svg()
        if output is Output.SVG_LAYERS and self.vector is Vector.OUTLINE:
            return {ink: self._outlines((ink,)) for ink in self.sheet.layers}
        if output in {Output.PDF, Output.JSON, Output.SVG_LAYERS}:
            _ = self._strokes
        with self.timed(f"encode {output.value}"):
            match output:
                case Output.PDF:
                    return {WHOLE: self._pdf()}
                case Output.JSON:
                    return {WHOLE: self._json()}
                case Output.SVG_LAYERS:
                    return {ink: self._stroke_svg((ink,)) for ink in self.sheet.layers}
                case Output.PNG_LAYERS:
                    return self._png_layers()
                case _:
                    return {WHOLE: self._raster(output)}

    @cached_property
    def _strokes(self) -> StrokeDrawing:
        # Compiled loops: not loaded where nobody asks for strokes.
        from douga_worker.strokes.trace_inks import fit_inks  # noqa: PLC0415

        with self.timed("fit"):
            return fit_inks(self.centre_lines)

    def _svg(self) -> dict[str, bytes]:
        if self.vector is Vector.OUTLINE:
            return {WHOLE: self._outlines(tuple(self.sheet.layers))}
        _ = self._strokes
        with self.timed("encode svg"):
            files = {WHOLE: self._stroke_svg(None)}
        if self.vector is Vector.BOTH:
            files[OUTLINE] = self._outlines(tuple(self.sheet.layers))
        return files

    def _stroke_svg(self, inks: tuple[str, ...] | None) -> bytes:
        from douga_worker.strokes.write_svg import write_svg  # noqa: PLC0415

        return write_svg(
            self._strokes,
            dpi=self.dpi,
            title=self.title,
            recipe_fingerprint=self.recipe_fingerprint,
            palette=self.sheet.palette,
            line_weight=self.sheet.line_weight,
            inks=inks,
        )

    def _outlines(self, inks: tuple[str, ...]) -> bytes:
        from douga_worker.steps.vectorise import vectorise_inks  # noqa: PLC0415

        with self.timed("vectorise"):
            return vectorise_inks(
                {ink: self.sheet.layers[ink] for ink in inks},
                colours_of(self.sheet.palette),
                dpi=self.dpi,
                title=self.title,
                recipe_fingerprint=self.recipe_fingerprint,
            )

    def _pdf(self) -> bytes:
        from douga_worker.strokes.write_pdf import write_pdf  # noqa: PLC0415

        return write_pdf(
            self._strokes,
            dpi=self.dpi,
            title=self.title,
            recipe_fingerprint=self.recipe_fingerprint,
            palette=self.sheet.palette,
            line_weight=self.sheet.line_weight,
        )

    def _json(self) -> bytes:
        from douga_worker.strokes.write_json import write_json  # noqa: PLC0415

        return write_json(
            self._strokes,
            dpi=self.dpi,
            title=self.title,
            recipe_fingerprint=self.recipe_fingerprint,
            palette=self.sheet.palette,
        )

    def _png_layers(self) -> dict[str, bytes]:
        colours = colours_of(self.sheet.palette)
        return {
            ink: encode_layer(is_line, colours[ink], self.dpi)
            for ink, is_line in self.sheet.two_valued_layers.items()
        }

    def _raster(self, output: Output) -> bytes:
        kind = _raster_output(output)
        sheet = self.sheet
        if sheet.line_inks is None:
            return encode_drawing(sheet.lines, kind, self.dpi)
        return encode_coloured_drawing(sheet.lines, sheet.line_inks, sheet.palette, kind, self.dpi)


def _raster_output(output: Output) -> RasterOutput:
    return next(kind for kind in RASTER_OUTPUTS if kind is output)
