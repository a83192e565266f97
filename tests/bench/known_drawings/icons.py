"""A sheet of OpenMoji icons: dense detail in strokes of one width.

The icons are not part of Douga (CC BY-SA 4.0, https://openmoji.org): ``npm pack openmoji@17.0.0`` fetches
them, and their folder ``black/svg`` is given to the bench. Nothing of them is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import resvg_py
from tests.bench.known_drawings.drawing import KnownDrawing, KnownStroke, Points, resample
from tests.bench.known_drawings.render import Lines
from tests.bench.stroke_scores.path_data import Subpath, read_path

ACROSS, DOWN = 8, 11
WIDTH, HEIGHT = 2000, 2800
ICON_UNITS = 72
"""Width and height of an icon's ``viewBox``."""
_SCALE = WIDTH / ACROSS / ICON_UNITS
_DRAWN = {"path", "line", "polyline", "circle", "ellipse"}
_UNREADABLE = re.compile("transform|style=|class=|<polyg|<rect")


@dataclass(frozen=True, slots=True)
class _Icon:
    body: str
    subpaths: tuple[tuple[Subpath, float], ...]
    """In the icon's units, with their widths."""


def draw_icons(folder: Path, seed: int, moved: tuple[float, float] = (0, 0)) -> tuple[KnownDrawing, Lines]:
    """Return a sheet of 88 icons whose strokes are plainly written, and its picture.

    The strokes lie as they were drawn, on top of each other here and there, so that no tracer reaches 1.

    Raises:
        ValueError: the folder holds too few icons.
    """
    files = sorted(folder.glob("1F[34569]??.svg"))
    np.random.default_rng(seed).shuffle(files)
    icons = [icon for icon in map(_read_icon, files) if icon][: ACROSS * DOWN]
    if len(icons) < ACROSS * DOWN:
        raise ValueError(f"{folder} is no folder of OpenMoji's black/svg: too few icons")
    corners = [
        np.array([n % ACROSS * WIDTH / ACROSS, n // ACROSS * HEIGHT / DOWN]) for n in range(len(icons))
    ]
    strokes = [
        KnownStroke(points, np.full(len(points), width * _SCALE), subpath.is_closed)
        for icon, corner in zip(icons, corners, strict=True)
        for subpath, width in icon.subpaths
        for points in [resample(subpath.points * _SCALE + corner + moved)]
    ]
    bodies = (
        f'<g transform="translate({x:.4f},{y:.4f}) scale({_SCALE:.6f})">{icon.body}</g>'
        for icon, (x, y) in zip(icons, corners, strict=True)
    )
    return KnownDrawing(WIDTH, HEIGHT, tuple(strokes)), _picture("".join(bodies), moved)


def _picture(body: str, moved: tuple[float, float]) -> Lines:
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<g transform="translate({moved[0]},{moved[1]})">{body}</g></svg>'
    )
    png = np.frombuffer(bytes(resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True)), np.uint8)
    return np.asarray(255 - np.asarray(cv2.imdecode(png, cv2.IMREAD_GRAYSCALE)), np.uint8)


def _read_icon(file: Path) -> _Icon | None:
    """Return the icon, or None where its strokes are written in a way that is not read here."""
    text = file.read_text(encoding="utf-8")
    if _UNREADABLE.search(text):
        return None
    subpaths: list[tuple[Subpath, float]] = []
    root = ET.fromstring(text)  # the user's own files, not a stranger's
    for element in root.iter():
        tag = element.tag.rpartition("}")[2]
        if tag in {"svg", "g", "defs"}:
            continue
        is_stroked = element.get("stroke") not in {None, "none"}
        if tag not in _DRAWN or (is_stroked and element.get("fill", "black") != "none"):
            return None
        if is_stroked:
            found = read_path(_as_path(tag, element), step_px=1 / 12)
            width = float(element.get("stroke-width") or 1)
            subpaths += [(subpath, width) for subpath in found if _length(subpath.points) >= 0.5]
    body = text[text.index("<svg") :].partition(">")[2].rpartition("</svg>")[0]
    return _Icon(body, tuple(subpaths)) if subpaths else None


def _as_path(tag: str, element: ET.Element) -> str:
    def number(name: str) -> float:
        return float(element.get(name) or 0)

    if tag == "line":
        return f"M{number('x1')},{number('y1')}L{number('x2')},{number('y2')}"
    if tag == "polyline":
        return "M" + str(element.get("points"))
    if tag == "path":
        return str(element.get("d"))
    x, y = number("cx"), number("cy")
    rx, ry = number("r") or number("rx"), number("r") or number("ry")
    return f"M{x - rx},{y}A{rx},{ry} 0 1 1 {x + rx},{y}A{rx},{ry} 0 1 1 {x - rx},{y}Z"


def _length(points: Points) -> float:
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
