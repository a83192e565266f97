"""Draws every example anew: ``python -m examples.make_examples [FOLDER]``, from the root of the repository.

The same seed gives the same drawings; nothing but the code beside this file goes into them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from examples import stills
from examples.drawing import Pencil, Place, Shape
from examples.house import house
from examples.pencil import Drawn, Paper, Pixels, Size, draw_cleanly, draw_roughly, look, photograph, writing
from examples.walker import walker
from PIL import Image

from douga_worker.training.roughen import Hand

SEED = 1917
"""Of the oldest Japanese animation that survives."""

WALK_SIZE: Size = (1240, 877)
WALK_DPI = 150
WALK_LENGTH = 16
WALK_HAND = Hand(
    pencil_px=1.9,
    depth=2.8,
    scatter_px=1.7,
    wander_px=0.6,
    stroke_px=65,
    overshoot_px=3,
    darkness=0.72,
    taper=0.7,
)
WALK: dict[str, float] = {
    **{f"A{number:04}": (number - 1) / WALK_LENGTH for number in range(1, WALK_LENGTH + 1)},
    # An in-between put in later, after drawing 7.
    "A0007a": 6.5 / WALK_LENGTH,
}
"""Name of each drawing and the moment of the walk, 0..1, that it shows."""

SKETCHY = Hand(2.4, 4.5, 4.2, 1.6, 100, 9, 0.55, 0.8)
SOFT = Hand(2.8, 2.2, 1.6, 0.7, 110, 4, 0.7, 0.7)
TIDY = Hand(2.2, 1.5, 0.8, 0.4, 160, 3, 0.8, 0.6)
FAINT = Hand(3.6, 1.7, 1.7, 0.8, 260, 10, 0.5, 0.5)


def walk_drawing(name: str) -> tuple[Pixels, Pixels]:
    """Draw one frame of the walk: the rough scan and the clean drawing, both (H, W), black on white."""
    shapes = [*Place((640, 822)).shapes(walker(WALK[name])), *_number(name)]
    rng = np.random.default_rng((SEED, list(WALK).index(name)))
    drawn = draw_roughly(rng, shapes, WALK_SIZE, WALK_HAND)
    return _grey(look(rng, drawn, Paper(grain=0.002), grain=0.0004)), draw_cleanly(
        shapes, WALK_SIZE, WALK_HAND
    )


def _number(name: str) -> list[Shape]:
    """The drawing's number as written on the sheet, without the zeros of the file's name."""
    return writing(name[0] + name[1:].lstrip("0"), (1092, 56), 2.2)


def make_walk(folder: Path) -> None:
    """Write ``walk/`` and ``walk-clean/``."""
    for name in WALK:
        for part, pixels in zip(("walk", "walk-clean"), walk_drawing(name), strict=True):
            path = folder / part / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path, dpi=(WALK_DPI, WALK_DPI), optimize=True)


def make_singles(folder: Path) -> None:
    """Write ``singles/``."""
    folder = folder / "singles"
    folder.mkdir(parents=True, exist_ok=True)
    _teapot(folder / "teapot, blue pencil.png")
    _portrait(folder / "少女.jpg")
    _hand(folder / "hand-phone.jpg")
    _house(folder / "house.tif")
    _robot(folder / "robot-transparent.png")


def _teapot(path: Path) -> None:
    rng, drawn = _drawn(1, stills.teapot(), (1040, 740), SOFT)
    pixels = look(rng, drawn, Paper(tint=(0.99, 0.985, 0.965), grain=0.0015), grain=0.0)
    # Fewer tones than the eye can tell apart: colour scans of paper are large files.
    Image.fromarray(pixels).quantize(64, dither=Image.Dither.NONE).convert("RGB").save(
        path, dpi=(150, 150), optimize=True
    )


def _portrait(path: Path) -> None:
    rng, drawn = _drawn(2, stills.portrait(), (1000, 1120), SKETCHY)
    pixels = look(rng, drawn, Paper(tint=(0.96, 0.945, 0.9)))
    Image.fromarray(pixels).save(path, dpi=(200, 200), quality=85, optimize=True)


def _hand(path: Path) -> None:
    rng, drawn = _drawn(3, stills.hand(), (800, 980), SOFT)
    Image.fromarray(photograph(rng, look(rng, drawn, Paper()))).save(path, quality=85, optimize=True)


def _house(path: Path) -> None:
    """A scanner set to two tones loses the faintest of a pencil's grain."""
    rng, drawn = _drawn(4, house(), (2480, 1754), FAINT)
    grey = _grey(look(rng, drawn, Paper(tooth=0.5)))
    Image.fromarray(grey > 196).save(path, dpi=(300, 300), compression="group4")


def _robot(path: Path) -> None:
    """Drawn on a tablet: no paper, transparent where nothing is drawn."""
    _, drawn = _drawn(5, stills.robot(), (800, 1000), TIDY)
    colour = np.array(Pencil.GRAPHITE.value) * 255
    pixels = np.empty((1000, 800, 4), np.uint8)
    pixels[..., :3] = colour.round()
    pixels[..., 3] = (drawn.layers[Pencil.GRAPHITE] * 255).round()
    Image.fromarray(pixels).save(path, dpi=(150, 150), optimize=True)


def _drawn(number: int, shapes: Sequence[Shape], size: Size, hand: Hand) -> tuple[np.random.Generator, Drawn]:
    rng = np.random.default_rng((SEED, 100 + number))
    return rng, draw_roughly(rng, shapes, size, hand)


def _grey(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def main() -> None:
    """Draw everything into the folder named on the command line, or beside this file."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    make_walk(folder)
    make_singles(folder)


if __name__ == "__main__":
    main()
