"""The stroke picture holds every stroke once a layer, in place, and can show each layer alone."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from douga_worker.report.stroke_picture import stroke_picture
from douga_worker.strokes.stroke_drawing import Fill, Stroke, StrokeDrawing

SVG = "{http://www.w3.org/2000/svg}"
COLOURS = {"black": "#000000", "red": "#ff0000"}


def polyline(*points: tuple[float, float]) -> NDArray[np.float64]:
    """Straight cubics through points."""
    at = np.array(points, float)
    return np.stack([at[:-1], (2 * at[:-1] + at[1:]) / 3, (at[:-1] + 2 * at[1:]) / 3, at[1:]], axis=1)


def stroke(*points: tuple[float, float], ink: str = "black", width: float = 3.0) -> Stroke:
    """An open stroke of one width, or a closed one where the last point is the first."""
    widths = np.array([[0, width], [1, width]])
    return Stroke(polyline(*points), widths, is_closed=points[0] == points[-1], ink=ink)


DRAWING = StrokeDrawing(
    width_px=200,
    height_px=100,
    strokes=(
        stroke((10, 20), (50.25, 60.5), (90, 20)),
        stroke((5, 5), (20, 5), (20, 20), (5, 5), ink="red", width=2.0),
    ),
    fills=(Fill((polyline((100, 10), (120, 10), (120, 30), (100, 10)),)),),
)


def layers(drawing: StrokeDrawing = DRAWING) -> dict[str, ElementTree.Element]:
    """The picture's groups by name."""
    root = ElementTree.fromstring(stroke_picture(drawing, COLOURS))
    return {group.attrib["id"]: group for group in root.iter(f"{SVG}g")}


def dots(group: ElementTree.Element) -> set[tuple[float, float]]:
    """Where the layer has points, in px."""
    found = re.findall(r"M(-?\d+) (-?\d+)h0", "".join(path.attrib["d"] for path in group))
    return {(int(x) / 10, int(y) / 10) for x, y in found}


def knots(data: str) -> list[tuple[float, float]]:
    """Points on the way of one path of relative cubics, in px."""
    start, steps = data.rstrip("z").split("c")
    at = np.array([int(n) for n in start[1:].split()])
    numbers = np.array([int(n) for n in re.findall(r"-?\d+", steps)]).reshape(-1, 3, 2)
    found = [at, *(at := at + step[2] for step in numbers)]
    return [(float(x) / 10, float(y) / 10) for x, y in found]


def test_every_layer_can_be_shown_alone() -> None:
    """An ink each, black on top, then courses, nodes and ends; hidden until the address names them."""
    assert ["ink-red", "ink-black", "courses", "nodes", "ends"] == list(layers())
    assert all("l" in group.attrib["class"].split() for group in layers().values())
    assert b".l{display:none}.l:target{display:inline}" in stroke_picture(DRAWING, COLOURS)


def test_strokes_lie_where_they_were_drawn() -> None:
    """To a twentieth of a pixel, however many curves follow each other."""
    (fill, line) = layers()["ink-black"]
    assert knots(line.attrib["d"]) == [(10, 20), (50.2, 60.5), (90, 20)]
    assert ("30", "f") == (line.attrib["stroke-width"], fill.attrib["class"])


def test_rounding_does_not_add_up() -> None:
    """Two hundred short curves end where they should."""
    points = [(n * 0.333, n * 0.277) for n in range(200)]
    (line,) = layers(StrokeDrawing(100, 100, strokes=(stroke(*points),)))["ink-black"]
    assert np.abs(np.array(knots(line.attrib["d"])) - points).max() <= 0.051


def test_an_ink_has_its_colour() -> None:
    """An ink that nobody gave a colour is black."""
    assert "#ff0000" == layers()["ink-red"].attrib["stroke"]
    unknown = StrokeDrawing(9, 9, strokes=(stroke((1, 1), (2, 2), ink="ochre"),))
    assert "#000000" == layers(unknown)["ink-ochre"].attrib["stroke"]


def test_nodes_and_ends_are_marked() -> None:
    """A closed stroke has nodes only."""
    assert {(50.2, 60.5), (5, 5), (20, 5), (20, 20)} == dots(layers()["nodes"])
    assert {(10, 20), (90, 20)} == dots(layers()["ends"])


def test_strokes_that_follow_each_other_have_other_colours() -> None:
    """So that one can be followed through a junction."""
    colours = [path.attrib["stroke"] for path in layers()["courses"]]
    assert 2 == len(set(colours))


def test_a_blank_drawing_is_a_picture_too() -> None:
    """Nothing to show is no error."""
    found = layers(StrokeDrawing(10, 10))
    assert {"courses": 0, "nodes": 0, "ends": 0} == {name: len(group) for name, group in found.items()}
