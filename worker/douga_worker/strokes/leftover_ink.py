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
from douga_worker.strokes.pieces import find_pieces
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
    pieces = find_pieces(area)
    lengths = _edge_lengths(centre_lines.ink, area, pieces.pixels, pieces.starts)
    is_fitted, cell_px = _plan(lengths)
    fills = []
    for number in range(len(pieces)):
        box = pieces.boxes[number]
        left, top, right, bottom = (int(side) for side in box)
        here = centre_lines.ink[top:bottom, left:right]
        piece = np.where(pieces.mask(number, box), here, np.float32(0.0))
        if is_fitted[number]:
            outlines = outline_ink(piece, left=left, top=top)
        else:
            outlines = outline_roughly(piece, left=left, top=top, cell_px=cell_px)
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


@compiled("(float32[:, ::1], boolean[:, ::1], int64[::1], int64[::1])")
def _edge_lengths(
    ink: NDArray[np.float32], area: NDArray[np.bool_], pixels: NDArray[np.int64], starts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(K,) how many points the edges of each piece have: one wherever a row or column crosses it."""
    height, width = ink.shape
    lengths = np.zeros(len(starts) - 1, np.int64)
    for k in range(len(lengths)):
        for pixel in pixels[starts[k] : starts[k + 1]]:
            y = pixel // width
            x = pixel - y * width
            if not ink[y, x] > HALF_LEVEL:
                continue
            for row, column in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                is_on_page = 0 <= row < height and 0 <= column < width
                if not (is_on_page and area[row, column] and ink[row, column] > HALF_LEVEL):
                    lengths[k] += 1
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
    is_bare = centre_lines.is_ink & ~centre_lines.is_solid
    for stroke in strokes:
        points, _, shares = points_along(stroke.curves, 1.0)
        widths = np.interp(shares, stroke.widths[:, 0], stroke.widths[:, 1])
        _wipe(is_bare, points, 0.5 * widths + _STROKE_MARGIN_PX)
    core = cv2.morphologyEx(is_bare.view(np.uint8), cv2.MORPH_OPEN, _SQUARE)
    pieces = find_pieces(core.view(np.bool_))
    least = max(_LEAST_AREA_PX, _LEAST_AREA_OF_LINE * centre_lines.half_width_px**2)
    kept = centre_lines.is_solid.copy()
    _grow(kept, pieces.pixels[np.repeat(pieces.areas > least, pieces.areas)], is_bare)
    return cv2.dilate(kept.view(np.uint8), _SQUARE).view(np.bool_) if kept.any() else kept


@compiled("(boolean[:, ::1], int64[::1], boolean[:, ::1])")
def _grow(area: NDArray[np.bool_], pixels: NDArray[np.int64], within: NDArray[np.bool_]) -> None:
    """Set these pixels, and those around them, where they may be."""
    height, width = area.shape
    for pixel in pixels:
        y = pixel // width
        x = pixel - y * width
        for row in range(max(y - 1, 0), min(y + 2, height)):
            for column in range(max(x - 1, 0), min(x + 2, width)):
                if within[row, column]:
                    area[row, column] = True


@compiled("(boolean[:, ::1], float64[:, ::1], float64[::1])")
def _wipe(mask: NDArray[np.bool_], centres: Floats, radii: Floats) -> None:
    """Clear the pixels whose centres lie in any of the discs."""
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
                mask[row, column] = False
