"""Strokes as a PDF page: its size, its layers, what readers see of it."""

from __future__ import annotations

from contextlib import closing
from io import BytesIO

import numpy as np
import pypdfium2
import pytest
from numpy.typing import NDArray
from pikepdf import Pdf
from tests.stroke_drawings import BLANK, DRAWING, SIZE, overlap, painted

from douga_shared.palette import ANIMATION
from douga_shared.recipe import LineWeight
from douga_worker.strokes.stroke_drawing import StrokeDrawing
from douga_worker.strokes.write_pdf import write_pdf

DPI = 144.0


def written(
    drawing: StrokeDrawing = DRAWING,
    line_weight: LineWeight | float = LineWeight.KEEP,
    dpi: float | None = DPI,
    title: str = "A0001",
) -> bytes:
    """The PDF of a drawing."""
    return write_pdf(
        drawing,
        dpi=dpi,
        title=title,
        recipe_fingerprint="0123456789abcdef",
        palette=ANIMATION,
        line_weight=line_weight,
    )


def rendered(pdf: bytes, dpi: float = DPI) -> NDArray[np.uint8]:
    """The page as PDFium draws it, (H, W, 3) RGB on white."""
    with (
        closing(pypdfium2.PdfDocument(pdf)) as document,
        closing(document[0]) as page,
        closing(page.render(scale=dpi / 72, rev_byteorder=True)) as bitmap,
    ):
        return np.array(bitmap.to_numpy()[..., :3], np.uint8)


@pytest.mark.parametrize("line_weight", [LineWeight.KEEP, LineWeight.VARIABLE])
def test_a_picture_of_the_page_is_the_drawing(line_weight: LineWeight) -> None:
    """A renderer draws what stamped discs of the strokes' widths draw, at the scan's place and size."""
    seen = 255 - rendered(written(line_weight=line_weight)).min(axis=2)
    assert (SIZE[1], SIZE[0]) == seen.shape
    expected = painted(DRAWING, is_variable=line_weight is LineWeight.VARIABLE)
    # PDFium thickens thin lines a little, as all screens' readers do.
    assert overlap(expected, seen) > 0.9


def test_colour_traces_have_their_palette_s_colours() -> None:
    """The middle of the red line is pure red, that of the blue dot pure blue."""
    pixels = rendered(written(dpi=DPI), dpi=4 * DPI)
    assert (255, 0, 0) == tuple(pixels[4 * 138 + 4 : 4 * 141, 4 * 20].min(axis=0).tolist())
    assert (0, 0, 255) == tuple(pixels[4 * 130, 4 * 100].tolist())


def test_the_page_is_as_large_as_the_sheet() -> None:
    """200 x 150 px of 144 dpi are 100 x 75 points; without dpi a pixel is a point."""
    for dpi, size in ((144.0, (100.0, 75.0)), (None, (200.0, 150.0))):
        with closing(pypdfium2.PdfDocument(written(dpi=dpi))) as document:
            assert size == pytest.approx(document.get_page_size(0))


def test_a_sheet_beyond_what_readers_take_has_a_larger_unit() -> None:
    """30,000 px without dpi would be 30,000 points; readers stop at 14,400."""
    with Pdf.open(BytesIO(written(StrokeDrawing(30_000, 100), dpi=None))) as pdf:
        page = pdf.pages[0]
        assert float(page.obj.MediaBox[2]) <= 14_400
        assert 30_000 == pytest.approx(float(page.obj.MediaBox[2]) * float(page.obj.UserUnit), rel=1e-4)


def test_every_layer_can_be_switched_off() -> None:
    """Optional content groups named like the SVG's layers, the topmost first in a viewer's list."""
    with Pdf.open(BytesIO(written())) as pdf:
        groups = pdf.Root.OCProperties
        names = ["solids", "colour-trace-red", "colour-solids-blue", "lines"]
        assert names == [str(group.Name) for group in groups.OCGs]
        assert names[::-1] == [str(group.Name) for group in groups.D.Order]


def test_the_file_is_whole_for_a_strict_reader() -> None:
    """Qpdf finds nothing to repair, and the title and the recipe are in it."""
    with Pdf.open(BytesIO(written(title="原画 <1>"))) as pdf:
        assert [] == pdf.check_pdf_syntax()
        assert "原画 <1>" == str(pdf.docinfo.Title)
        assert "0123456789abcdef" in str(pdf.docinfo.Keywords)


@pytest.mark.parametrize("drawing", [BLANK, StrokeDrawing(1, 1)])
def test_a_blank_drawing_is_a_blank_page(drawing: StrokeDrawing) -> None:
    """White, and of the sheet's size."""
    assert rendered(written(drawing, dpi=None), 72).min() == 255


@pytest.mark.parametrize("title", ["", "\x00", "\ud800"])
def test_any_title_is_taken(title: str) -> None:
    """File names are what people make of them."""
    assert written(title=title).startswith(b"%PDF-1.6")


def test_the_same_drawing_gives_the_same_bytes() -> None:
    """No dates, no random ids."""
    assert written() == written()
