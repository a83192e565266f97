"""Single drawings of several kinds, each in px of its own sheet; shapes back to front."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from examples.drawing import (
    Pencil,
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
    tube,
)
from examples.walker import bust


def teapot() -> list[Shape]:
    """A teapot and a cup, drawn in blue pencil; about 1000 x 720."""
    handle = tube(curve((330, 300), (210, 250), (130, 330), (180, 450), (330, 490)), (13, 17, 17, 14))
    spout_top = curve((690, 330), (770, 330), (800, 240), (862, 208))
    spout_under = curve((690, 500), (810, 450), (850, 330), (896, 232))
    mouth = oval((879, 219), (21, 10), 38)
    body = curve(
        (350, 250),
        (288, 370),
        (310, 500),
        (400, 566),
        (520, 580),
        (640, 566),
        (730, 500),
        (752, 370),
        (690, 250),
    )
    rim = oval((520, 250), (170, 34))
    lid = curve((362, 244), (390, 190), (460, 160), (520, 154), (580, 160), (650, 190), (678, 244))
    knob = oval((520, 130), (34, 28))
    foot = joined(oval((520, 570), (110, 26), turns=(0.0, 0.5)))
    band = [_bowed((300, 420), (742, 420), 44), _bowed((306, 470), (734, 470), 44)]
    leaves = [
        detail(curve((430 + 70 * n, 448 + dy), (452 + 70 * n, 430 + dy), (482 + 70 * n, 452 + dy)))
        for n, dy in ((0, 26), (1, 30), (2, 26))
    ]
    leaves += [
        detail(curve((430 + 70 * n, 448 + dy), (458 + 70 * n, 466 + dy), (482 + 70 * n, 452 + dy)))
        for n, dy in ((0, 26), (1, 30), (2, 26))
    ]
    axes = [
        straight((520, 60), (520, 640)),
        oval((520, 390), (235, 190)),
        straight((90, 250), (930, 250)),
        oval((520, 420), (222, 44)),
    ]
    shade = hatching((600, 546), (716, 410), (44, 20), 15)
    return _in_pencil(
        [
            Shape(tuple(Stroke(axis, purpose=Purpose.CONSTRUCTION) for axis in axes)),
            Shape((Stroke(handle.left), Stroke(handle.right)), handle.outline),
            Shape((Stroke(spout_top), Stroke(spout_under)), joined(spout_top, spout_under[::-1])),
            Shape((Stroke(mouth),), mouth),
            Shape((Stroke(foot),), None),
            Shape((Stroke(body), *band, *leaves, *shade), joined(body)),
            Shape((Stroke(oval((520, 250), (170, 34), turns=(0.0, 0.5))),), rim),
            Shape((Stroke(lid), detail(_bowed((400, 200), (640, 200), 16).points)), joined(lid)),
            Shape((Stroke(knob),), knob),
            *Place((845, 610)).shapes(_cup()),
            *_steam(),
        ],
        Pencil.BLUE,
    )


def _cup() -> list[Shape]:
    body = curve((-86, -60), (-80, 0), (-48, 42), (0, 50), (48, 42), (80, 0), (86, -60))
    rim, tea = oval((0, -60), (86, 22)), oval((0, -56), (72, 14))
    ear = tube(curve((78, -36), (116, -44), (120, 0), (66, 18)), (7, 9, 8, 7))
    return [
        Shape((Stroke(ear.left), Stroke(ear.right)), ear.outline),
        Shape((Stroke(oval((0, 52), (112, 20), turns=(-0.04, 0.54))),)),
        Shape((Stroke(body), *hatching((26, 28), (68, -26), (20, 10), 7)), joined(body)),
        Shape((Stroke(rim),), rim),
        Shape((detail(tea),)),
    ]


def _steam() -> list[Shape]:
    return [
        Shape((detail(curve((x, 530), (x - 14, 500), (x + 12, 470), (x - 4, 436))),)) for x in (826.0, 860.0)
    ]


def _bowed(left: tuple[float, float], right: tuple[float, float], depth: float) -> Stroke:
    """A ring around a round form: its ends at the silhouette, its middle ``depth`` lower."""
    middle = ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2 + depth)
    quarter = (right[0] - left[0]) / 8
    return detail(
        curve(
            left,
            (left[0] + quarter, left[1] + depth * 0.62),
            middle,
            (right[0] - quarter, right[1] + depth * 0.62),
            right,
        )
    )


def portrait() -> list[Shape]:
    """The girl of the walk, close; shadows bounded with a red pencil. About 900 x 1000."""
    shapes, head = bust()
    traces = [
        curve((-34, 20), (-24, 6), (-14, 0)),
        curve((36, 6), (44, -8), (52, -20), (57, -2), (60, 12)),
        curve((-36, 70), (-4, 86), (24, 104), (40, 114)),
        curve(
            (-104, -52), (-92, -44), (-84, -58), (-72, -42), (-62, -58), (-50, -44), (-38, -62), (-26, -50)
        ),
        curve((-100, -74), (-66, -84), (-24, -76)),
    ]
    red = Shape(tuple(Stroke(trace, 0.9, Purpose.DETAIL, Pencil.RED) for trace in traces))
    placed = Place((440, 1300), 0, 2.75)
    return placed.shapes([*shapes, *head.shapes([red])])


def hand() -> list[Shape]:
    """An open hand; about 800 x 1000."""
    fingers: list[Shape] = []
    for joints, width in (
        (((548, 560), (604, 440), (636, 330)), 31.0),
        (((488, 530), (510, 370), (518, 226)), 35.0),
        (((420, 520), (416, 350), (404, 176)), 37.0),
        (((350, 540), (318, 384), (286, 238)), 35.0),
    ):
        fingers += _finger(joints, width)
    palm = curve(
        (318, 540),
        (380, 508),
        (450, 500),
        (520, 514),
        (578, 552),
        (590, 640),
        (562, 740),
        (530, 830),
        (520, 940),
    )
    heel = curve((318, 540), (304, 620), (300, 690), (330, 790), (346, 860), (342, 940))
    thumb = tube(curve((372, 770), (262, 700), (196, 600), (150, 500)), (62, 50, 38, 35, 30))
    tip = _cap(thumb.right[-1], thumb.left[-1])
    creases = [
        curve((306, 640), (380, 600), (470, 606), (540, 572)),
        curve((330, 650), (400, 664), (500, 640), (586, 628)),
        curve((352, 610), (410, 690), (420, 780), (400, 850)),
        curve((372, 900), (430, 912), (500, 902)),
    ]
    base = [oval((440, 690), (150, 190), 4), curve((260, 420), (400, 350), (520, 400), (600, 470))]
    base += [
        curve((440, 940), (436, 700), tip_at) for tip_at in ((404, 150), (520, 200), (284, 220), (650, 310))
    ]
    return [
        Shape(tuple(Stroke(line, purpose=Purpose.CONSTRUCTION) for line in base)),
        *fingers,
        Shape(
            (Stroke(palm[len(palm) // 3 :]), Stroke(heel), *(detail(line) for line in creases)),
            joined(palm, heel[::-1]),
        ),
        Shape(
            (
                Stroke(
                    joined(
                        thumb.left[len(thumb.left) // 5 :],
                        tip[::-1],
                        thumb.right[::-1][: -len(thumb.right) // 3],
                    )
                ),
                detail(curve(thumb.at(0.66, 0.6), thumb.at(0.68), thumb.at(0.66, -0.7))),
                *hatching(thumb.at(0.3, -0.5), thumb.at(0.75, -0.5), (26, 4), 9),
            ),
            joined(thumb.left, tip[::-1], thumb.right[::-1]),
        ),
    ]


def _finger(joints: Sequence[tuple[float, float]], width: float) -> list[Shape]:
    form = tube(curve(*joints), (width, width * 0.92, width * 0.98, width * 0.86, width * 0.74))
    tip = _cap(form.right[-1], form.left[-1])
    outline = joined(form.left, tip[::-1], form.right[::-1])
    creases = [
        detail(curve(form.at(share, 0.75), form.at(share + 0.015), form.at(share, -0.75)))
        for share in (0.4, 0.43, 0.72)
    ]
    shade = hatching(form.at(0.25, -0.66), form.at(0.8, -0.66), (14, -16), 9)
    return [Shape((Stroke(outline), *creases, *shade), outline)]


def _cap(begin: Points, end: Points) -> Points:
    """Half a circle from one side of a form's end to the other."""
    middle, radius = (begin + end) / 2, (begin - end) / 2
    turn = np.linspace(0, np.pi, 24)[:, None]
    across = np.array([radius[1], -radius[0]])
    return np.asarray(middle + np.cos(turn) * radius + np.sin(turn) * across * 1.1, dtype=np.float32)


