"""How well strokes match the strokes that were drawn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from tests.bench.known_drawings.drawing import KnownDrawing
from tests.bench.stroke_scores.drawn_strokes import DrawnStroke, strokes_of
from tests.bench.stroke_scores.junctions import find_junctions
from tests.bench.stroke_scores.point_cloud import PointCloud

Points = NDArray[np.float64]
Flags = NDArray[np.bool_]

SOLID_MARGIN_PX = 9
"""Solids, and lines this close to them, are left out: how a tool draws a solid's edge is its own affair."""
SAME_DIRECTION = 0.86
"""Cosine of the 30 degrees within which two lines run alongside."""
RECOVERED_SHARE = 0.9
"""A stroke is recovered as one when a single stroke covers so much of it."""
END_NEAR_PX = 3.0
SAME_END_PX = 3.0
SAME_LENGTH = 0.05


@dataclass(frozen=True)
class StrokeTruth:
    """A known drawing, ready for comparisons."""

    drawing: KnownDrawing

    @cached_property
    def cloud(self) -> PointCloud:
        """The strokes that were drawn."""
        return PointCloud(strokes_of(self.drawing))

    @cached_property
    def junctions(self) -> Points:
        """Where they meet, outside solids."""
        return self.outside_solids(find_junctions(self.cloud))

    @cached_property
    def free_ends(self) -> Points:
        """Where they end on paper."""
        return self.outside_solids(_free_ends(self.cloud))

    @cached_property
    def _is_solid(self) -> Flags:
        mask = np.zeros((self.drawing.height_px, self.drawing.width_px), np.uint8)
        for fill in self.drawing.fills:
            cv2.fillPoly(mask, [np.rint(fill.outline).astype(np.int32)], 1)
        return cv2.dilate(mask, np.ones((SOLID_MARGIN_PX,) * 2, np.uint8)) > 0

    def is_outside_solids(self, places: Points) -> Flags:
        """Tell which of (N, >= 2) places lie on no solid."""
        height, width = self._is_solid.shape
        x = np.clip(places[:, 0].astype(int), 0, width - 1)
        y = np.clip(places[:, 1].astype(int), 0, height - 1)
        return np.asarray(~self._is_solid[y, x])

    def outside_solids(self, places: Points) -> Points:
        """Leave out what lies on solids."""
        return np.asarray(places[self.is_outside_solids(places)])


def compare_strokes(truth: StrokeTruth, strokes: list[DrawnStroke]) -> dict[str, float]:
    """Return the figures of docs/vectorizing.md, all 1 (or 0 px) for the truth itself."""
    found = PointCloud(strokes)
    figures = {"drawn / true": len(strokes) / len(truth.cloud.strokes)}
    if strokes:
        figures |= _coverage(truth, found)
        figures |= _junction_figures(truth, truth.outside_solids(find_junctions(found)))
        figures |= _end_figures(truth, truth.outside_solids(_free_ends(found)))
        figures |= _distance_figures(truth, found)
    return figures


def same_strokes(
    strokes: list[DrawnStroke], next_frame: list[DrawnStroke], moved: tuple[float, float]
) -> float:
    """Return the share of strokes that the next frame has too: ends within 3 px, length within 5 %.

    Closed strokes have no ends; their centres are compared.
    """
    if not strokes:
        return 0.0
    others: dict[bool, list[tuple[Points, float]]] = {
        is_closed: [(_marks(s), s.length_px) for s in next_frame if s.is_closed == is_closed]
        for is_closed in (False, True)
    }
    same = 0
    for stroke in strokes:
        marks = _marks(stroke) + moved
        same += any(
            abs(length - stroke.length_px) <= SAME_LENGTH * stroke.length_px and _are_near(marks, other)
            for other, length in others[stroke.is_closed]
        )
    return same / len(strokes)


def _marks(stroke: DrawnStroke) -> Points:
    xy = stroke.points[:, :2]
    return np.stack([xy.mean(axis=0)] * 2) if stroke.is_closed else xy[[0, -1]]


def _are_near(one: Points, other: Points) -> bool:
    return any(np.hypot(*(one - turned).T).max() <= SAME_END_PX for turned in (other, other[::-1]))


def _free_ends(cloud: PointCloud) -> Points:
    ends = [
        cloud.strokes[stroke].points[place, :2]
        for stroke, place in cloud.ends()
        if cloud.line_below_end(stroke, place, slack_px=1.5) is None
    ]
    return np.array(ends).reshape(-1, 2)


