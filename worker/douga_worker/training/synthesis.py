"""Pairs to learn from: a rough scan and the clean drawing that was meant, from clean line art.

``synthesise(seed, ...)`` is a pure function of its seed. What a stroke is *for* gives it a salience
in 0..1 (essential line 1, detail, hatching, construction line 0); a sample's strength s decides which
strokes stay in the target: those of salience >= s, so a stroke kept at s is kept at every lower s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.steps.flatten_paper import flatten_paper
from douga_worker.training.line_art import Drawing
from douga_worker.training.paper import Grey, lay_paper, noise, scan
from douga_worker.training.roughen import (
    SUPERSAMPLE,
    Hand,
    Points,
    draw_polyline,
    draw_rough,
    random_hand,
)
from douga_worker.training.strokestrip import OverSketch

NEVER = -1.0
"""Salience of what no clean drawing shows: stray marks, erased ghosts, dust, tone."""


@dataclass(frozen=True, slots=True)
class WorkingPair:
    """A rough scan and an artist's clean drawing of it, both brought to the network's working size."""

    ink: NDArray[np.uint8]
    """(H, W) flattened scan, 0 = paper."""
    target: NDArray[np.uint8]
    """(H, W) clean drawing, 0 = paper."""


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that samples are made from."""

    drawings: Sequence[Drawing]
    over_sketches: Sequence[OverSketch] = ()
    papers: Sequence[Grey] = ()
    pairs: Sequence[WorkingPair] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One pair, aligned to the pixel."""

    ink: NDArray[np.uint8]
    """(S, S) the flattened rough scan, 0 = paper, 255 = darkest."""
    target: NDArray[np.uint8]
    """(S, S) the clean drawing, 0 = paper, 255 = line."""
    strength: float


@dataclass(frozen=True, slots=True)
class _Line:
    points: Points
    weight: float
    """Width relative to the pencil."""
    salience: float


class _Sheet:
    """What is being drawn: graphite and clean target, both at ``SUPERSAMPLE`` times the size."""

    def __init__(self, rng: np.random.Generator, size: int, strength: float) -> None:
        self.rng = rng
        self.size = size
        self.strength = strength
        self.graphite = np.zeros((size * SUPERSAMPLE,) * 2, np.float32)
        self.clean = np.zeros((size * SUPERSAMPLE,) * 2, np.uint8)

    def keeps(self, salience: float) -> bool:
        return salience >= self.strength

    def add_tone(self, tone: NDArray[np.float32]) -> None:
        np.copyto(self.graphite, 1 - (1 - self.graphite) * (1 - tone))


TRIES = 6
"""A sample whose scan lost what its target shows is drawn again, this often at most."""


def synthesise(seed: int, material: Material, *, size: int = 320) -> Sample:
    """Make one pair.

    Args:
        seed: the same seed and material give the same sample, bit for bit, in any process.
        material: line art, over-sketches and papers.
        size: edge of the square sample in px, at the scale the network works at.

    Returns:
        An aligned pair and the strength its target was drawn for.
    """
    for attempt in range(TRIES):
        sample = _draw_sample(np.random.default_rng((seed, attempt)), material, size)
        if _shows_its_target(sample):
            break
    return sample


def _shows_its_target(sample: Sample) -> bool:
    """No network can draw what the scanner did not see; such pairs would teach it to invent."""
    line = sample.target > 127
    if not line.any():
        return True
    nearby = cv2.dilate(sample.ink, np.ones((7, 7), np.uint8))
    return bool((nearby[line] < 45).mean() < 0.04)


PAIR_SHARE = 0.5
"""Where there are pairs of a studio's own, every other sample is cut from one."""


def _draw_sample(rng: np.random.Generator, material: Material, size: int) -> Sample:
    if material.pairs and rng.random() < PAIR_SHARE:
        return _cut_from_pair(rng, material.pairs[int(rng.integers(len(material.pairs)))], size)
    strength = 0.5 if rng.random() < 0.5 else float(rng.uniform(0, 1))
    sheet = _Sheet(rng, size, strength)
    hand = random_hand(rng)
    kind = rng.random()
    if kind < 0.04:
        pass  # an empty sheet: blank must stay blank
    elif kind < 0.16 and material.over_sketches:
        _draw_over_sketch(sheet, hand, material.over_sketches)
    else:
        is_identity = kind > 0.92
        _draw_line_art(sheet, hand, material.drawings, is_identity=is_identity)
        if not is_identity:
            _add_surroundings(sheet, hand)
    return _photograph(sheet, material.papers)


