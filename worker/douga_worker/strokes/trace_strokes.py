"""The second half of the tracer: centre lines become strokes, and no ink is lost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.chains import CentreLines, Chain
from douga_worker.strokes.corners import find_corners
from douga_worker.strokes.join_ends import find_joints, put_end
from douga_worker.strokes.leftover_ink import fill_leftover_ink
from douga_worker.strokes.line_fit import Line, fit_line
from douga_worker.strokes.samples import Samples, resample_chain
from douga_worker.strokes.stroke_drawing import BLACK, Curves, Floats, Stroke, StrokeDrawing
from douga_worker.strokes.width_profile import profile_widths

CENTRE_ERROR_PX = 0.42
WIDTH_ERROR_PX = 0.25
_FIT_REACH_PX = 6.0
"""Over what length to either side a wobble of the edge is averaged out before it is called a miss."""
_LEAST_WIDTH_REACH, _WIDTH_REACH = 10, 2.0
"""Samples, and widths, to either side whose median stands for a width."""
_DOT_PX = 0.1
"""Length of a stroke that stands for a dot: no reader draws the caps of one without length."""
_LEAST_MOVE_PX = 0.12
"""An end that moves less takes its handle along; more asks for a new fit, or all of a cubic would shift."""


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
    rows = [_samples_of(chain) for chain in centre_lines.chains]
    samples = [row for row in rows if row is not None]
    lines = [_line_of(row, centre_lines.ink) for row in samples]
    curves = _fit_all(lines, [row.usual_width for row in samples], error_px)
    strokes = tuple(
        Stroke(curves[k], _widths_of(samples[k], lines[k]), lines[k].is_closed, ink)
        for k in range(len(lines))
    )
    return StrokeDrawing(
        width_px=width,
        height_px=height,
        strokes=strokes,
        fills=fill_leftover_ink(centre_lines, strokes, ink=ink),
        closed_gaps=centre_lines.closed_gaps,
        open_ends=centre_lines.open_ends,
    )


def _samples_of(chain: Chain) -> Samples | None:
    """A chain's samples, a dot for one without length; None where it has no place."""
    samples = resample_chain(chain)
    if samples is not None:
        return samples
    is_good = np.isfinite(chain.points).all(axis=1) & np.isfinite(chain.widths)
    if not is_good.any():
        return None
    x, y = chain.points[is_good][0]
    width = max(float(np.median(chain.widths[is_good])), _DOT_PX)
    points = np.array([[x - 0.5 * _DOT_PX, y], [x + 0.5 * _DOT_PX, y]])
    return Samples(points, np.full(2, width), np.ones(2), is_closed=False)


def _fit_all(lines: list[Line], widths: list[float], error_px: float) -> list[Curves]:
    """Curves of all lines, ends that run into a line exactly on it."""
    lines = lines.copy()
    curves = [_fit(line, error_px) for line in lines]
    is_closed = [line.is_closed for line in lines]
    moved = set()
    for joint in find_joints(curves, widths, is_closed):
        end = lines[joint.number].points[joint.end]
        if np.hypot(*(joint.place - end)) > _LEAST_MOVE_PX:
            lines[joint.number] = lines[joint.number].with_end(joint.end, joint.place)
            moved.add(joint.number)
    for number in moved:
        curves[number] = _fit(lines[number], error_px)
    for joint in find_joints(curves, widths, is_closed):
        curves[joint.number] = put_end(curves[joint.number], joint)
    return curves


def _line_of(samples: Samples, ink: NDArray[np.float32]) -> Line:
    """The samples as a line with its corners found and made sharp."""
    page = np.ascontiguousarray(ink, np.float32)
    width = samples.usual_width
    corners, points = find_corners(samples.points, width, is_closed=samples.is_closed, ink=page)
    return Line(points, samples.weights, corners, samples.is_closed)


def _fit(line: Line, error_px: float) -> Curves:
    return fit_line(line, error_px=error_px, reach_px=_FIT_REACH_PX)


def _widths_of(samples: Samples, line: Line) -> Floats:
    """The width profile of a line, from where its curve starts."""
    widths, weights = samples.widths, samples.weights
    if line.is_closed and len(line.corners):
        first = int(line.corners[0])
        widths = np.r_[widths[first:], widths[1 : first + 1]]
        weights = np.r_[weights[first:], weights[1 : first + 1]]
    reach = max(_LEAST_WIDTH_REACH, round(_WIDTH_REACH * samples.usual_width))
    return profile_widths(widths, weights, error_px=WIDTH_ERROR_PX, reach=reach)
