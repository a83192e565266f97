"""A girl out for a walk: the puppet, and how it is posed at every moment of its step.

She faces right, turned a little towards us, so her near side is on the left. Her own coordinates are px
with the ground at y = 0 between her feet.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import acos, atan2, cos, degrees, hypot, pi, radians, sin

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
    tube,
)
from scipy.interpolate import CubicSpline

HIP_HEIGHT = 206.0
LEG_BONE = 92.0
ANKLE_HEIGHT = 34.0
UPPER_ARM, FOREARM = 66.0, 58.0

# A foot through one cycle, from the heel's touch: x, lift of the ankle, turn of the toe (down is positive).
FOOT_PATH = (
    (80.0, 8.0, -24.0),
    (40.0, 0.0, 0.0),
    (0.0, 0.0, 0.0),
    (-40.0, 9.0, 7.0),
    (-80.0, 30.0, 36.0),
    (-80.0, 56.0, 56.0),
    (-6.0, 47.0, 26.0),
    (66.0, 33.0, -10.0),
)
# Eyelids: wide open but for one blink in the cycle.
BLINK_AT, BLINK_LASTS = 0.66, 0.13


@dataclass(frozen=True, slots=True)
class Head:
    """How the head is held."""

    openness: float = 1.0
    """Of the eyes; 0 is closed."""
    ponytail_swing: float = 0.0
    """Phase in radians."""
    bounce: float = 0.0
    """-1..1, how far the loose hair is thrown up."""


def walker(phase: float) -> list[Shape]:
    """Pose the girl.

    Args:
        phase: where she is in her cycle of two steps, 0..1; at 0 the near heel touches the ground.

    Returns:
        Shapes back to front, in her own coordinates.
    """
    turn = 2 * pi * phase
    # Lowest just after a heel touches, highest just after the legs pass.
    rise = -9 * sin(2 * turn)
    hip = (0.0, -HIP_HEIGHT - rise)
    neck = (15 + 2 * cos(2 * turn), hip[1] - 182 - 0.25 * rise)
    head_at = (neck[0] + 5, neck[1] - 110 - 3 * sin(2 * turn - 0.7))
    head = Place(head_at, 3 + 2.5 * sin(2 * turn - 1.0))
    pose = Head(_openness(phase), 2 * turn - 1.2, sin(2 * turn - 1.9))
    return [
        *_construction(hip, neck, head),
        *_arm((hip[0] + 50, hip[1] - 150), _arm_angles(phase), is_near=False),
        *_leg((hip[0] + 17, hip[1]), phase + 0.5, is_near=False),
        *_leg((hip[0] - 15, hip[1]), phase, is_near=True),
        *head.shapes(ponytail(pose)),
        *_scarf_tail(neck, turn),
        *Place(hip).shapes(_coat(turn)),
        *Place((hip[0], hip[1]), 2.5 * sin(2 * turn - 0.8)).shapes(_satchel()),
        *_arm((hip[0] - 41, hip[1] - 146), _arm_angles(phase + 0.5), is_near=True),
        *Place(neck).shapes(_scarf()),
        *head.shapes(face_and_hair(pose)),
    ]


def bust() -> tuple[list[Shape], Place]:
    """Her head and shoulders at rest, and where the head's own coordinates lie."""
    neck = (15.0, -182.0)
    head = Place((20.0, -292.0), 4)
    pose = Head(ponytail_swing=1.0, bounce=-0.6)
    shapes = [
        *_construction((0.0, 0.0), neck, head),
        *head.shapes(ponytail(pose)),
        *_scarf_tail(neck, 0.6),
        *_arm((50.0, -150.0), (14.0, 30.0), is_near=False),
        *_coat(0.0),
        *_arm((-41.0, -146.0), (-14.0, -2.0), is_near=True),
        *Place(neck).shapes(_scarf()),
        *head.shapes(face_and_hair(pose)),
    ]
    return shapes, head


def _openness(phase: float) -> float:
    return float(min(1.0, abs((phase - BLINK_AT + 0.5) % 1 - 0.5) / BLINK_LASTS * 1.6))


def _construction(hip: tuple[float, float], neck: tuple[float, float], head: Place) -> list[Shape]:
    """What an animator lays down first: ball of the head, cross of the face, bean of the body, ground."""
    x, y = hip
    lines = [
        oval((x, y - 20), (70, 52), -8),
        oval(((x + neck[0]) / 2 - 2, y - 110), (62, 74), 6),
        curve(neck, (x - 6, y - 90), hip),
        straight((-210, 2), (230, -2)),
        head(oval((-4, -8), (120, 122))),
        head(curve((34, -122), (62, -40), (64, 40), (42, 116))),
        head(curve((-112, 10), (-30, 34), (60, 34), (106, 14))),
    ]
    return [Shape(tuple(Stroke(line, purpose=Purpose.CONSTRUCTION) for line in lines))]


