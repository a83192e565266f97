"""Clean line art as strokes: the raw material that rough sketches are synthesised from.

Any SVG is rasterised (so that what a fill hides stays hidden), its solid blacks are set apart, and
the rest is thinned and followed into strokes that run on through crossings (where lines are thick the
thinned crossing is two forks, and they may end there). A library of thousands
of drawings is kept in one ``.npz`` file.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image
from skimage.morphology import skeletonize

Points = NDArray[np.float32]
"""(N, 2) x to the right, y down."""

RENDER_PX = 900
"""Long edge of the raster that strokes are followed on: thin lines stay 2 px wide, cost stays low."""
THINNEST_PX = 1.6
"""Below this median line width the drawing is rasterised again at twice the size."""
MOST_STROKES = 600
"""Drawings with more strokes are textures or text, no drawings."""
SHARPEST_TURN_DEGREES = 45
"""A line that turns more at a crossing is taken for another line."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One line of a clean drawing."""

    points: Points
    widths: NDArray[np.float32]
    """(N,) line width at every point, in the units of ``points``; good to 1 px of the raster followed."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A clean drawing with its long edge scaled to 1."""

    name: str
    strokes: tuple[Stroke, ...]
    solids: tuple[Points, ...]
    """Outlines of solid black areas; nested outlines are holes (even-odd)."""


def rasterise(svg: str, long_edge_px: int) -> NDArray[np.uint8]:
    """Draw an SVG, black on white.

    Returns:
        (H, W) uint8 coverage, 0 = paper, 255 = ink.

    Raises:
        ValueError: the text is no SVG that resvg can draw, or states no size.
    """
    width, height = _size(svg)
    scale = long_edge_px / max(width, height)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=w, height=h))
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    grey = np.asarray(Image.alpha_composite(paper, picture).convert("L"))
    return np.asarray(255 - grey, dtype=np.uint8)


