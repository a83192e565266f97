"""From the network's lines to files: strokes by default, one file a layer, gaps closed everywhere."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.stroke_drawings import darkness, overlap

from douga_shared.palette import ANIMATION
from douga_shared.recipe import LineWeight, Output, Recipe, Vector
from douga_worker.steps.encode_outputs import CleanSheet
from douga_worker.steps.find_inks import BLACK_INK, FIRST_COLOUR
from douga_worker.steps.finish_drawing import FinishedDrawing, finish_drawing
from douga_worker.steps.two_values import two_values

WIDTH_PX = 4.0
RED = FIRST_COLOUR


def pencil_lines() -> NDArray[np.uint8]:
    """A ring, a slanting line and, at the bottom, another one; 4 px wide."""
    lines = np.zeros((160, 240), np.uint8)
    cv2.circle(lines, (70, 70), 40, 255, 4, cv2.LINE_AA)
    cv2.line(lines, (130, 20), (220, 100), 255, 4, cv2.LINE_AA)
    cv2.line(lines, (20, 140), (220, 130), 255, 4, cv2.LINE_AA)
    return lines


def two_pencils(lines: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The bottom line is red."""
    inks = np.where(lines > 0, BLACK_INK, 0).astype(np.uint8)
    inks[115:][lines[115:] > 0] = RED
    return inks


def finished(
    lines: NDArray[np.uint8],
    *outputs: Output,
    inks: NDArray[np.uint8] | None = None,
    **recipe: Any,
) -> FinishedDrawing:
    """The drawing of a network that draws exactly these lines."""
    return finish_drawing(
        lines,
        lines,
        scan_inks=inks,
        title="A0001",
        dpi=144.0,
        pencil_width_px=WIDTH_PX,
        recipe=Recipe(network_sha256="", **recipe),
        outputs=outputs,
    )


def layers(svg: bytes) -> list[str | None]:
    """Names of an SVG's layers."""
    return [group.get("id") for group in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}g")]


def opened(data: bytes) -> Image.Image:
    """A picture, decoded."""
    image = Image.open(BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("line_weight", [LineWeight.KEEP, LineWeight.VARIABLE])
def test_the_svg_is_strokes_and_looks_like_the_lines(line_weight: LineWeight) -> None:
    """Three lines, three strokes, and the picture of them is the drawing."""
    lines = pencil_lines()
    svg = finished(lines, Output.SVG, line_weight=line_weight).files[Output.SVG][""]
    assert 3 == svg.count(b"data-w=")
    assert overlap(lines, darkness(svg)) > 0.9


def test_a_line_weight_in_px_is_the_width_of_every_stroke_and_pixel_line() -> None:
    """Rasters and vectors agree."""
    drawing = finished(pencil_lines(), Output.SVG, Output.PNG, line_weight=2.5)
    svg = drawing.files[Output.SVG][""]
    assert svg.count(b'stroke-width="2.5"') == svg.count(b"data-w=") > 0
    assert overlap(drawing.lines, darkness(svg)) > 0.8


def test_normalised_lines_have_the_drawing_s_usual_width() -> None:
    """A line twice as fat becomes like the others."""
    lines = pencil_lines()
    cv2.line(lines, (150, 20), (230, 60), 255, 8, cv2.LINE_AA)
    svg = finished(lines, Output.SVG, line_weight=LineWeight.NORMALISED).files[Output.SVG][""]
    widths = {
        path.get("stroke-width")
        for path in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}path")
        if path.get("fill") == "none"
    }
    (width,) = widths
    assert 3.0 < float(width or 0) < 5.5


def test_outlines_are_there_for_those_who_ask() -> None:
    """Instead of the strokes, or as a second file: a hidden layer would show in OpenToonz."""
    lines = pencil_lines()
    outline = finished(lines, Output.SVG, vector=Vector.OUTLINE)
    assert {""} == outline.files[Output.SVG].keys()
    assert b"data-w" not in outline.files[Output.SVG][""]
    assert {"vectorise"} == {"vectorise", "fit"} & outline.seconds.keys()
    both = finished(lines, Output.SVG, vector=Vector.BOTH).files[Output.SVG]
    assert {"", "outline"} == both.keys()
    assert b"data-w" in both[""]
    assert outline.files[Output.SVG][""].count(b"<path") == both["outline"].count(b"<path")


def test_every_pencil_has_its_layer_and_its_file() -> None:
    """Groups in the SVG, files beside it, names in the quality record."""
    lines = pencil_lines()
    drawing = finished(lines, *Output, inks=two_pencils(lines))
    assert ["colour-trace-red", "lines"] == layers(drawing.files[Output.SVG][""])
    parts = drawing.files[Output.SVG_LAYERS]
    assert {"black": ["lines"], "red": ["colour-trace-red"]} == {n: layers(svg) for n, svg in parts.items()}
    assert ("red",) == drawing.quality.inks
    strokes = json.loads(drawing.files[Output.JSON][""])["strokes"]
    assert ["black", "black", "red"] == sorted(stroke["ink"] for stroke in strokes)


def test_two_valued_layers_are_one_colour_and_add_up_to_the_drawing() -> None:
    """Paint software wants pure colours and no soft edge."""
    lines = pencil_lines()
    drawing = finished(lines, Output.PNG_LAYERS, Output.TGA, inks=two_pencils(lines))
    parts = {ink: opened(data).convert("RGBA") for ink, data in drawing.files[Output.PNG_LAYERS].items()}
    assert {"black", "red"} == parts.keys()
    for ink, colour in (("black", (0, 0, 0, 255)), ("red", (255, 0, 0, 255))):
        pixels = np.array(parts[ink]).reshape(-1, 4)
        assert {colour} == {tuple(pixel) for pixel in np.unique(pixels[pixels[:, 3] > 0], axis=0).tolist()}
    colours = np.array(opened(drawing.files[Output.TGA][""]).convert("RGB")).reshape(-1, 3)
    assert 3 == len(np.unique(colours, axis=0))
    inked = sum(np.count_nonzero(np.array(part)[..., 3]) for part in parts.values())
    assert inked == np.count_nonzero(colours.min(axis=1) == 0)


