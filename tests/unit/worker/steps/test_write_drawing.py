"""Drawings are written so that other programs read black lines on white, at the scan's size and dpi."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image
from tests.scans import rough_drawing

from douga_shared.recipe import Output
from douga_worker.steps.read_scan import read_scan
from douga_worker.steps.two_values import two_values
from douga_worker.steps.write_drawing import RasterOutput, encode_drawing

LINES = 255 - np.where(rough_drawing() > 200, np.uint8(255), rough_drawing())
"""A small line image with anti-aliased lines and clean paper."""
RASTER_OUTPUTS: tuple[RasterOutput, ...] = (Output.PNG, Output.PNG_ALPHA, Output.TGA, Output.TIF)


def test_the_sample_has_soft_lines() -> None:
    """The tests below would prove nothing on a 2-value or blank sample."""
    assert len(np.unique(LINES)) > 20
    assert 0 < (LINES >= 128).mean() < 0.5


@pytest.mark.parametrize("output", RASTER_OUTPUTS)
def test_drawing_has_the_size_of_its_lines(output: RasterOutput) -> None:
    """Width and height are neither swapped nor padded."""
    assert (LINES.shape[1], LINES.shape[0]) == _opened(encode_drawing(LINES, output, 300.0)).size


@pytest.mark.parametrize("output", [Output.PNG, Output.PNG_ALPHA, Output.TIF])
@pytest.mark.parametrize("dpi", [72.0, 144.0, 150.0, 299.7, 600.0, 1200.0])
def test_resolution_is_kept(output: RasterOutput, dpi: float) -> None:
    """Every format that can state a resolution states the scan's."""
    data = encode_drawing(LINES, output, dpi)
    assert dpi == pytest.approx(_opened(data).info["dpi"][0], abs=0.1)
    assert dpi == pytest.approx(_opened(data).info["dpi"][1], abs=0.1)
    assert dpi == pytest.approx(read_scan(data, "A1").dpi, abs=0.1)


@pytest.mark.parametrize("output", RASTER_OUTPUTS)
def test_unknown_resolution_is_not_made_up(output: RasterOutput) -> None:
    """A scan without resolution gives a drawing without."""
    assert read_scan(encode_drawing(LINES, output, None), "A1.tga").dpi is None


def test_png_is_grey_line_on_white() -> None:
    """Soft edges stay, in one channel."""
    image = _opened(encode_drawing(LINES, Output.PNG, 300.0))
    assert ("PNG", "L") == (image.format, image.mode)
    np.testing.assert_array_equal(255 - LINES, np.asarray(image))


def test_png_alpha_is_black_as_opaque_as_the_line() -> None:
    """The paper is transparent, the colour black everywhere, so that no light fringe shows."""
    image = _opened(encode_drawing(LINES, Output.PNG_ALPHA, 300.0))
    assert ("PNG", "LA") == (image.format, image.mode)
    np.testing.assert_array_equal(LINES, np.asarray(image.getchannel("A")))
    assert (0, 0) == image.getchannel("L").getextrema()


def test_tga_is_two_valued_grey_and_run_length_encoded() -> None:
    """Paint software fills up to black lines without soft edges."""
    data = encode_drawing(LINES, Output.TGA, 300.0)
    image = _opened(data)
    assert ("TGA", "L") == (image.format, image.mode)
    assert 11 == data[2], "run-length encoded grey"
    np.testing.assert_array_equal(_two_valued(LINES), np.asarray(image))


def test_tif_is_one_bit_group_4() -> None:
    """The usual form of a 2-value scan."""
    data = encode_drawing(LINES, Output.TIF, 300.0)
    image = _opened(data)
    assert ("TIFF", "1", "group4") == (image.format, image.mode, image.info["compression"])
    np.testing.assert_array_equal(_two_valued(LINES), np.asarray(image.convert("L")))


def test_tif_shows_black_lines_to_readers_that_ignore_its_tag() -> None:
    """Fax readers take a set bit for ink whatever the tag says; the tag says so too."""
    with tifffile.TiffFile(BytesIO(encode_drawing(LINES, Output.TIF, 300.0))) as file:
        page = file.pages.first
        assert (tifffile.PHOTOMETRIC.MINISWHITE, 1, tifffile.COMPRESSION.CCITT_T6) == (
            page.photometric,
            page.bitspersample,
            page.compression,
        )


@pytest.mark.parametrize("output", [Output.TGA, Output.TIF])
def test_half_a_line_is_the_border_of_two_values(output: RasterOutput) -> None:
    """128 is line, 127 is paper."""
    lines = np.array([[127, 128], [0, 255]], dtype=np.uint8)
    read = read_scan(encode_drawing(lines, output, None), "A1.tga").pixels
    assert [[255, 0], [255, 0]] == read.tolist()


@settings(max_examples=60, deadline=None)
@given(
    lines=arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40)),
    output=st.sampled_from(RASTER_OUTPUTS),
)
def test_any_drawing_is_read_back_as_it_was_written(lines: NDArray[np.uint8], output: RasterOutput) -> None:
    """Odd sizes, one pixel, noise: what was written is what a reader gets, on white."""
    read = read_scan(encode_drawing(lines, output, 300.0), "A1.tga").pixels
    is_soft = output in {Output.PNG, Output.PNG_ALPHA}
    np.testing.assert_array_equal(255 - lines if is_soft else _two_valued(lines), read)


@pytest.mark.parametrize("output", RASTER_OUTPUTS)
def test_the_line_image_is_left_as_it_was(output: RasterOutput) -> None:
    """The same lines are encoded into several outputs."""
    lines = LINES.copy()
    encode_drawing(lines, output, 300.0)
    np.testing.assert_array_equal(LINES, lines)


@pytest.mark.parametrize("output", RASTER_OUTPUTS)
def test_equal_lines_give_equal_bytes(output: RasterOutput) -> None:
    """No time stamp or other whim gets into a file, so that a retake is identical."""
    assert encode_drawing(LINES, output, 300.0) == encode_drawing(LINES.copy(), output, 300.0)


def _opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


def _two_valued(lines: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.where(two_values(lines), np.uint8(0), np.uint8(255))
