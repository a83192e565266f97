"""A line image all the way to an SVG, as tests and benches want it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from douga_shared.recipe import LineWeight
from douga_worker.strokes.centre_lines import trace_centre_lines
from douga_worker.strokes.stroke_drawing import StrokeDrawing
from douga_worker.strokes.trace_strokes import trace_strokes
from douga_worker.strokes.write_svg import write_svg

Lines = NDArray[np.uint8]


def trace(lines: Lines, close_gaps_px: float | None = None) -> StrokeDrawing:
    """Return the strokes of a line image: (H, W) uint8, 255 = line."""
    return trace_strokes(trace_centre_lines(lines, close_gaps_px=close_gaps_px))


def trace_constant(lines: Lines) -> bytes:
    """Return the SVG with one width a stroke."""
    return _svg(trace(lines))


def trace_variable(lines: Lines) -> bytes:
    """Return the SVG with widths that vary along each stroke."""
    return _svg(trace(lines), LineWeight.VARIABLE)


def trace_without_closing(lines: Lines) -> bytes:
    """Return the SVG with one width a stroke and every gap left open."""
    return _svg(trace(lines, close_gaps_px=0))


def _svg(drawing: StrokeDrawing, line_weight: LineWeight = LineWeight.KEEP) -> bytes:
    return write_svg(
        drawing, dpi=200, title="test", recipe_fingerprint="0123456789abcdef", line_weight=line_weight
    )