def robot() -> list[Shape]:
    """A small robot that waves; about 800 x 1000."""
    torso = curve(
        (250, 470),
        (236, 600),
        (262, 720),
        (400, 752),
        (538, 720),
        (564, 600),
        (550, 470),
        (400, 444),
        closed=True,
    )
    skull = curve(
        (220, 200),
        (212, 300),
        (236, 390),
        (400, 418),
        (564, 390),
        (588, 300),
        (580, 200),
        (400, 150),
        closed=True,
    )
    screen = curve(
        (268, 232),
        (260, 300),
        (276, 356),
        (400, 374),
        (524, 356),
        (540, 300),
        (532, 232),
        (400, 206),
        closed=True,
    )
    eyes = [oval((x, 290), (25, 34)) for x in (336.0, 464.0)]
    shines = [oval((x, 276), (9, 11)) for x in (328.0, 456.0)]
    smile = curve((372, 338), (400, 352), (428, 338))
    aerial = curve((400, 154), (404, 120), (392, 92))
    bulb = oval((392, 72), (20, 20))
    panel = curve((310, 540), (308, 650), (400, 664), (492, 650), (490, 540), (400, 528), closed=True)
    dials = [oval((350, 586), (22, 22)), oval((350, 586), (4, 12), 30)]
    keys = [
        straight(
            (408 + 26 * n, 574), (424 + 26 * n, 574), (424 + 26 * n, 592), (408 + 26 * n, 592), closed=True
        )
        for n in range(3)
    ]
    grille = [straight((336, 622 + 12 * n), (464, 622 + 12 * n)) for n in range(3)]
    ground = [
        oval((400, 950), (250, 26)),
        oval((400, 600), (170, 160)),
        oval((400, 290), (190, 140)),
        straight((400, 40), (400, 960)),
    ]
    return [
        Shape(tuple(Stroke(line, purpose=Purpose.CONSTRUCTION) for line in ground)),
        *_limb(((330, 720), (322, 800), (318, 880)), 30),
        *_limb(((470, 720), (478, 800), (482, 880)), 30),
        *Place((312, 900)).shapes(_foot()),
        *Place((488, 900)).shapes(_foot()),
        *_limb(((262, 520), (180, 580), (150, 690)), 27),
        *Place((146, 706), 10).shapes(_claw()),
        *_limb(((540, 520), (640, 480), (668, 350)), 27),
        *Place((672, 336), 190).shapes(_claw()),
        Shape(
            (
                Stroke(torso),
                Stroke(curve((246, 500), (400, 524), (554, 500))),
                *hatching((490, 724), (548, 590), (26, 14), 11),
            ),
            torso,
        ),
        Shape((Stroke(panel), *(detail(line) for line in (*dials, *keys, *grille))), panel),
        Shape((Stroke(aerial), Stroke(bulb)), bulb),
        *_ears(),
        Shape((Stroke(skull),), skull),
        Shape((Stroke(screen), detail(smile)), screen, tuple(eyes)),
        Shape(tuple(detail(shine, 0.7) for shine in shines), joined(shines[0])),
        Shape((), shines[1]),
    ]


