"""A drawing sorted into layers, in the order in which every output draws them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from douga_shared.palette import Palette
from douga_worker.strokes.stroke_drawing import BLACK, Fill, Stroke, StrokeDrawing

BLACK_COLOUR = "#000000"
LINES = "lines"
"""The layer of the black pencil's strokes: on top, and there even where it is empty."""
SOLIDS = "solids"
TRACE_PREFIX = "colour-trace-"
TRACE_SOLIDS_PREFIX = "colour-solids-"


@dataclass(frozen=True, slots=True)
class DrawingLayer:
    """Fills, or strokes, of one ink: OpenToonz wants no group that has both."""

    name: str
    """Short ASCII: an id in SVG, a name in Blender and PDF viewers."""
    colour: str
    """``#rrggbb``"""
    fills: tuple[tuple[str, Fill], ...] = ()
    """With their ids."""
    strokes: tuple[tuple[str, Stroke], ...] = ()


def drawing_layers(
    drawing: StrokeDrawing, palette: Palette, inks: Collection[str] | None = None
) -> tuple[DrawingLayer, ...]:
    """Sort a drawing into layers, lowest first: solids, colour traces, lines.

    Args:
        drawing: what to sort.
        palette: the inks that there may be beside black, and their colours.
        inks: only these; None for all. Ids are those of the whole drawing.

    Returns:
        Layers that hold something, always ``lines``, and the lines of every ink asked for by name.
    """
    return tuple(_layers(drawing, palette, inks))


def colours_of(palette: Palette) -> dict[str, str]:
    """Output colour of every ink that a drawing may have, by its name."""
    return {BLACK: BLACK_COLOUR} | {ink.name: ink.output_colour for ink in palette}


def _layers(drawing: StrokeDrawing, palette: Palette, inks: Collection[str] | None) -> Iterator[DrawingLayer]:
    fills = [(f"f{number:04d}", fill) for number, fill in enumerate(drawing.fills, start=1)]
    strokes = [(f"s{number:04d}", stroke) for number, stroke in enumerate(drawing.strokes, start=1)]
    colours = colours_of(palette)
    wanted = [ink for ink in colours if inks is None or ink in inks]
    fills_of = {ink: tuple(entry for entry in fills if entry[1].ink == ink) for ink in wanted}
    strokes_of = {ink: tuple(entry for entry in strokes if entry[1].ink == ink) for ink in wanted}
    if fills_of.get(BLACK):
        yield DrawingLayer(SOLIDS, BLACK_COLOUR, fills=fills_of[BLACK])
    for ink in (name for name in wanted if name != BLACK):
        if fills_of[ink]:
            yield DrawingLayer(TRACE_SOLIDS_PREFIX + ink, colours[ink], fills=fills_of[ink])
        if strokes_of[ink] or inks is not None:
            yield DrawingLayer(TRACE_PREFIX + ink, colours[ink], strokes=strokes_of[ink])
    if BLACK in wanted:
        yield DrawingLayer(LINES, BLACK_COLOUR, strokes=strokes_of[BLACK])
