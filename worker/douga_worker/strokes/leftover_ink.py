"""Ink that no stroke covers: solids, blots in bundles of lines, specks. It stays in the drawing as fills."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.measure import find_contours

from douga_worker.strokes.chains import CentreLines
from douga_worker.strokes.compiled import compiled
from douga_worker.strokes.corners import find_corners
from douga_worker.strokes.curve_points import points_along
from douga_worker.strokes.line_fit import Line, fit_line
from douga_worker.strokes.samples import resample_loop
from douga_worker.strokes.stroke_drawing import Curves, Fill, Floats, Stroke

HALF_LEVEL = 0.5
EDGE_ERROR_PX = 0.4
"""How far the outline of a fill may stay off the edge of the ink."""
_EDGE_REACH_PX = 3.0
_CORNER_SCALE_PX = 3.0
"""Corners of an edge are looked for as those of a line this wide."""
_STROKE_MARGIN_PX = 0.6
"""The grey rim of a line belongs to it."""
_LEAST_AREA_PX = 9.0
_LEAST_AREA_OF_LINE = 1.2
"""Times the square of half a line's width: less is the ragged edge of a line."""
_LEAST_EDGE_POINTS = 8
MOST_FITTED_POINTS = 100_000
"""Points of edges that get curves, at 40 us each; a drawing with many solids has a few ten thousand."""
MOST_POLYGON_POINTS = 400_000
"""Points of edges beyond those, at 6 us each: more, and noise is outlined on a coarser grid, for nobody can
use a file of millions of points."""
_POLYGON_ERROR_PX = 0.5
_SQUARE = np.ones((3, 3), np.uint8)


def fill_leftover_ink(
    centre_lines: CentreLines, strokes: tuple[Stroke, ...], *, ink: str
) -> tuple[Fill, ...]:
    """Outline the solids and what ink the strokes leave bare, from top to bottom.

    Args:
        centre_lines: the line image taken apart.
        strokes: what is drawn already.
        ink: name for the fills.

    Returns:
        One fill for each connected piece, its edge where the ink is half as dark as full line.
    """
    area = _area_to_fill(centre_lines, strokes)
    if not area.any():
        return ()
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(area.view(np.uint8), connectivity=8)
    dark = np.where(area, centre_lines.ink, np.float32(0.0))
    lengths = _edge_lengths(dark, np.asarray(labels, np.int32), len(boxes))
    is_fitted, cell_px = _plan(lengths)
    fills = []
    for label in range(1, len(boxes)):
        x, y, width, height = (int(value) for value in boxes[label, :4])
        inside = (slice(y, y + height), slice(x, x + width))
        piece = np.where(labels[inside] == label, centre_lines.ink[inside], np.float32(0.0))
        if is_fitted[label]:
            outlines = outline_ink(piece, left=x, top=y)
        else:
            outlines = outline_roughly(piece, left=x, top=y, cell_px=cell_px)
        if outlines:
            fills.append(Fill(outlines, ink))
    return tuple(fills)


def outline_ink(piece: NDArray[np.float32], *, left: int, top: int) -> tuple[Curves, ...]:
    """Trace the edge of a piece of ink, longest outline first.

    Args:
        piece: (H, W) 0..1, zero where it is not part of the piece.
        left: where column 0 lies in the scan.
        top: where row 0 lies in the scan.
    """
    edges = find_contours(np.pad(piece, 1), HALF_LEVEL)
    edges = [edge for edge in edges if len(edge) > _LEAST_EDGE_POINTS]
    edges.sort(key=len, reverse=True)
    # A row and column of padding, and the centre of pixel 0 lying at one half.
    offset = np.array([left - 0.5, top - 0.5])
    return tuple(fit_edge(edge[:-1, ::-1] + offset) for edge in edges)


def outline_roughly(piece: NDArray[np.float32], *, left: int, top: int, cell_px: int) -> tuple[Curves, ...]:
    """Trace the edge of noise with straight sides, in a small part of the time.

    Args:
        piece: (H, W) 0..1, zero where it is not part of the piece.
        left: where column 0 lies in the scan.
        top: where row 0 lies in the scan.
        cell_px: side of the squares of pixels that are seen as one.
    """
    height, width = piece.shape
    piece = np.pad(piece, ((0, -height % cell_px), (0, -width % cell_px)))
    cells = cv2.resize(piece, None, fx=1 / cell_px, fy=1 / cell_px, interpolation=cv2.INTER_AREA)
    edges = [edge for edge in find_contours(np.pad(cells, 1), HALF_LEVEL) if len(edge) > _LEAST_EDGE_POINTS]
    edges.sort(key=len, reverse=True)
    offset = np.array([left, top])
    return tuple(_polygon((edge[:-1, ::-1] - 0.5) * cell_px + offset, cell_px) for edge in edges)


