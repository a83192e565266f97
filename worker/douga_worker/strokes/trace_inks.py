"""The strokes of a drawing in several inks: each ink is traced alone, then all are put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.centre_lines import trace_centre_lines
from douga_worker.strokes.chains import CentreLines
from douga_worker.strokes.stroke_drawing import StrokeDrawing
from douga_worker.strokes.trace_strokes import trace_strokes


def trace_inks(
    layers: Mapping[str, NDArray[np.uint8]], *, close_gaps_px: float | None = None
) -> StrokeDrawing:
    """Trace a drawing ink by ink.

    Args:
        layers: the lines of every ink by its name, (H, W) uint8 line images of one size, at least one;
            see ``ink_layers``.
        close_gaps_px: see ``trace_centre_lines``.

    Returns:
        Strokes of the first ink first, in each ink from the top left.
    """
    return fit_inks(
        {ink: trace_centre_lines(lines, close_gaps_px=close_gaps_px) for ink, lines in layers.items()}
    )


def fit_inks(centre_lines: Mapping[str, CentreLines]) -> StrokeDrawing:
    """Fit strokes to the centre lines of every ink, by its name; at least one."""
    drawings = [trace_strokes(centres, ink=ink) for ink, centres in centre_lines.items()]
    return StrokeDrawing(
        width_px=drawings[0].width_px,
        height_px=drawings[0].height_px,
        strokes=tuple(chain.from_iterable(drawing.strokes for drawing in drawings)),
        fills=tuple(chain.from_iterable(drawing.fills for drawing in drawings)),
        closed_gaps=tuple(
            replace(gap, ink=ink)
            for ink, drawing in zip(centre_lines, drawings, strict=True)
            for gap in drawing.closed_gaps
        ),
        open_ends=tuple(chain.from_iterable(drawing.open_ends for drawing in drawings)),
    )
