"""How an area is filled with a pencil: black, or in a colour."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.training.paper import noise
from douga_worker.training.roughen import SUPERSAMPLE
from douga_worker.training.sheet import scribble

Area = NDArray[np.float32]
"""(S, S) at the resolution of the graphite, 0 = outside, 1 = inside."""

FIRMEST_COLOUR = 0.55
"""Tone, 0..1. Above it an area is meant black: both must not look the same, or neither is learnt."""


def shade_black(rng: np.random.Generator, area: Area, pencil_px: float) -> Area:
    """Fill an area black: one in four evenly, as with ink, the others with strokes of a pencil.

    Args:
        rng: source of chance.
        area: what to fill.
        pencil_px: width of the pencil, in px of the sheet.

    Returns:
        Tone in 0..1; strokes leave pale slits between them and run over the edge by up to a pencil's width.
    """
    if rng.random() < 0.25:
        return np.asarray(area * rng.uniform(0.85, 1.0), dtype=np.float32)
    layers = [_strokes(rng, area, pencil_px) for _ in range(int(rng.integers(2, 4)))]
    filled = 1 - np.prod([1 - layer for layer in layers], axis=0)
    # Strokes lie over a first, softer tone.
    filled = np.maximum(filled, area * rng.uniform(0.35, 0.8))
    uneven = 1 - rng.uniform(0, 0.15) * np.abs(scribble(rng, len(area), rng.uniform(2, 5)))
    tooth = 1 + rng.uniform(0, 0.2) * noise(rng, (len(area), len(area)), rng.uniform(0.7, 2.2))
    return np.asarray((filled * uneven * tooth).clip(0, 1), dtype=np.float32)


def colour_in(rng: np.random.Generator, area: Area) -> Area:
    """Colour an area on grainy paper: speckled tone up to its edge, drawn out a little along the strokes.

    Returns:
        Tone in 0..1, ``FIRMEST_COLOUR`` on average at most.
    """
    size = len(area)
    tone = rng.uniform(0.15, FIRMEST_COLOUR)
    tooth = rng.uniform(0.1, 0.45) * noise(rng, (size, size), rng.uniform(0.9, 2.6))
    strokes = rng.uniform(0.05, 0.3) * scribble(rng, size, rng.uniform(1.2, 5))
    edge = cv2.GaussianBlur(area, (0, 0), rng.uniform(0.5, 2.5))
    return np.asarray((edge * tone * (1 + tooth + strokes)).clip(0, 1), dtype=np.float32)


def _strokes(rng: np.random.Generator, area: Area, pencil_px: float) -> Area:
    """Parallel strokes over an area, less than a pencil's width apart."""
    ys, xs = np.nonzero(area > 0.5)
    layer = np.zeros(area.shape, np.uint8)
    if not len(xs):
        return layer.astype(np.float32)
    width = max(1, round(pencil_px * SUPERSAMPLE * rng.uniform(0.5, 1.0)))
    angle = rng.uniform(0, np.pi)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    low, high = np.percentile(across @ np.stack([xs, ys]), (0, 100))
    begin, end = np.percentile(along @ np.stack([xs, ys]), (0, 100))
    place = low
    while place < high + width:
        tilt = rng.normal(0, 0.35, 2) * width
        ends = [along * u + across * (place + t) for u, t in zip((begin, end), tilt, strict=True)]
        (x0, y0), (x1, y1) = (np.round(p).astype(int).tolist() for p in ends)
        cv2.line(layer, (x0, y0), (x1, y1), int(rng.uniform(150, 245)), width, cv2.LINE_AA)
        place += width * rng.uniform(0.6, 1.25)
    over = int(rng.integers(0, max(1, round(pencil_px * SUPERSAMPLE / 2)) + 1))
    reach = cv2.dilate(area, np.ones((2 * over + 1, 2 * over + 1), np.uint8))
    return np.asarray(reach * layer / np.float32(255), dtype=np.float32)