def _coverage(truth: StrokeTruth, found: PointCloud) -> dict[str, float]:
    """Of each true stroke, how much lies under its best stroke; and the other way round."""
    cover = _best_shares(truth, truth.cloud, found, least_reach_px=0)
    purity = _best_shares(truth, found, truth.cloud, least_reach_px=2)
    return {
        "recovered": float(np.mean([share >= RECOVERED_SHARE for share, _ in cover])) if cover else 1.0,
        "cover": _weighted_mean(cover),
        "purity": _weighted_mean(purity),
    }


def _weighted_mean(shares: list[tuple[float, int]]) -> float:
    weight = sum(count for _, count in shares)
    return sum(share * count for share, count in shares) / weight if weight else 1.0


def _best_shares(
    truth: StrokeTruth, one: PointCloud, other: PointCloud, least_reach_px: float
) -> list[tuple[float, int]]:
    """Return for each stroke of one cloud (share of it under the other's best stroke, points that count).

    Dots, and strokes of which hardly anything lies outside solids, are left out: they have no direction.
    """
    shares = []
    start = 0
    for stroke in one.strokes:
        every = slice(start, start + len(stroke.points), 2)
        start += len(stroke.points)
        points, along = one.points[every], one.directions[every]
        counts = truth.is_outside_solids(points)
        points, along = points[counts], along[counts]
        if len(points) >= 4:
            reach = np.maximum(least_reach_px, points[:, 2] / 2 + 1.5)
            near = other.tree.query_ball_point(points[:, :2], reach)
            shares.append((_best_share(along, near, other), len(points)))
    return shares


def _best_share(along: Points, near: NDArray[np.object_], other: PointCloud) -> float:
    counts = np.zeros(len(other.strokes), int)
    for direction, places in zip(along, near, strict=True):
        if places:
            index = np.array(places)
            runs_alongside = np.abs(other.directions[index] @ direction) > SAME_DIRECTION
            counts[np.unique(other.owners[index[runs_alongside]])] += 1
    return float(counts.max()) / len(along)


def _junction_figures(truth: StrokeTruth, found: Points) -> dict[str, float]:
    pairs = _matched(truth.junctions, found)
    errors = [np.hypot(*(truth.junctions[i, :2] - found[j, :2])) for i, j in pairs]
    right = [min(truth.junctions[i, 3], 4) == min(found[j, 3], 4) for i, j in pairs]
    return {
        "junction recall": len(pairs) / len(truth.junctions) if len(truth.junctions) else 1.0,
        "junction precision": len(pairs) / len(found) if len(found) else 1.0,
        "junction error px": float(np.mean(errors)) if errors else float("nan"),
        "arms right": float(np.mean(right)) if right else float("nan"),
    }


def _matched(true: Points, found: Points) -> list[tuple[int, int]]:
    """Pair junctions, nearest first, within half a line's width and 3 px."""
    if not len(true) or not len(found):
        return []
    near = cKDTree(found[:, :2]).query_ball_point(true[:, :2], 3 + 0.5 * true[:, 2])
    candidates = sorted(
        (float(np.hypot(*(true[i, :2] - found[j, :2]))), i, j)
        for i, others in enumerate(near)
        for j in others
    )
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in candidates:
        if i not in pairs and j not in taken:
            pairs[i] = j
            taken.add(j)
    return list(pairs.items())


def _end_figures(truth: StrokeTruth, found: Points) -> dict[str, float]:
    if not len(truth.free_ends) or not len(found):
        return {"ends": float("nan"), "end precision": float("nan")}
    distance, _ = cKDTree(found).query(truth.free_ends)
    back, _ = cKDTree(truth.free_ends).query(found)
    return {"ends": float((distance <= END_NEAR_PX).mean()), "end precision": float((back <= 4).mean())}


def _distance_figures(truth: StrokeTruth, found: PointCloud) -> dict[str, float]:
    """Errors across the line, of what lies on a true line at all."""
    true = truth.cloud
    points = truth.outside_solids(found.points)
    distance, nearest = true.tree.query(points[:, :2])
    is_on_line = distance <= np.maximum(2, true.points[nearest, 2] / 2)
    aside = points[:, :2] - true.points[nearest, :2]
    along = true.directions[nearest]
    error = np.abs(aside[:, 1] * along[:, 0] - aside[:, 0] * along[:, 1])[is_on_line]
    of_width = np.abs(points[:, 2] - true.points[nearest, 2])[is_on_line]
    wanted = truth.outside_solids(true.points)
    missing = found.tree.query(wanted[:, :2])[0] > np.maximum(2, wanted[:, 2] / 2)
    if not is_on_line.any():
        return {"false length": 1.0, "missing length": float(missing.mean())}
    return {
        "centre error px": float(error.mean()),
        "centre error p95 px": float(np.percentile(error, 95)),
        "width error px": float(of_width.mean()),
        "false length": float((~is_on_line).mean()),
        "missing length": float(missing.mean()),
    }
