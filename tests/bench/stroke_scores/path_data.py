"""The ``d`` of an SVG path as rows of points."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

_COMMAND = re.compile(r"([A-DF-Za-df-z])([^A-DF-Za-df-z]*)")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_NUMBERS = re.compile(_NUMBER)
# The flags of an arc may stand together, without anything between them.
_ARC = re.compile(r"[\s,]*".join([f"({_NUMBER})"] * 3 + ["([01])"] * 2 + [f"({_NUMBER})"] * 2))
_ARGUMENTS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "A": 7, "Z": 0}


@dataclass(frozen=True, slots=True)
class Subpath:
    """One pen-down of a path."""

    points: Points
    """(N, 2) x, y along it; a closed one ends where it starts."""
    is_closed: bool
    nodes: Points
    """(K, 2) where its lines and curves meet, the first and the last point among them."""

    @property
    def segment_count(self) -> int:
        """Return how many lines and curves it takes."""
        return len(self.nodes) - 1


@dataclass(slots=True)
class _Walk:
    step_px: float
    place: Points = field(default_factory=lambda: np.zeros(2))
    start: Points = field(default_factory=lambda: np.zeros(2))
    second_handle: Points | None = None
    pieces: list[Points] = field(default_factory=list)
    nodes: list[Points] = field(default_factory=list)

    def go(self, points: Points) -> None:
        self.pieces.append(points)
        self.nodes.append(points[-1])
        self.place = points[-1]

    def curve(self, handle: Points, other: Points, end: Points) -> None:
        control = np.stack([self.place, handle, other, end])
        length = np.linalg.norm(np.diff(control, axis=0), axis=1).sum()
        t = np.linspace(0, 1, max(2, int(length / self.step_px)) + 1)[1:, None]
        a, b, c, d = control
        self.go((1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d)
        self.second_handle = other

    def finish(self, is_closed: bool) -> Iterator[Subpath]:
        if len(self.nodes) > 1:
            yield Subpath(np.concatenate(self.pieces), is_closed, np.array(self.nodes))
        self.begin()

    def begin(self) -> None:
        self.pieces, self.nodes = [self.place[None]], [self.place]


def read_path(data: str, step_px: float = 1.0) -> list[Subpath]:
    """Return the subpaths with a line in them, curves as points about so far apart.

    Raises:
        ValueError: a command that is none of M, L, H, V, C, S, Q, A, Z, or numbers missing.
    """
    walk = _Walk(step_px)
    found: list[Subpath] = []
    for command, numbers in _commands(data):
        found += _take(walk, command, np.array(numbers))
    return found + list(walk.finish(is_closed=False))


def _commands(data: str) -> Iterator[tuple[str, list[float]]]:
    for command, text in _COMMAND.findall(data):
        count = _ARGUMENTS.get(command.upper())
        numbers = [n for arc in _ARC.findall(text) for n in arc] if count == 7 else _NUMBERS.findall(text)
        if count is None or (len(numbers) % count if count else numbers) or (count and not numbers):
            raise ValueError(f"{command}{text[:40]} is no path data read here")
        yield command, [float(number) for number in numbers[:count]]
        # Pairs after the first of a move are lines.
        following = {"M": "L", "m": "l"}.get(command, command)
        for start in range(count, len(numbers), count or 1):
            yield following, [float(number) for number in numbers[start : start + count]]


def _take(walk: _Walk, command: str, numbers: Points) -> Iterator[Subpath]:
    kind = command.upper()
    origin = walk.place if command.islower() else np.zeros(2)
    previous, walk.second_handle = walk.second_handle, None
    if kind == "Z":
        is_open = math.dist(walk.place, walk.start) > 1e-6
        if is_open:
            walk.go(walk.start[None])
        walk.place = walk.start
        yield from walk.finish(is_closed=True)
    elif kind == "M":
        yield from walk.finish(is_closed=False)
        walk.place = walk.start = numbers + origin
        walk.begin()
    elif kind == "H":
        walk.go(np.array([[numbers[0] + origin[0], walk.place[1]]]))
    elif kind == "V":
        walk.go(np.array([[walk.place[0], numbers[0] + origin[1]]]))
    elif kind == "A":
        for handle, other, end in _arc(walk.place, numbers[:5], numbers[5:] + origin):
            walk.curve(handle, other, end)
        walk.second_handle = None
    else:
        _take_curve(walk, kind, numbers.reshape(-1, 2) + origin, previous)


def _take_curve(walk: _Walk, kind: str, places: Points, previous: Points | None) -> None:
    if kind == "L":
        walk.go(places)
    elif kind == "C":
        walk.curve(*places)
    elif kind == "S":
        walk.curve(walk.place if previous is None else 2 * walk.place - previous, *places)
    else:
        handle, end = places
        walk.curve(walk.place + 2 / 3 * (handle - walk.place), end + 2 / 3 * (handle - end), end)


def _arc(start: Points, shape: Points, end: Points) -> Iterator[tuple[Points, Points, Points]]:
    """Yield cubics for an elliptical arc (SVG 1.1, appendix F.6: from end points to a centre)."""
    rx, ry, turn = abs(float(shape[0])), abs(float(shape[1])), math.radians(float(shape[2]))
    if not rx or not ry:
        yield start, end, end
        return
    to_page = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) * [rx, ry]
    a, b = np.linalg.solve(to_page, start), np.linalg.solve(to_page, end)
    half = float(np.linalg.norm(b - a)) / 2
    to_page, a, b, half = (to_page, a, b, half) if half <= 1 else (to_page * half, a / half, b / half, 1.0)
    if half < 1e-12:
        return
    away = np.array([a[1] - b[1], b[0] - a[0]]) / (2 * half) * math.sqrt(1 - half * half)
    centre = (a + b) / 2 + (-away if shape[3] == shape[4] else away)
    first, last = (math.atan2(*(place - centre)[::-1]) for place in (a, b))
    sweep = (last - first) % (2 * math.pi) - (0 if shape[4] else 2 * math.pi)
    count = max(1, math.ceil(abs(sweep) / (math.pi / 2) - 1e-9))
    reach = 4 / 3 * math.tan(sweep / count / 4)
    for k in range(count):
        u, v = first + sweep * k / count, first + sweep * (k + 1) / count
        from_, to = np.array([math.cos(u), math.sin(u)]), np.array([math.cos(v), math.sin(v)])
        handle = from_ + reach * np.array([-from_[1], from_[0]])
        other = to - reach * np.array([-to[1], to[0]])
        yield to_page @ (centre + handle), to_page @ (centre + other), to_page @ (centre + to)
