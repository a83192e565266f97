"""A drawing of strokes becomes JSON for pipelines; docs/stroke-json.md says what is in it."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from douga_shared.palette import InkMeaning, Palette
from douga_worker.strokes.curve_points import points_along
from douga_worker.strokes.drawing_layers import BLACK_COLOUR
from douga_worker.strokes.stroke_drawing import BLACK, ClosedGap, Curves, Fill, Stroke, StrokeDrawing

FORMAT = "douga-strokes"
VERSION = 1
POINT_STEP_PX = 4.0
"""Distance of the points of a stroke: between two of them no line that a hand draws bends by .1 px more."""


def write_json(
    drawing: StrokeDrawing,
    *,
    dpi: float | None,
    title: str,
    recipe_fingerprint: str,
    palette: Palette = (),
) -> bytes:
    """Write a drawing as JSON: strokes as cubics and as points with widths, fills, closed gaps, open ends.

    Args:
        drawing: what to write.
        dpi: of the scan, or None.
        title: any text; half surrogates become U+FFFD.
        recipe_fingerprint: says how it was made.
        palette: colours and meanings of the inks.

    Returns:
        UTF-8; the same bytes for the same drawing.
    """
    return msgspec.json.encode(
        {
            "format": FORMAT,
            "version": VERSION,
            "title": title.encode("utf-8", "replace").decode(),
            "width": drawing.width_px,
            "height": drawing.height_px,
            "dpi": dpi,
            "recipe": recipe_fingerprint,
            "inks": _inks(palette),
            "strokes": [
                _stroke(f"s{number:04d}", stroke) for number, stroke in enumerate(drawing.strokes, start=1)
            ],
            "fills": [_fill(f"f{number:04d}", fill) for number, fill in enumerate(drawing.fills, start=1)],
            "closed_gaps": [_gap(gap) for gap in drawing.closed_gaps],
            "open_ends": [_rounded(np.array(end)) for end in drawing.open_ends],
        }
    )


def _inks(palette: Palette) -> list[dict[str, str]]:
    black = {"name": BLACK, "colour": BLACK_COLOUR, "meaning": InkMeaning.LINE.value}
    kept = [ink for ink in palette if ink.is_kept]
    return [
        black,
        *({"name": ink.name, "colour": ink.output_colour, "meaning": ink.meaning.value} for ink in kept),
    ]


def _stroke(name: str, stroke: Stroke) -> dict[str, Any]:
    points, _, shares = points_along(stroke.curves, POINT_STEP_PX)
    widths = np.interp(shares, stroke.widths[:, 0], stroke.widths[:, 1])
    return {
        "id": name,
        "ink": stroke.ink,
        "closed": stroke.is_closed,
        "width": round(stroke.width_px, 2),
        "curves": _curves(stroke.curves),
        "points": _rounded(np.column_stack([points, widths])),
    }


def _fill(name: str, fill: Fill) -> dict[str, Any]:
    return {"id": name, "ink": fill.ink, "outlines": [_curves(outline) for outline in fill.outlines]}


def _gap(gap: ClosedGap) -> dict[str, Any]:
    return {
        "ink": gap.ink,
        "start": _rounded(np.array(gap.start)),
        "end": _rounded(np.array(gap.end)),
    }


def _curves(curves: Curves) -> list[list[float]]:
    rows: list[list[float]] = _rounded(curves.reshape(-1, 8))
    return rows


def _rounded(numbers: np.ndarray) -> Any:
    # Adding 0 makes 0 of -0, so that equal drawings are equal bytes.
    return (np.round(numbers, 2) + 0.0).tolist()