def _ears() -> list[Shape]:
    return [
        Shape((Stroke(oval((x, 290), (22, 46))), detail(oval((x, 290), (10, 26)))), oval((x, 290), (22, 46)))
        for x in (206.0, 594.0)
    ]


def _limb(joints: Sequence[tuple[float, float]], width: float) -> list[Shape]:
    """A bellows arm or leg."""
    form = tube(curve(*joints), (width, width * 0.9, width * 0.9, width))
    rings = [
        detail(curve(form.at(share, 1), form.at(share + 0.03), form.at(share, -1)))
        for share in np.linspace(0.1, 0.92, 8)
    ]
    return [Shape((Stroke(form.left), Stroke(form.right), *rings), form.outline)]


def _foot() -> list[Shape]:
    shoe = joined(
        curve((-62, 40), (-66, 0), (-30, -30), (0, -34), (30, -30), (66, 0), (62, 40)),
        straight((62, 40), (-62, 40)),
    )
    return [Shape((Stroke(shoe), detail(curve((-64, 18), (0, 24), (64, 18)))), shoe)]


def _claw() -> list[Shape]:
    """Origin at the wrist, fingers down."""
    wrist = oval((0, 0), (36, 18))
    left = joined(
        curve((-18, 8), (-50, 40), (-42, 84), (-14, 96)), curve((-14, 96), (-22, 66), (-12, 44), (0, 30))
    )
    right = joined(curve((18, 8), (50, 40), (42, 84), (14, 96)), curve((14, 96), (22, 66), (12, 44), (0, 30)))
    return [Shape((Stroke(left),), left), Shape((Stroke(right),), right), Shape((Stroke(wrist),), wrist)]


def _in_pencil(shapes: Sequence[Shape], pencil: Pencil) -> list[Shape]:
    return [
        Shape(
            tuple(Stroke(s.points, s.weight, s.purpose, pencil) for s in shape.strokes),
            shape.hides,
            shape.solids,
        )
        for shape in shapes
    ]
