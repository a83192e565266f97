"""A character such as studios draw: tapers, hatching, crossing folds, solid blacks, gaps, loops, zigzags."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from tests.bench.known_drawings.drawing import KnownDrawing, Points, Sheet, circle

DESIGN_CENTRE_X = 1000.0
GAPS = 16
"""The narrowest is 4 px wide, each next one a pixel wider; thin lines get gaps as much narrower."""

Places = Iterable[tuple[float, float]]


def draw_figure(
    width_px: int = 2000,
    height_px: int = 2800,
    *,
    scale: float = 1.0,
    line_weight: float = 1.0,
    seed: int = 3,
) -> KnownDrawing:
    """Return 154 strokes, designed for 2000 x 2800 px and lines of 2.6 to 9 px."""
    sheet = Sheet(width_px, height_px, scale, line_weight, np.random.default_rng(seed))
    head = _head(sheet)
    for side in (-1, 1):
        _eye_and_ear(sheet, side)
    _nose_and_mouth(sheet)
    _neck(sheet, head)
    for side in (-1, 1):
        _arm_and_leg(sheet, side)
    _belt_and_zip(sheet)
    _folds(sheet)
    _gaps(sheet)
    _loops_and_zigzags(sheet)
    return sheet.drawing()


def _mirrored(side: int, centre_x: float, places: Places) -> list[tuple[float, float]]:
    return [(centre_x + side * x, y) for x, y in places]


def _head(sheet: Sheet) -> Points:
    head = sheet.curve(
        [(700, 620), (690, 830), (790, 1040), (980, 1130), (1170, 1050), (1290, 850), (1300, 620)], 6.5
    )
    top = sheet.curve(
        [(655, 640), (640, 420), (780, 230), (1000, 170), (1220, 230), (1370, 430), (1345, 660)], 7
    )
    for k in range(11):
        root = sheet.place_on(top, 0.08 + 0.84 * k / 10)
        tip = np.array(
            [720 + 56 * k + sheet.rng.normal(0, 25), 560 + 90 * math.sin(k) + sheet.rng.normal(0, 20)]
        )
        bend = (root + tip) / 2 + sheet.rng.normal(0, 45, 2)
        sheet.curve(np.array([root, bend, tip]), 5.5, taper=(0, 160))
    return head


def _eye_and_ear(sheet: Sheet, side: int) -> None:
    centre_x = DESIGN_CENTRE_X + side * 150

    def line(places: Places, width: float, taper: tuple[float, float] = (0, 0)) -> None:
        sheet.curve(_mirrored(side, centre_x, places), width, taper=taper)

    line([(-95, 760), (-40, 705), (40, 700), (110, 770)], 9, (60, 80))
    line([(-70, 850), (0, 875), (80, 845)], 4, (50, 50))
    sheet.curve(circle((centre_x, 785), 46, 62, 12), 4.5, is_closed=True)
    sheet.solid(circle((centre_x, 790), 27, 38, 59), circle((centre_x - 9, 772), 8, 10, 59))
    line([(-100, 640), (0, 600), (110, 640)], 7, (90, 90))
    line([(-60, 735), (10, 722), (80, 748)], 3, (30, 30))
    line([(150, 690), (205, 680), (225, 760), (190, 850), (140, 860)], 5)
    line([(165, 720), (195, 760), (170, 815)], 3.2, (20, 40))


def _nose_and_mouth(sheet: Sheet) -> None:
    sheet.curve([(1000, 850), (985, 905), (1010, 925)], 4, taper=(60, 10))
    mouth = sheet.curve([(900, 985), (960, 1010), (1050, 1008), (1110, 975)], 5, taper=(30, 30))
    left, right = sheet.place_on(mouth, 0.15), sheet.place_on(mouth, 0.85)
    sheet.curve(np.array([left, (1000, 1065), right]), 4)


def _neck(sheet: Sheet, head: Points) -> None:
    left = sheet.curve(np.array([sheet.place_on(head, 0.38), (860, 1180), (820, 1260)]), 6)
    right = sheet.curve(np.array([sheet.place_on(head, 0.66), (1120, 1180), (1180, 1260)]), 6)
    collar = [sheet.place_on(left, 0.8), (900, 1330), (1000, 1400), (1100, 1330), sheet.place_on(right, 0.8)]
    sheet.curve(np.array(collar), 6)


def _arm_and_leg(sheet: Sheet, side: int) -> None:
    def places(places: Places) -> list[tuple[float, float]]:
        return _mirrored(side, DESIGN_CENTRE_X, places)

    outer = sheet.curve(places([(175, 1262), (330, 1290), (450, 1380), (500, 1560), (520, 1800)]), 7)
    inner = sheet.curve(places([(330, 1480), (385, 1640), (400, 1820)]), 6, taper=(60, 0))
    cuff = [sheet.place_on(outer, 1), (DESIGN_CENTRE_X + side * 470, 1830), sheet.place_on(inner, 1)]
    sheet.curve(np.array(cuff), 5)
    sheet.curve(places([(515, 1800), (530, 1900), (500, 1985), (440, 1990), (405, 1920), (402, 1822)]), 5.5)
    for k in range(4):
        finger = [(420 + 26 * k, 1915 + 6 * k), (428 + 24 * k, 1960), (430 + 22 * k, 2000)]
        sheet.curve(places(finger), 4, taper=(30, 0))
    body = sheet.curve(places([(330, 1480), (300, 1640), (310, 1800), (350, 2080)]), 6.5)
    for k in range(9):
        root = sheet.place_on(body, 0.1 + 0.09 * k)
        hatch = root + np.array([[0, 0], [-side * 50, 34], [-side * 96, 84]])
        sheet.curve(hatch, 3, taper=(0, 70), swell=0)
    sheet.curve(places([(345, 2060), (330, 2300), (290, 2500)]), 6.5)
    sheet.curve(places([(20, 2120), (60, 2330), (95, 2500)]), 6.5)
    shoe = [(290, 2500), (95, 2500), (70, 2600), (60, 2660), (200, 2685), (350, 2660), (345, 2600)]
    hole = [(150, 2560), (240, 2555), (245, 2600), (160, 2610)]
    sheet.solid(np.array(places(shoe), float), np.array(places(hole), float))
    sheet.solid(np.array(places([(330, 2078), (352, 2078), (352, 2130), (330, 2125)]), float))


def _belt_and_zip(sheet: Sheet) -> None:
    sheet.curve([(655, 2060), (820, 2095), (1000, 2105), (1180, 2095), (1345, 2060)], 5.5)
    sheet.curve([(652, 2085), (820, 2122), (1000, 2132), (1180, 2122), (1348, 2085)], 5.5)
    sheet.curve([(1000, 1400), (1004, 1700), (1000, 2105)], 5)
    sheet.curve([(1016, 1408), (1020, 1700), (1016, 2105)], 4)
    for k in range(5):
        sheet.curve(circle((930, 1500 + 120 * k), 16, 16, 8), 4, is_closed=True, swell=0)


def _folds(sheet: Sheet) -> None:
    for k in range(12):
        x, y = 1090 + 15 * k, 1490 + 9 * k
        sheet.curve([(x, 1480), (x + 60, 1600)], 3, taper=(15, 15), swell=0)
        sheet.curve([(1080, y), (1310, y + 10)], 2.6, taper=(20, 20), swell=0)


def _gaps(sheet: Sheet) -> None:
    for k in range(GAPS):
        x, y = 1520 + 20 * math.sin(k), 140 + 78 * k
        width = 4 + k if sheet.line_weight >= 1 else (4 + k) * sheet.line_weight / sheet.scale
        left = sheet.curve([(x, y), (x + 90, y + 18), (x + 180 - width / 2, y + 8)], 5, swell=0)
        right = sheet.curve([(x + 180 + width / 2, y + 8), (x + 270, y - 8), (x + 360, y + 20)], 5, swell=0)
        sheet.gaps.append(((left[-1][0], left[-1][1]), (right[0][0], right[0][1])))


def _loops_and_zigzags(sheet: Sheet) -> None:
    for k in range(8):
        start = np.array([180 + 60 * (k % 2), 300 + 250 * k])
        sheet.curve(
            start + np.array([[0, 0], [120, 90], [170, 30], [120, -40], [80, 60], [60, 150]]),
            5,
            taper=(30, 60),
        )
        sheet.polyline(start + np.array([[200, 120], [260, 20 + 12 * k], [300, 140], [330, 40]]), 5)
