"""From a drawing to pixels: the same strokes drawn roughly on paper and scanned, and drawn clean.

How a hand searches for its lines is Douga's own synthesis (``douga_worker.training.roughen``); here are the
sheet around it, which is not square, and the scanner or phone that looks at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from examples.drawing import Pencil, Place, Points, Purpose, Shape, Stroke, Visible, curve, see
from numpy.typing import NDArray

from douga_worker.training.paper import Grey, noise
from douga_worker.training.roughen import SUPERSAMPLE, Hand, draw_polyline, draw_rough

Size = tuple[int, int]
"""Width and height in px."""
Pixels = NDArray[np.uint8]
"""(H, W) grey or (H, W, 3) RGB."""

FIRST_TRY_SHARE = 0.35
"""So many outlines were first drawn a little beside where they belong."""
CLEAN_TONES = 16
"""Enough for smooth edges; a clean drawing of so few tones is a small file."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A sheet under a lamp. Tones in 0..1."""

    tint: tuple[float, float, float] = (0.965, 0.962, 0.955)
    """RGB of the bare sheet."""
    grain: float = 0.003
    """Spread of its tone."""
    light_fall: float = 0.02
    """How much darker the far corner is."""
    tooth: float = 0.35
    """How far the grain breaks up a light stroke."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Graphite and pigment on a sheet."""

    layers: dict[Pencil, Grey]
    """(H, W) each, 0 = bare, 1 = full."""


def draw_roughly(rng: np.random.Generator, shapes: Sequence[Shape], size: Size, hand: Hand) -> Drawn:
    """Draw as a person searching for the line does: construction, first tries, over-sketching, shading."""
    edge = max(size)
    seen = see(shapes, edge, scale=SUPERSAMPLE)
    pencils = {stroke.pencil for stroke in seen.strokes} | {Pencil.GRAPHITE}
    # By name, or the order of a set would decide the randomness.
    sheets = {
        pencil: np.zeros((edge * SUPERSAMPLE,) * 2, np.float32)
        for pencil in sorted(pencils, key=lambda pencil: pencil.name)
    }
    for stroke in sorted(seen.strokes, key=lambda stroke: stroke.purpose is not Purpose.CONSTRUCTION):
        _draw_stroke(rng, sheets[stroke.pencil], stroke, hand)
    _fill_solids(rng, sheets[Pencil.GRAPHITE], seen)
    return Drawn({pencil: _reduced(sheet, size) for pencil, sheet in sheets.items()})


def draw_cleanly(shapes: Sequence[Shape], size: Size, hand: Hand) -> Pixels:
    """Draw what is meant: (H, W), black lines on white, as wide as the rough ones."""
    edge = max(size)
    seen = see(shapes, edge, scale=SUPERSAMPLE)
    canvas = seen.solids.copy()
    # Over-sketched lines read a little heavier than one pass of the pencil.
    width = hand.pencil_px * (1 + 0.12 * min(hand.depth - 1, 2.5))
    for stroke in seen.strokes:
        if stroke.purpose in {Purpose.LINE, Purpose.DETAIL}:
            draw_polyline(canvas, stroke.points, width * stroke.weight, 255)
    ink = cv2.resize(canvas, (edge, edge), interpolation=cv2.INTER_AREA)[: size[1], : size[0]]
    step = 255 / (CLEAN_TONES - 1)
    return np.asarray(255 - np.round(np.round(ink / step) * step), dtype=np.uint8)


def look(
    rng: np.random.Generator, drawn: Drawn, paper: Paper, *, blur_px: float = 0.5, grain: float = 0.0008
) -> Pixels:
    """Scan a drawn sheet in colour: (H, W, 3).

    Args:
        rng: source of chance.
        drawn: what lies on the sheet.
        paper: the sheet.
        blur_px: of the scanner's optics.
        grain: spread of the sensor's noise, in shares of white.
    """
    height, width = next(iter(drawn.layers.values())).shape
    tooth = noise(rng, (height, width), 0.8)
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    light = 1 - paper.light_fall * (0.6 * xs / width + 0.4 * ys / height)
    sheet = light * (1 + paper.grain * noise(rng, (height, width), 1.6))
    picture = sheet[..., None] * np.array(paper.tint, np.float32)
    for pencil, layer in drawn.layers.items():
        held = (layer * (1 + paper.tooth * tooth * (1.25 - layer))).clip(0, 1)
        picture = picture * (1 - held[..., None] * (1 - np.array(pencil.value, np.float32)))
    picture = cv2.GaussianBlur(picture, (0, 0), blur_px)
    picture = picture + grain * noise(rng, (height, width), 0)[..., None]
    return np.asarray((picture.clip(0, 1) * 255).round(), dtype=np.uint8)


