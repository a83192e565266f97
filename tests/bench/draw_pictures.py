"""Draw the pictures of docs/vectorizing.md: the line image, its outlines, its strokes; all with their nodes.

Run ``python -m tests.bench.draw_pictures [--out docs/images]`` in the repository root. Takes a minute.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
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

SCALE = 4
_SHIFT = 4
"""Bits after the point in the coordinates OpenCV draws with."""
_PAPER, _FAINT = 255, 205
_NODE = (40, 40, 220)
_COLOURS = ((190, 90, 20), (30, 140, 40), (20, 20, 190), (160, 30, 150), (150, 130, 0), (0, 110, 200))
"""Blue, green, red order, as OpenCV has it; strokes that meet should differ."""

PLACES: dict[str, tuple[str, Place]] = {
    "strokes-eye": ("figure", (1020, 580, 230, 230)),
    "strokes-hatching": ("figure", (1080, 1470, 230, 150)),
    "strokes-hand": ("figure", (1370, 1780, 230, 230)),
}
"""Picture -> case and place on it."""


def main() -> None:
    """Write every picture into the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="folder for the pictures")
    folder: Path = parser.parse_args().out
    for name, (case, place) in PLACES.items():
        _write(folder / f"{name}.png", compare(make_case(case).lines, place))


def compare(lines: Lines, place: Place) -> Picture:
    """Return a place of a drawing side by side: pixels, outlines, a plain skeleton, strokes."""
    ways: tuple[Tracer, ...] = (_outlines, run_plain_skeleton, trace_constant)
    pictures = [_enlarged(lines, place), *(draw_paths(read_svg(way(lines)).subpaths, place) for way in ways)]
    gap = np.full((pictures[0].shape[0], 12, 3), _PAPER, np.uint8)
    return np.hstack([part for picture in pictures for part in (picture, gap)][:-1])


def draw_paths(subpaths: list[Subpath], place: Place) -> Picture:
    """Draw each path in a colour of its own, and a dot for every node."""
    _, _, width, height = place
    picture = np.full((height * SCALE, width * SCALE, 3), _PAPER, np.uint8)
    for number, subpath in enumerate(subpaths):
        points = _on_picture(subpath.points, place)
        colour = _COLOURS[number % len(_COLOURS)]
        cv2.polylines(picture, [points], subpath.is_closed, colour, 2, cv2.LINE_AA, _SHIFT)
    for subpath in subpaths:
        for x, y in _on_picture(subpath.nodes, place).tolist():
            cv2.circle(picture, (x, y), 4 << _SHIFT, _NODE, -1, cv2.LINE_AA, _SHIFT)
    return picture


def _on_picture(points: NDArray[np.float64], place: Place) -> NDArray[np.int32]:
    pixels = (points - place[:2]) * SCALE - 0.5
    return np.asarray(np.rint(pixels * 2**_SHIFT), np.int32)


def _enlarged(lines: Lines, place: Place) -> Picture:
    left, top, width, height = place
    crop = 255 - lines[top : top + height, left : left + width]
    large = cv2.resize(crop, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), np.uint8)


def _outlines(lines: Lines) -> bytes:
    return vectorise(lines, dpi=None, title="picture", recipe_fingerprint="picture")


def _write(file: Path, picture: Picture) -> None:
    """Write a picture small: half size, few colours."""
    half = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(file), half, [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
