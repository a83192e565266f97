"""A drawing of strokes becomes a PDF page of true size, its layers to be switched on and off."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import numpy as np
from pikepdf import Array, Dictionary, Name, ObjectStreamMode, Pdf, String

from douga_shared.palette import Palette, rgb_of
from douga_shared.recipe import LineWeight
from douga_worker.strokes.drawing_layers import DrawingLayer, drawing_layers
from douga_worker.strokes.stroke_drawing import Curves, Stroke, StrokeDrawing
from douga_worker.strokes.stroke_outline import outline_of
from douga_worker.strokes.svg_document import number

POINTS_AN_INCH = 72.0
LARGEST_SIDE_POINTS = 14_400.0
"""What readers take; a larger sheet gets a unit larger than a point."""


def write_pdf(
    drawing: StrokeDrawing,
    *,
    dpi: float | None,
    title: str,
    recipe_fingerprint: str,
    palette: Palette = (),
    line_weight: LineWeight | float = LineWeight.KEEP,
) -> bytes:
    """Write a drawing as a PDF of one page, as large as the sheet that was scanned.

    Args:
        drawing: what to write.
        dpi: of the scan; None makes a pixel a point, as PDF does.
        title: any text.
        recipe_fingerprint: kept in the document's information.
        palette: the colours of inks.
        line_weight: ``VARIABLE`` fills outlines; a number is the width of every stroke in px.

    Returns:
        PDF 1.6 with a layer (optional content group) for each of ``drawing_layers``; no dates, so the
        same bytes for the same drawing.
    """
    points_a_px = POINTS_AN_INCH / (dpi or POINTS_AN_INCH)
    size = (drawing.width_px * points_a_px, drawing.height_px * points_a_px)
    unit = max(1.0, max(size) / LARGEST_SIDE_POINTS)
    scale = points_a_px / unit
    layers = drawing_layers(drawing, palette)
    # y downwards from here on, a pixel a unit.
    placed = f"q {number(scale, 8)} 0 0 {number(-scale, 8)} 0 {number(size[1] / unit, 4)} cm\n1 J 1 j\n"
    drawn = "".join(_layer(index, layer, line_weight) for index, layer in enumerate(layers))
    pdf = Pdf.new()
    page = pdf.add_blank_page()
    page.obj.MediaBox = Array([0, 0, round(size[0] / unit, 4), round(size[1] / unit, 4)])
    if unit > 1.0:
        page.obj.UserUnit = round(unit, 6)
    page.obj.Contents = pdf.make_stream(f"{placed}{drawn}Q\n".encode("ascii"))
    groups = [pdf.make_indirect(Dictionary(Type=Name.OCG, Name=String(layer.name))) for layer in layers]
    properties = {f"/L{index}": group for index, group in enumerate(groups)}
    page.obj.Resources = Dictionary(Properties=Dictionary(properties))
    # Editors list the topmost layer first.
    shown = Dictionary(Order=Array(groups[::-1]), ON=Array(groups))
    pdf.Root.OCProperties = Dictionary(OCGs=Array(groups), D=shown)
    pdf.docinfo.Title = String(title.encode("utf-8", "replace").decode())
    pdf.docinfo.Producer = String("Douga")
    pdf.docinfo.Keywords = String(f"recipe {recipe_fingerprint}")
    buffer = BytesIO()
    pdf.save(
        buffer,
        deterministic_id=True,
        object_stream_mode=ObjectStreamMode.disable,
        min_version="1.6",
        fix_metadata_version=False,
    )
    return buffer.getvalue()


def _layer(index: int, layer: DrawingLayer, line_weight: LineWeight | float) -> str:
    red, green, blue = (number(tone / 255, 4) for tone in rgb_of(layer.colour))
    drawn = "".join(_drawn(layer, line_weight))
    colour = f"{red} {green} {blue} RG {red} {green} {blue} rg\n"
    return f"/OC /L{index} BDC\n{colour}{drawn}EMC\n"


def _drawn(layer: DrawingLayer, line_weight: LineWeight | float) -> Iterator[str]:
    for _, fill in layer.fills:
        yield "".join(_path(outline, is_closed=True) for outline in fill.outlines) + "f*\n"
    for _, stroke in layer.strokes:
        if line_weight is LineWeight.VARIABLE:
            yield "".join(_path(outline, is_closed=True) for outline in outline_of(stroke)) + "f\n"
        else:
            yield _stroke(stroke, line_weight if isinstance(line_weight, float) else stroke.width_px)


def _stroke(stroke: Stroke, width_px: float) -> str:
    return f"{number(width_px)} w\n{_path(stroke.curves, is_closed=stroke.is_closed)}S\n"


def _path(curves: Curves, *, is_closed: bool) -> str:
    start = _numbers(curves[0, 0])
    rest = "".join(f"{_numbers(curve)} c\n" for curve in curves[:, 1:].reshape(-1, 6))
    return f"{start} m\n{rest}{'h ' if is_closed else ''}"


def _numbers(values: np.ndarray) -> str:
    return " ".join(map(number, values.tolist()))