def photograph(rng: np.random.Generator, sheet: Pixels) -> Pixels:
    """Take a picture with a phone, held a little askew under a lamp, its own shadow on the sheet."""
    height, width = sheet.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    # Inwards only, so that the picture shows nothing beside the sheet.
    seen = corners + np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)]) * rng.uniform(0, 0.03, (4, 2)) * width
    tilt = cv2.getPerspectiveTransform(seen.astype(np.float32), corners)
    turned = cv2.warpPerspective(sheet, tilt, (width, height), flags=cv2.INTER_CUBIC)
    picture = np.asarray(turned, dtype=np.float32)
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    lamp = 1.04 - 0.5 * np.hypot(xs / width - 0.3, ys / height - 0.2) ** 1.6
    side = (0.8 * xs / width + 0.6 * ys / height - 0.98) / 0.03
    shadow = 1 - 0.24 / (1 + np.exp(-side.clip(-30, 30)))
    warm = np.array([1.0, 0.965, 0.88], np.float32)
    picture *= (lamp * shadow)[..., None] * warm
    picture += 2.0 * noise(rng, (height, width), 0.6)[..., None]
    return np.asarray(picture.clip(0, 255).round(), dtype=np.uint8)


def _draw_stroke(rng: np.random.Generator, sheet: Grey, stroke: Stroke, hand: Hand) -> None:
    if stroke.purpose is Purpose.CONSTRUCTION:
        loose = Hand(hand.pencil_px * 0.85, 1.7, 2.4, 0.8, 320, 14, hand.darkness * 0.3, 0.6)
        draw_rough(rng, sheet, stroke.points, loose, stroke.weight, 1.0)
        return
    if stroke.purpose is Purpose.HATCH:
        light = Hand(hand.pencil_px * 0.85, 1.05, 0.3, 0.4, 200, 3, hand.darkness * 0.55, 0.8)
        draw_rough(rng, sheet, stroke.points, light, stroke.weight, 0.8)
        return
    if stroke.purpose is Purpose.LINE and rng.random() < FIRST_TRY_SHARE:
        first = replace(hand, depth=1.0, darkness=hand.darkness * 0.4)
        draw_rough(rng, sheet, _first_try(rng, stroke.points, hand), first, stroke.weight, 0.8)
    if stroke.purpose is Purpose.DETAIL:
        # What is small is drawn with more care.
        careful = replace(hand, scatter_px=hand.scatter_px * 0.55, overshoot_px=hand.overshoot_px * 0.5)
        draw_rough(rng, sheet, stroke.points, careful, stroke.weight, 0.88)
        return
    draw_rough(rng, sheet, stroke.points, hand, stroke.weight, 1.0)


def _first_try(rng: np.random.Generator, points: Points, hand: Hand) -> Points:
    """The same line a little off: turned about its middle and moved."""
    middle = points.mean(0)
    x, y = middle + rng.normal(0, 1.3 * hand.pencil_px, 2)
    return Place((float(x), float(y)), float(rng.normal(0, 1.6)), float(rng.normal(1, 0.015)))(
        points - middle
    )


def _fill_solids(rng: np.random.Generator, sheet: Grey, seen: Visible) -> None:
    tone = seen.solids.astype(np.float32) / 255
    if tone.any():
        uneven = noise(rng, (512, 512), 1.5)
        large = cv2.resize(uneven, sheet.shape, interpolation=cv2.INTER_CUBIC)
        np.copyto(sheet, np.maximum(sheet, tone * (0.86 - 0.07 * np.abs(large)).clip(0, 1)))


def _reduced(sheet: Grey, size: Size) -> Grey:
    edge = max(size)
    small = cv2.resize(sheet, (edge, edge), interpolation=cv2.INTER_AREA)
    return np.asarray(small[: size[1], : size[0]], dtype=np.float32)


_GLYPHS: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "0": (((5, 0), (0, 6), (2, 13), (7, 12), (9, 5), (5, 0)),),
    "1": (((2, 3), (6, 0), (5, 13)),),
    "2": (((1, 3), (5, 0), (8, 3), (5, 8), (0, 13)), ((0, 13), (9, 12))),
    "3": (((1, 1), (6, 0), (8, 3), (4, 6)), ((4, 6), (9, 8), (6, 13), (0, 12))),
    "4": (((6, 0), (3, 5), (0, 9)), ((0, 9), (9, 8)), ((6, 4), (6, 14))),
    "5": (((2, 0), (1, 6)), ((1, 6), (6, 5), (8, 9), (5, 13), (0, 12)), ((2, 0), (8, 0))),
    "6": (((7, 0), (2, 5), (1, 11), (5, 13), (8, 9), (5, 7), (1, 9)),),
    "7": (((0, 0), (8, 0)), ((8, 0), (5, 6), (3, 13))),
    "8": (((5, 6), (1, 3), (5, 0), (8, 3), (5, 6), (1, 10), (4, 13), (8, 10), (5, 6)),),
    "9": (((8, 3), (4, 0), (1, 3), (4, 6), (8, 3), (8, 9), (6, 13)),),
    "A": (((0, 13), (2, 6), (5, 0)), ((5, 0), (7, 6), (10, 13)), ((2, 8), (8, 8))),
    "a": (((8, 6), (4, 5), (1, 9), (4, 13), (8, 9)), ((8, 5), (8, 12), (10, 13))),
}
"""Handwriting: the strokes of a character in a cell 10 wide and 13 high."""


def writing(text: str, at: tuple[float, float], scale: float) -> list[Shape]:
    """Write the number of a drawing by hand; ``at`` is the upper left corner."""
    strokes = [
        Stroke(curve(*glyph) + np.array([14 * place, 0], np.float32), 0.9, Purpose.DETAIL)
        for place, character in enumerate(text)
        for glyph in _GLYPHS.get(character, ())
    ]
    return Place(at, 0, scale).shapes([Shape(tuple(strokes))])
