"""A line image becomes the bytes of a drawing: PNG, PNG on transparent paper, 2-value TGA or TIFF."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any, Literal, assert_never

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from douga_shared.recipe import Output
from douga_worker.steps.two_values import two_values

RasterOutput = Literal[Output.PNG, Output.PNG_ALPHA, Output.TGA, Output.TIF]
"""The outputs made of pixels."""
RASTER_OUTPUTS: tuple[RasterOutput, ...] = (Output.PNG, Output.PNG_ALPHA, Output.TGA, Output.TIF)

_PNG_OPTIONS: dict[str, Any] = {"compress_level": 1, "compress_type": zlib.Z_RLE}
"""Line art is runs of white: on a drawing of 1654 × 2339 this takes 35 ms for 233 kB, where zlib's
usual search takes 57 ms for 300 kB at level 1 and 89 ms for 262 kB at level 6."""
_PHOTOMETRIC, _SHORT = 262, 3
_MIN_IS_WHITE, _MIN_IS_BLACK = 0, 1


def encode_drawing(lines: NDArray[np.uint8], output: RasterOutput, dpi: float | None) -> bytes:
    """Encode a line image as a file.

    - ``PNG``: 8-bit grey, line black on white.
    - ``PNG_ALPHA``: 8-bit grey and alpha, black everywhere, as opaque as the line is full.
    - ``TGA``: 8-bit grey, run-length encoded, holding only 0 (line) and 255; TGA knows no dpi.
    - ``TIF``: 1 bit, CCITT group 4, MinIsWhite like a fax, so that a reader which ignores the tag
      shows black lines too.

    Args:
        lines: (H, W) uint8, 0 = paper, 255 = full line.
        output: kind of file.
        dpi: pixels an inch to be stated in the file, or None to state none.
    """
    resolution: dict[str, Any] = {} if dpi is None else {"dpi": (dpi, dpi)}
    match output:
        case Output.PNG:
            return _encoded(Image.fromarray(255 - lines), "PNG", **_PNG_OPTIONS, **resolution)
        case Output.PNG_ALPHA:
            return _encoded(_black_on_transparent(lines), "PNG", **_PNG_OPTIONS, **resolution)
        case Output.TGA:
            pixels = np.where(two_values(lines), np.uint8(0), np.uint8(255))
            return _encoded(Image.fromarray(pixels), "TGA", rle=True)
        case Output.TIF:
            is_line = Image.fromarray(two_values(lines))
            return _declared_negative(_encoded(is_line, "TIFF", compression="group4", **resolution))
        case _:
            assert_never(output)


def _black_on_transparent(lines: NDArray[np.uint8]) -> Image.Image:
    grey_and_alpha = np.zeros((*lines.shape, 2), dtype=np.uint8)
    grey_and_alpha[..., 1] = lines
    return Image.fromarray(grey_and_alpha)


def _declared_negative(tiff: bytes) -> bytes:
    """Change the tag that says what a set bit means from white to black, and nothing else.

    Pillow can write MinIsWhite, but inverts a 1-bit image pixel by pixel in Python: seconds a page.
    """
    order = "<" if tiff.startswith(b"II") else ">"
    directory: int = struct.unpack_from(f"{order}I", tiff, 4)[0]
    entry = struct.Struct(f"{order}HHIHH")
    position = tiff.index(entry.pack(_PHOTOMETRIC, _SHORT, 1, _MIN_IS_BLACK, 0), directory)
    declared = entry.pack(_PHOTOMETRIC, _SHORT, 1, _MIN_IS_WHITE, 0)
    return tiff[:position] + declared + tiff[position + entry.size :]


def _encoded(image: Image.Image, file_format: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()