def _leg(hip: tuple[float, float], phase: float, *, is_near: bool) -> list[Shape]:
    x, lift, toe = _on_path(phase)
    ground = 0.0 if is_near else -12.0
    reach = LEG_BONE * 2 - 1
    wanted = np.array([hip[0] + x, ground - ANKLE_HEIGHT - lift]) - hip
    ankle = np.array(hip) + wanted * min(1, reach / np.hypot(*wanted))
    knee = _bent_joint(hip, (float(ankle[0]), float(ankle[1])))
    form = tube(
        curve(hip, ((hip[0] + knee[0]) / 2 + 2, (hip[1] + knee[1]) / 2), knee, tuple(ankle)),
        (32, 29, 25, 22, 23, 20, 17),
    )
    sock = curve(form.at(0.64, 1), form.at(0.67), form.at(0.64, -1))
    strokes = [Stroke(form.left), Stroke(form.right), detail(sock)]
    if not is_near:
        strokes += hatching(form.at(0.2), form.at(0.85), (34, -16), 12)
    boot = Place((float(ankle[0]), float(ankle[1])), toe)
    return [Shape(tuple(strokes), form.outline), *boot.shapes(_boot())]


def _on_path(phase: float) -> tuple[float, float, float]:
    path = np.array([*FOOT_PATH, FOOT_PATH[0]])
    smooth = CubicSpline(np.linspace(0, 1, len(path)), path, bc_type="periodic")
    x, lift, toe = smooth(phase % 1)
    return float(x), float(max(0.0, lift)), float(toe)


def _bent_joint(hip: tuple[float, float], ankle: tuple[float, float]) -> tuple[float, float]:
    """The knee, in front of the line from hip to ankle."""
    across, down = ankle[0] - hip[0], ankle[1] - hip[1]
    bend = acos(min(1.0, hypot(across, down) / 2 / LEG_BONE))
    heading = atan2(down, across) - bend
    return hip[0] + LEG_BONE * cos(heading), hip[1] + LEG_BONE * sin(heading)


def _boot() -> list[Shape]:
    """Origin at the ankle, toe to the right, the sole at ``ANKLE_HEIGHT``."""
    shaft = curve((-22, -34), (-23, -8), (-29, 10), (-31, 27))
    toe = curve((22, -34), (21, -16), (34, -6), (58, 2), (70, 16), (70, 27))
    sole = joined(curve((-32, 25), (10, 27), (71, 25)), curve((72, 33), (60, 35), (-20, 35), (-33, 33)))
    cuff = curve((-26, -38), (-4, -33), (25, -38), (27, -22), (0, -17), (-27, -21), closed=True)
    return [
        Shape(
            (
                Stroke(shaft),
                Stroke(toe),
                detail(curve((2, -2), (14, -4), (24, -10))),
                detail(curve((6, 8), (20, 5), (32, -4))),
            ),
            joined(shaft, toe[::-1]),
            (sole,),
        ),
        Shape((Stroke(cuff),), cuff),
    ]


def _arm_angles(phase: float) -> tuple[float, float]:
    """Upper arm and forearm against the vertical, forwards positive, in degrees."""
    swing = cos(2 * pi * phase)
    lag = cos(2 * pi * phase - 0.5)
    return 4 + 34 * swing, 34 + 34 * swing + 16 * lag


