"""What a network must do whatever it draws: figures that its card states and tests hold it to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations, pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from tests.line_images import character
from tests.training_parts import drawn_material, face

from douga_shared.recipe import Precision
from douga_worker.network.cleaner import Cleaner
from douga_worker.network.weights import Weights
from douga_worker.steps.lines_of_coverage import lines_of_coverage
from douga_worker.steps.two_values import two_values
from douga_worker.training.line_drawing import draw_line_art
from douga_worker.training.measure import Agreement, compare_drawings
from douga_worker.training.roughen import Hand
from douga_worker.training.sheet import Sheet
from douga_worker.training.synthesis import Sample, synthesise

Picture = NDArray[np.uint8]
Clean = Callable[[Picture], Picture]
"""A grey scan to its line image at the usual strength, the whole way that `douga clean` goes."""

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
BRIGHTNESSES = (255, 235, 200, 150, 100, 60)
DPIS = (72, 150, 300, 600)
PENCIL_MM = 0.5
SCALED_MM = 60
SAMPLE_PX = 320
TIDY = Hand(
    pencil_px=3,
    depth=1.6,
    scatter_px=0.5,
    wander_px=0.3,
    stroke_px=120,
    overshoot_px=1,
    darkness=0.85,
    taper=0.3,
)


def samples(count: int, strength: float = 0.5) -> list[Sample]:
    """Synthetic rough drawings at the working size, with their truth; none is blank."""
    found = (
        synthesise(seed, drawn_material(), size=SAMPLE_PX, strength=strength) for seed in range(3 * count)
    )
    return [sample for sample in found if sample.target.any()][:count]


def gained_with_strength(weights: Weights, count: int) -> float:
    """Share of the line at a strength that is not there at the strength below: 0 is monotonous.

    A line moves by a pixel as others beside it go: what lies within 2 px counts as there.
    """
    cleaner = Cleaner(weights, device="cpu")
    gained = total = 0
    for sample in samples(count):
        covered = [cleaner.clean([sample.ink], strength)[0] for strength in STRENGTHS]
        drawn = [lines_of_coverage(coverage, sample.ink) > 127 for coverage in covered]
        for lower, higher in pairwise(drawn):
            near = cv2.dilate(lower.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            gained += int((higher & ~near).sum())
            total += int(higher.sum())
    return gained / max(total, 1)


def ink_by_strength(weights: Weights, count: int) -> list[float]:
    """Share of the sheets that is line, at each of ``STRENGTHS``."""
    cleaner = Cleaner(weights, device="cpu")
    inks = [sample.ink for sample in samples(count)]
    return [
        float(np.mean([(lines > 127).mean() for lines in cleaner.clean(inks, strength)]))
        for strength in STRENGTHS
    ]


def identity(clean: Clean, *, width_px: float = 4.0) -> Agreement:
    """A clean drawing against what becomes of it."""
    drawing = character(600, width_px)
    return compare_drawings(clean(255 - drawing), drawing)


def most_line_on_blank_paper(clean: Clean) -> float:
    """Largest share of an empty sheet that becomes line, over all brightnesses of paper, with its grain."""
    rng = np.random.default_rng(0)
    grain = cv2.GaussianBlur(rng.standard_normal((500, 400)), (0, 0), 1.2)
    light = np.linspace(1, 0.85, 400)[None]
    sheets = (brightness * light * (1 + 0.02 * grain / grain.std()) for brightness in BRIGHTNESSES)
    return max(float((clean(sheet.clip(0, 255).astype(np.uint8)) > 127).mean()) for sheet in sheets)


def least_agreement_over_dpi(clean: Clean, seeds: Sequence[int]) -> dict[tuple[int, int], float]:
    """F within 2 px at a long edge of 1000 px between the same drawing scanned at two resolutions."""
    found: dict[tuple[int, int], list[float]] = {}
    for seed in seeds:
        drawn = {dpi: clean(scan) for dpi, scan in _scanned_at(seed).items()}
        for one, other in combinations(DPIS, 2):
            larger = drawn[other]
            smaller = cv2.resize(drawn[one], larger.shape[::-1], interpolation=cv2.INTER_CUBIC)
            agreement = compare_drawings(np.asarray(smaller, np.uint8), larger)
            found.setdefault((one, other), []).append(agreement.f_2px)
    return {pair: float(np.mean(values)) for pair, values in found.items()}


def _scanned_at(seed: int) -> dict[int, Picture]:
    """One pencil drawing, scanned at several resolutions by a scanner with some noise."""
    rng = np.random.default_rng(seed)
    finest = max(DPIS)
    size = round(SCALED_MM / 25.4 * finest)
    sheet = Sheet(rng, size // 2, 0.5)
    hand = replace(TIDY, pencil_px=PENCIL_MM / 25.4 * finest / 2)
    # Drawn at half the finest resolution and twice supersampled: the canvas is the finest scan.
    draw_line_art(sheet, hand, [face()])
    paper = np.asarray(1 - 0.85 * sheet.graphite, np.float32)
    scans = {}
    for dpi in DPIS:
        side = round(SCALED_MM / 25.4 * dpi)
        seen = cv2.resize(paper, (side, side), interpolation=cv2.INTER_AREA)
        noisy = 235 * seen + rng.normal(0, 2.5, seen.shape)
        scans[dpi] = noisy.clip(0, 255).astype(np.uint8)
    return scans


def solids(clean: Clean) -> tuple[float, float]:
    """Black areas of 12 to 200 px in a drawing with lines of 4 px.

    Returns:
        Share of the blacks' pixels that stay line, and share of the light gaps of 5 px in them that stay
        open.
    """
    drawing = np.zeros((900, 700), np.uint8)
    drawing[:700] = character(700, 4.0)
    black = np.zeros_like(drawing)
    for number, radius in enumerate((6, 10, 16, 25, 40)):
        cv2.circle(black, (60 + 130 * number, 640), radius, 255, -1, cv2.LINE_AA)
    cv2.rectangle(black, (60, 710), (260, 880), 255, -1)
    gap = np.zeros_like(drawing)
    for number in (3, 4):
        cv2.line(gap, (45 + 130 * number, 630), (75 + 130 * number, 645), 255, 5, cv2.LINE_AA)
    black[gap > 127] = 0
    lines = clean(255 - np.maximum(np.where(gap > 127, 0, drawing), black)) > 127
    inside = cv2.erode(gap, np.ones((3, 3), np.uint8)) > 127
    return float(lines[black > 200].mean()), float((~lines[inside]).mean())


def largest_seam(weights: Weights) -> int:
    """Largest difference, in tones, between a tiled page and the whole one."""
    page = np.hstack([sample.ink for sample in samples(3)])
    tile_px = 2 * weights.shape.reach_px + 8 * weights.shape.multiple_px
    (whole,), (tiled,) = (
        Cleaner(weights, device="cpu", tile_px=edge).clean([page], 0.5) for edge in (4096, tile_px)
    )
    return int(np.abs(whole.astype(np.int16) - tiled).max())


def precision_difference(weights: Weights, count: int) -> tuple[float, float, int]:
    """bf16 against fp32 on the CPU.

    Returns:
        Mean difference in tones; F within 2 px between the drawings; lines gained or lost (pieces of line
        in one that have nothing of the other within 2 px).
    """
    inks = [sample.ink for sample in samples(count)]
    exact, short = (
        Cleaner(weights, device="cpu", precision=precision).clean(inks, 0.5)
        for precision in (Precision.FP32, Precision.BF16)
    )
    means = [float(np.abs(a.astype(np.int16) - b).mean()) for a, b in zip(exact, short, strict=True)]
    agreement = [compare_drawings(b, a).f_2px for a, b in zip(exact, short, strict=True)]
    drawn = [
        (two_values(lines_of_coverage(a, ink)), two_values(lines_of_coverage(b, ink)))
        for a, b, ink in zip(exact, short, inks, strict=True)
    ]
    changed = sum(_alone(a, b) + _alone(b, a) for a, b in drawn)
    return float(np.mean(means)), float(np.mean(agreement)), changed


def _alone(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> int:
    """Pieces of one that nothing of the other comes near."""
    near = cv2.dilate(other.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    count, labels = cv2.connectedComponents(one.astype(np.uint8), connectivity=8)
    return count - len(np.union1d([0], labels[one & near]))
