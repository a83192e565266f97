"""Coloured drawings are written in exactly the palette's colours."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from douga_shared.palette import ANIMATION, rgb_of
from douga_shared.recipe import Output
from douga_worker.steps.find_inks import BLACK_INK, FIRST_COLOUR
from douga_worker.steps.read_scan import read_scan
from douga_worker.steps.two_values import two_values
from douga_worker.steps.write_coloured_drawing import encode_coloured_drawing, encode_layer
from douga_worker.steps.write_drawing import RASTER_OUTPUTS, RasterOutput

Pixels = NDArray[np.uint8]
WHITE, BLACK, RED, BLUE = (255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 0, 255)


def drawing() -> tuple[Pixels, Pixels]:
    """A soft black, a soft red and a faint blue line, with a gap of one pixel in the red one."""
    profile = np.array([60, 255, 255, 60], np.uint8)
    lines = np.zeros((40, 50), np.uint8)
    inks = np.zeros_like(lines)
    for top, label in ((5, BLACK_INK), (15, FIRST_COLOUR), (25, FIRST_COLOUR + 1)):
        lines[top : top + 4, 4:46] = profile[:, None]
        inks[top : top + 4, 4:46] = label
    lines[15:19, 20] = inks[15:19, 20] = 0
    return lines, inks


LINES, INKS = drawing()


def opened(data: bytes, mode: str | None = None) -> Pixels:
    """Pixels of an encoded picture as another program reads them."""
    image = Image.open(BytesIO(data))
    return np.asarray(image.convert(mode) if mode else image, np.uint8)


def colours_in(pixels: Pixels) -> set[tuple[int, ...]]:
    """Every colour that occurs."""
    return {tuple(colour) for colour in np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0).tolist()}


@pytest.mark.parametrize("output", [Output.TGA, Output.TIF])
def test_two_value_outputs_hold_the_pure_colours_only(output: RasterOutput) -> None:
    """Nothing in between: fill tools need it."""
    pixels = opened(encode_coloured_drawing(LINES, INKS, ANIMATION, output, 200.0), "RGB")
    assert {WHITE, BLACK, RED, BLUE} == colours_in(pixels)
    assert (BLACK, RED, BLUE) == tuple(tuple(pixels[top, 30].tolist()) for top in (6, 16, 26))


@pytest.mark.parametrize("output", [Output.TGA, Output.TIF])
def test_two_value_outputs_have_the_line_of_the_black_ones(output: RasterOutput) -> None:
    """Gaps of a pixel are closed, in the line's own ink."""
    pixels = opened(encode_coloured_drawing(LINES, INKS, ANIMATION, output, 200.0), "RGB")
    np.testing.assert_array_equal(two_values(LINES), (pixels != 255).any(axis=2))
    assert [255, 0, 0] == pixels[16, 20].tolist()


def test_tga_is_run_length_encoded_24_bit() -> None:
    """What RETAS and its like read."""
    data = encode_coloured_drawing(LINES, INKS, ANIMATION, Output.TGA, None)
    assert (10, 24) == (data[2], data[16])


def test_tif_has_a_palette() -> None:
    """One byte a pixel, index 0 white."""
    image = Image.open(BytesIO(encode_coloured_drawing(LINES, INKS, ANIMATION, Output.TIF, 200.0)))
    assert "P" == image.mode
    assert 0 == image.getpixel((0, 0))


def test_png_keeps_soft_edges_in_colour() -> None:
    """Half covered red is pink; black stays grey."""
    pixels = opened(encode_coloured_drawing(LINES, INKS, ANIMATION, Output.PNG, 200.0))
    assert [[195, 195, 195], [255, 195, 195], [195, 195, 255]] == pixels[[5, 15, 25], 30].tolist()
    assert (WHITE, RED) == (tuple(pixels[0, 0].tolist()), tuple(pixels[16, 30].tolist()))


def test_png_alpha_is_as_opaque_as_the_line() -> None:
    """Over white it is the other PNG."""
    pixels = opened(encode_coloured_drawing(LINES, INKS, ANIMATION, Output.PNG_ALPHA, 200.0))
    np.testing.assert_array_equal(LINES, pixels[..., 3])
    assert {RED} == colours_in(pixels[15:19, 30, :3])


@pytest.mark.parametrize("output", RASTER_OUTPUTS)
def test_size_and_resolution_are_the_scans(output: RasterOutput) -> None:
    """As for black drawings."""
    data = encode_coloured_drawing(LINES, INKS, ANIMATION, output, 144.0)
    scan = read_scan(data, "A1.tga")
    assert LINES.shape == scan.pixels.shape[:2]
    assert scan.dpi == (None if output is Output.TGA else pytest.approx(144.0, abs=0.1))


def test_a_layer_has_one_colour_on_transparent_paper() -> None:
    """Two values: the colour, opaque, or nothing."""
    red = np.where(INKS == FIRST_COLOUR, LINES, 0).astype(np.uint8)
    pixels = opened(encode_layer(two_values(red), ANIMATION[0].output_colour, 200.0), "RGBA")
    assert {(*rgb_of("#ff0000"), 255), (*WHITE, 0)} == colours_in(pixels)
    np.testing.assert_array_equal(two_values(red), pixels[..., 3] == 255)
