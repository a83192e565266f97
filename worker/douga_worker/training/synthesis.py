"""Pairs to learn from: a rough scan and the clean drawing that was meant, from clean line art.

``synthesise(seed, ...)`` is a pure function of its seed. What a stroke is *for* gives it a salience in
0..1: essential lines 1, lesser ones down to 0.3, hatching 0.1 to 0.45, construction lines 0 to 0.2. A
sample's strength s decides which strokes stay in the target, those of salience >= s: a stroke kept at s
is kept at every lower s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.steps.flatten_paper import flatten_paper
from douga_worker.training.line_art import Drawing
from douga_worker.training.line_drawing import draw_line_art, draw_over_sketch
from douga_worker.training.paper import Relief, lay_paper, noise, scan, table_edge
from douga_worker.training.roughen import random_hand
from douga_worker.training.sheet import Sheet
from douga_worker.training.strokestrip import OverSketch
from douga_worker.training.surroundings import add_blacks, add_surroundings

TRIES = 6
"""A sample whose scan lost what its target shows is drawn again, this often in all; the last one counts."""
PAIR_SHARE = 0.5
"""Where there are pairs of a studio's own beside line art, this many samples are cut from them."""


BLACKS_SHARE = 0.25
"""Of the drawn samples, those that have some small areas filled black beside the drawing's own."""
TABLE_SHARE = 0.06
"""Samples on which the sheet ends, as photographs show it."""


@dataclass(frozen=True, slots=True)
class WorkingPair:
    """A rough scan and an artist's clean drawing of it, both brought to the network's working size."""

    ink: NDArray[np.uint8]
    """(H, W) flattened scan, 0 = paper, 255 = darkest."""
    target: NDArray[np.uint8]
    """(H, W) clean drawing, 0 = paper, 255 = line."""


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that samples are made from; there must be drawings or pairs."""

    drawings: Sequence[Drawing]
    over_sketches: Sequence[OverSketch] = ()
    papers: Sequence[Relief] = ()
    pairs: Sequence[WorkingPair] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One pair; the target lies where the strokes' mean lies, to well below a pixel."""

    ink: NDArray[np.uint8]
    """(S, S) the flattened rough scan, 0 = paper, 255 = darkest."""
    target: NDArray[np.uint8]
    """(S, S) the clean drawing, 0 = paper, 255 = line."""
    strength: float
    """0..1, what the target was drawn for."""


def synthesise(seed: int, material: Material, *, size: int = 320, strength: float | None = None) -> Sample:
    """Make one pair.

    Args:
        seed: the same seed and material give the same sample, bit for bit, in any process.
        material: line art, over-sketches, papers, pairs.
        size: edge of the square sample in px, at the scale the network works at.
        strength: 0..1, what the target is drawn for; None draws it: the usual 0.5 half of the time.

    Returns:
        An aligned pair and the strength its target was drawn for.
    """
    sample = _draw_sample(np.random.default_rng((seed, 0)), material, size, strength)
    for attempt in range(1, TRIES):
        if shows_its_target(sample):
            break
        sample = _draw_sample(np.random.default_rng((seed, attempt)), material, size, strength)
    return sample


def shows_its_target(sample: Sample) -> bool:
    """Tell whether nearly all of the target's line has ink within 3 px.

    No network can draw what the scanner did not see; such pairs would teach it to invent.
    """
    line = sample.target > 127
    if not line.any():
        return True
    nearby = cv2.dilate(sample.ink, np.ones((7, 7), np.uint8))
    return bool((nearby[line] < 45).mean() < 0.04)


def _draw_sample(rng: np.random.Generator, material: Material, size: int, wanted: float | None) -> Sample:
    if material.pairs and (not material.drawings or rng.random() < PAIR_SHARE):
        return _cut_from_pair(rng, material.pairs[int(rng.integers(len(material.pairs)))], size)
    strength = 0.5 if rng.random() < 0.5 else float(rng.uniform(0, 1))
    strength = strength if wanted is None else wanted
    sheet = Sheet(rng, size, strength)
    hand = random_hand(rng)
    kind = rng.random()
    if kind < 0.04:
        pass  # an empty sheet: blank must stay blank
    elif kind < 0.24 and material.over_sketches:
        draw_over_sketch(sheet, hand, material.over_sketches)
    else:
        is_identity = kind > 0.92
        draw_line_art(sheet, hand, material.drawings, is_identity=is_identity)
        if not is_identity:
            if rng.random() < BLACKS_SHARE:
                add_blacks(sheet, hand)
            add_surroundings(sheet, hand)
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


def _photograph(sheet: Sheet, papers: Sequence[Relief]) -> Sample:
    """Bring a drawn sheet onto paper and through a scanner, then flatten it as every scan is."""
    rng, size = sheet.rng, sheet.size
    graphite = cv2.resize(sheet.graphite, (size, size), interpolation=cv2.INTER_AREA)
    graphite = _grain(rng, np.asarray(graphite, dtype=np.float32))
    if rng.random() < 0.25:
        graphite = np.maximum(graphite, _dust(rng, size))
    if rng.random() < 0.25:
        smear = np.asarray(cv2.GaussianBlur(graphite, (0, 0), rng.uniform(4, 14)), dtype=np.float32)
        graphite = 1 - (1 - graphite) * (1 - smear * rng.uniform(0, 0.35))
    blackest = rng.uniform(0.6, 0.97)
    target = np.asarray(cv2.resize(sheet.clean, (size, size), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    picture = lay_paper(rng, size, papers) * (1 - graphite * blackest)
    if rng.random() < TABLE_SHARE:
        on_sheet, table = table_edge(rng, size)
        picture = picture * on_sheet + table * (1 - on_sheet)
        target = np.asarray((target * on_sheet).round(), dtype=np.uint8)
    pixels = scan(rng, picture)
    # A sample is a small part of a page: the paper window is that much larger relative to it.
    ink = flatten_paper(pixels, window_share=rng.uniform(0.25, 0.4))
    return Sample(ink=ink, target=target, strength=sheet.strength)


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
