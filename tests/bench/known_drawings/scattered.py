"""Random strokes all over a page: crossings at every angle, branches, corners, loops."""

from __future__ import annotations

import math

import numpy as np
from tests.bench.known_drawings.drawing import KnownDrawing, Points, Sheet, circle

CURVES = 60


def draw_scattered(seed: int) -> KnownDrawing:
    """Return 122 strokes of 3 to 9 px on a page of 2000 x 2800."""
    sheet = Sheet(2000, 2800, rng=np.random.default_rng(seed))
    for _ in range(CURVES):
        _free_curve(sheet)
    for _ in range(40):
        _branch(sheet)
    for _ in range(12):
        _corners(sheet)
    for _ in range(10):
        _loop(sheet)
    return sheet.drawing()


def _free_curve(sheet: Sheet) -> None:
    rng = sheet.rng
    count = int(rng.integers(3, 6))
    start = np.array([rng.uniform(120, 1880), rng.uniform(120, 2680)])
    places = _wander(rng, start, rng.uniform(0, 2 * math.pi), count, 0.55, (90, 230))
    sheet.curve(places, rng.uniform(3, 9), swell=0)


def _branch(sheet: Sheet) -> None:
    """Start on one of the free curves, at an angle that is no continuation."""
    rng = sheet.rng
    trunk = sheet.strokes[rng.integers(CURVES)].points
    at = int(rng.integers(len(trunk) // 8, 7 * len(trunk) // 8))
    along = trunk[min(at + 3, len(trunk) - 1)] - trunk[at - 3]
    heading = math.atan2(along[1], along[0]) + rng.choice([-1, 1]) * rng.uniform(0.6, math.pi - 0.6)
    sheet.curve(_wander(rng, trunk[at], heading, 3, 0.3, (50, 120)), rng.uniform(3, 9), swell=0)


def _wander(
    rng: np.random.Generator,
    start: Points,
    heading: float,
    count: int,
    turn: float,
    steps: tuple[float, float],
) -> list[tuple[float, float]]:
    """Return places on the page, each so far from the last; leaving the page is not told to the next one."""
    place, places = start, [start]
    for _ in range(count):
        heading += rng.normal(0, turn)
        place = place + rng.uniform(*steps) * np.array([math.cos(heading), math.sin(heading)])
        places.append(np.clip(place, 40, [1960, 2760]))
    return [(float(x), float(y)) for x, y in places]


def _corners(sheet: Sheet) -> None:
    rng = sheet.rng
    places = [np.array([rng.uniform(200, 1800), rng.uniform(200, 2600)])]
    for k in range(4):
        length = rng.uniform(60, 130)
        step = np.array([math.cos(1.7 * k), math.sin(1.7 * k + rng.normal(0, 0.3))])
        places.append(places[-1] + length * step)
    sheet.polyline(np.array(places), rng.uniform(4, 7))


def _loop(sheet: Sheet) -> None:
    rng = sheet.rng
    centre = (rng.uniform(200, 1800), rng.uniform(200, 2600))
    radius = rng.uniform(10, 120)
    sheet.curve(circle(centre, radius, 0.7 * radius, 8), rng.uniform(3, 7), is_closed=True, swell=0)
