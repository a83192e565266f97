"""The second half of the tracer: centre lines become strokes, and no ink is lost."""

from __future__ import annotations

import numpy as np

from douga_worker.strokes.chains import CentreLines, Chain
from douga_worker.strokes.corners import find_corners
from douga_worker.strokes.leftover_ink import fill_leftover_ink
from douga_worker.strokes.line_fit import fit_line
from douga_worker.strokes.samples import Samples, resample_chain
from douga_worker.strokes.stroke_drawing import BLACK, Curves, Floats, Stroke, StrokeDrawing
from douga_worker.strokes.width_profile import profile_widths

CENTRE_ERROR_PX = 0.35
WIDTH_ERROR_PX = 0.3
_FIT_REACH_PX = 6.0
"""Over what length to either side a wobble of the edge is averaged out before it is called a miss."""
_DOT_PX = 0.1
"""Length of a stroke that stands for a dot: no reader draws the caps of one without length."""


def trace_strokes(
    centre_lines: CentreLines, *, error_px: float = CENTRE_ERROR_PX, ink: str = BLACK
) -> StrokeDrawing:
    """Draw every centre line as one stroke of few cubics, and the ink that remains as fills.

    Args:
        centre_lines: a line image taken apart.
        error_px: most that a curve may stay off its centre line, noise averaged out, in px.
        ink: name of the ink for all of it.

    Returns:
        The drawing; the same for the same input, with finite numbers only.
    """
    height, width = centre_lines.ink.shape
    strokes = tuple(
        stroke
        for chain in centre_lines.chains
        if (stroke := _stroke_of(chain, error_px=error_px, ink=ink)) is not None
    )
    return StrokeDrawing(
        width_px=width,
        height_px=height,
        strokes=strokes,
        fills=fill_leftover_ink(centre_lines, strokes, ink=ink),
        closed_gaps=centre_lines.closed_gaps,
        open_ends=centre_lines.open_ends,
    )


def _stroke_of(chain: Chain, *, error_px: float, ink: str) -> Stroke | None:
    """One chain as a stroke; None where it has no place."""
    samples = resample_chain(chain)
    if samples is None:
        return _dot(chain, ink)
    width = samples.usual_width
    corners, points = find_corners(samples.points, width, is_closed=samples.is_closed)
    curves = fit_line(
        points,
        samples.weights,
        corners,
        error_px=error_px,
        reach_px=_FIT_REACH_PX,
        is_closed=samples.is_closed,
    )
    first = int(corners[0]) if samples.is_closed and len(corners) else 0
    return Stroke(curves, _widths_of(samples, first), samples.is_closed, ink)


def _widths_of(samples: Samples, first: int) -> Floats:
    """The width profile; a closed curve that starts at a corner has its widths start there too."""
    widths, weights = samples.widths, samples.weights
    if first:
        widths = np.r_[widths[first:], widths[1 : first + 1]]
        weights = np.r_[weights[first:], weights[1 : first + 1]]
    reach = max(3, round(samples.usual_width))
    return profile_widths(widths, weights, error_px=WIDTH_ERROR_PX, reach=reach)


def _dot(chain: Chain, ink: str) -> Stroke | None:
    """A chain without length as a round dot."""
    is_good = np.isfinite(chain.points).all(axis=1) & np.isfinite(chain.widths)
    if not is_good.any():
        return None
    x, y = chain.points[is_good][0]
    width = max(float(np.median(chain.widths[is_good])), _DOT_PX)
    xs = x + _DOT_PX * np.linspace(-0.5, 0.5, 4)
    curve: Curves = np.stack([xs, np.full(4, y)], axis=1)[None]
    return Stroke(curve, np.array([[0.0, width], [1.0, width]]), is_closed=False, ink=ink)
