"""How a hand searches for a line: one true stroke becomes many short ones beside and over each other.

The statistics are fitted to drawings that people really over-sketched (``docs/roughness.md``): some 2.4
strokes lie over a place, a stroke is some 33 pencil widths long, lies beside its line by half a pencil
width (nine in ten within 1.8), tilts by a degree or two and wanders with a memory of 12 pencil widths.

Where strokes overlap their mean lies on the true line, because that is where an artist puts the clean
one: an aligned pair is worth more than a thousand shifted ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
"""(N, 2) x, y in px of the sheet; whole numbers are the middles of pixels."""
Graphite = NDArray[np.float32]
"""(S * SUPERSAMPLE, S * SUPERSAMPLE) in 0..1, 0 = bare paper."""

SUPERSAMPLE = 2
"""Strokes are drawn at twice the size and averaged: edges land within a quarter of a pixel."""
STEP_PX = 2.5
"""Distance of the points that a stroke is bent at."""
MOST_STROKES_ON_A_LINE = 60
"""A bound on time: more would be a black band anyway."""
_FRACTION_BITS = 4
"""OpenCV draws at corners given in sixteenths of a pixel."""


@dataclass(frozen=True, slots=True)
class Hand:
    """How somebody draws one sheet. Lengths are in px of the sheet, tones in 0..1."""

    pencil_px: float
    """Width of one pass at ordinary pressure."""
    depth: float
    """Mean number of strokes lying over a place on a line, at least 1."""
    scatter_px: float
    """Spread of the strokes beside their line."""
    wander_px: float
    """How far a stroke wanders from its own straight course."""
    stroke_px: float
    """Mean length drawn before the pencil is lifted."""
    overshoot_px: float
    """Mean length a stroke runs beyond its end."""
    darkness: float
    """Tone of one stroke at full pressure."""
    taper: float
    """0 = even pressure, 1 = strokes begin and end in nothing."""


def random_hand(rng: np.random.Generator) -> Hand:
    """Draw a hand: two in nine tidy, the rest from sketchy to wild."""
    pencil = float(np.exp(rng.normal(np.log(2.7), 0.33)).clip(1.3, 6.0))
    if rng.random() < 0.08:
        # Where shading was measured instead of the outline, the network sees lines this wide.
        pencil = rng.uniform(5, 8)
    if rng.random() < 0.22:
        return Hand(
            pencil_px=pencil,
            depth=rng.uniform(1, 1.15),
            scatter_px=rng.uniform(0, 0.3) * pencil,
            wander_px=rng.uniform(0.0, 0.25),
            stroke_px=rng.uniform(120, 600),
            overshoot_px=rng.uniform(0, 2),
            darkness=rng.uniform(0.45, 1.0),
            taper=rng.uniform(0, 0.7),
        )
    return Hand(
        pencil_px=pencil,
        depth=1 + rng.gamma(2.0, 0.8),
        scatter_px=pencil * float(np.exp(rng.normal(np.log(0.75), 0.45)).clip(0.2, 1.8)),
        wander_px=pencil * rng.uniform(0.1, 0.5),
        stroke_px=pencil * float(np.exp(rng.normal(np.log(33), 0.6))),
        overshoot_px=pencil * rng.exponential(1.5),
        darkness=rng.uniform(0.3, 0.95),
        taper=rng.uniform(0, 1),
    )


def resample(points: Points, step_px: float) -> Points:
    """The same polyline with points every ``step_px``, at least its two ends; (N, 2), N >= 2."""
    along = np.r_[0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
    places = np.linspace(0, along[-1], max(2, int(along[-1] / step_px) + 1))
    return np.stack([np.interp(places, along, points[:, i]) for i in (0, 1)], 1).astype(np.float32)


def draw_polyline(canvas: NDArray[np.uint8], points: Points, width_px: float, value: int) -> None:
    """Draw a line with round caps.

    Args:
        canvas: uint8, ``SUPERSAMPLE`` times the size of the sheet, changed in place.
        points: (N, 2) px of the sheet.
        width_px: in px of the sheet. OpenCV draws soft edges outside of it and even thicknesses like
            the next odd one: what is drawn is 0.3 to 1.3 px wider, in steps of 1 px.
        value: 0..255; it replaces what is there.
    """
    fixed = np.round((points + 0.5) * SUPERSAMPLE * 2**_FRACTION_BITS - 2 ** (_FRACTION_BITS - 1))
    thickness = max(1, round(width_px * SUPERSAMPLE))
    cv2.polylines(
        canvas,
        [fixed.astype(np.int32).reshape(-1, 1, 2)],
        False,
        value,
        thickness,
        cv2.LINE_AA,
        _FRACTION_BITS,
    )


def draw_rough(
    rng: np.random.Generator, sheet: Graphite, points: Points, hand: Hand, weight: float, tone: float
) -> None:
    """Draw one stroke the way the hand does it, onto ``sheet``.

    Args:
        rng: source of chance.
        sheet: the graphite, changed in place.
        points: (N, 2) true stroke in px of the sheet, N >= 2.
        hand: how this sheet is drawn.
        weight: width of this stroke relative to the pencil.
        tone: 0..1, how firmly this stroke is meant.
    """
    points = resample(points, STEP_PX)
    normals = _normals(points)
    spans = _spans(rng, len(points), hand)
    is_searching = rng.random() < 0.4
    pressure = _fading(rng, len(points))
    for number, ((begin, end), offsets) in enumerate(
        zip(spans, _offsets(rng, spans, len(points), hand), strict=True)
    ):
        stroke = points[begin:end] + normals[begin:end] * offsets[:, None]
        firmness = tone * rng.uniform(0.85, 1.0) * (0.6 if is_searching and number % 3 else 1.0)
        stroke = _overshoot(rng, stroke, hand.overshoot_px)
        width = hand.pencil_px * weight * rng.uniform(0.8, 1.1)
        _draw_stroke(rng, sheet, stroke, hand, width, firmness * pressure[begin:end])


def _spans(rng: np.random.Generator, length: int, hand: Hand) -> list[tuple[int, int]]:
    """Which stretch of the line each stroke covers: a chain from end to end, then more wherever it pleases.

    Two links may be a point apart, which the pencil's width covers.
    """
    spans = []
    start = 0
    while start < length - 1:
        end = min(length, start + max(5, int(rng.gamma(2.0, hand.stroke_px / STEP_PX / 2))))
        if length - end < 4:
            end = length
        spans.append((max(0, start - int(rng.exponential(4))), end))
        start = end
    # A short line is seldom drawn over again: measured 1.2 strokes deep below 3 % of the sheet.
    depth = 1 + (hand.depth - 1) * min(1.0, length * STEP_PX / 60)
    to_draw = (depth - 1) * length
    while to_draw > 0 and len(spans) < MOST_STROKES_ON_A_LINE:
        size = min(length, max(5, int(rng.gamma(2.0, hand.stroke_px / STEP_PX / 2))))
        begin = int(rng.integers(0, length - size + 1))
        spans.append((begin, begin + size))
        to_draw -= size
    return [span for span in spans if span[1] - span[0] >= 2]


def _fading(rng: np.random.Generator, length: int) -> NDArray[np.float32]:
    """Pressure along a line, 0.3..1: in two lines of five it fades somewhere, as where the hand hurried."""
    pressure = np.ones(length, np.float32)
    if rng.random() < 0.4:
        middle, reach = rng.uniform(0, length), rng.uniform(4, 20)
        along = (np.arange(length) - middle) / reach
        pressure -= (rng.uniform(0.2, 0.7) * np.exp(-along * along)).astype(np.float32)
    return pressure


def _offsets(
    rng: np.random.Generator, spans: list[tuple[int, int]], length: int, hand: Hand
) -> list[NDArray[np.float32]]:
    """How far every stroke lies beside its line along its span, px; where strokes overlap, the mean is 0."""
    memory = max(3, int(12 * hand.pencil_px / STEP_PX))
    # Measured: a line of 60 px is searched for within half the spread of one that crosses the sheet.
    spread = hand.scatter_px * float(np.clip(0.55 + length * STEP_PX / 350, 0.55, 1.5))
    total, count = np.zeros(length), np.zeros(length)
    offsets = []
    for begin, end in spans:
        size = end - begin
        tilt = np.radians(rng.normal(0, 1.8)) * STEP_PX * (np.arange(size) - size / 2)
        limit = 1.5 * spread + 0.3
        offset = rng.normal(0, spread) + tilt.clip(-limit, limit)
        offset = offset + _wander(rng, size, memory) * hand.wander_px + _wander(rng, size, 4) * 0.15
        offsets.append(offset)
        total[begin:end] += offset
        count[begin:end] += 1
    mean = total / np.maximum(count, 1)
    # Smoothed, or a stroke would jump where its neighbour begins.
    mean = cv2.GaussianBlur(mean.reshape(1, -1), (0, 0), 3.0, borderType=cv2.BORDER_REPLICATE)[0]
    return [(o - mean[begin:end]).astype(np.float32) for o, (begin, end) in zip(offsets, spans, strict=True)]


def _wander(rng: np.random.Generator, length: int, scale: int) -> NDArray[np.float64]:
    """(length,) smooth chance of unit spread that forgets itself after ``scale`` points."""
    knots = max(3, length // scale + 3)
    return np.interp(np.linspace(0, knots - 1, length), np.arange(knots), rng.standard_normal(knots))


def _normals(points: Points) -> Points:
    tangent = np.gradient(points, axis=0)
    tangent /= np.hypot(tangent[:, :1], tangent[:, 1:]) + 1e-6
    return np.asarray(np.stack([-tangent[:, 1], tangent[:, 0]], 1), dtype=np.float32)


def _overshoot(rng: np.random.Generator, stroke: Points, mean_px: float) -> Points:
    if rng.random() > 0.35:
        return stroke
    heading = stroke[-1] - stroke[max(0, len(stroke) - 4)]
    reach = heading / (np.hypot(*heading) + 1e-6) * min(rng.exponential(mean_px + 0.01), 18)
    return np.concatenate([stroke, (stroke[-1] + reach)[None]]).astype(np.float32)


def _draw_stroke(
    rng: np.random.Generator,
    sheet: Graphite,
    stroke: Points,
    hand: Hand,
    width_px: float,
    tones: NDArray[np.float32],
) -> None:
    box = _box(stroke, width_px, sheet.shape[0])
    if box is None:
        return
    x0, y0, x1, y1 = box
    layer = np.zeros((y1 - y0, x1 - x0), np.uint8)
    local = stroke - np.array([x0, y0], np.float32) / np.float32(SUPERSAMPLE)
    run = max(3, min(len(local) // 5, 8))
    middle = np.linspace(-1, 1, len(local))
    pressure = (1 - hand.taper * np.abs(middle) ** rng.uniform(2, 7) * rng.uniform(0.5, 1)).clip(0.08, 1)
    for start in range(0, len(local) - 1, run):
        place = min(len(local) - 1, start + run // 2)
        press = float(pressure[place])
        value = int(255 * hand.darkness * float(tones[min(place, len(tones) - 1)]) * press)
        draw_polyline(layer, local[start : start + run + 1], width_px * (0.55 + 0.45 * press), value)
    target = sheet[y0:y1, x0:x1]
    drawn = layer.astype(np.float32) / 255
    # Graphite over graphite darkens less than on bare paper: the tooth is already full.
    np.copyto(
        target, np.maximum(target, drawn) + 0.45 * np.minimum(target, drawn) * (1 - np.maximum(target, drawn))
    )


def _box(stroke: Points, width_px: float, size: int) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of what a stroke can touch, in canvas px; None off the sheet."""
    margin = width_px * SUPERSAMPLE + 4
    low = np.floor(stroke.min(0) * SUPERSAMPLE - margin).astype(int).clip(0, size)
    high = np.ceil(stroke.max(0) * SUPERSAMPLE + margin).astype(int).clip(0, size)
    return (int(low[0]), int(low[1]), int(high[0]), int(high[1])) if (high > low + 1).all() else None
