"""A line image in several inks becomes the bytes of a drawing, each line in its ink's output colour."""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from douga_shared.palette import Palette, rgb_of
from douga_shared.recipe import Output
from douga_worker.steps.assign_inks import extend_inks
from douga_worker.steps.find_inks import FIRST_COLOUR, NO_INK
from douga_worker.steps.two_values import two_values
from douga_worker.steps.write_drawing import RasterOutput

WHITE = (255, 255, 255)
_PNG_OPTIONS: dict[str, Any] = {"compress_level": 1, "compress_type": zlib.Z_RLE}
"""As in ``write_drawing``: line art is runs of white."""
_GROWN_PX = 3
"""Two values close gaps of a pixel, and nothing else grows."""


def encode_coloured_drawing(
    lines: NDArray[np.uint8],
    line_inks: NDArray[np.uint8],
    palette: Palette,
    output: RasterOutput,
    dpi: float | None,
) -> bytes:
    """Encode a line image as a file.

    - ``PNG``: 8-bit RGB, soft lines in their colours on white.
    - ``PNG_ALPHA``: 8-bit RGB and alpha, as opaque as the line is full.
    - ``TGA``: 24-bit, run-length encoded, holding white, black and the palette's output colours only.
    - ``TIF``: the same few colours, as a palette of up to 256.

    Args:
        lines: (H, W) uint8, 0 = paper, 255 = full line.
        line_inks: (H, W) uint8, the ink of every line pixel; see ``assign_inks``.
        palette: says the output colours.
        output: kind of file.
        dpi: pixels an inch to be stated in the file, or None to state none.
    """
    resolution: dict[str, Any] = {} if dpi is None else {"dpi": (dpi, dpi)}
    colours = _colours(palette)
    match output:
        case Output.PNG:
            image = Image.fromarray(_on_white(lines, line_inks, colours))
            return _encoded(image, "PNG", **_PNG_OPTIONS, **resolution)
        case Output.PNG_ALPHA:
            pixels = np.dstack([colours[line_inks], lines])
            return _encoded(Image.fromarray(pixels), "PNG", **_PNG_OPTIONS, **resolution)
        case Output.TGA:
            pixels = colours[two_valued_inks(lines, line_inks)]
            return _encoded(Image.fromarray(pixels), "TGA", rle=True)
        case Output.TIF:
            image = Image.fromarray(two_valued_inks(lines, line_inks))
            image.putpalette(colours.tobytes())
            return _encoded(image, "TIFF", compression="tiff_lzw", **resolution)
        case _:
            assert_never(output)


def two_valued_inks(lines: NDArray[np.uint8], line_inks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give every pixel of ``two_values`` its ink.

    Args:
        lines: (H, W) uint8, 0 = paper, 255 = full line.
        line_inks: (H, W) uint8, the ink of every line pixel; see ``assign_inks``.
    """
    return extend_inks(line_inks, two_values(lines), _GROWN_PX)


def encode_layer(is_line: NDArray[np.bool_], colour: str, dpi: float | None) -> bytes:
    """Encode the lines of one ink as a 2-value PNG on transparent paper.

    Args:
        is_line: (H, W) where that ink is.
        colour: ``#rrggbb``, the only one in the file.
        dpi: pixels an inch to be stated in the file, or None to state none.
    """
    image = Image.fromarray(is_line.view(np.uint8))
    # Readers that ignore transparency show the line on white.
    image.putpalette(bytes((*WHITE, *rgb_of(colour))))
    resolution: dict[str, Any] = {} if dpi is None else {"dpi": (dpi, dpi)}
    return _encoded(image, "PNG", transparency=0, **_PNG_OPTIONS, **resolution)


def _colours(palette: Palette) -> NDArray[np.uint8]:
    """(256, 3) colour of every label; white where there is no line."""
    colours = np.zeros((256, 3), np.uint8)
    colours[NO_INK] = WHITE
    for i, ink in enumerate(palette):
        colours[FIRST_COLOUR + i] = rgb_of(ink.output_colour)
    return colours


def _on_white(
    lines: NDArray[np.uint8], line_inks: NDArray[np.uint8], colours: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    pixels = np.full((*lines.shape, 3), 255, np.uint8)
    is_line = lines > 0
    coverage = lines[is_line].astype(np.uint16)[:, None]
    light = 255 - colours[line_inks[is_line]].astype(np.uint16)
    pixels[is_line] = 255 - (coverage * light + 127) // 255
    return pixels


def _encoded(image: Image.Image, file_format: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()
