"""Strokes as any SVG of stroked paths says them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray
from tests.bench.known_drawings.drawing import KnownDrawing, resample
from tests.bench.stroke_scores.path_data import Subpath, read_path

Points = NDArray[np.float64]

INKSCAPE = "{http://www.inkscape.org/namespaces/inkscape}"
_INHERITED = ("stroke", "fill", "stroke-width")
_TRANSFORM = re.compile(r"\s*(translate|scale)\(\s*([-\d.e]+)(?:[ ,]+([-\d.e]+))?\s*\)")


@dataclass(frozen=True, slots=True)
class _Placing:
    """Page = scale * point + offset."""

    scale: Points
    offset: Points

    def inside(self, transform: str) -> _Placing:
        scale, offset, rest = self.scale, self.offset, transform.strip()
        while match := _TRANSFORM.match(rest):
            kind, x, y = match.groups()
            if kind == "translate":
                offset = offset + scale * [float(x), float(y or 0)]
            else:
                scale = scale * [float(x), float(y or x)]
            rest = rest[match.end() :].strip()
        if rest:
            raise ValueError(f"transform {transform!r} is not read here")
        return _Placing(scale, offset)

    def place(self, subpath: Subpath) -> Subpath:
        points, nodes = (self.scale * xy + self.offset for xy in (subpath.points, subpath.nodes))
        return Subpath(points, subpath.is_closed, nodes)


@dataclass(frozen=True, slots=True)
class DrawnStroke:
    """One stroke, a pixel from point to point."""

    points: Points
    """(N, 3) x, y and full width; a closed one ends where it starts."""
    is_closed: bool

    @property
    def length_px(self) -> float:
        """Length along the line."""
        return float(np.linalg.norm(np.diff(self.points[:, :2], axis=0), axis=1).sum())


@dataclass(slots=True)
class SvgStrokes:
    """What an SVG holds, counted."""

    strokes: list[DrawnStroke] = field(default_factory=list)
    subpaths: list[Subpath] = field(default_factory=list)
    """Everything that is drawn, strokes and outlines alike, as it lies on the page."""
    path_count: int = 0

    @property
    def segment_count(self) -> int:
        """Return the number of lines and curves, of strokes and outlines alike."""
        return sum(subpath.segment_count for subpath in self.subpaths)


def read_svg(svg: bytes) -> SvgStrokes:
    """Return the strokes of an SVG, and how much it takes to say them.

    A stroke is a path with a stroke and no fill, or an outline that Inkscape makes of a centre line
    (PowerStroke); of that one the centre counts, with the widths in ``data-w``.

    Raises:
        ValueError: a transform or a path that is not read here.
    """
    found = SvgStrokes()
    _walk(ET.fromstring(svg), _Placing(np.ones(2), np.zeros(2)), {}, found)
    return found


def strokes_of(drawing: KnownDrawing) -> list[DrawnStroke]:
    """Return the strokes of a known drawing as a perfect tracer would draw them."""
    drawn = (_drawn(s.points, s.widths, s.is_closed) for s in drawing.strokes)
    return [stroke for stroke in drawn if stroke is not None]


def _walk(element: ET.Element, placing: _Placing, inherited: dict[str, str], found: SvgStrokes) -> None:
    style = inherited | {name: element.attrib[name] for name in _INHERITED if name in element.attrib}
    for declaration in (element.get("style") or "").split(";"):
        name, _, value = declaration.partition(":")
        style[name.strip()] = value.strip()
    placing = placing.inside(element.get("transform") or "")
    if element.tag.endswith("}path") or element.tag == "path":
        _take_path(element, placing, style, found)
    for child in element:
        if not child.tag.endswith("}defs"):
            _walk(child, placing, style, found)


def _take_path(element: ET.Element, placing: _Placing, style: dict[str, str], found: SvgStrokes) -> None:
    drawn = read_path(element.get("d") or "")
    centre = element.get(f"{INKSCAPE}original-d")
    subpaths = [placing.place(subpath) for subpath in (drawn if centre is None else read_path(centre))]
    found.path_count += 1
    found.subpaths += subpaths
    is_stroked = style.get("stroke", "none") != "none" and style.get("fill", "black") == "none"
    if centre is None and not is_stroked:
        return
    profile = _width_profile(element, style, has_profile=centre is not None)
    strokes = (_with_widths(subpath, profile) for subpath in subpaths)
    found.strokes += [stroke for stroke in strokes if stroke is not None]


def _width_profile(element: ET.Element, style: dict[str, str], *, has_profile: bool) -> Points:
    """Return (K, 2) share of the length and width; a plain stroke has one width, whatever its data say."""
    if has_profile and element.get("data-w"):
        return np.array([pair.split(",") for pair in str(element.get("data-w")).split()], float)
    width = float(re.sub("[a-z]+", "", style.get("stroke-width", "1")))
    return np.array([[0, width], [1, width]])


def _with_widths(subpath: Subpath, profile: Points) -> DrawnStroke | None:
    points = subpath.points
    returns = len(points) > 6 and float(np.hypot(*(points[0] - points[-1]))) < 0.01
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    widths = np.interp(along / max(along[-1], 1e-9), profile[:, 0], profile[:, 1])
    return _drawn(points, widths, subpath.is_closed or returns)


def _drawn(points: Points, widths: Points, is_closed: bool) -> DrawnStroke | None:
    every = np.column_stack([points, widths])
    if is_closed and np.hypot(*(points[0] - points[-1])) > 1e-6:
        every = np.vstack([every, every[:1]])
    if np.linalg.norm(np.diff(every[:, :2], axis=0), axis=1).sum() < 1e-9:
        return None
    return DrawnStroke(resample(every), is_closed)
