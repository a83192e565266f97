"""What stands on a sheet beside the drawing, and what a clean drawing leaves out of it."""

from __future__ import annotations

import cv2
import numpy as np

from douga_worker.training.roughen import Hand, Points, draw_polyline, draw_rough
from douga_worker.training.shading import FIRMEST_COLOUR, colour_in, shade_black
from douga_worker.training.sheet import Sheet, scribble, smooth_curve

LARGEST_FIRM_FILL = 0.15
"""Share of the sheet: nobody presses hard over a whole background."""
LARGEST_BLACK = 0.03
"""Share of the sheet: pupils, buttons, stripes, locks of hair."""


def add_surroundings(sheet: Sheet, hand: Hand) -> None:
    """Add tone, hatching, construction lines and erased lines to a drawn sheet, some of each or none.

    Tone and erased lines never reach the target; hatching (salience 0.1 to 0.45) and construction
    lines (0 to 0.2) do at a strength below theirs.
    """
    rng = sheet.rng
    kind = rng.random()
    if kind < 0.25:
        _colour_in(sheet)
    elif kind < 0.5:
        _fill_regions(sheet)
    if rng.random() < 0.3:
        for _ in range(int(rng.integers(1, 4))):
            draw_hatching(sheet, hand)
    if rng.random() < 0.45:
        for _ in range(int(rng.integers(1, 8))):
            draw_construction(sheet, hand)
    if rng.random() < 0.2:
        _leave_ghost(sheet)


def draw_hatching(sheet: Sheet, hand: Hand) -> None:
    """A patch of parallel strokes, lighter than the drawing."""
    rng, size = sheet.rng, sheet.size
    centre = rng.uniform(0, size, 2)
    angle, spacing = rng.uniform(0, np.pi), hand.pencil_px * rng.uniform(1.5, 4.5)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    salience = float(rng.uniform(0.1, 0.45))
    reach = rng.uniform(15, 70)
    light = Hand(
        pencil_px=hand.pencil_px * rng.uniform(0.6, 1),
        depth=1.05,
        scatter_px=0.3,
        wander_px=0.3,
        stroke_px=200,
        overshoot_px=2,
        darkness=hand.darkness * rng.uniform(0.3, 0.9),
        taper=0.8,
    )
    for number in range(int(rng.integers(4, 18))):
        middle = centre + across * spacing * number + rng.normal(0, 1.0, 2)
        half = along * reach * rng.uniform(0.6, 1.1)
        bow = across * rng.normal(0, 2)
        points = np.array([middle - half, middle + bow, middle + half], np.float32)
        draw_rough(rng, sheet.graphite, points, light, 1.0, 0.8)
        if sheet.keeps(salience):
            draw_polyline(sheet.clean, smooth_curve(points), light.pencil_px, 255)


def draw_construction(sheet: Sheet, hand: Hand) -> None:
    """An ellipse or a straight line that finds the form; faint, and gone in the clean drawing."""
    rng = sheet.rng
    salience = float(rng.uniform(0.0, 0.2))
    faint = Hand(
        pencil_px=hand.pencil_px * rng.uniform(0.6, 1.1),
        depth=1 + rng.exponential(0.5),
        scatter_px=2.5,
        wander_px=0.5,
        stroke_px=400,
        overshoot_px=8,
        darkness=hand.darkness * rng.uniform(0.1, 0.34),
        taper=0.6,
    )
    points = _ellipse(rng, sheet.size) if rng.random() < 0.5 else _straight(rng, sheet.size)
    draw_rough(rng, sheet.graphite, points, faint, 1.0, 1.0)
    if sheet.keeps(salience):
        draw_polyline(sheet.clean, points, faint.pencil_px, 255)


def _ellipse(rng: np.random.Generator, size: int) -> Points:
    turn = np.linspace(0, 2 * np.pi, 40)
    axes, tilt = rng.uniform(0.1, 0.6, 2) * size, rng.uniform(0, np.pi)
    oval = np.stack([axes[0] * np.cos(turn), axes[1] * np.sin(turn)], 1)
    rotation = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    return np.asarray(oval @ rotation + rng.uniform(0, size, 2), dtype=np.float32)


def _straight(rng: np.random.Generator, size: int) -> Points:
    begin, end = rng.uniform(-0.2 * size, 1.2 * size, (2, 2))
    return np.linspace(begin, end, 12).astype(np.float32)


def _fill_regions(sheet: Sheet) -> None:
    """The side of the lead in a few areas, soft at its edge: tone, no line."""
    rng = sheet.rng
    labels, areas = sheet.regions()
    for label in rng.permutation(np.arange(1, len(areas)))[: int(rng.integers(1, 6))]:
        if areas[label] < 60:
            continue
        area = cv2.GaussianBlur(sheet.mask(labels == label), (0, 0), rng.uniform(1, 5))
        texture = 0.65 + rng.uniform(0.15, 0.45) * scribble(rng, len(area), rng.uniform(1.2, 5))
        is_firm = rng.random() < 0.4 and areas[label] < LARGEST_FIRM_FILL * labels.size
        tone = rng.uniform(0.35, FIRMEST_COLOUR) if is_firm else rng.uniform(0.08, 0.35)
        sheet.add_tone((area * texture.clip(0, 1) * tone).astype(np.float32))


def _colour_in(sheet: Sheet) -> None:
    """Nearly every closed area in one of a few colours, up to its outline, as children's books are."""
    rng = sheet.rng
    labels, areas = sheet.regions()
    is_paper = rng.random(len(areas)) < 0.25
    # The largest area is what lies around the figures.
    is_paper[int(areas.argmax())] = rng.random() < 0.9
    colours = rng.integers(0, int(rng.integers(1, 4)), len(areas))
    for colour in range(int(colours.max()) + 1):
        is_filled = (colours == colour) & ~is_paper & (areas > 30)
        if is_filled.any():
            sheet.add_tone(colour_in(rng, sheet.mask(is_filled[labels])))


def add_blacks(sheet: Sheet, hand: Hand) -> None:
    """Fill a few small areas of the drawing black, as pupils and stripes are; they belong to the target."""
    rng = sheet.rng
    labels, areas = sheet.regions()
    small = np.flatnonzero((areas > 20) & (areas < LARGEST_BLACK * labels.size))
    if not len(small):
        return
    chosen = rng.permutation(small)[: int(rng.integers(1, 5))]
    area = sheet.mask(np.isin(labels, chosen))
    sheet.add_tone(shade_black(rng, area, hand.pencil_px))
    black = np.asarray((area * 255).round(), dtype=np.uint8)
    for kept in (sheet.clean, sheet.drawn):
        np.copyto(kept, np.maximum(kept, black))


def _leave_ghost(sheet: Sheet) -> None:
    """Lines rubbed out after all: a faint, soft, shifted memory of everything that was drawn."""
    rng = sheet.rng
    shift = np.array([[1, 0, rng.normal(0, 14)], [0, 1, rng.normal(0, 14)]], np.float32)
    moved = cv2.warpAffine(sheet.drawn, shift, sheet.drawn.shape[::-1])
    ghost = cv2.GaussianBlur(moved, (0, 0), rng.uniform(1.5, 5)).astype(np.float32) / 255
    sheet.add_tone((ghost * rng.uniform(0.04, 0.16)).astype(np.float32))