def _cut_from_pair(rng: np.random.Generator, pair: WorkingPair, size: int) -> Sample:
    """A random part of a real pair; the artist's choice of lines counts as the usual strength."""
    height, width = pair.ink.shape
    y, x = (int(rng.integers(0, max(1, side - size + 1))) for side in (height, width))
    below, beside = max(0, size - height), max(0, size - width)
    ink, target = (
        np.pad(side[y : y + size, x : x + size], ((0, below), (0, beside)))
        for side in (pair.ink, pair.target)
    )
    return Sample(ink=ink, target=target, strength=0.5)


def _photograph(sheet: _Sheet, papers: Sequence[Grey]) -> Sample:
    rng, size = sheet.rng, sheet.size
    graphite = cv2.resize(sheet.graphite, (size, size), interpolation=cv2.INTER_AREA)
    graphite = _grain(rng, np.asarray(graphite, dtype=np.float32))
    if rng.random() < 0.25:
        graphite = np.maximum(graphite, _dust(rng, size))
    if rng.random() < 0.25:
        smear = np.asarray(cv2.GaussianBlur(graphite, (0, 0), rng.uniform(4, 14)), dtype=np.float32)
        graphite = 1 - (1 - graphite) * (1 - smear * rng.uniform(0, 0.35))
    tooth = rng.uniform(0.6, 0.97)
    pixels = scan(rng, lay_paper(rng, size, papers) * (1 - graphite * tooth))
    target = cv2.resize(sheet.clean, (size, size), interpolation=cv2.INTER_AREA)
    ink = flatten_paper(pixels, window_share=rng.uniform(0.25, 0.4))
    return Sample(ink=ink, target=np.asarray(target, dtype=np.uint8), strength=sheet.strength)


def _grain(rng: np.random.Generator, graphite: NDArray[np.float32]) -> NDArray[np.float32]:
    """The paper's tooth: light strokes break up, heavy ones fill it."""
    depth = rng.uniform(0, 0.55) * (rng.random() < 0.85)
    tooth = noise(rng, graphite.shape, rng.uniform(0.4, 1.3)) * 0.6
    return np.asarray((graphite * (1 + depth * tooth * (1.3 - graphite))).clip(0, 1), dtype=np.float32)


def _dust(rng: np.random.Generator, size: int) -> NDArray[np.float32]:
    specks = np.zeros((size, size), np.uint8)
    for _ in range(int(rng.integers(1, 25))):
        x, y = (int(v) for v in rng.integers(0, size, 2))
        cv2.circle(specks, (x, y), int(rng.integers(0, 2)), int(rng.integers(60, 220)), -1, cv2.LINE_AA)
    return np.asarray(specks / 255, dtype=np.float32)


def _draw_over_sketch(sheet: _Sheet, hand: Hand, over_sketches: Sequence[OverSketch]) -> None:
    """A person's own passes, drawn with our pencil; the labelled lines are the target."""
    rng = sheet.rng
    figure = over_sketches[int(rng.integers(len(over_sketches)))]
    unit = np.float32(1 / figure.long_edge)
    clean = [stroke * unit for stroke in figure.clean_strokes]
    place = Placement(rng, np.concatenate(clean), sheet.size, rng.uniform(1.0, 2.6))
    pencil = float(rng.uniform(1.4, 3.2))
    hand = Hand(pencil, 1, 0, 0.1, 2000, 0, max(0.4, hand.darkness), hand.taper * 0.5)
    for stroke in figure.rough_strokes:
        points = place(stroke * unit)
        if len(points) > 1 and _is_visible(points, sheet.size):
            draw_rough(rng, sheet.graphite, points, hand, rng.uniform(0.9, 1.1), rng.uniform(0.75, 1))
    for stroke in clean:
        draw_polyline(sheet.clean, place(stroke), pencil * 1.15, 255)