def _arm(shoulder: tuple[float, float], angles: tuple[float, float], *, is_near: bool) -> list[Shape]:
    upper, fore = (radians(angle) for angle in angles)
    elbow = (shoulder[0] + UPPER_ARM * sin(upper), shoulder[1] + UPPER_ARM * cos(upper))
    wrist = (elbow[0] + FOREARM * sin(fore), elbow[1] + FOREARM * cos(fore))
    form = tube(curve(shoulder, elbow, wrist), (23, 25, 22, 21, 22, 24))
    cap = oval(shoulder, (24, 24), degrees(-upper), (0.5, 1.0))
    outline = joined(cap, form.left, form.right[::-1])
    inner_from = int(len(form.left) * 0.22)
    sleeve = [
        Stroke(joined(cap[: len(cap) * 2 // 3], form.right) if is_near else form.right),
        Stroke(form.left[inner_from:] if is_near else form.left),
        detail(curve(form.at(0.47, 0.95), form.at(0.49, 0.5), form.at(0.53, 0.0))),
        detail(curve(form.at(0.56, 0.95), form.at(0.55, 0.55), form.at(0.56, 0.3)), 0.7),
    ]
    if not is_near:
        sleeve += hatching(form.at(0.15), form.at(0.9), (26, -20), 8)
    hand = Place(wrist, -angles[1] - 6)
    cuff = tube(hand(straight((0, -6), (0, 9))), (26, 25))
    band = joined(cuff.outline, cuff.outline[:1])
    return [
        *hand.shapes(_fist()),
        Shape(tuple(sleeve), outline),
        Shape((Stroke(band),), cuff.outline),
    ]


def _fist() -> list[Shape]:
    """Origin at the wrist, fingers down; the thumb lies in front, on the right."""
    fist = curve(
        (-13, 2), (-19, 16), (-18, 33), (-8, 43), (6, 43), (15, 36), (18, 22), (13, 4), (0, -2), closed=True
    )
    thumb = curve((13, 10), (20, 22), (14, 34), (4, 36))
    return [
        Shape(
            (
                Stroke(fist),
                detail(thumb, 0.9),
                detail(curve((-16, 30), (-10, 27), (-4, 29))),
                detail(curve((-10, 40), (-4, 35), (2, 36))),
            ),
            fist,
        )
    ]


def _coat(turn: float) -> list[Shape]:
    """Origin between the hips. The hem swings with the step, a little late."""
    sway, flare = 9 * sin(turn - 0.6), 5 * sin(2 * turn - 1.2)
    back = curve(
        (-20, -186), (-58, -168), (-66, -120), (-64, -70), (-80, -20), (-96 + sway - flare, 8 - flare)
    )
    front = curve((38, -186), (64, -168), (66, -120), (62, -66), (76, -20), (90 + sway + flare, 5 - flare))
    hem = curve(tuple(back[-1]), (-50 + sway, 20), (0 + sway, 23), (52 + sway, 18), tuple(front[-1]))
    lap = curve((36, -170), (42, -110), (38, -50), (41 + sway * 0.7, 20))
    toggles = [
        detail(oval((39 + dx, y), (5, 11), 80)) for dx, y in ((0, -132), (3, -92), (-1, -52), (0, -16))
    ]
    folds = [
        detail(curve((-60, -66), (-40, -58), (-24, -60))),
        detail(curve((-58 + sway, 14), (-52 + sway * 0.6, -4), (-54, -20))),
        detail(curve((4 + sway, 20), (4 + sway * 0.6, 2), (-2, -16))),
        detail(curve((61, -64), (54, -58), (47, -59))),
    ]
    pocket = curve((52, -26), (60, -23), (75, -27))
    outline = joined(back, hem, front[::-1])
    shade = hatching((-34, -150), (30, -146), (-16, 24), 9)
    return [
        Shape(
            (
                Stroke(back),
                Stroke(front),
                Stroke(hem),
                detail(lap, 0.9),
                *toggles,
                *folds,
                detail(pocket),
                *shade,
            ),
            outline,
        )
    ]


def _satchel() -> list[Shape]:
    """Origin between the hips; hangs on the near side."""
    strap = tube(curve((46, -166), (10, -116), (-34, -58), (-62, -22)), (6, 6))
    bag = curve(
        (-104, -34),
        (-66, -40),
        (-30, -34),
        (-27, 2),
        (-32, 30),
        (-66, 35),
        (-102, 29),
        (-107, 0),
        closed=True,
    )
    flap = curve((-105, -30), (-98, 2), (-66, 12), (-36, 2), (-28, -30))
    buckle = oval((-66, 9), (7, 9))
    return [
        Shape((Stroke(strap.left), Stroke(strap.right)), strap.outline),
        Shape((Stroke(bag), Stroke(flap)), bag),
        Shape((detail(buckle),), buckle, ()),
    ]


def _scarf() -> list[Shape]:
    """Origin at the neck: a thick band, its end tucked over itself in front."""
    band = curve(
        (-66, -6), (-52, -30), (6, -38), (58, -30), (73, -6), (58, 24), (6, 36), (-50, 22), closed=True
    )
    folds = [
        detail(curve((-54, -8), (-12, 12), (36, 12), (66, -4))),
        detail(curve((-46, 10), (-16, 23), (12, 24))),
        detail(curve((26, 24), (44, 18), (62, 8))),
    ]
    return [Shape((Stroke(band), *folds), band)]


def _scarf_tail(neck: tuple[float, float], turn: float) -> list[Shape]:
    """Two ends, blown back; a wave runs through them, two for each cycle so that it closes."""
    shapes = []
    for length, droop, late in ((190.0, 46.0, 0.9), (158.0, 84.0, 0.0)):
        spine = curve(
            *(
                (
                    neck[0] - 34 - share * length,
                    neck[1] - 2 + droop * share**1.4 + 20 * share * sin(2 * turn - late - 4.2 * share),
                )
                for share in np.linspace(0, 1, 7)
            )
        )
        form = tube(spine, (15, 18, 20, 22, 25))
        end = straight(form.at(1, 1), form.at(1, -1))
        stripes = [detail(straight(form.at(share, 1), form.at(share, -1))) for share in (0.76, 0.85)]
        fringe = [
            detail(straight(root, (root[0] - 15, root[1] + 4 - 6 * side)))
            for side, root in ((side, form.at(1, side)) for side in (-0.9, -0.5, 0, 0.5, 0.9))
        ]
        shapes.append(
            Shape((Stroke(form.left), Stroke(form.right), Stroke(end), *stripes, *fringe), form.outline)
        )
    return shapes


def ponytail(head: Head) -> list[Shape]:
    """Origin in the middle of the skull. Drawn behind everything else of the head."""
    links = [(-108.0, -70.0)]
    for number in range(6):
        swing = 3.2 * number * sin(head.ponytail_swing - 0.6 * number)
        heading = radians(158 + 21 * number + swing - 9 * head.bounce)
        links.append((links[-1][0] + 37 * cos(heading), links[-1][1] - 37 * sin(heading)))
    spine = curve(*links)
    form = tube(spine, (11, 27, 36, 38, 36, 28, 16, 1))
    locks = [
        curve(*(form.at(share, side) for share, side in ((0.1, 0.3), (0.35, 0.45), (0.6, 0.4), (0.82, 0.1)))),
        curve(
            *(
                form.at(share, side)
                for share, side in ((0.3, -0.4), (0.55, -0.45), (0.75, -0.35), (0.93, -0.1))
            )
        ),
    ]
    shade = hatching(form.at(0.45, -0.62), form.at(0.75, -0.62), (20, 10), 6)
    tie = oval((-117, -73), (9, 19), 20)
    return [
        Shape(
            (Stroke(form.left), Stroke(form.right), *(detail(lock) for lock in locks), *shade), form.outline
        ),
        Shape((), tie, (tie,)),
    ]


def face_and_hair(head: Head) -> list[Shape]:
    """Origin in the middle of the skull; the chin lies some 116 px below it."""
    return [_back_of_hair(), _face(), *_features(head), *_fringe(head)]


def _back_of_hair() -> Shape:
    mass = curve(
        (96, -70),
        (60, -122),
        (-6, -138),
        (-76, -116),
        (-116, -58),
        (-120, 8),
        (-98, 62),
        (-64, 92),
        (-40, 60),
        (40, 0),
        closed=True,
    )
    nape = curve((-119, 0), (-117, 32), (-100, 62), (-78, 82), (-57, 91))
    return Shape((Stroke(nape), detail(curve((-96, 20), (-92, 48), (-76, 72)))), mass)


def _face() -> Shape:
    contour = curve(
        (97, -30),
        (100, -4),
        (95, 18),
        (99, 40),
        (94, 66),
        (76, 94),
        (46, 115),
        (28, 114),
        (-8, 98),
        (-42, 70),
        (-58, 36),
    )
    skull = joined(contour, curve((-58, 36), (-80, -30), (-40, -100), (40, -110), (92, -60)))
    shade = hatching((0, 112), (44, 124), (-12, 9), 5)
    return Shape((Stroke(contour), *shade), skull)


def _features(head: Head) -> list[Shape]:
    near, far = Place((14, 34)), Place((75, 33))
    mouth = joined(curve((32, 80), (46, 84), (62, 79)), curve((62, 79), (56, 95), (44, 97), (32, 80)))
    small = [
        detail(curve((61, 58), (65, 62), (60, 64)), 0.9),
        detail(curve((38, 90), (46, 88), (55, 90)), 0.7),
    ]
    blush = [*hatching((-22, 70), (2, 72), (-6, 10), 4), *hatching((76, 70), (90, 68), (-5, 9), 3)]
    return [
        *near.shapes(_eye((24, 27), head.openness, outwards=-1)),
        *far.shapes(_eye((16, 26), head.openness, outwards=1)),
        Shape((Stroke(mouth), *small, *blush)),
        Shape(
            (
                Stroke(curve((-14, -14), (8, -21), (28, -14)), 1.2),
                Stroke(curve((64, -16), (78, -21), (92, -13)), 1.2),
            )
        ),
    ]


def _eye(half: tuple[float, float], openness: float, *, outwards: int) -> list[Shape]:
    """Origin in the eye's middle; ``outwards`` is the side of the outer corner."""
    w, h = half

    def at(x: float, y: float) -> tuple[float, float]:
        return outwards * x * w, y * h

    if openness < 0.35:
        closed = joined(
            curve(at(-0.9, 0.3), at(0, 0.62), at(1.05, 0.2)), curve(at(1.2, 0.05), at(0, 0.38), at(-0.9, 0.3))
        )
        return [Shape((), None, (closed,)), Shape((detail(curve(at(0.8, 0.5), at(1.15, 0.55))),))]
    drop = 0.8 * (1 - min(1.0, openness))
    lid = [at(-0.95, 0.0), at(-0.7, -0.62), at(-0.05, -1.0), at(0.7, -0.78), at(1.08, -0.1), at(1.34, 0.02)]
    lash = tube(
        curve(*((x, y + drop * h * (0.3 + 0.7 * (y < 0))) for x, y in lid)), (0.5, 1.4, 2.1, 2.8, 2.6, 0.4)
    )
    iris = _below(lash.spine, oval((0.04 * w, 0.05 * h), (0.68 * w, 0.93 * h)))
    pupil = _below(lash.spine, oval((0.08 * w, 0.02 * h), (0.4 * w, 0.56 * h)))
    shine = _below(lash.spine, oval((-0.18 * w, -0.34 * h), (0.22 * w, 0.25 * h)))
    crease = curve(at(-0.45, -1.2 + drop), at(0.2, -1.38 + drop), at(0.95, -1.0 + drop))
    return [
        Shape((Stroke(iris, 0.9),), iris, (pupil,)),
        Shape((detail(shine, 0.7),), shine),
        Shape((detail(curve(at(-0.5, 1.02), at(0.1, 1.12), at(0.75, 0.94))), detail(crease, 0.7))),
        Shape((), None, (lash.outline,)),
    ]


def _below(lid: Points, form: Points) -> Points:
    """Cut off what the upper lid covers."""
    order = np.argsort(lid[:, 0])
    edge = np.interp(form[:, 0], lid[order, 0], lid[order, 1])
    return np.stack([form[:, 0], np.maximum(form[:, 1], edge)], 1).astype(np.float32)


def _fringe(head: Head) -> list[Shape]:
    """The hair's front: cap of the skull, locks over the brow, one before the ear, one unruly."""
    up = 3 * head.bounce
    cap = curve(
        (-119, 8), (-120, -48), (-82, -112), (-8, -139), (62, -124), (102, -70), (108, -20), (100, 12)
    )
    locks = [
        curve((100, 12), (94, -6), (88, -24), (84, -38)),
        curve((84, -38), (78, -14), (62, 2 - up)),
        curve((62, 2 - up), (60, -16), (50, -40)),
        curve((50, -40), (36, -10), (12, 10 - up)),
        curve((12, 10 - up), (14, -16), (6, -40)),
        curve((6, -40), (-14, -12), (-34, 4)),
        curve((-34, 4), (-34, 30), (-42, 62), (-56, 90 - up)),
        curve((-56, 90 - up), (-64, 58), (-70, 30), (-78, 6)),
        curve((-78, 6), (-92, 20), (-119, 8)),
    ]
    bangs = joined(*locks)
    parting = [
        detail(curve((20, -126), (44, -100), (52, -60), (50, -40))),
        detail(curve((8, -124), (-4, -92), (4, -60), (6, -40))),
        detail(curve((-90, -66), (-78, -90), (-52, -108))),
        detail(curve((-94, -58), (-66, -40), (-50, -10))),
        detail(curve((-44, 22), (-50, 46), (-55, 70)), 0.7),
        detail(curve((60, -104), (80, -76), (86, -46)), 0.7),
    ]
    curl = joined(
        curve((6, -136), (0, -164 - up), (24, -182 - 2 * up), (44, -168 - 3 * up)),
        curve((44, -168 - 3 * up), (26, -168 - up), (16, -154), (20, -137)),
    )
    shade = hatching((-106, -22), (-76, 0), (-12, 24), 6)
    return [
        Shape((Stroke(curl),), curl),
        Shape((Stroke(cap), *(Stroke(lock) for lock in locks[:-1]), *parting, *shade), joined(cap, bangs)),
    ]
