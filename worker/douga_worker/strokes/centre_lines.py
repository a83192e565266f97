"""The tracer's first half: from a line image to the centre of every drawn line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.chaining import Row, chain_edges, fill_holes
from douga_worker.strokes.chains import CentreLines, Chain
from douga_worker.strokes.gaps import automatic_gap_px, close_gaps
from douga_worker.strokes.grey_holes import fill_grey_holes
from douga_worker.strokes.junction_repair import repair_junctions
from douga_worker.strokes.local_threshold import find_ink
from douga_worker.strokes.pairing import pair_arms
from douga_worker.strokes.shared_runs import lead_through_shared_edges
from douga_worker.strokes.skeleton_paths import find_paths
from douga_worker.strokes.solids import find_solids, measure_depth, usual_half_width
from douga_worker.strokes.stroke_drawing import Point
from douga_worker.strokes.stroke_graph import StrokeGraph
from douga_worker.strokes.stroke_order import order_rows, turn_rows
from douga_worker.strokes.sub_pixel_centres import find_centres
from douga_worker.strokes.texture import find_texture
from douga_worker.strokes.thinning import thin
from douga_worker.strokes.tips import reach_tips
from douga_worker.strokes.warm_up import warm_up


def trace_centre_lines(lines: NDArray[np.uint8], *, close_gaps_px: float | None = None) -> CentreLines:
    """Find the centre of every drawn line, from end to end and through every junction that it crosses.

    Args:
        lines: (H, W), 0 paper .. 255 full line. Any image is valid.
        close_gaps_px: Join free ends that continue each other across at most this much paper; 0 never, None a
            limit that follows the width of the lines.

    Returns:
        Chains in a fixed order, so that frames of a level agree: from the top left, each next one near the
        last; closed chains start at their top and run clockwise.
    """
    warm_up()
    is_ink = find_ink(lines)
    fill_grey_holes(lines, is_ink)
    ink = np.multiply(lines, np.float32(1 / 255), dtype=np.float32)
    depth = measure_depth(is_ink)
    half_width = usual_half_width(depth)
    is_solid = find_solids(is_ink, depth, half_width)
    skeleton = thin(is_ink & ~is_solid, depth, ink)
    paths = find_paths(skeleton)
    is_texture = find_texture(paths, lines.shape)
    if is_texture.any():
        is_solid |= is_texture & is_ink
        paths = find_paths(np.where(is_texture, 0, np.minimum(skeleton, 1)).astype(np.uint8))
    graph = StrokeGraph(paths, depth)
    repair_junctions(graph)
    centres = find_centres(graph, ink)
    mates, arms = pair_arms(graph, centres)
    lead_through_shared_edges(graph, centres, mates, arms)
    rows = chain_edges(graph, centres, mates, arms, ink)
    reach_tips(rows, ink, is_solid)
    limit = automatic_gap_px(half_width) if close_gaps_px is None else close_gaps_px
    rows, closed_gaps = close_gaps(rows, limit)
    rows = [row for row in rows if len(row.points) > 1]
    for row in rows:
        fill_holes(row)
    turn_rows(rows)
    rows = order_rows(rows)
    return CentreLines(
        ink,
        is_ink,
        is_solid,
        half_width,
        tuple(_chain(row) for row in rows),
        tuple(closed_gaps),
        _open_ends(rows),
    )


def _chain(row: Row) -> Chain:
    return Chain(
        np.ascontiguousarray(row.points),
        np.ascontiguousarray(row.widths),
        np.ascontiguousarray(row.is_measured),
        row.is_closed,
    )


def _open_ends(rows: list[Row]) -> tuple[Point, ...]:
    ends = [row.points[-side] for row in rows if not row.is_closed for side in (0, 1) if row.is_free[side]]
    return tuple((float(x), float(y)) for x, y in ends)
