"""Which image format a scan's bytes are, and that format's Pillow reader, mended where it errs.

Readers are made directly, not by ``Image.open``: its pixel limit is one global number for the whole
process and warns or raises on an A3 sheet at 1200 dpi. Douga checks a limit of its own instead.
"""

from __future__ import annotations

import struct
from itertools import count

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TgaImagePlugin import TgaImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

PHOTOMETRIC = 262
SAMPLE_FORMAT = 339
_NEW_SUBFILE_TYPE = 254
_IMAGE_WIDTH = 256
_IMAGE_LENGTH = 257
_BITS_PER_SAMPLE = 258
_PLANAR_CONFIGURATION = 284

_TGA_SUFFIXES = (".tga", ".tpic")
_TGA_FOOTER = b"TRUEVISION-XFILE.\0"
_TGA_HEADER_BYTES = 18
_TGA_DEPTHS = {1: (8,), 2: (16, 24, 32), 3: (8, 16)}
"""Bits of a pixel that each kind (palette, colour, grey) of TGA may have."""
_BMP_HEADER_BYTES = (12, 40, 52, 56, 64, 108, 124)


class TiffScan(TiffImageFile):
    """Pillow's TIFF reader without its pixel limit, and with 16-bit planes read right."""

    def load_prepare(self) -> None:
        """Make room for the pixels, so that Pillow does not compare their number with its limit."""
        size = (self.tag_v2[_IMAGE_WIDTH], self.tag_v2[_IMAGE_LENGTH])
        self.im = Image.new(self.mode, size, None).im
        super().load_prepare()

    def is_reduced_copy(self) -> bool:
        """Whether the page is a small copy of another one, as some scanners' software adds."""
        return int(self.tag_v2.get(_NEW_SUBFILE_TYPE, 0)) & 1 == 1

    def _setup(self) -> None:
        super()._setup()
        is_planar = self.tag_v2.get(_PLANAR_CONFIGURATION, 1) == 2
        if is_planar and not self.use_load_libtiff and max(self.tag_v2.get(_BITS_PER_SAMPLE, (1,))) == 16:
            self._read_through_libtiff()

    def _read_through_libtiff(self) -> None:
        # Pillow's own reader takes every plane for 8-bit and returns stripes; libtiff does not.
        extents = (0, 0, self.tag_v2[_IMAGE_WIDTH], self.tag_v2[_IMAGE_LENGTH])
        arguments = (f"{self.mode};16N", False, self.tag_v2.offset)
        self.tile = [self.tile[0]._replace(codec_name="libtiff", extents=extents, offset=0, args=arguments)]
        self.use_load_libtiff = True


def recognise(data: bytes, name: str) -> type[ImageFile] | None:
    """Find the reader for a scan by its first bytes; None if it is of no format that Douga reads.

    TGA has no mark at its start: it is believed only if the name ends in ``.tga`` or the file has
    the footer of TGA version 2, and the header makes sense. Any other suffix is ignored.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImageFile
    if data.startswith(b"\xff\xd8\xff"):
        return JpegImageFile
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return TiffScan
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return WebPImageFile
    if _is_bmp(data):
        return BmpImageFile
    if _is_tga(data, name):
        return TgaImageFile
    return None


def has_no_pixels(image: ImageFile, data: bytes) -> bool:
    """Whether the header of an image that could not be opened states a width or height of 0."""
    if isinstance(image, TgaImageFile):
        return 0 in struct.unpack_from("<HH", data, 12)
    return bool(image.mode) and min(image.size) <= 0


def has_several_pages(image: ImageFile) -> bool:
    """Whether there is more than one page or animation frame; leaves the first one selected."""
    if not getattr(image, "is_animated", False):
        return False
    if not isinstance(image, TiffScan):
        return True
    for page in count(1):
        try:
            image.seek(page)
        except EOFError:
            break
        if not image.is_reduced_copy():
            return True
    image.seek(0)
    return False


def is_cut_to_high_byte(image: ImageFile) -> bool:
    """Whether Pillow will keep only the upper 8 of a colour image's 16 bits (ask before loading)."""
    if not isinstance(image, PngImageFile | TiffScan) or image.mode not in {"RGB", "RGBA", "CMYK"}:
        return False
    return any(";16" in str(tile.args) for tile in image.tile)


def _is_bmp(data: bytes) -> bool:
    # "BM" alone also starts many a text, so the header's stated length must be a known one.
    if not data.startswith(b"BM") or len(data) < 18:
        return False
    return struct.unpack_from("<I", data, 14)[0] in _BMP_HEADER_BYTES


def _is_tga(data: bytes, name: str) -> bool:
    if len(data) < _TGA_HEADER_BYTES:
        return False
    if not (name.lower().endswith(_TGA_SUFFIXES) or data.endswith(_TGA_FOOTER)):
        return False
    has_palette, kind, depth, descriptor = data[1], data[2], data[16], data[17]
    is_packed_kind = kind & ~8 in _TGA_DEPTHS
    return is_packed_kind and has_palette <= 1 and depth in _TGA_DEPTHS[kind & 7] and descriptor & 0xC0 == 0
