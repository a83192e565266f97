"""Where lines meet, found from geometry alone: the same way for the truth and for any tool."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapely import LineString, STRtree
from tests.bench.stroke_scores.point_cloud import PointCloud

Points = NDArray[np.float64]

PIECE_POINTS = 16
"""Strokes are searched for crossings in pieces of so many points."""
FEWEST_ARMS = 3


def find_junctions(cloud: PointCloud) -> Points:
    """Return (N, 4) x, y, line width and number of arms of every place where at least three arms meet.

    Candidates are the places where strokes cross, and ends that lie on another line. Those closer together
    than the lines are wide are one junction.
    """
    candidates = np.array([*_crossings(cloud), *_ends_on_lines(cloud)]).reshape(-1, 3)
    groups = _grouped(candidates)
    found = [(*centre, _count_arms(cloud, centre)) for centre in (candidates[g].mean(axis=0) for g in groups)]
    return np.array([junction for junction in found if junction[3] >= FEWEST_ARMS]).reshape(-1, 4)


def _crossings(cloud: PointCloud) -> list[tuple[float, float, float]]:
    pieces, owners, numbers = [], [], []
    for k, stroke in enumerate(cloud.strokes):
        for number, start in enumerate(range(0, len(stroke.points) - 1, PIECE_POINTS)):
            pieces.append(LineString(stroke.points[start : start + PIECE_POINTS + 1, :2]))
            owners.append(k)
            numbers.append(number)
    widths = [float(stroke.points[:, 2].mean()) for stroke in cloud.strokes]
    found = []
    for a, b in STRtree(pieces).query(pieces, predicate="intersects").T.tolist():
        is_same = owners[a] == owners[b]
        if a < b and not (is_same and _are_neighbours(cloud, owners[a], numbers[a], numbers[b])):
            meeting = pieces[a].intersection(pieces[b])
            for part in getattr(meeting, "geoms", [meeting]):
                place = part.centroid
                found.append((place.x, place.y, max(widths[owners[a]], widths[owners[b]])))
    return found


def _are_neighbours(cloud: PointCloud, owner: int, one: int, other: int) -> bool:
    stroke = cloud.strokes[owner]
    last = (len(stroke.points) - 2) // PIECE_POINTS
    return abs(one - other) <= 1 or (stroke.is_closed and abs(one - other) >= last)


def _ends_on_lines(cloud: PointCloud) -> list[tuple[float, float, float]]:
    found = []
    for stroke, place in cloud.ends():
        below = cloud.line_below_end(stroke, place, slack_px=1)
        if below is not None:
            x, y, width = cloud.strokes[stroke].points[place]
            found.append((x, y, max(width, cloud.points[below, 2])))
    return found


def _grouped(candidates: Points) -> list[list[int]]:
    """Put candidates together that follow each other closely, but none far from the first."""
    if not len(candidates):
        return []
    tree = cKDTree(candidates[:, :2])
    is_free = np.ones(len(candidates), bool)
    groups = []
    for first in range(len(candidates)):
        if not is_free[first]:
            continue
        reach = 2 + 0.6 * candidates[first, 2]
        group, waiting = [first], [first]
        is_free[first] = False
        while waiting:
            for other in tree.query_ball_point(candidates[waiting.pop(), :2], reach):
                distance = np.hypot(*(candidates[other, :2] - candidates[first, :2]))
                if is_free[other] and distance < 2 * reach:
                    is_free[other] = False
                    group.append(other)
                    waiting.append(other)
        groups.append(group)
    return groups


def _count_arms(cloud: PointCloud, junction: Points) -> int:
    """Count arms that leave a junction: two for each stretch of a line near it, less the ends it holds."""
    x, y, width = junction
    near = np.array(cloud.tree.query_ball_point((x, y), 2.5 + 0.8 * width), int)
    arms = 0
    for owner in np.unique(cloud.owners[near]):
        places = np.sort(cloud.places[near[cloud.owners[near] == owner]])
        stroke = cloud.strokes[owner]
        last = len(stroke.points) - 1
        stretches = 1 + int((np.diff(places) > 3).sum())
        is_whole_seam = places[0] == 0 and places[-1] == last
        if stroke.is_closed:
            arms += 2 * (stretches - int(is_whole_seam and stretches > 1))
        else:
            arms += 2 * stretches - int(places[0] == 0) - int(places[-1] == last)
    return arms