def test_layers_laid_over_each_other_are_as_tight_as_the_whole() -> None:
    """The pixel that closes a gap between a black and a red line is in neither of them alone."""
    lines = np.zeros((80, 120), np.uint8)
    lines[19:22, 20:100] = lines[59:62, 20:100] = 255
    lines[:, 60] = 0
    inks = np.where(lines > 0, BLACK_INK, 0).astype(np.uint8)
    inks[:, 61:][lines[:, 61:] > 0] = RED
    sheet = CleanSheet(lines, inks, ANIMATION, LineWeight.KEEP, 3.0)
    together = np.logical_or.reduce(list(sheet.two_valued_layers.values()))
    assert together[20, 60]
    np.testing.assert_array_equal(two_values(lines), together)


def test_an_ink_that_left_no_stroke_has_an_empty_group_in_its_own_file() -> None:
    """Whoever imports a file of every layer finds the same layers for every frame."""
    lines = pencil_lines()
    drawing = finished(lines, Output.SVG_LAYERS, inks=np.where(lines > 0, RED, 0))
    assert ["lines"] == layers(drawing.files[Output.SVG_LAYERS]["black"])


def test_strokes_and_quality_tell_the_same_open_ends() -> None:
    """An end that runs into a solid is open in neither."""
    lines = pencil_lines()
    cv2.circle(lines, (30, 30), 16, 255, -1)
    cv2.line(lines, (30, 30), (30, 70), 255, 4)
    drawing = finished(lines, Output.JSON)
    told = json.loads(drawing.files[Output.JSON][""])["open_ends"]
    assert drawing.quality.open_end_count == len(told) > 0


def test_a_sheet_without_black_has_a_black_layer_all_the_same() -> None:
    """A cel of nothing but traces is no error."""
    lines = pencil_lines()
    drawing = finished(lines, Output.SVG_LAYERS, Output.PNG_LAYERS, inks=np.where(lines > 0, RED, 0))
    assert {"black", "red"} == drawing.files[Output.SVG_LAYERS].keys()
    assert b"<path" not in drawing.files[Output.SVG_LAYERS]["black"]
    assert not np.array(opened(drawing.files[Output.PNG_LAYERS]["black"]).convert("RGBA"))[..., 3].any()


def test_a_pencil_that_is_not_kept_is_in_no_output() -> None:
    """Construction colour is dropped by its name."""
    lines = pencil_lines()
    palette = tuple(
        type(ink)(
            name=ink.name,
            recognised_colour=ink.recognised_colour,
            output_colour=ink.output_colour,
            is_kept=False,
        )
        for ink in ANIMATION
    )
    drawing = finished(lines, Output.PNG, Output.SVG, inks=two_pencils(lines), palette=palette)
    assert ["lines"] == layers(drawing.files[Output.SVG][""])
    assert not drawing.lines[120:].any()
    assert drawing.lines[:110].any()


def test_a_closed_gap_is_closed_in_pixels_and_in_strokes_and_told() -> None:
    """And with 0 nothing is closed."""
    lines = pencil_lines()
    lines[:, 100:106] = 0
    closed = finished(lines, Output.SVG, Output.PNG, close_gaps_px=12.0)
    left = finished(lines, Output.SVG, Output.PNG, close_gaps_px=0.0)
    assert closed.quality.closed_gap_count == len(closed.quality.closed_gaps) > 0
    assert (0, ()) == (left.quality.closed_gap_count, left.quality.closed_gaps)
    assert closed.lines[134:140, 103].max() > 200
    assert not left.lines[:, 103].any()
    assert left.quality.open_end_count > closed.quality.open_end_count


def test_regions_are_counted_for_whoever_paints() -> None:
    """Inside the ring, above the bottom line and below it."""
    lines = pencil_lines()
    cv2.line(lines, (0, 140), (239, 130), 255, 4, cv2.LINE_AA)
    assert 3 == finished(lines, Output.PNG).quality.region_count


def test_specks_are_dropped_from_every_output() -> None:
    """Unless they are to be kept."""
    lines = pencil_lines()
    cv2.circle(lines, (225, 150), 1, 255, -1)
    assert not finished(lines, Output.PNG, drop_specks_px=6.0).lines[145:, 215:].any()
    assert finished(lines, Output.PNG, drop_specks_px=0.0).lines[145:, 215:].any()


def test_strokes_are_fitted_only_where_an_output_has_some() -> None:
    """Pixels alone do not wait for curves; the gaps closed are told all the same."""
    drawing = finished(pencil_lines(), Output.PNG, Output.TGA)
    assert "fit" not in drawing.seconds
    assert "trace" in drawing.seconds
    assert drawing.strokes is None


@pytest.mark.parametrize("tone", [0, 255])
@pytest.mark.parametrize("size", [(1, 1), (2, 50), (40, 40)])
def test_blank_and_black_sheets_give_every_output(tone: int, size: tuple[int, int]) -> None:
    """Nothing to draw is no error, and neither is nothing but ink."""
    drawing = finished(np.full(size, tone, np.uint8), *Output)
    assert set(Output) == drawing.files.keys()
    assert all(data for files in drawing.files.values() for data in files.values())
