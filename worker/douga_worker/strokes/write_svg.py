"""A drawing of strokes becomes an SVG that opens well in Inkscape, Illustrator, OpenToonz and Blender.

What their readers need (docs/vectorizing.md): every stroke says for itself that it has no fill, and its
colour, width and caps; no group does, no CSS, no transform. Fills and strokes are in groups of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from douga_shared.palette import Palette
from douga_shared.recipe import LineWeight
from douga_worker.strokes.drawing_layers import DrawingLayer, drawing_layers
from douga_worker.strokes.stroke_drawing import Fill, Stroke, StrokeDrawing
from douga_worker.strokes.stroke_outline import outline_of
from douga_worker.strokes.svg_document import number, path_data, svg_document, svg_layer

_EFFECT = (
    '<inkscape:path-effect effect="powerstroke" id="w{id}" is_visible="true" lpeversion="1"'
    ' offset_points="{points}" sort_points="true" interpolator_type="Linear" interpolator_beta="0.2"'
    ' start_linecap_type="round" linejoin_type="round" miter_limit="4" end_linecap_type="round"/>\n'
)
_TIMES_A_CURVE = 32
"""Places on a cubic at which its length is known: a handle far out makes time run unevenly."""


def write_svg(
    drawing: StrokeDrawing,
    *,
    dpi: float | None,
    title: str,
    recipe_fingerprint: str,
    palette: Palette = (),
    line_weight: LineWeight | float = LineWeight.KEEP,
    inks: Collection[str] | None = None,
) -> bytes:
    """Write a drawing as SVG, in scan pixels, one layer for the lines of each ink.

    Layers, lowest first: ``solids``, ``colour-solids-NAME`` and ``colour-trace-NAME`` for the palette's
    inks, ``lines``. A stroke is an open or closed path with one width; ``data-w`` has its width along its
    length as pairs of share and px. With ``variable`` a stroke is Inkscape's PowerStroke: ``d`` is its
    outline, which every reader shows, ``inkscape:original-d`` its centre line.

    Args:
        drawing: what to write.
        dpi: of the scan; None leaves it out.
        title: any text.
        recipe_fingerprint: kept in the metadata.
        palette: the colours of inks.
        line_weight: ``VARIABLE``, or the width in px of every stroke, or else each stroke its own.
        inks: only these; None for all.

    Returns:
        UTF-8; valid whatever the drawing, with an empty layer ``lines`` where it is blank.
    """
    layers = drawing_layers(drawing, palette, inks)
    is_variable = line_weight is LineWeight.VARIABLE
    width_px = line_weight if isinstance(line_weight, float) else None
    effects = _effects(layers) if is_variable else ""
    body = "".join(
        svg_layer(layer.name, "".join(_paths(layer, width_px, is_variable=is_variable))) for layer in layers
    )
    size_px = (drawing.width_px, drawing.height_px)
    document = svg_document(
        effects + body, size_px, dpi=dpi, title=title, recipe_fingerprint=recipe_fingerprint
    )
    return document.encode()


def _paths(layer: DrawingLayer, width_px: float | None, *, is_variable: bool) -> Iterator[str]:
    yield from (_fill_path(name, fill, layer.colour) for name, fill in layer.fills)
    for name, stroke in layer.strokes:
        if is_variable:
            yield _outline_path(name, stroke, layer.colour)
        else:
            yield _stroke_path(name, stroke, layer.colour, width_px or stroke.width_px)


def _fill_path(name: str, fill: Fill, colour: str) -> str:
    data = "".join(path_data(outline, is_closed=True) for outline in fill.outlines)
    return f'<path id="{name}" fill="{colour}" fill-rule="evenodd" d="{data}"/>\n'


def _stroke_path(name: str, stroke: Stroke, colour: str, width_px: float) -> str:
    return (
        f'<path id="{name}" fill="none" stroke="{colour}" stroke-width="{number(width_px)}"'
        ' stroke-linecap="round" stroke-linejoin="round"'
        f' data-w="{_profile(stroke)}" d="{path_data(stroke.curves, is_closed=stroke.is_closed)}"/>\n'
    )


def _outline_path(name: str, stroke: Stroke, colour: str) -> str:
    data = "".join(path_data(outline, is_closed=True) for outline in outline_of(stroke))
    centre = path_data(stroke.curves, is_closed=stroke.is_closed)
    return (
        f'<path id="{name}" fill="{colour}" fill-rule="nonzero" data-w="{_profile(stroke)}"'
        f' inkscape:path-effect="#w{name}" inkscape:original-d="{centre}" d="{data}"/>\n'
    )


def _profile(stroke: Stroke) -> str:
    return " ".join(f"{number(share, 3)},{number(width)}" for share, width in stroke.widths.tolist())


def _effects(layers: tuple[DrawingLayer, ...]) -> str:
    effects = "".join(
        _EFFECT.format(id=name, points=_offset_points(stroke))
        for layer in layers
        for name, stroke in layer.strokes
    )
    return f"<defs>\n{effects}</defs>\n" if effects else ""


def _offset_points(stroke: Stroke) -> str:
    """Half widths over the curves' own time, as PowerStroke counts it: one for each cubic."""
    # Where a closed line ends it begins; two widths there would be one too many.
    widths = stroke.widths[:-1] if stroke.is_closed and len(stroke.widths) > 2 else stroke.widths
    times = _times(stroke, widths[:, 0]).tolist()
    halves = (widths[:, 1] / 2).tolist()
    return " | ".join(
        f"{number(time, 4)},{number(half, 3)}" for time, half in zip(times, halves, strict=True)
    )


def _times(stroke: Stroke, shares: np.ndarray) -> np.ndarray:
    """Turn shares of the arc length into the number of the cubic and its own parameter, added up."""
    u = np.linspace(0.0, 1.0, _TIMES_A_CURVE + 1)[:, None, None]
    a, b, c, d = (stroke.curves[:, i] for i in range(4))
    points = (1 - u) ** 3 * a + 3 * (1 - u) ** 2 * u * b + 3 * (1 - u) * u**2 * c + u**3 * d
    steps = np.hypot(*np.moveaxis(np.diff(points, axis=0), 2, 0)).T.ravel()
    lengths = np.concatenate([[0.0], np.cumsum(steps)])
    times = np.linspace(0.0, len(stroke.curves), len(lengths))
    return np.asarray(np.interp(shares * lengths[-1], lengths, times))
