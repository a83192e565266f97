"""Other people's tracers, as far as they are installed: what Douga's strokes are measured against.

None of them is part of Douga. potrace is a Debian package and run as a program, ``pyautotrace`` comes from
PyPI (GPL, LGPL); vtracer and scikit-image are there anyway.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
import vtracer
from numpy.typing import NDArray
from PIL import Image
from skimage.morphology import skeletonize
from tests.bench.stroke_scores.path_data import read_path
from tests.line_images import Lines

Tracer = Callable[[Lines], bytes]
Points = NDArray[np.float64]
Pixel = tuple[int, int]

_HALF = 128
_AROUND = ((-1, 0), (0, -1), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))
"""Straight steps first: a skeleton's staircase is walked, not cut across."""
_REMEDIES = {"potrace": "apt-get install potrace", "autotrace": "pip install pyautotrace==0.0.8"}


def installed_anchors() -> dict[str, Tracer]:
    """Return every tracer that can run here, by the name of its row."""
    anchors: dict[str, Tracer] = {
        "vtracer": run_vtracer,
        "potrace": run_potrace,
        "autotrace": run_autotrace,
        "plain skeleton": run_plain_skeleton,
    }
    for name in missing_anchors():
        del anchors[name]
    return anchors


def missing_anchors() -> dict[str, str]:
    """Return what cannot run here, and how to get it."""
    is_found = {"potrace": shutil.which("potrace"), "autotrace": importlib.util.find_spec("autotrace")}
    return {name: remedy for name, remedy in _REMEDIES.items() if not is_found[name]}


def run_vtracer(lines: Lines) -> bytes:
    """Outline with vtracer's own settings."""
    png = io.BytesIO()
    Image.fromarray(255 - lines).save(png, "png", compress_level=1)
    svg: str = vtracer.convert_raw_image_to_svg(png.getvalue(), img_format="png", colormode="binary")
    return svg.encode()


def run_potrace(lines: Lines) -> bytes:
    """Outline with potrace's own settings, to a thousandth of a pixel."""
    bitmap = io.BytesIO()
    Image.fromarray(lines < _HALF).save(bitmap, "ppm")
    command = ["potrace", "--svg", "--unit", "1000", "--output", "-"]
    svg = subprocess.run(command, input=bitmap.getvalue(), capture_output=True, check=True).stdout.decode()
    # Its size in points, which not every reader takes, gives way to one in pixels.
    return _svg(lines, svg[svg.index("<g ") : svg.index("</svg>")])


def run_autotrace(lines: Lines) -> bytes:
    """Follow centre lines with autotrace; helped by half a pixel, and with the widths it leaves out."""
    autotrace = importlib.import_module("autotrace")
    bitmap = autotrace.Bitmap(np.dstack([np.where(lines < _HALF, 255, 0).astype(np.uint8)] * 3))
    vector = bitmap.trace(centerline=True, background_color=(255, 255, 255))
    svg: str = vector.encode(autotrace.VectorFormat.SVG).decode()
    pieces = (piece for data in svg.split(' d="')[1:] for piece in data.partition('"')[0].split("M")[1:])
    half_width = _half_width(lines)
    paths, half_a_pixel = [], np.array([0.5, -0.5])
    for piece in pieces:
        for subpath in read_path(f"M{piece}"):
            width = _width_along(subpath.points + half_a_pixel, half_width)
            paths.append(f'<path transform="translate(0.5,-0.5)" stroke-width="{width:.2f}" d="M{piece}"/>')
    return _stroked_svg(lines, paths)


def run_plain_skeleton(lines: Lines) -> bytes:
    """Thin with scikit-image, cut at every junction, keep every spur: what strokes cost without any idea."""
    is_line: NDArray[np.bool_] = skeletonize(lines >= _HALF)
    half_width = _half_width(lines)
    paths = []
    for pixels in _pieces(is_line):
        points = np.array(pixels, float)[:, ::-1] + 0.5
        data = "L".join(f"{x:g} {y:g}" for x, y in _simplified(points).tolist())
        paths.append(f'<path stroke-width="{_width_along(points, half_width):.2f}" d="M{data}"/>')
    return _stroked_svg(lines, paths)


def _simplified(points: Points) -> Points:
    """Straighten the staircase: the polyline with the fewest corners within 0.7 px (Douglas and Peucker)."""
    corners = cv2.approxPolyDP(points.astype(np.float32)[:, None], 0.7, closed=False)[:, 0]
    return np.asarray(corners, np.float64)


def _half_width(lines: Lines) -> NDArray[np.float32]:
    return np.asarray(cv2.distanceTransform((lines >= _HALF).astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def _width_along(points: Points, half_width: NDArray[np.float32]) -> float:
    height, width = half_width.shape
    x = np.clip(points[:, 0].astype(int), 0, width - 1)
    y = np.clip(points[:, 1].astype(int), 0, height - 1)
    # Distances count from centre to centre: a line of one pixel has one.
    return max(0.5, float(2 * np.median(half_width[y, x]) - 0.5))


def _pieces(is_line: NDArray[np.bool_]) -> Iterator[list[Pixel]]:
    """Yield a skeleton's pixels as rows from node to node; what has no node is a ring."""
    pixels: set[Pixel] = {(int(y), int(x)) for y, x in np.argwhere(is_line)}
    neighbours = {p: [q for dy, dx in _AROUND if (q := (p[0] + dy, p[1] + dx)) in pixels] for p in pixels}
    nodes = {p for p in sorted(pixels) if len(neighbours[p]) != 2}
    walked: set[Pixel] = set()
    for start in (*sorted(nodes), *sorted(pixels - nodes)):
        for first in neighbours[start]:
            if first in walked or (start not in nodes and start in walked):
                continue
            if first in nodes:
                continue  # neighbouring nodes are one junction
            piece = _walk(start, first, neighbours, nodes)
            walked.update(p for p in piece if p not in nodes)
            yield piece


def _walk(start: Pixel, first: Pixel, neighbours: dict[Pixel, list[Pixel]], nodes: set[Pixel]) -> list[Pixel]:
    piece = [start, first]
    while piece[-1] not in nodes and piece[-1] != start:
        one, other = neighbours[piece[-1]]
        piece.append(other if one == piece[-2] else one)
    return piece


def _stroked_svg(lines: Lines, paths: Iterable[str]) -> bytes:
    group = '<g fill="none" stroke="#000" stroke-linecap="round" stroke-linejoin="round">'
    return _svg(lines, f"{group}{''.join(paths)}</g>")


def _svg(lines: Lines, content: str) -> bytes:
    height, width = lines.shape
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
    return f"{head}{content}</svg>".encode()