def _draw_line_art(
    sheet: _Sheet, hand: Hand, drawings: Sequence[Drawing], *, is_identity: bool = False
) -> None:
    rng = sheet.rng
    for _ in range(1 if rng.random() < 0.7 else 2):
        drawing = drawings[int(rng.integers(len(drawings)))]
        every = np.concatenate([s.points for s in drawing.strokes])
        place = Placement(rng, every, sheet.size, _zoom(rng, drawing, sheet.size, hand.pencil_px))
        lines = _lines(rng, drawing, place, sheet.size)
        _draw_solids(sheet, [place(o) for o in drawing.solids], hand, is_identity=is_identity)
        for line in lines:
            _draw_line(sheet, line, hand, is_identity=is_identity)
    if rng.random() < 0.25:
        for _ in range(int(rng.integers(1, 6))):
            _draw_line(sheet, _free_curve(rng, sheet.size), hand, is_identity=is_identity)


def _zoom(rng: np.random.Generator, drawing: Drawing, size: int, pencil_px: float) -> float:
    """Size of the drawing relative to the sheet; crowded drawings are drawn larger, as people do."""
    length = sum(float(np.hypot(*np.diff(s.points, axis=0).T).sum()) for s in drawing.strokes)
    every = np.concatenate([s.points for s in drawing.strokes])
    area = float(np.prod(np.ptp(every, axis=0))) + 1e-6
    least = 3.6 * pencil_px * length / (area * size)
    return float(np.clip(np.exp(rng.uniform(np.log(max(0.55, least)), np.log(3.2))), 0.5, 4.5))


def _lines(rng: np.random.Generator, drawing: Drawing, place: Placement, size: int) -> list[_Line]:
    """Every visible stroke with its weight and what it is for."""
    median = float(np.median(np.concatenate([s.widths for s in drawing.strokes])))
    contrast = rng.uniform(0.3, 1.0)
    is_graded = rng.random() < 0.5
    lines = []
    for stroke in drawing.strokes:
        points = place(stroke.points)
        length = float(np.hypot(*np.diff(points, axis=0).T).sum())
        if not _is_visible(points, size) or length < 2:
            continue
        weight = float((np.median(stroke.widths) / (median + 1e-9)) ** contrast)
        salience = 1.0
        if is_graded and rng.random() > (0.75 if length > 60 else 0.5):
            salience = rng.uniform(0.55, 0.88) if rng.random() < 0.75 else rng.uniform(0.3, 0.5)
        if length < 12:
            # A short stroke alone is an eye, a button, a lash: deliberate however small.
            salience = max(salience, 0.75)
        lines.append(_Line(points=points, weight=float(np.clip(weight, 0.5, 2.4)), salience=float(salience)))
    return lines


def _draw_line(sheet: _Sheet, line: _Line, hand: Hand, *, is_identity: bool) -> None:
    rng = sheet.rng
    width = hand.pencil_px * line.weight
    if is_identity:
        layer = np.zeros_like(sheet.clean)
        draw_polyline(layer, line.points, width, 255)
        sheet.add_tone(np.asarray(layer / 255, dtype=np.float32))
        np.copyto(sheet.clean, np.maximum(sheet.clean, layer))
        return
    # Firm lines are meant: how dark a stroke is drawn is the best sign of what it is for.
    tone = float(np.clip(0.25 + 0.75 * line.salience + rng.normal(0, 0.03), 0.12, 1))
    draw_rough(rng, sheet.graphite, line.points, hand, line.weight, tone)
    if sheet.keeps(line.salience):
        heavier = 1 + 0.12 * min(hand.depth - 1, 2.5)
        draw_polyline(sheet.clean, line.points, width * heavier * (0.75 + 0.25 * tone), 255)


def _draw_solids(sheet: _Sheet, outlines: list[Points], hand: Hand, *, is_identity: bool) -> None:
    """Solid blacks stay solid; now and then they are left as outlines, as on an animation cel."""
    visible = [o for o in outlines if len(o) > 2 and _is_visible(o, sheet.size)]
    if not visible:
        return
    rng = sheet.rng
    if rng.random() < 0.45:
        for outline in visible:
            closed = np.concatenate([outline, outline[:1]])
            _draw_line(sheet, _Line(closed, 1.0, 0.9), hand, is_identity=is_identity)
        return
    mask = np.zeros_like(sheet.clean)
    fixed = [np.round(((o + 0.5) * SUPERSAMPLE - 0.5) * 16).astype(np.int32) for o in visible]
    cv2.fillPoly(mask, fixed, 255, cv2.LINE_AA, 4)
    np.copyto(sheet.clean, np.maximum(sheet.clean, mask))
    tone = mask.astype(np.float32) / 255
    if not is_identity:
        uneven = 1 - rng.uniform(0, 0.25) * np.abs(_scribble(rng, mask.shape[0], rng.uniform(2, 5)))
        tone = tone * (rng.uniform(0.75, 1.0) * uneven).clip(0, 1)
    sheet.add_tone(tone.astype(np.float32))


