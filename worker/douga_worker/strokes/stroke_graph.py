"""The drawing as a graph: pieces of line between the places where lines meet or end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.directions import path_length, unit
from douga_worker.strokes.skeleton_paths import NO_NODE, SkeletonPaths
from douga_worker.strokes.stroke_drawing import Floats

End: TypeAlias = tuple[int, int]
"""(number of the edge, side): side 0 where its path starts, 1 where it ends."""


@dataclass(slots=True)
class Edge:
    """A piece of line between two nodes."""

    path: Floats
    """(N, 2) pixel by pixel."""
    nodes: list[int]
    """Where the path starts and ends; NO_NODE twice for a line closed in itself."""
    length: float

    @property
    def is_closed(self) -> bool:
        """Whether the line runs back into itself and meets no other."""
        return self.nodes[0] == NO_NODE and self.nodes[1] == NO_NODE


@dataclass(slots=True)
class Node:
    """A place where lines meet or one line ends."""

    ends: set[End] = field(default_factory=set)
    radius: float = 0.0
    """The largest disc of ink there: how far the lines hide each other's edges."""
    zone: float = 0.0
    """Reach of a merged junction from its middle, where the lines ran in one; 0 where none was merged."""
    is_tip: bool = False
    """Lines meet here in an acute point, and none runs on."""

    @property
    def reach(self) -> float:
        """How far the junction hides the lines that enter it, in px."""
        return max(self.radius, self.zone)


@dataclass(frozen=True, slots=True)
class Look:
    """What an edge looks like a little way out of its node."""

    point: Floats
    direction: Floats
    """Away from the node."""
    half_width: float


class StrokeGraph:
    """Edges and nodes, both by number; what repairs them keeps them linked."""

    def __init__(self, paths: SkeletonPaths, depth: NDArray[np.float32]) -> None:
        self.edges: dict[int, Edge] = {}
        self.nodes: dict[int, Node] = {}
        self._depth = depth
        for number in range(len(paths)):
            path = paths.path(number)
            start, end = (int(node) for node in paths.nodes[number])
            self.edges[number] = Edge(path, [start, end], path_length(path))
            for side, node in enumerate((start, end)):
                if node != NO_NODE:
                    known = self.nodes.setdefault(node, Node())
                    known.ends.add((number, side))
                    known.radius = max(known.radius, float(self.depths(path[-side][None])[0]))

    def depths(self, path: Floats) -> Floats:
        """(N,) half widths of the ink along a path, as the pixels tell it."""
        return self._depth[path[:, 1].astype(np.int64), path[:, 0].astype(np.int64)].astype(np.float64)

    def thickness(self, edge: int) -> float:
        """Mean half width of an edge's ink."""
        return float(self.depths(self.edges[edge].path).mean())

    def node_at(self, end: End) -> int:
        """The node at an end."""
        return self.edges[end[0]].nodes[end[1]]

    def drop(self, edge: int) -> None:
        """Take an edge out; its nodes stay."""
        for side, node in enumerate(self.edges.pop(edge).nodes):
            if node in self.nodes:
                self.nodes[node].ends.discard((edge, side))

    def splice(self, node: int) -> None:
        """Make one edge of the two that meet at a node, and the node go."""
        (first, side), (second, other) = sorted(self.nodes[node].ends)
        if first == second:
            self.edges[first].nodes = [NO_NODE, NO_NODE]
            del self.nodes[node]
            return
        before, after = self.edges[first], self.edges[second]
        path = np.vstack([before.path[:: 1 if side else -1], after.path[:: -1 if other else 1]])
        start, end = before.nodes[1 - side], after.nodes[1 - other]
        self.drop(first)
        self.drop(second)
        self.edges[first] = Edge(path, [start, end], before.length + after.length)
        for new_side, at in enumerate((start, end)):
            if at in self.nodes:
                self.nodes[at].ends.add((first, new_side))
        del self.nodes[node]

    def merge(self, edge: int) -> None:
        """Make one node of the two that an edge joins; the edge goes."""
        kept, gone = self.edges[edge].nodes
        length = self.edges[edge].length
        self.drop(edge)
        for number, side in self.nodes[gone].ends:
            self.edges[number].nodes[side] = kept
            self.nodes[kept].ends.add((number, side))
        into, other = self.nodes[kept], self.nodes.pop(gone)
        into.zone = max(into.zone, other.zone, min(0.5 * length, 4 * into.radius))
        into.radius = max(into.radius, other.radius)

    def look(self, end: End, skip_widths: float, reach_px: int) -> Look:
        """Look at an edge from one of its ends, beyond the ink of the node."""
        edge = self.edges[end[0]]
        path = edge.path if end[1] == 0 else edge.path[::-1]
        skip = int(skip_widths * self.nodes[edge.nodes[end[1]]].radius + 2)
        seen = path[min(skip, max(len(path) - 4, 0)) :][:reach_px]
        return Look(seen[0], unit(seen[-1] - seen[0]), float(self.depths(seen).mean()))
