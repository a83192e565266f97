"""Small drawings, one for each thing that a tracer may get wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tests.bench.known_drawings.drawing import KnownDrawing, Sheet, circle

SIZE_PX = 320


def _sheet(seed: int) -> Sheet:
    return Sheet(SIZE_PX, SIZE_PX, rng=np.random.default_rng(seed))


def face() -> KnownDrawing:
    """Tapers, closed lines, a solid with a hole, hair that starts on a line."""
    sheet = _sheet(1)
    head = sheet.curve(circle((160, 170), 105, 120, 12), 6, is_closed=True)
    for k in range(5):
        root = sheet.place_on(head, 0.64 + 0.055 * k)
        hair = root + np.array([[0, 0], [18, 30], [22 - 8 * k, 75]])
        sheet.curve(hair, 5, taper=(0, 60))
    for x in (115, 205):
        sheet.curve([(x - 28, 150), (x, 132), (x + 28, 150)], 6, taper=(20, 20))
        sheet.curve(circle((x, 168), 16, 20, 10), 4, is_closed=True, swell=0)
    sheet.solid(circle((160, 245), 34, 13, 40), circle((160, 245), 12, 5, 20))
    sheet.curve([(160, 180), (152, 205), (164, 212)], 4, taper=(25, 8))
    return sheet.drawing()


def crossings() -> KnownDrawing:
    """An X, a shallow X, three T and a Y, a loop that crosses itself."""
    sheet = _sheet(2)
    sheet.curve([(20, 30), (150, 60), (300, 25)], 5, swell=0)
    sheet.curve([(60, 15), (90, 60), (95, 140)], 4, swell=0)
    sheet.curve([(20, 100), (160, 118), (300, 100)], 6, swell=0)
    sheet.curve([(130, 85), (200, 115), (300, 150)], 4, swell=0)
    stem = sheet.curve([(40, 300), (60, 230), (50, 160)], 5, swell=0)
    sheet.curve([tuple(sheet.place_on(stem, 0.4)), (100, 225), (140, 250)], 4, swell=0)
    sheet.curve([tuple(sheet.place_on(stem, 1.0)), (90, 170), (120, 165)], 5, swell=0)
    sheet.curve([(180, 290), (250, 250), (280, 190), (230, 170), (200, 210), (290, 300)], 5, swell=0)
    return sheet.drawing()


def hatching() -> KnownDrawing:
    """Crossing rows of thin lines with tapered ends, eight pixels apart."""
    sheet = _sheet(3)
    for k in range(14):
        sheet.curve([(40 + 15 * k, 40), (90 + 15 * k, 150)], 3, taper=(15, 15), swell=0)
        sheet.curve([(40, 50 + 8 * k), (300, 60 + 8 * k)], 2.6, taper=(20, 20), swell=0)
    for k in range(9):
        sheet.curve([(50 + 24 * k, 200), (44 + 24 * k, 250), (30 + 24 * k, 290)], 4, taper=(0, 40), swell=0)
    return sheet.drawing()


def corners_and_gaps() -> KnownDrawing:
    """Zigzags, a square, gaps of 8, 12 and 40 px from centre to centre, dots."""
    sheet = _sheet(4)
    sheet.polyline(np.array([(20, 60), (70, 20), (110, 90), (150, 25), (200, 80)], float), 5)
    sheet.polyline(np.array([(230, 30), (295, 34), (291, 95), (226, 92), (230, 30)], float), 4)
    for y, gap in ((150, 8), (190, 12), (230, 40)):
        sheet.curve([(30, y), (90, y + 8), (160 - gap / 2, y)], 5, swell=0)
        sheet.curve([(160 + gap / 2, y), (230, y - 8), (290, y + 4)], 5, swell=0)
    for k in range(4):
        sheet.curve([(40 + 60 * k, 285), (43 + 60 * k, 285)], 4 + 2 * k, swell=0)
    return sheet.drawing()


SMALL_DRAWINGS: dict[str, Callable[[], KnownDrawing]] = {
    "face": face,
    "crossings": crossings,
    "hatching": hatching,
    "corners-and-gaps": corners_and_gaps,
}