def _polygon(points: Floats, cell_px: int) -> Curves:
    """Straight cubics around a closed row of points."""
    rough = cv2.approxPolyDP(points.astype(np.float32), _POLYGON_ERROR_PX * cell_px, closed=True)
    starts = rough[:, 0].astype(np.float64)
    shares = np.linspace(0.0, 1.0, 4)[:, None]
    return np.asarray(starts[:, None] + shares * (np.roll(starts, -1, axis=0) - starts)[:, None])


def fit_edge(points: Floats) -> Curves:
    """Closed cubics along a closed row of points, its corners kept."""
    samples = resample_loop(points)
    corners, samples = find_corners(samples, _CORNER_SCALE_PX, is_closed=True)
    line = Line(samples, np.ones(len(samples)), corners, is_closed=True)
    return fit_line(line, error_px=EDGE_ERROR_PX, reach_px=_EDGE_REACH_PX)


def _edge_lengths(ink: NDArray[np.float32], labels: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """(count,) how many points the edges of each piece have: one wherever a row or column crosses it."""
    is_in = np.pad(ink > HALF_LEVEL, 1)
    inner = is_in[1:-1, 1:-1]
    lengths = np.zeros(count, np.int64)
    for beside in (is_in[:-2, 1:-1], is_in[2:, 1:-1], is_in[1:-1, :-2], is_in[1:-1, 2:]):
        lengths += np.bincount(labels[inner & ~beside], minlength=count)
    return lengths


def _plan(lengths: NDArray[np.int64]) -> tuple[NDArray[np.bool_], int]:
    """Which pieces get curves, shortest edges first, and how coarse a grid is for the others."""
    shortest_first = np.argsort(lengths, kind="stable")
    is_fitted = np.zeros(len(lengths), np.bool_)
    is_fitted[shortest_first] = np.cumsum(lengths[shortest_first]) <= MOST_FITTED_POINTS
    left = int(lengths[~is_fitted].sum())
    # Where the ink is noise at every scale, twice the cell has a quarter of the points.
    return is_fitted, max(1, math.ceil(math.sqrt(left / MOST_POLYGON_POINTS)))


def _area_to_fill(centre_lines: CentreLines, strokes: tuple[Stroke, ...]) -> NDArray[np.bool_]:
    """(H, W) the solids and the larger pieces of ink outside the strokes, with their grey rim."""
    is_drawn = np.zeros(centre_lines.is_ink.shape, np.bool_)
    for stroke in strokes:
        points, _, shares = points_along(stroke.curves, 1.0)
        widths = np.interp(shares, stroke.widths[:, 0], stroke.widths[:, 1])
        _stamp(is_drawn, points, 0.5 * widths + _STROKE_MARGIN_PX)
    is_bare = centre_lines.is_ink & ~is_drawn & ~centre_lines.is_solid
    core = cv2.morphologyEx(is_bare.view(np.uint8), cv2.MORPH_OPEN, _SQUARE)
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(core, connectivity=8)
    least = max(_LEAST_AREA_PX, _LEAST_AREA_OF_LINE * centre_lines.half_width_px**2)
    core[:] = 0
    for label in np.flatnonzero(boxes[:, cv2.CC_STAT_AREA] > least):
        if label == 0:
            continue
        x, y, width, height = boxes[label, :4]
        inside = (slice(y, y + height), slice(x, x + width))
        core[inside][labels[inside] == label] = 1
    grown = cv2.dilate(core, _SQUARE).astype(bool) & is_bare
    kept = (grown | centre_lines.is_solid).view(np.uint8)
    return cv2.dilate(kept, _SQUARE).astype(bool)


@compiled("(boolean[:, ::1], float64[:, ::1], float64[::1])")
def _stamp(mask: NDArray[np.bool_], centres: Floats, radii: Floats) -> None:
    """Set the pixels whose centres lie in any of the discs."""
    height, width = mask.shape
    for i in range(len(centres)):
        x, y, r = centres[i, 0], centres[i, 1], radii[i]
        for row in range(max(0, int(y - r)), min(height, int(y + r) + 1)):
            rise = row + 0.5 - y
            room = r * r - rise * rise
            if room <= 0.0:
                continue
            half = math.sqrt(room)
            for column in range(max(0, math.ceil(x - half - 0.5)), min(width, int(x + half + 0.5))):
                mask[row, column] = True
