"""Strokes as SVG: what readers need of it, and what they see."""

from __future__ import annotations

import re
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
import svgelements
from tests.stroke_drawings import BLANK, DRAWING, SIZE, WAVE, darkness, overlap, painted

from douga_shared.palette import ANIMATION
from douga_shared.recipe import LineWeight
from douga_worker.strokes.stroke_drawing import Stroke, StrokeDrawing
from douga_worker.strokes.write_svg import write_svg

SVG = "{http://www.w3.org/2000/svg}"
INKSCAPE = "{http://www.inkscape.org/namespaces/inkscape}"


def written(
    drawing: StrokeDrawing = DRAWING,
    line_weight: LineWeight | float = LineWeight.KEEP,
    inks: tuple[str, ...] | None = None,
    title: str = "A0001",
    dpi: float | None = 300.0,
) -> bytes:
    """The SVG of a drawing."""
    return write_svg(
        drawing,
        dpi=dpi,
        title=title,
        recipe_fingerprint="0123456789abcdef",
        palette=ANIMATION,
        line_weight=line_weight,
        inks=inks,
    )


def elements(svg: bytes, tag: str) -> list[ElementTree.Element]:
    """All elements of a kind, in order."""
    return list(ElementTree.fromstring(svg).iter(SVG + tag))


WEIGHTS: list[LineWeight | float] = [LineWeight.KEEP, LineWeight.VARIABLE, 3.0]


def test_layers_lie_in_the_order_in_which_they_are_drawn() -> None:
    """Solids below, colour traces, lines on top; Inkscape takes each for a layer."""
    layers = elements(written(), "g")
    names = ["solids", "colour-trace-red", "colour-solids-blue", "lines"]
    assert names == [layer.get("id") for layer in layers]
    assert names == [layer.get(INKSCAPE + "label") for layer in layers]
    assert {"layer"} == {layer.get(INKSCAPE + "groupmode") for layer in layers}


def test_fills_and_strokes_never_share_a_group() -> None:
    """OpenToonz hands a group's last look on to the next path."""
    for layer in elements(written(), "g"):
        assert 1 == len({path.get("fill") == "none" for path in layer})
        assert not {"fill", "stroke", "style", "transform"} & set(layer.keys())


def test_every_stroke_says_for_itself_how_it_looks() -> None:
    """No fill, a colour, a width, round caps and joins; nothing inherited, no CSS."""
    strokes = [path for path in elements(written(), "path") if path.get("fill") == "none"]
    assert ["#ff0000", "#000000", "#000000"] == [path.get("stroke") for path in strokes]
    assert ["3", "6.25", "6"] == [path.get("stroke-width") for path in strokes]
    for path in strokes:
        assert ("round", "round") == (path.get("stroke-linecap"), path.get("stroke-linejoin"))
        assert not {"style", "class", "transform"} & set(path.keys())


@pytest.mark.parametrize("line_weight", WEIGHTS)
def test_ids_are_short_plain_and_unlike(line_weight: LineWeight | float) -> None:
    """OpenToonz copies them into 50 bytes without looking."""
    ids = [
        element.get("id", "") for element in ElementTree.fromstring(written(line_weight=line_weight)).iter()
    ]
    ids = [name for name in ids if name]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,47}", name) for name in ids)


@pytest.mark.parametrize("line_weight", WEIGHTS)
def test_paths_are_absolute_cubics_of_two_decimals(line_weight: LineWeight | float) -> None:
    """M, C and Z are what every reader knows."""
    for path in elements(written(line_weight=line_weight), "path"):
        data = path.get("d", "")
        assert set(re.findall("[A-Za-z]", data)) <= {"M", "C", "Z"}
        assert all(len(number.partition(".")[2]) <= 2 for number in re.findall(r"-?[\d.]+", data))


def test_the_sheet_has_the_scan_s_pixels_for_units_and_says_its_dpi() -> None:
    """Width and height are the viewBox: OpenToonz never scales by it."""
    root = ElementTree.fromstring(written())
    assert ("200", "150", "0 0 200 150") == (root.get("width"), root.get("height"), root.get("viewBox"))
    assert "300" == root.get("data-dpi")
    (drawing,) = root.iter("{urn:douga}drawing")
    assert {"recipe": "0123456789abcdef", "dpi": "300"} == drawing.attrib


def test_a_scan_without_dpi_states_none() -> None:
    """Nothing is made up."""
    assert b"dpi" not in written(dpi=None)


@pytest.mark.parametrize("line_weight", WEIGHTS)
def test_a_picture_of_it_is_the_drawing(line_weight: LineWeight | float) -> None:
    """A renderer draws what stamped discs of the strokes' widths draw."""
    drawing = DRAWING
    if isinstance(line_weight, float):
        widths = np.array([[0, line_weight], [1, line_weight]])
        strokes = tuple(Stroke(s.curves, widths, s.is_closed, s.ink) for s in DRAWING.strokes)
        drawing = StrokeDrawing(*SIZE, strokes=strokes, fills=DRAWING.fills)
    expected = painted(drawing, is_variable=line_weight is LineWeight.VARIABLE)
    assert overlap(expected, darkness(written(line_weight=line_weight))) > 0.95


