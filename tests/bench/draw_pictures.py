"""Draw the pictures of docs/vectorizing.md: the line image, then outlines and strokes with their nodes.

Run ``python -m tests.bench.draw_pictures [--out docs/images]`` in the repository root. Takes a minute.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tests.bench.anchors import Tracer, run_plain_skeleton
from tests.bench.known_drawings.cases import make_case
from tests.bench.stroke_scores.drawn_strokes import read_svg
from tests.bench.stroke_scores.path_data import Subpath
from tests.line_images import Lines
from tests.tracing import trace_constant

from douga_worker.steps.vectorise import vectorise

Picture = NDArray[np.uint8]
Place = tuple[int, int, int, int]
"""Left, top, width and height on the page."""

_SHIFT = 4
"""Bits after the point in the coordinates OpenCV draws with."""
_PAPER = 255
_NODE = (40, 40, 220)
_COLOURS = ((190, 90, 20), (30, 140, 40), (20, 20, 190), (160, 30, 150), (150, 130, 0), (0, 110, 200))
"""Blue, green, red order, as OpenCV has it; strokes that meet should differ."""


@dataclass(frozen=True, slots=True)
class View:
    """A place of a drawing, and what is shown of it."""

    draw: Callable[[], Lines]
    place: Place
    scale: int
    ways: tuple[Tracer, ...]


def main() -> None:
    """Write every picture into the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="folder for the pictures")
    folder: Path = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for name, view in VIEWS.items():
        picture = compare(view)
        half = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        # A few dozen colours are all it takes, and a third of the bytes.
        Image.fromarray(half[..., ::-1]).quantize(48).save(folder / f"{name}.png", optimize=True)


def compare(view: View) -> Picture:
    """Return a place of a drawing side by side: its pixels, and what each way makes of them."""
    lines = view.draw()
    pictures = [_enlarged(lines, view)]
    pictures += [draw_paths(read_svg(way(lines)).subpaths, view) for way in view.ways]
    gap = np.full((pictures[0].shape[0], 12, 3), _PAPER, np.uint8)
    return np.hstack([part for picture in pictures for part in (picture, gap)][:-1])


def draw_paths(subpaths: list[Subpath], view: View) -> Picture:
    """Draw each path in a colour of its own, and a dot for every node."""
    _, _, width, height = view.place
    picture = np.full((height * view.scale, width * view.scale, 3), _PAPER, np.uint8)
    for number, subpath in enumerate(subpaths):
        points = _on_picture(subpath.points, view)
        colour = _COLOURS[number % len(_COLOURS)]
        cv2.polylines(picture, [points], subpath.is_closed, colour, 2, cv2.LINE_AA, _SHIFT)
    for subpath in subpaths:
        for x, y in _on_picture(subpath.nodes, view).tolist():
            cv2.circle(picture, (x, y), 4 << _SHIFT, _NODE, -1, cv2.LINE_AA, _SHIFT)
    return picture


def _on_picture(points: NDArray[np.float64], view: View) -> NDArray[np.int32]:
    pixels = (points - view.place[:2]) * view.scale - 0.5
    return np.asarray(np.rint(pixels * 2**_SHIFT), np.int32)


def _enlarged(lines: Lines, view: View) -> Picture:
    left, top, width, height = view.place
    crop = 255 - lines[top : top + height, left : left + width]
    large = cv2.resize(crop, None, fx=view.scale, fy=view.scale, interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), np.uint8)


def _outlines(lines: Lines) -> bytes:
    return vectorise(lines, dpi=None, title="picture", recipe_fingerprint="picture")


def _figure() -> Lines:
    return make_case("figure").lines


def _walk() -> Lines:
    return np.asarray(255 - np.asarray(Image.open("examples/walk-clean/A0001.png").convert("L")), np.uint8)


_ALL_WAYS: tuple[Tracer, ...] = (_outlines, run_plain_skeleton, trace_constant)
VIEWS = {
    "strokes-walk": View(_walk, (385, 95, 460, 730), 2, (_outlines, trace_constant)),
    "strokes-eye": View(_figure, (1020, 580, 230, 230), 4, _ALL_WAYS),
    "strokes-hatching": View(_figure, (1080, 1470, 230, 150), 4, _ALL_WAYS),
    "strokes-hand": View(_figure, (1370, 1780, 230, 230), 4, _ALL_WAYS),
}


if __name__ == "__main__":
    main()
