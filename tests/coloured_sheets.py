"""Made-up scans of pencil drawings in several colours, with the truth: which pencil drew what.

Pencils lie over one another as on paper: each takes its share of the light that is left. Then the scanner
spoils it: channels beside one another, chroma coarser than luma, a halo, the back of the sheet shining
through.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tests.line_images import Pen

Points = NDArray[np.float64]

BLACK_PENCIL = (0.72, 0.72, 0.71)
"""Share of red, green and blue light that graphite swallows."""
PENCILS: dict[str, tuple[float, float, float]] = {
    "black": BLACK_PENCIL,
    "red": (0.16, 0.74, 0.68),
    "blue": (0.72, 0.54, 0.16),
    "green": (0.70, 0.30, 0.62),
}
"""Pencils at full pressure, by name."""
PALE = 0.38
"""Share of full pressure of a pale pencil."""


@dataclass(frozen=True, slots=True)
class PencilStroke:
    """One line as somebody drew it."""

    points: Points
    """(N, 2) x, y, about two a pixel."""
    ink: str


@dataclass(frozen=True, slots=True)
class ColouredSheet:
    """A scan and what is on it."""

    pixels: NDArray[np.uint8]
    """(H, W, 3) RGB scan."""
    lines: NDArray[np.uint8]
    """(H, W) what a perfect network draws: 255 = line, of any ink."""
    strokes: tuple[PencilStroke, ...]
    width_px: float


@dataclass(slots=True)
class Spoiling:
    """How bad pencils, paper and scanner are."""

    pressure: float = 1.0
    """Of the coloured pencils; graphite is always at full pressure."""
    grain: float = 0.25
    """Standard deviation of the pencil's pressure from pixel to pixel."""
    noise: float = 2.0
    misregistration_px: float = 0.5
    """Red is shifted to one side by this, blue to the other."""
    halo: float = 0.06
    """Share of each line's darkness in a skirt of some pixels around it."""
    jpeg_quality: int | None = 85
    """4:2:0, so that chroma has half the resolution; None for no JPEG."""
    paper: tuple[float, float, float] = (246.0, 243.0, 234.0)
    show_through: float = 0.0
    """Darkness of blue and red shading and lines on the back of the sheet."""
    inks: tuple[str, ...] = field(default=tuple(PENCILS))


BENIGN = Spoiling(grain=0.1, misregistration_px=0.2, halo=0.0, jpeg_quality=None)
USUAL = Spoiling()
PALE_PENCILS = Spoiling(pressure=PALE)
BAD_SCANNER = Spoiling(
    pressure=0.6, misregistration_px=1.0, halo=0.12, jpeg_quality=60, noise=4.0, paper=(236, 226, 205)
)
SHOWING_THROUGH = Spoiling(show_through=0.1)


def coloured_sheet(
    seed: int = 0,
    *,
    height: int = 600,
    width: int = 800,
    stroke_count: int = 24,
    width_px: float = 3.0,
    spoiling: Spoiling = USUAL,
) -> ColouredSheet:
    """Draw random curves, that cross and run side by side, each with one of the pencils."""
    random = np.random.default_rng(seed)
    strokes = tuple(
        PencilStroke(_curve(random, height, width), spoiling.inks[i % len(spoiling.inks)])
        for i in range(stroke_count)
    )
    return draw_sheet(strokes, height, width, width_px=width_px, spoiling=spoiling, random=random)


def draw_sheet(
    strokes: tuple[PencilStroke, ...],
    height: int,
    width: int,
    *,
    width_px: float = 3.0,
    spoiling: Spoiling = USUAL,
    random: np.random.Generator | None = None,
) -> ColouredSheet:
    """Draw given strokes; all of them are line in the truth."""
    random = random or np.random.default_rng(0)
    light = np.ones((height, width, 3))
    lines = np.zeros((height, width), np.uint8)
    for ink in dict.fromkeys(stroke.ink for stroke in strokes):
        pen = Pen(height, width)
        for stroke in strokes:
            if stroke.ink == ink:
                pen.stroke(stroke.points, width_px)
        lines = np.maximum(lines, pen.page())
        light *= 1 - _darkness(pen.page(), ink, spoiling, random)
    if spoiling.show_through:
        light *= 1 - _back_of_the_sheet(height, width, spoiling, random)
    pixels = _scanned(light, spoiling, random)
    return ColouredSheet(pixels=pixels, lines=lines, strokes=strokes, width_px=width_px)


