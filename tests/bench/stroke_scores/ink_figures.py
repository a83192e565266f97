"""How well the ink of an SVG matches the ink that was drawn."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from tests.line_images import Lines, render_svg

Flags = NDArray[np.bool_]

WITHIN_PX = 1.01
"""A pixel and no diagonal: what an eye does not see."""


def compare_ink(svg: bytes, clean_lines: Lines) -> dict[str, float]:
    """Return figures of the drawn SVG against the line image before it was degraded.

    Black and white at half: *ink IoU*, *ink within 1 px* both ways (the smaller), how
    far the worst ink is from any of the other, and the mean distance between the edges.
    """
    wanted, drawn = clean_lines > 127, render_svg(svg, *clean_lines.shape) > 127
    away_from_drawn, away_from_wanted = _distance_to(drawn), _distance_to(wanted)
    kept = (away_from_drawn[wanted] <= WITHIN_PX).mean() if wanted.any() else 1.0
    true = (away_from_wanted[drawn] <= WITHIN_PX).mean() if drawn.any() else 1.0
    return {
        "ink IoU": float((wanted & drawn).sum() / max(1, (wanted | drawn).sum())),
        "ink within 1 px": float(min(kept, true)),
        "farthest ink px": float(
            max(away_from_drawn[wanted].max(initial=0), away_from_wanted[drawn].max(initial=0))
        ),
        "edge distance px": _edge_distance(wanted, drawn),
    }


def _distance_to(mask: Flags) -> NDArray[np.float32]:
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def _edge_distance(one: Flags, other: Flags) -> float:
    edges = [_edge(mask) for mask in (one, other)]
    if not all(edge.any() for edge in edges):
        return float("nan")
    there, back = (_distance_to(edges[i])[edges[1 - i]].mean() for i in (0, 1))
    return float(there + back) / 2


def _edge(mask: Flags) -> Flags:
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inside = cv2.erode(mask.astype(np.uint8), cross, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    return mask & ~inside
