"""All points of all strokes in one searchable heap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from tests.bench.stroke_scores.drawn_strokes import DrawnStroke

Points = NDArray[np.float64]
Numbers = NDArray[np.int64]

END_REACH_PX = 12.0
"""No line is so wide that an end farther from its centre than this lies on it."""
OWN_POINTS = 25
"""Points of the same stroke this close along it are no other line, even where it turns sharply."""


class PointCloud:
    """Points of strokes, a pixel apart, with the stroke and the place along it that each belongs to."""

    def __init__(self, strokes: list[DrawnStroke]) -> None:
        self.strokes = strokes
        self.points: Points = np.concatenate([s.points for s in strokes]) if strokes else np.zeros((0, 3))
        """(N, 3) x, y, width."""
        self.owners: Numbers = _stack([np.full(len(s.points), k) for k, s in enumerate(strokes)])
        self.places: Numbers = _stack([np.arange(len(s.points)) for s in strokes])
        self.directions: Points = (
            np.concatenate([directions(s.points) for s in strokes]) if strokes else np.zeros((0, 2))
        )
        self.tree = cKDTree(self.points[:, :2])

    def ends(self) -> list[tuple[int, int]]:
        """Return (stroke, place along it) of the two ends of every open stroke."""
        open_strokes = [(k, len(s.points)) for k, s in enumerate(self.strokes) if not s.is_closed]
        return [(k, place) for k, count in open_strokes for place in (0, count - 1)]

    def line_below_end(self, stroke: int, place: int, slack_px: float) -> int | None:
        """Return a point of a line (another, or a distant part of the same) that this end lies on."""
        end = self.strokes[stroke].points[place, :2]
        near = np.array(self.tree.query_ball_point(end, END_REACH_PX), int)
        is_other = (self.owners[near] != stroke) | (np.abs(self.places[near] - place) > OWN_POINTS)
        distance = np.hypot(*(self.points[near, :2] - end).T)
        below = near[is_other & (distance <= self.points[near, 2] / 2 + slack_px)]
        return int(below[0]) if len(below) else None


def directions(points: Points) -> Points:
    """Return (N, 2) unit directions along a line of points."""
    places = np.arange(len(points))
    before, after = np.maximum(places - 3, 0), np.minimum(places + 3, len(points) - 1)
    along = points[after, :2] - points[before, :2]
    return np.asarray(along / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9))


def _stack(arrays: list[Numbers]) -> Numbers:
    return np.concatenate(arrays) if arrays else np.zeros(0, np.int64)
