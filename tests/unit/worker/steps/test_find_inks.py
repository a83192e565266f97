"""Which pencil left which mark."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.coloured_sheets import (
    BAD_SCANNER,
    PALE_PENCILS,
    SHOWING_THROUGH,
    USUAL,
    ColouredSheet,
    PencilStroke,
    Spoiling,
    coloured_sheet,
    draw_sheet,
)
from tests.line_images import straight

from douga_shared.palette import ANIMATION, InkMeaning, PaletteInk
from douga_worker.steps.assign_inks import settle_inks
from douga_worker.steps.find_inks import (
    BLACK_INK,
    FIRST_COLOUR,
    NO_INK,
    SHOW_THROUGH,
    find_inks,
    ink_names,
)
from douga_worker.steps.flatten_paper import darkness_of

Labels = NDArray[np.uint8]
LABELS = {"black": BLACK_INK, "red": FIRST_COLOUR, "blue": FIRST_COLOUR + 1, "green": FIRST_COLOUR + 2}
BLACK_ONLY = Spoiling(inks=("black",), misregistration_px=1.0, jpeg_quality=60)


def found(sheet: ColouredSheet) -> Labels:
    """Labels of a sheet that has colours."""
    inks = find_inks(darkness_of(sheet.pixels), ANIMATION, sheet.width_px)
    assert inks is not None
    return inks


def on(stroke: PencilStroke, labels: Labels) -> Labels:
    """Labels along the middle of a stroke."""
    x, y = stroke.points.astype(int).T
    return np.asarray(labels[y, x], np.uint8)


@pytest.mark.parametrize(
    ("spoiling", "least"), [(USUAL, 0.91), (PALE_PENCILS, 0.9), (BAD_SCANNER, 0.88), (SHOWING_THROUGH, 0.91)]
)
def test_every_pencil_is_recognised_along_its_strokes(spoiling: Spoiling, least: float) -> None:
    """Pale pencils, halos, channels a pixel apart, JPEG; black lies over one pixel in twenty of theirs."""
    sheet = coloured_sheet(1, stroke_count=16, spoiling=spoiling)
    labels = found(sheet)
    for name, label in LABELS.items():
        along = np.concatenate([on(stroke, labels) for stroke in sheet.strokes if stroke.ink == name])
        decided = along[along != NO_INK]
        assert len(decided) > 0.6 * len(along)
        assert (decided == label).mean() > least


@pytest.mark.parametrize("palette", [ANIMATION, ()])
def test_a_grey_scan_has_no_inks(palette: tuple[PaletteInk, ...]) -> None:
    """There is nothing to tell apart, and nothing is computed."""
    grey = coloured_sheet(1, stroke_count=4).pixels[..., 1]
    assert find_inks(darkness_of(np.ascontiguousarray(grey)), palette, 3.0) is None


def test_an_empty_palette_has_no_inks() -> None:
    """With the palette ``none`` every line is black."""
    assert find_inks(darkness_of(coloured_sheet(1, stroke_count=4).pixels), (), 3.0) is None


@pytest.mark.parametrize("seed", [1, 2])
def test_a_scanner_with_its_channels_apart_makes_no_colour(seed: int) -> None:
    """The rims of black lines are red and blue, two pixels from one another: every line stays black."""
    sheet = coloured_sheet(seed, height=400, width=500, stroke_count=8, spoiling=BLACK_ONLY)
    inks = find_inks(darkness_of(sheet.pixels), ANIMATION, sheet.width_px)
    if inks is not None:
        assert settle_inks(sheet.lines, inks, ANIMATION, sheet.width_px)[1] is None


def test_a_single_short_coloured_stroke_is_found() -> None:
    """A correction of a few millimetres must not be lost in a black drawing."""
    black = tuple(PencilStroke(straight((20, y), (380, y + 15)), "black") for y in range(20, 280, 40))
    correction = PencilStroke(straight((200, 92), (230, 90)), "red")
    labels = found(draw_sheet((*black, correction), 300, 400))
    assert (on(correction, labels) == LABELS["red"]).mean() > 0.9


def test_a_sheet_without_black_is_no_error() -> None:
    """All-trace cels have none."""
    sheet = coloured_sheet(3, stroke_count=6, spoiling=Spoiling(inks=("blue",)))
    labels = found(sheet)
    assert (labels[sheet.lines > 200] == LABELS["blue"]).mean() > 0.95


def test_what_shines_through_the_paper_is_no_ink() -> None:
    """Shading on the back is told from a pale line on the front."""
    sheet = coloured_sheet(1, stroke_count=8, spoiling=Spoiling(show_through=0.18))
    labels = found(sheet)
    is_coloured = (labels >= FIRST_COLOUR) & (labels != SHOW_THROUGH)
    assert np.count_nonzero(labels == SHOW_THROUGH) > 10_000
    # Labels reach a little beyond the lines: over as much again.
    assert np.count_nonzero(is_coloured) < 2.5 * np.count_nonzero(sheet.lines)


def test_hue_decides_and_not_the_order_of_the_palette() -> None:
    """A show's own pencils, the other way round."""
    brown = PaletteInk(
        name="brown",
        recognised_colour="#b07030",
        output_colour="#804000",
        meaning=InkMeaning.CONSTRUCTION,
    )
    palette = (ANIMATION[2], brown, ANIMATION[1], ANIMATION[0])
    sheet = coloured_sheet(2, stroke_count=8)
    labels = find_inks(darkness_of(sheet.pixels), palette, 3.0)
    assert labels is not None
    names = ink_names(palette)
    for stroke in sheet.strokes:
        along = on(stroke, labels)
        values, counts = np.unique(along[along != NO_INK], return_counts=True)
        assert stroke.ink == names[int(values[counts.argmax()])]


def test_a_hue_far_from_every_ink_is_black() -> None:
    """Whatever is none of the palette's is black."""
    sheet = coloured_sheet(1, stroke_count=6, spoiling=Spoiling(inks=("green", "red")))
    labels = find_inks(darkness_of(sheet.pixels), (ANIMATION[0],), 3.0)
    assert labels is not None
    green = np.concatenate([on(stroke, labels) for stroke in sheet.strokes if stroke.ink == "green"])
    assert (green == BLACK_INK).mean() > 0.85


def test_labels_have_names() -> None:
    """Black first, then the palette's inks in order."""
    assert {1: "black", 2: "red", 3: "blue", 4: "green"} == ink_names(ANIMATION)