def follow_drawing(name: str, svg: str) -> Drawing | None:
    """Turn an SVG into strokes and solids, its long edge scaled to 1.

    Returns:
        None where it holds no usable line drawing: nearly blank, nearly black, or a texture.

    Raises:
        ValueError: as ``rasterise``.
    """
    ink = rasterise(svg, RENDER_PX) > 127
    if ink.mean() > 0.45 or ink.sum() < 200:
        return None
    if _median_width(ink) < THINNEST_PX:
        ink = rasterise(svg, 2 * RENDER_PX) > 127
    ink = np.pad(ink, 4)
    solid = _solid_areas(ink)
    unit = 1.0 / (max(ink.shape) - 8)
    strokes = [
        Stroke(points=((s.points - 4) * unit).astype(np.float32), widths=(s.widths * unit).astype(np.float32))
        for s in _follow_lines(ink, solid)
    ]
    outlines, _ = cv2.findContours(solid.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    solids = tuple(((o[:, 0] - 4) * unit).astype(np.float32) for o in outlines if cv2.contourArea(o) > 12)
    if not strokes or len(strokes) > MOST_STROKES:
        return None
    return Drawing(name=name, strokes=tuple(strokes), solids=solids)


def write_library(path: Path, drawings: Iterable[Drawing]) -> int:
    """Write drawings into one compressed ``.npz`` file; returns how many.

    Points and widths are rounded to 1/40,000 of the long edge. The file appears whole or not at all.

    Raises:
        ValueError: there is no drawing.
    """
    points: list[Points] = []
    widths: list[NDArray[np.float32]] = []
    index: list[dict[str, object]] = []
    for drawing in drawings:
        lengths = [len(s.points) for s in drawing.strokes]
        points += [s.points for s in drawing.strokes] + list(drawing.solids)
        widths += [s.widths for s in drawing.strokes]
        index.append({"name": drawing.name, "strokes": lengths, "solids": [len(o) for o in drawing.solids]})
    if not index:
        raise ValueError("no drawing to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez_compressed(
            file,
            points=_to_fixed_point(np.concatenate(points)),
            widths=_to_fixed_point(np.concatenate(widths)),
            index=np.frombuffer(json.dumps(index).encode(), np.uint8),
        )
    partial.replace(path)
    return len(index)


def read_library(path: Path) -> list[Drawing]:
    """Read what ``write_library`` wrote."""
    with np.load(path) as stored:
        points = _from_fixed_point(stored["points"])
        widths = _from_fixed_point(stored["widths"])
        index = json.loads(bytes(stored["index"]))
    return list(_unpack(index, points, widths))


def _to_fixed_point(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """-0.25..1.38 in steps of 1/40,000: half the size of float32, and finer than float16 near 1."""
    return np.asarray(((values + 0.25) * 40_000).round().clip(0, 65_535), dtype=np.uint16)


def _from_fixed_point(stored: NDArray[np.uint16]) -> NDArray[np.float32]:
    return np.asarray(stored.astype(np.float32) / 40_000 - 0.25, dtype=np.float32)


def _unpack(
    index: Sequence[dict[str, Any]], points: Points, widths: NDArray[np.float32]
) -> Iterator[Drawing]:
    p = w = 0
    for entry in index:
        strokes, solids = [], []
        for length in entry["strokes"]:
            strokes.append(Stroke(points=points[p : p + length], widths=widths[w : w + length]))
            p, w = p + length, w + length
        for length in entry["solids"]:
            solids.append(points[p : p + length])
            p += length
        yield Drawing(name=entry["name"], strokes=tuple(strokes), solids=tuple(solids))


def _size(svg: str) -> tuple[float, float]:
    """Width and height that the root element states, in whatever unit: only their ratio is used."""
    root = re.search(r"<svg\b[^>]*>", svg)
    stated = dict(re.findall(r"\s(viewBox|width|height)\s*=\s*[\"']([^\"']*)", root[0])) if root else {}
    box = _numbers(stated.get("viewBox", ""))
    width, height = _numbers(stated.get("width", "")), _numbers(stated.get("height", ""))
    if len(box) == 4 and box[2] > 0 and box[3] > 0:
        return box[2], box[3]
    if width and height and width[0] > 0 and height[0] > 0:
        return width[0], height[0]
    raise ValueError("the SVG states no size: neither viewBox nor width and height")


def _numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d*\.?\d+(?:[eE][-+]?\d+)?", text)]


def _distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance of every pixel of the mask to the nearest outside it, in px; 0 outside."""
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance, dtype=np.float32)


def _median_width(ink: NDArray[np.bool_]) -> float:
    centre = skeletonize(ink)
    return float(2 * np.median(_distance(ink)[centre]) - 1) if centre.any() else 0.0


def _solid_areas(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Ink more than about three line widths thick, grown back to its own border."""
    depth = _distance(ink)
    centre = skeletonize(ink)
    limit = max(5.0, 2.6 * float(np.median(depth[centre])), 0.008 * max(ink.shape))
    core = depth > limit
    if not core.any():
        return np.zeros_like(ink)
    return np.asarray(ink & (_distance(~core) <= limit + 1.5))


def _follow_lines(ink: NDArray[np.bool_], solid: NDArray[np.bool_]) -> list[Stroke]:
    """Strokes in px along the middle of all ink that is not solid."""
    centre = skeletonize(ink & ~solid)
    depth = _distance(ink)
    neighbours = cv2.filter2D(centre.astype(np.uint8), cv2.CV_8U, np.ones((3, 3), np.uint8)) - 1
    junction = centre & (neighbours >= 3)
    chains = _join_at_junctions(_paths(centre & ~junction), junction)
    strokes = (_stroke(chain, depth) for chain in chains)
    return [stroke for stroke in strokes if stroke is not None]


def _paths(mask: NDArray[np.bool_]) -> list[Points]:
    """Follow every branch-free piece of a thinned drawing from one end to the other."""
    ys, xs = np.nonzero(mask)
    left = set(zip(xs.tolist(), ys.tolist(), strict=True))
    around = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))

    def ends_first() -> Iterator[tuple[int, int]]:
        yield from [p for p in left if sum((p[0] + a, p[1] + b) in left for a, b in around) <= 1]
        while left:
            yield next(iter(left))

    paths = []
    for start in ends_first():
        if start not in left:
            continue
        left.discard(start)
        path = [start]
        while step := next((q for a, b in around if (q := (path[-1][0] + a, path[-1][1] + b)) in left), None):
            left.discard(step)
            path.append(step)
        paths.append(np.array(path, np.float32))
    return paths


