"""A house at the end of a path, in perspective."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from examples.drawing import (
    Place,
    Points,
    Purpose,
    Shape,
    Stroke,
    curve,
    detail,
    hatching,
    joined,
    oval,
    straight,
)

Corner = tuple[float, float, float]
"""Metres: to the right, up, away from us."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A view in perspective with two vanishing points; verticals stay upright."""

    turn: float
    distance: float
    eye_height: float
    focal_px: float
    middle: tuple[float, float]
    """Where the horizon's middle lies on the sheet."""

    def __call__(self, corner: Corner) -> tuple[float, float]:
        """Metres to px of the sheet."""
        x, up, away = corner
        across = x * np.cos(self.turn) - away * np.sin(self.turn)
        depth = x * np.sin(self.turn) + away * np.cos(self.turn) + self.distance
        scale = self.focal_px / depth
        return float(self.middle[0] + across * scale), float(self.middle[1] - (up - self.eye_height) * scale)

    def line(self, *corners: Corner) -> Points:
        """Project a line with corners."""
        return straight(*(self(corner) for corner in corners))


def house() -> list[Shape]:
    """A house at the end of a path, with the lines that found its perspective; about 2480 x 1754."""
    see = Camera(0.62, 13.0, 1.6, 2150, (1240, 1080))
    return [
        _vanishing(see),
        *_hills(),
        *_chimney(see),
        _gable_side(see),
        _front(see),
        _roof(see),
        *_path_and_fence(see),
        *Place((2060, 1130)).shapes(_tree()),
        *(tuft for at in GRASS for tuft in Place(at).shapes(_tuft())),
    ]


WIDTH, DEPTH, WALL, RIDGE = 5.2, 4.2, 3.0, 5.0


GRASS = (
    (1990.0, 1376.0),
    (2130.0, 1384.0),
    (1730.0, 1540.0),
    (980.0, 1610.0),
    (1340.0, 1500.0),
    (560.0, 1640.0),
)


def _tuft() -> list[Shape]:
    blades = [
        curve((0, 0), (-10, -26), (-30, -44)),
        curve((8, 2), (8, -30), (2, -60)),
        curve((16, 0), (26, -26), (44, -40)),
    ]
    return [Shape(tuple(detail(blade) for blade in blades))]


def _vanishing(see: Camera) -> Shape:
    lines = [straight((-40, see.middle[1]), (2520, see.middle[1]))]
    lines += [_extended(see.line((-WIDTH / 2, up, 0), (WIDTH / 2, up, 0)), 2.4) for up in (0, WALL)]
    lines += [_extended(see.line((-WIDTH / 2, up, 0), (-WIDTH / 2, up, DEPTH)), 2.6) for up in (0, WALL)]
    lines += [
        see.line((-WIDTH / 2, 0, 0), (-WIDTH / 2, WALL, DEPTH)),
        see.line((-WIDTH / 2, WALL, 0), (-WIDTH / 2, 0, DEPTH)),
    ]
    lines += [_extended(see.line((-WIDTH / 2, WALL / 2, DEPTH / 2), (-WIDTH / 2, RIDGE, DEPTH / 2)), 1.2)]
    return Shape(tuple(Stroke(line, purpose=Purpose.CONSTRUCTION) for line in lines))


def _extended(line: Points, times: float) -> Points:
    return straight(
        tuple(line[0] - (line[-1] - line[0]) * 0.35), tuple(line[0] + (line[-1] - line[0]) * times)
    )


def _rectangle(see: Camera, low: Corner, high: Corner) -> Points:
    """An upright rectangle between two opposite corners."""
    return see.line(low, (high[0], low[1], high[2]), high, (low[0], high[1], low[2]), low)


def _front(see: Camera) -> Shape:
    """The long wall: a door with a pane, two windows."""
    strokes = [Stroke(_rectangle(see, (-WIDTH / 2, 0, 0), (WIDTH / 2, WALL, 0)))]
    door = _rectangle(see, (-0.55, 0, 0), (0.55, 2.15, 0))
    strokes += [Stroke(door), detail(_rectangle(see, (-0.3, 1.2, 0), (0.3, 1.9, 0)))]
    strokes += [detail(see.line((0.32, 1.0, 0), (0.44, 1.0, 0)))]
    for middle in (-1.7, 1.7):
        strokes += [Stroke(_rectangle(see, (middle - 0.6, 1.0, 0), (middle + 0.6, 2.2, 0)))]
        strokes += [detail(see.line((middle, 1.0, 0), (middle, 2.2, 0)))]
        strokes += [detail(see.line((middle - 0.6, 1.6, 0), (middle + 0.6, 1.6, 0)))]
        strokes += [detail(see.line((middle - 0.75, 0.94, 0), (middle + 0.75, 0.94, 0)))]
    return Shape(tuple(strokes), _rectangle(see, (-WIDTH / 2, 0, 0), (WIDTH / 2, WALL, 0)))