def _add_surroundings(sheet: _Sheet, hand: Hand) -> None:
    """What stands on a sheet beside the drawing: tone, hatching, construction, ghosts, stray marks."""
    rng = sheet.rng
    if rng.random() < 0.45:
        _fill_regions(sheet)
    if rng.random() < 0.3:
        for _ in range(int(rng.integers(1, 4))):
            _hatch(sheet, hand)
    if rng.random() < 0.45:
        for _ in range(int(rng.integers(1, 8))):
            _construct(sheet, hand)
    if rng.random() < 0.2:
        _leave_ghost(sheet)


def _fill_regions(sheet: _Sheet) -> None:
    """Coloured pencil or the side of the lead inside closed shapes: tone, no line."""
    rng = sheet.rng
    size = sheet.clean.shape[0]
    small = cv2.resize(sheet.clean, (size // 4, size // 4), interpolation=cv2.INTER_AREA)
    count, labels, stats, _ = cv2.connectedComponentsWithStats((small < 40).astype(np.uint8), connectivity=4)
    for label in rng.permutation(np.arange(1, count))[: int(rng.integers(1, 6))]:
        if stats[label, cv2.CC_STAT_AREA] < 60:
            continue
        region = cv2.resize(
            (labels == label).astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR
        )
        region = cv2.GaussianBlur(region, (0, 0), rng.uniform(1, 5))
        texture = 0.65 + rng.uniform(0.15, 0.45) * _scribble(rng, size, rng.uniform(1.2, 5))
        # Firm coloured pencil is nearly as dark as the outline around it.
        tone = rng.uniform(0.08, 0.4) if rng.random() < 0.5 else rng.uniform(0.35, 0.8)
        sheet.add_tone((region * texture.clip(0, 1) * tone).astype(np.float32))


def _scribble(rng: np.random.Generator, size: int, sigma: float) -> NDArray[np.float32]:
    """Noise drawn out in one direction, like tone laid with a pencil; unit spread."""
    field = cv2.GaussianBlur(
        rng.standard_normal((size, size), dtype=np.float32), (0, 0), sigmaX=8 * sigma, sigmaY=sigma
    )
    turn = cv2.getRotationMatrix2D((size / 2, size / 2), rng.uniform(0, 180), 1.45)
    field = cv2.warpAffine(field, turn, (size, size), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(field / (field.std() + 1e-6), dtype=np.float32)


def _hatch(sheet: _Sheet, hand: Hand) -> None:
    rng, size = sheet.rng, sheet.size
    centre = rng.uniform(0, size, 2)
    angle, spacing = rng.uniform(0, np.pi), hand.pencil_px * rng.uniform(1.5, 4.5)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    salience = float(rng.uniform(0.1, 0.45))
    reach = rng.uniform(15, 70)
    light = Hand(
        hand.pencil_px * rng.uniform(0.6, 1),
        1.05,
        0.3,
        0.3,
        200,
        2,
        hand.darkness * rng.uniform(0.3, 0.9),
        0.8,
    )
    for number in range(int(rng.integers(4, 18))):
        middle = centre + across * spacing * number + rng.normal(0, 1.0, 2)
        half = along * reach * rng.uniform(0.6, 1.1)
        bow = across * rng.normal(0, 2)
        points = np.array([middle - half, middle + bow, middle + half], np.float32)
        draw_rough(rng, sheet.graphite, points, light, 1.0, 0.8)
        if sheet.keeps(salience):
            draw_polyline(sheet.clean, resample_curve(points), light.pencil_px, 255)


def _construct(sheet: _Sheet, hand: Hand) -> None:
    """Ellipses and straight lines that find the form; faint, and gone in the clean drawing."""
    rng, size = sheet.rng, sheet.size
    salience = float(rng.uniform(0.0, 0.2))
    faint = Hand(
        hand.pencil_px * rng.uniform(0.6, 1.1), 1 + rng.exponential(0.5), 2.5, 0.5, 400, 8,
        hand.darkness * rng.uniform(0.1, 0.34), 0.6,
    )  # fmt: skip
    if rng.random() < 0.5:
        turn = np.linspace(0, 2 * np.pi, 40)
        axes, tilt = rng.uniform(0.1, 0.6, 2) * size, rng.uniform(0, np.pi)
        oval = np.stack([axes[0] * np.cos(turn), axes[1] * np.sin(turn)], 1)
        rotation = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
        points = (oval @ rotation + rng.uniform(0, size, 2)).astype(np.float32)
    else:
        begin, end = rng.uniform(-0.2 * size, 1.2 * size, (2, 2))
        points = np.linspace(begin, end, 12).astype(np.float32)
    draw_rough(rng, sheet.graphite, points, faint, 1.0, 1.0)
    if sheet.keeps(salience):
        draw_polyline(sheet.clean, points, faint.pencil_px, 255)


def _leave_ghost(sheet: _Sheet) -> None:
    """Lines rubbed out after all: a faint, soft, shifted memory of the drawing."""
    rng = sheet.rng
    shift = np.array([[1, 0, rng.normal(0, 14)], [0, 1, rng.normal(0, 14)]], np.float32)
    moved = cv2.warpAffine(sheet.clean, shift, sheet.clean.shape[::-1])
    ghost = cv2.GaussianBlur(moved, (0, 0), rng.uniform(1.5, 5)).astype(np.float32) / 255
    sheet.add_tone((ghost * rng.uniform(0.04, 0.16)).astype(np.float32))


def _free_curve(rng: np.random.Generator, size: int) -> _Line:
    knots = rng.uniform(-0.1, 1.1, (1, 2)) * size + np.cumsum(rng.normal(0, 0.22 * size, (4, 2)), 0)
    return _Line(
        resample_curve(knots.astype(np.float32)), float(rng.uniform(0.7, 1.5)), float(rng.uniform(0.5, 1))
    )


def resample_curve(knots: Points, count: int = 40) -> Points:
    """A smooth curve through the knots (Catmull-Rom, ends doubled); (count, 2)."""
    padded = np.concatenate([knots[:1], knots, knots[-1:]])
    t = np.linspace(0, len(knots) - 1 - 1e-6, count)
    i, u = t.astype(int), (t % 1)[:, None]
    a, b, c, d = (padded[i + k] for k in range(4))
    curve = b + 0.5 * u * (c - a + u * (2 * a - 5 * b + 4 * c - d + u * (3 * (b - c) + d - a)))
    return np.asarray(curve, dtype=np.float32)


class Placement:
    """Where a drawing of long edge 1 lies on the sheet: turned, flipped, scaled, gently bent."""

    def __init__(self, rng: np.random.Generator, focus: Points, size: int, zoom: float) -> None:
        angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.25 else rng.normal(0, 0.25)
        flip = np.array([[rng.choice([-1.0, 1.0]), 0], [0, 1]])
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        self._matrix = flip @ turn * size * zoom * np.array([1, rng.uniform(0.85, 1.18)])
        self._bend = rng.uniform(0, 0.025, 2) / max(zoom, 1)
        self._wave = rng.uniform(2, 8, 2)
        at = focus[rng.integers(len(focus))]
        self._offset = size * rng.uniform(0.3, 0.7, 2) - self._bent(at[None])[0] @ self._matrix

    def _bent(self, points: Points) -> NDArray[np.float64]:
        x, y = points[:, 0].astype(np.float64), points[:, 1].astype(np.float64)
        bent_x = x + self._bend[0] * np.sin(self._wave[0] * y)
        return np.stack([bent_x, y + self._bend[1] * np.sin(self._wave[1] * x)], 1)

    def __call__(self, points: Points) -> Points:
        """(N, 2) points of the drawing to (N, 2) px of the sheet."""
        return np.asarray(self._bent(points) @ self._matrix + self._offset, dtype=np.float32)


def _is_visible(points: Points, size: int) -> bool:
    return bool((points.max(0) > -10).all() and (points.min(0) < size + 10).all())
