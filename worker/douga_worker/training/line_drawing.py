"""The drawing itself: strokes of line art, or of a real over-sketch, drawn rough and clean at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from douga_worker.training.line_art import Drawing
from douga_worker.training.roughen import SUPERSAMPLE, Hand, Points, draw_polyline, draw_rough
from douga_worker.training.shading import shade_black
from douga_worker.training.sheet import Placement, Sheet, is_visible, smooth_curve
from douga_worker.training.strokestrip import PENCIL, OverSketch

LARGEST_ZOOM = 3.2
"""Long edge of a drawing relative to the sheet's."""


@dataclass(frozen=True, slots=True)
class _Line:
    points: Points
    """In px of the sheet."""
    weight: float
    """Width relative to the pencil."""
    salience: float
    """What the line is for, 0..1: 1 is essential."""


def draw_line_art(
    sheet: Sheet, hand: Hand, drawings: Sequence[Drawing], *, is_identity: bool = False
) -> None:
    """Draw one or two drawings, now and then with some free curves.

    Args:
        sheet: changed in place.
        hand: how the rough is drawn; with ``is_identity`` only its pencil's width counts.
        drawings: to choose from.
        is_identity: draw the rough as clean as the target, every line of it kept, so that a clean
            drawing is learnt to pass unchanged.
    """
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


def draw_over_sketch(sheet: Sheet, hand: Hand, over_sketches: Sequence[OverSketch]) -> None:
    """A person's own passes, drawn with our pencil; the labelled lines are the target, at any strength."""
    rng = sheet.rng
    figure = over_sketches[int(rng.integers(len(over_sketches)))]
    unit = np.float32(1 / figure.long_edge)
    clean = [stroke * unit for stroke in figure.clean_strokes]
    zoom = rng.uniform(1.2, 4.2)
    place = Placement(rng, np.concatenate(clean), sheet.size, zoom)
    # The strokes bring their own scatter and length: the hand adds next to none.
    hand = Hand(
        # The figures' own proportion of pencil to sheet, or a wide bundle would never be seen wide.
        pencil_px=float(np.clip(PENCIL * sheet.size * zoom * rng.uniform(0.75, 1.5), 1.3, 4.0)),
        depth=1,
        scatter_px=0,
        wander_px=0.1,
        stroke_px=2000,
        overshoot_px=0,
        darkness=max(0.4, hand.darkness),
        taper=hand.taper * 0.5,
    )
    for stroke in figure.rough_strokes:
        points = place(stroke * unit)
        if len(points) > 1 and is_visible(points, sheet.size):
            draw_rough(rng, sheet.graphite, points, hand, rng.uniform(0.9, 1.1), rng.uniform(0.75, 1))
    for stroke in clean:
        for layer in (sheet.clean, sheet.drawn):
            draw_polyline(layer, place(stroke), hand.pencil_px * 1.15, 255)


def _zoom(rng: np.random.Generator, drawing: Drawing, size: int, pencil_px: float) -> float:
    """Size of the drawing relative to the sheet; crowded drawings are drawn larger, as people do."""
    length = sum(float(np.hypot(*np.diff(s.points, axis=0).T).sum()) for s in drawing.strokes)
    every = np.concatenate([s.points for s in drawing.strokes])
    area = float(np.prod(np.ptp(every, axis=0))) + 1e-6
    least = 3.6 * pencil_px * length / (area * size)
    # A thicket of lines under a wide pencil would have to be larger than any sheet.
    return float(np.exp(rng.uniform(np.log(min(max(0.55, least), LARGEST_ZOOM)), np.log(LARGEST_ZOOM))))


def _lines(rng: np.random.Generator, drawing: Drawing, place: Placement, size: int) -> list[_Line]:
    """Every visible stroke with its weight and what it is for."""
    median = float(np.median(np.concatenate([s.widths for s in drawing.strokes])))
    contrast = rng.uniform(0.3, 1.0)
    is_graded = rng.random() < 0.5
    lines = []
    for stroke in drawing.strokes:
        points = place(stroke.points)
        length = float(np.hypot(*np.diff(points, axis=0).T).sum())
        if not is_visible(points, size) or length < 2:
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


def _draw_line(sheet: Sheet, line: _Line, hand: Hand, *, is_identity: bool) -> None:
    rng = sheet.rng
    width = hand.pencil_px * line.weight
    if is_identity:
        layer = np.zeros_like(sheet.clean)
        draw_polyline(layer, line.points, width, 255)
        sheet.add_tone(np.asarray(layer / 255, dtype=np.float32))
        for kept in (sheet.clean, sheet.drawn):
            np.copyto(kept, np.maximum(kept, layer))
        return
    # Firm lines are meant: how dark a stroke is drawn is the best sign of what it is for.
    tone = float(np.clip(0.25 + 0.75 * line.salience + rng.normal(0, 0.03), 0.12, 1))
    draw_rough(rng, sheet.graphite, line.points, hand, line.weight, tone)
    # A line searched for with many strokes reads as a heavier one; so is it cleaned.
    meant_px = width * (1 + 0.12 * min(hand.depth - 1, 2.5)) * (0.75 + 0.25 * tone)
    draw_polyline(sheet.drawn, line.points, meant_px, 255)
    if sheet.keeps(line.salience):
        draw_polyline(sheet.clean, line.points, meant_px, 255)


def _draw_solids(sheet: Sheet, outlines: list[Points], hand: Hand, *, is_identity: bool) -> None:
    """Solid blacks stay solid; now and then they are left as outlines, as on an animation cel."""
    visible = [o for o in outlines if len(o) > 2 and is_visible(o, sheet.size)]
    if not visible:
        return
    rng = sheet.rng
    if rng.random() < 0.45:
        for outline in visible:
            closed = np.concatenate([outline, outline[:1]])
            _draw_line(sheet, _Line(points=closed, weight=1.0, salience=0.9), hand, is_identity=is_identity)
        return
    mask = np.zeros_like(sheet.clean)
    fixed = [np.round(((o + 0.5) * SUPERSAMPLE - 0.5) * 16).astype(np.int32) for o in visible]
    cv2.fillPoly(mask, fixed, 255, cv2.LINE_AA, 4)
    for kept in (sheet.clean, sheet.drawn):
        np.copyto(kept, np.maximum(kept, mask))
    area = np.asarray(mask / np.float32(255), dtype=np.float32)
    sheet.add_tone(area if is_identity else shade_black(rng, area, hand.pencil_px))


def _free_curve(rng: np.random.Generator, size: int) -> _Line:
    knots = rng.uniform(-0.1, 1.1, (1, 2)) * size + np.cumsum(rng.normal(0, 0.22 * size, (4, 2)), 0)
    return _Line(
        points=smooth_curve(knots.astype(np.float32)),
        weight=float(rng.uniform(0.7, 1.5)),
        salience=float(rng.uniform(0.5, 1)),
    )