def _join_at_junctions(paths: list[Points], junction: NDArray[np.bool_]) -> list[Points]:
    """Let lines run on through crossings: ends at one junction are paired by good continuation."""
    _, labels, _, centres = cv2.connectedComponentsWithStats(junction.astype(np.uint8), connectivity=8)
    near = cv2.dilate(labels.astype(np.uint16), np.ones((3, 3), np.uint8))
    ends: dict[int, list[tuple[int, int]]] = {}
    for number, path in enumerate(paths):
        for side in (0, -1):
            x, y = path[side].astype(int)
            if label := int(near[y, x]):
                ends.setdefault(label, []).append((number, side))
    partner: dict[tuple[int, int], tuple[int, int]] = {}
    for arms in ends.values():
        for _, one, other in sorted(_continuations(paths, arms)):
            if one not in partner and other not in partner:
                partner[one], partner[other] = other, one
    place = {end: centres[label].astype(np.float32) for label, arms in ends.items() for end in arms}
    return _chains(paths, partner, place)


def _continuations(
    paths: list[Points], arms: list[tuple[int, int]]
) -> Iterator[tuple[float, tuple[int, int], tuple[int, int]]]:
    """Pairs of arms, each a path's number and its side (0 or -1), with the turn between them in degrees."""
    headings = {arm: _heading(paths[arm[0]], arm[1]) for arm in arms}
    for i, one in enumerate(arms):
        for other in arms[i + 1 :]:
            turn = float(np.degrees(np.arccos(np.clip(-headings[one] @ headings[other], -1, 1))))
            if one[0] != other[0] and turn < SHARPEST_TURN_DEGREES:
                yield turn, one, other


def _heading(path: Points, side: int) -> Points:
    """Unit vector out of the path at one end, over some 10 px."""
    inner = path[min(10, len(path) - 1)] if side == 0 else path[max(-11, -len(path))]
    vector = path[side] - inner
    return np.asarray(vector / (np.hypot(*vector) + 1e-6), dtype=np.float32)


def _chains(
    paths: list[Points],
    partner: dict[tuple[int, int], tuple[int, int]],
    place: dict[tuple[int, int], Points],
) -> list[Points]:
    """Link paths whose ends are partners; every end at a junction is drawn on to the junction's middle."""
    used: set[int] = set()
    chains = []
    starts = [(n, s) for n in range(len(paths)) for s in (0, -1) if (n, s) not in partner]
    for number, side in starts + [(n, 0) for n in range(len(paths))]:
        if number in used:
            continue
        pieces: list[Points] = [place[(number, side)][None]] if (number, side) in place else []
        while number not in used:
            used.add(number)
            pieces.append(paths[number] if side == 0 else paths[number][::-1])
            end = (number, -1 if side == 0 else 0)
            if end in place:
                pieces.append(place[end][None])
            if end not in partner:
                break
            number, side = partner[end]
        chains.append(np.concatenate(pieces))
    return chains


def _stroke(chain: Points, depth: NDArray[np.float32], step_px: float = 4.0) -> Stroke | None:
    """Smooth a chain of pixels and read its widths; None where it is no longer than a speck."""
    along = np.r_[0, np.cumsum(np.hypot(*np.diff(chain, axis=0).T))]
    if along[-1] < 6:
        return None
    xs, ys = chain[:, 0].round().astype(int), chain[:, 1].round().astype(int)
    widths = _smooth(2 * depth[ys, xs][:, None] - 1, 4.0)[:, 0]
    places = np.linspace(0, along[-1], max(2, int(along[-1] / step_px) + 1))
    smooth = _smooth(chain, 2.0)
    points = np.stack([np.interp(places, along, smooth[:, i]) for i in (0, 1)], 1).astype(np.float32)
    return Stroke(points=points, widths=np.interp(places, along, widths).clip(1).astype(np.float32))


def _smooth(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian along the first axis; ends stay where they are."""
    if len(values) < 5:
        return values
    radius = min(int(3 * sigma), len(values) - 1)
    head = 2 * values[:1] - values[radius:0:-1]
    tail = 2 * values[-1:] - values[-2 : -radius - 2 : -1]
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    weights /= weights.sum()
    padded = np.concatenate([head, values, tail])
    columns = [np.convolve(padded[:, i], weights, mode="valid") for i in range(values.shape[1])]
    return np.stack(columns, 1).astype(np.float32)