def _gable_side(see: Camera) -> Shape:
    x = -WIDTH / 2
    wall = see.line(
        (x, 0, 0), (x, WALL, 0), (x, RIDGE, DEPTH / 2), (x, WALL, DEPTH), (x, 0, DEPTH), (x, 0, 0)
    )
    window = _rectangle(see, (x, 1.1, 1.5), (x, 2.3, 2.7))
    attic = oval(see((x, 3.6, DEPTH / 2)), (30, 40))
    boards = [detail(see.line((x, up, 0.0), (x, up, DEPTH)), 0.7) for up in (0.45,)]
    low, high = see((x, 0.9, DEPTH - 0.2)), see((x, 2.8, DEPTH - 0.4))
    shade = hatching(low, high, (60, -50), 14)
    return Shape((Stroke(wall), Stroke(window), Stroke(attic), *boards, *shade), wall)


def _roof(see: Camera) -> Shape:
    """The slope towards us, overhanging, with a few rows of tiles."""
    left, right, out = -WIDTH / 2 - 0.3, WIDTH / 2 + 0.3, -0.4
    eaves = WALL - 0.35
    slope = see.line(
        (left, eaves, out),
        (right, eaves, out),
        (right, RIDGE, DEPTH / 2),
        (left, RIDGE, DEPTH / 2),
        (left, eaves, out),
    )
    rows = [
        detail(see.line((left, *_up_roof(share, eaves, out)), (right, *_up_roof(share, eaves, out))), 0.7)
        for share in (0.2, 0.4, 0.6, 0.8)
    ]
    tiles = []
    for row, (low, high) in enumerate(pairwise((0.0, 0.2, 0.4, 0.6, 0.8, 1.0))):
        for x in np.arange(left + 0.5 + 0.3 * (row % 2), right - 0.3, 1.25):
            joint = see.line((x, *_up_roof(low, eaves, out)), (x, *_up_roof(high, eaves, out)))
            tiles += [detail(joint, 0.7)]
    thickness = see.line(
        (left, eaves, out), (left, eaves - 0.14, out), (right, eaves - 0.14, out), (right, eaves, out)
    )
    return Shape((Stroke(slope), Stroke(thickness), *rows, *tiles), slope)


def _up_roof(share: float, eaves: float, out: float) -> tuple[float, float]:
    return eaves + (RIDGE - eaves) * share, out + (DEPTH / 2 - out) * share


def _chimney(see: Camera) -> list[Shape]:
    away = DEPTH / 2 + 0.3
    face = _rectangle(see, (0.9, 4.2, away), (1.6, 5.9, away))
    side = _rectangle(see, (0.9, 4.2, away), (0.9, 5.9, away + 0.7))
    top = see((1.2, 6.0, away))
    smoke = curve(top, (top[0] + 20, top[1] - 60), (top[0] - 16, top[1] - 120), (top[0] + 50, top[1] - 190))
    wisp = curve((top[0] + 34, top[1] - 20), (top[0] + 50, top[1] - 80), (top[0] + 30, top[1] - 130))
    return [
        Shape((Stroke(side),), side),
        Shape((Stroke(face),), face),
        Shape((detail(smoke), detail(wisp))),
    ]


def _hills() -> list[Shape]:
    far = curve((-40, 1010), (300, 900), (640, 960), (1000, 930), (1500, 960), (1900, 880), (2520, 990))
    return [Shape((Stroke(far, 0.8),))]


def _path_and_fence(see: Camera) -> list[Shape]:
    sides = [
        Stroke(
            curve(
                see((x, 0, 0)),
                see((x * 1.15 + 0.2, 0, -1.8)),
                see((x * 1.3 + 0.9, 0, -3.8)),
                see((x * 1.5 + 1.5, 0, -5.5)),
            )
        )
        for x in (-0.6, 0.6)
    ]
    shapes = [Shape(tuple(sides))]
    stakes = np.linspace(-8.0, -3.1, 7)
    rails = [see.line((stakes[0], up, -2.6), (stakes[-1], up, -2.6)) for up in (0.35, 0.75)]
    shapes.append(Shape(tuple(Stroke(rail) for rail in rails)))
    for x in stakes:
        stake = see.line(
            (x - 0.1, 0, -2.6),
            (x - 0.1, 1.0, -2.6),
            (x, 1.15, -2.6),
            (x + 0.1, 1.0, -2.6),
            (x + 0.1, 0, -2.6),
        )
        shapes.append(Shape((Stroke(stake),), stake))
    return shapes


def _tree() -> list[Shape]:
    trunk = joined(curve((-46, 240), (-26, 90), (-34, -20)), curve((40, -20), (30, 90), (60, 240)))
    turns = np.linspace(0, 2 * np.pi, 10)[:-1]
    bumps = [(210 * np.cos(turn), -210 + 180 * np.sin(turn)) for turn in turns]
    lobes = []
    for begin, end in pairwise([*bumps, bumps[0]]):
        out = ((begin[0] + end[0]) * 0.64, -210 + (begin[1] + end[1] + 420) * 0.64)
        lobes.append(curve(begin, out, end))
    crown = joined(*lobes)
    inner = [
        curve((-90, -250), (-50, -290), (-10, -262)),
        curve((30, -170), (80, -190), (116, -150)),
        curve((-120, -130), (-70, -150), (-40, -110)),
    ]
    shade = hatching((30, -70), (180, -200), (60, 44), 12)
    return [
        Shape((Stroke(trunk[: len(trunk) // 2]), Stroke(trunk[len(trunk) // 2 + 1 :])), trunk),
        Shape((*(Stroke(lobe) for lobe in lobes), *(detail(line) for line in inner), *shade), crown),
    ]