def _darkness(
    page: NDArray[np.uint8], ink: str, spoiling: Spoiling, random: np.random.Generator
) -> NDArray[np.float64]:
    pressure = 1.0 if ink == "black" else spoiling.pressure
    grain = cv2.GaussianBlur(random.normal(0, 1, page.shape), (0, 0), 0.7) * 2
    coverage = cv2.GaussianBlur(page / 255.0, (0, 0), 0.6) * (1 + spoiling.grain * grain).clip(0.2, 1.2)
    coverage += spoiling.halo * cv2.GaussianBlur(page / 255.0, (0, 0), 4.0)
    return np.asarray((pressure * coverage[..., None] * np.array(PENCILS[ink])).clip(0, 1))


def _back_of_the_sheet(
    height: int, width: int, spoiling: Spoiling, random: np.random.Generator
) -> NDArray[np.float64]:
    darkness = np.zeros((height, width, 3))
    for ink in ("blue", "red"):
        pen = Pen(height, width)
        for _ in range(4):
            pen.stroke(_curve(random, height, width), 4.0)
        corner = random.uniform((0, 0), (width * 0.8, height * 0.8))
        pen.solid(
            corner + np.array([(0, 0), (width * 0.2, 10), (width * 0.18, height * 0.2), (8, height / 6)])
        )
        page = cv2.GaussianBlur(pen.page() / 255.0, (0, 0), 2.5)
        darkness += spoiling.show_through * page[..., None] * np.array(PENCILS[ink]) / 0.74
    return darkness


def _scanned(
    light: NDArray[np.float64], spoiling: Spoiling, random: np.random.Generator
) -> NDArray[np.uint8]:
    tones = light * np.array(spoiling.paper)
    for channel, direction in ((0, -1), (2, 1)):
        shift = np.array([[1.0, 0, direction * spoiling.misregistration_px], [0, 1, 0.0]])
        size = (tones.shape[1], tones.shape[0])
        tones[..., channel] = cv2.warpAffine(
            np.ascontiguousarray(tones[..., channel]), shift, size, borderMode=cv2.BORDER_REPLICATE
        )
    tones += random.normal(0, spoiling.noise, tones.shape)
    pixels: NDArray[np.uint8] = np.rint(tones.clip(0, 255)).astype(np.uint8)
    if spoiling.jpeg_quality is None:
        return pixels
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=spoiling.jpeg_quality, subsampling=2)
    return np.asarray(Image.open(BytesIO(buffer.getvalue())), np.uint8)


def _curve(random: np.random.Generator, height: int, width: int) -> Points:
    """A cubic with an end anywhere and a length of about half the page."""
    start = random.uniform((0.05 * width, 0.05 * height), (0.95 * width, 0.95 * height))
    heading = random.uniform(0, 2 * np.pi)
    control = [start]
    for _ in range(3):
        heading += random.normal(0, 0.5)
        control.append(control[-1] + 0.2 * width * np.array([np.cos(heading), np.sin(heading)]))
    t = np.linspace(0, 1, int(2 * 0.6 * width))[:, None]
    a, b, c, d = control
    points = (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d
    is_inside = ((points > 6) & (points < (width - 6, height - 6))).all(axis=1)
    # Only the first piece on the page: a line that leaves it does not come back.
    end = int(np.argmin(is_inside)) if not is_inside.all() else len(points)
    return points[:end] if end > 60 else _curve(random, height, width)
