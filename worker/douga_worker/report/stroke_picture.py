"""Draw the strokes of one frame for the report: an SVG whose layers are shown one at a time.

A page cannot reach into a picture, and must not read files where it lies in a folder. So every layer is a
group that shows when the picture's address ends in its name, such as ``A0001.strokes.svg#nodes``; the page
lays several of them over each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.stroke_drawing import BLACK, Curves, Fill, Stroke, StrokeDrawing

INK_PREFIX = "ink-"
"""Layer of an ink's strokes and solids, in their colour and width: ``ink-red``."""
COURSES = "courses"
"""Layer of thin lines along the middle of every stroke, each in another colour than those before it."""
NODES = "nodes"
"""Layer of the points between two curves of a stroke."""
ENDS = "ends"
"""Layer of the ends of strokes that are not closed."""

COURSE_COLOURS = ("#1971c2", "#2f9e44", "#7048e8", "#0b9aa8", "#a87b00", "#364fc7", "#8b5e34", "#66a80f")
"""Told apart on white and on grey pencil; none of them red or orange, which mark what to look at."""
NODE_COLOUR, END_COLOUR = "#1864ab", "#c92a2a"
_STYLE = (
    ".l{display:none}.l:target{display:inline}"
    "path{fill:none;stroke-linecap:round;stroke-linejoin:round}"
    "path.f{fill:currentColor;fill-rule:evenodd;stroke:none}"
    ".t path{vector-effect:non-scaling-stroke}"
)
"""Courses, nodes and ends are equally large on the screen however much the sheet is magnified."""
_UNITS = 10
"""Coordinates are whole tenths of a pixel, which takes half the bytes of decimals."""


def stroke_picture(drawing: StrokeDrawing, colours: Mapping[str, str]) -> bytes:
    """Return an SVG of the sheet's shape, with transparent paper.

    Args:
        drawing: what to show.
        colours: ``#rrggbb`` of every ink of it; one that is missing is shown black.
    """
    body = "".join(chain(_ink_layers(drawing, colours), _courses(drawing.strokes), _points(drawing.strokes)))
    width, height = (_UNITS * side for side in (drawing.width_px, drawing.height_px))
    # Without a size of its own the picture would not fit a frame of the sheet's shape.
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{drawing.width_px}" height="{drawing.height_px}"'
        f' viewBox="0 0 {width} {height}"><style>{_STYLE}</style>{body}</svg>'
    ).encode()


def inks_of(drawing: StrokeDrawing) -> tuple[str, ...]:
    """Inks of a drawing in the order in which they are first drawn; black last, as it lies on top."""
    found = dict.fromkeys([fill.ink for fill in drawing.fills] + [stroke.ink for stroke in drawing.strokes])
    return tuple(sorted(found, key=lambda ink: ink == BLACK))


def _ink_layers(drawing: StrokeDrawing, colours: Mapping[str, str]) -> Iterator[str]:
    for ink in inks_of(drawing):
        fills = (_fill(fill) for fill in drawing.fills if fill.ink == ink)
        strokes = (_stroke(stroke) for stroke in drawing.strokes if stroke.ink == ink)
        colour = colours.get(ink, "#000000")
        yield _layer(f"{INK_PREFIX}{ink}", (*fills, *strokes), f' stroke="{colour}" color="{colour}"')


def _fill(fill: Fill) -> str:
    data = "".join(_path(curves, is_closed=True) for curves in fill.outlines)
    return f'<path class="f" d="{data}"/>'


def _stroke(stroke: Stroke) -> str:
    width = round(stroke.width_px * _UNITS)
    return f'<path stroke-width="{width}" d="{_path(stroke.curves, is_closed=stroke.is_closed)}"/>'


def _courses(strokes: Iterable[Stroke]) -> Iterator[str]:
    groups: dict[str, list[str]] = {colour: [] for colour in COURSE_COLOURS}
    for n, stroke in enumerate(strokes):
        groups[COURSE_COLOURS[n % len(COURSE_COLOURS)]].append(
            _path(stroke.curves, is_closed=stroke.is_closed)
        )
    paths = (f'<path stroke="{colour}" d="{"".join(data)}"/>' for colour, data in groups.items() if data)
    yield _layer(COURSES, paths, ' stroke-width="2"', is_thin=True)


def _points(strokes: tuple[Stroke, ...]) -> Iterator[str]:
    inner = [curve[0] for stroke in strokes for curve in stroke.curves[0 if stroke.is_closed else 1 :]]
    ends = [
        end
        for stroke in strokes
        if not stroke.is_closed
        for end in (stroke.curves[0, 0], stroke.curves[-1, 3])
    ]
    yield _layer(NODES, _dots(inner, NODE_COLOUR, (5.0, 2.5)), is_thin=True)
    yield _layer(ENDS, _dots(ends, END_COLOUR, (8.0, 4.5)), is_thin=True)


def _dots(places: list[NDArray[np.float64]], colour: str, widths: tuple[float, float]) -> Iterator[str]:
    """Yield white dots in rings: lines of no length with round ends, which keep their size on the screen."""
    if not places:
        return
    data = "".join(f"M{x} {y}h0" for x, y in _whole(np.array(places)).tolist())
    yield f'<path stroke="{colour}" stroke-width="{widths[0]:g}" d="{data}"/>'
    yield f'<path stroke="#fff" stroke-width="{widths[1]:g}" d="{data}"/>'


def _layer(name: str, elements: Iterable[str], attributes: str = "", *, is_thin: bool = False) -> str:
    return f'<g id="{name}" class="l{" t" if is_thin else ""}"{attributes}>{"".join(elements)}</g>'


def _path(curves: Curves, *, is_closed: bool) -> str:
    """Write chained cubics as one start and steps from it, each curve relative to where it begins."""
    whole = _whole(curves)
    x, y = whole[0, 0].tolist()
    # Each curve begins where the rounded last one ended, so no error adds up.
    steps = (whole[:, 1:] - whole[:, :1]).reshape(-1, 6).tolist()
    return f"M{x} {y}c{' '.join(_steps(step) for step in steps)}{'z' if is_closed else ''}"


def _steps(step: list[int]) -> str:
    return " ".join(map(str, step)).replace(" -", "-")


def _whole(points: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(points * _UNITS).astype(np.int64)