def test_another_reader_finds_the_same_strokes() -> None:
    """svgelements: closed ones closed, ends where they are, lengths of the curves."""
    paths = {
        path.id: path
        for path in svgelements.SVG.parse(BytesIO(written())).elements()
        if isinstance(path, svgelements.Path)
    }
    assert {"f0001", "f0002", "s0001", "s0002", "s0003"} == set(paths)
    wave, ring = paths["s0001"], paths["s0002"]
    assert [(20, 60), (160, 60)] == [(p.x, p.y) for p in (wave.first_point, wave.current_point)]
    assert (False, True) == tuple(isinstance(p[-1], svgelements.Close) for p in (wave, ring))
    assert 2 * np.pi * 25 == pytest.approx(ring.length(error=1e-4), rel=1e-3)


def test_the_width_along_a_stroke_is_written_beside_it() -> None:
    """For readers that want it where a path has one width only."""
    (wave,) = [path for path in elements(written(), "path") if path.get("id") == "s0001"]
    assert "0,2 0.5,10 1,3" == wave.get("data-w")


def test_a_variable_stroke_is_a_power_stroke_with_its_outline() -> None:
    """Inkscape edits the centre line; all others show what it made of it."""
    svg = written(line_weight=LineWeight.VARIABLE)
    (wave,) = [path for path in elements(svg, "path") if path.get("id") == "s0001"]
    assert wave.get(INKSCAPE + "original-d", "").startswith("M20 60C40 10 70 10 90 60")
    assert ("#000000", None, "#ws0001") == (
        wave.get("fill"),
        wave.get("stroke"),
        wave.get(INKSCAPE + "path-effect"),
    )
    root = ElementTree.fromstring(svg)
    effects = {effect.get("id"): effect for effect in root.iter(INKSCAPE + "path-effect")}
    # The wave's halves are equally long: half of its length is where the second cubic begins.
    assert "0,1 | 1,5 | 2,1.5" == effects["ws0001"].get("offset_points")
    assert "0,2 | 2,4" == effects["ws0002"].get("offset_points")


def test_a_width_is_placed_by_length_and_not_by_number_of_curves() -> None:
    """A share of the length is turned into PowerStroke's time, which counts cubics."""
    curves = np.array([[[0, 0], [10, 0], [20, 0], [30, 0]], [[30, 0], [40, 0], [80, 0], [120, 0]]], float)
    stroke = Stroke(curves, np.array([[0, 2.0], [0.25, 4.0], [1, 2.0]]))
    svg = written(StrokeDrawing(*SIZE, strokes=(stroke,)), LineWeight.VARIABLE)
    (effect,) = ElementTree.fromstring(svg).iter(INKSCAPE + "path-effect")
    assert "0,1 | 1,2 | 2,1" == effect.get("offset_points")


def test_one_ink_alone_keeps_its_ids() -> None:
    """A file for each layer, which fit together again."""
    red = written(inks=("red",))
    assert ["colour-trace-red"] == [layer.get("id") for layer in elements(red, "g")]
    assert ["s0003"] == [path.get("id") for path in elements(red, "path")]
    assert overlap(painted(DRAWING, is_variable=False, ink="red"), darkness(red)) > 0.9
    assert ["lines"] == [layer.get("id") for layer in elements(written(BLANK, inks=("black",)), "g")]


@pytest.mark.parametrize("line_weight", WEIGHTS)
def test_a_blank_drawing_is_a_valid_svg(line_weight: LineWeight | float) -> None:
    """With an empty layer, so that a level has the same layers in every frame."""
    svg = written(BLANK, line_weight)
    assert ["lines"] == [layer.get("id") for layer in elements(svg, "g")]
    assert [] == elements(svg, "path")
    assert not darkness(svg).any()


@pytest.mark.parametrize("title", ['<&"', "\x00\x1b", "原画 1", "]]>", "\ud800"])
def test_any_title_leaves_the_svg_valid(title: str) -> None:
    """File names are what people make of them."""
    (shown,) = elements(written(title=title), "title")
    assert len(title) == len(shown.text or "")


def test_the_same_drawing_gives_the_same_bytes() -> None:
    """A resumed job must not differ from one that ran through."""
    assert written(line_weight=LineWeight.VARIABLE) == written(line_weight=LineWeight.VARIABLE)


def test_strokes_stay_within_what_two_decimals_can_say() -> None:
    """Neighbouring cubics still meet exactly."""
    shifted = Stroke(WAVE + 1 / 3, np.array([[0, 2.0], [1, 2.0]]))
    (path,) = elements(written(StrokeDrawing(*SIZE, strokes=(shifted,))), "path")
    numbers = np.array(re.findall(r"-?[\d.]+", path.get("d", "")), float).reshape(-1, 2)
    assert np.abs(numbers - np.concatenate([shifted.curves[0], shifted.curves[1, 1:]])).max() <= 0.005
