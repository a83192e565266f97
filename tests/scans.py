"""Scans for the tests: one small pencil drawing in every format Douga reads, and files it rejects.

``GOOD_SCANS`` and ``BAD_SCANS`` have unique stems, so that a test may write them all into one folder.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageDraw, ImageFilter

from douga_shared.errors import Reason

WIDTH, HEIGHT = 120, 90
DPI = 300.0

_ORIENTATION_TAG = 274
_MIN_IS_WHITE = 0
_JPEG_TOLERANCE = 12
_REDUCED_COPY = 1


def rough_drawing(seed: int = 0, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """Draw a page of searching pencil strokes on unevenly lit, grainy paper.

    Returns:
        (height, width) uint8 grey scan, about 240 = paper, about 60 = pencil. Not symmetrical in any
        direction, so that turned and mirrored pages differ.
    """
    random = np.random.default_rng(seed)
    finer = 4
    page = Image.new("L", (width * finer, height * finer), 0)
    draw = ImageDraw.Draw(page)
    for _ in range(6):
        stroke = _stroke(random) * (width * finer, height * finer)
        for _ in range(3):
            searched = stroke + random.normal(0, 0.6 * finer, size=(1, 2))
            draw.line(
                [tuple(point) for point in searched.tolist()], fill=200, width=int(1.5 * finer), joint="curve"
            )
    pencil = np.asarray(
        page.filter(ImageFilter.GaussianBlur(finer / 2)).resize((width, height), Image.Resampling.BOX)
    )
    light = np.linspace(244, 232, width)[None, :] + np.linspace(3, -3, height)[:, None]
    grain = random.normal(0, 2, size=(height, width))
    return np.rint(np.clip(light - pencil * 0.85 + grain, 0, 255)).astype(np.uint8)


def coloured_drawing(seed: int = 0, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """Draw the page three times over, in red, blue and graphite: (height, width, 3) uint8 RGB."""
    red, blue, graphite = (rough_drawing(seed + i, width, height).astype(np.uint16) for i in range(3))
    light = 245
    channels = [graphite * blue // light, graphite * red // light * blue // light, graphite * red // light]
    return np.stack(channels, axis=2).clip(0, 255).astype(np.uint8)


def as_pillow(pixels: NDArray[Any] | Image.Image, file_format: str, **options: Any) -> bytes:
    """Write pixels (or a Pillow image) as Pillow does; the options are those of its writers."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def as_png(pixels: NDArray[np.uint8], dpi: float | None = DPI) -> bytes:
    """Write an 8-bit grey or RGB PNG."""
    return as_pillow(pixels, "PNG", **_pillow_dpi(dpi))


def as_jpeg(pixels: NDArray[np.uint8], dpi: float | None = DPI, **options: Any) -> bytes:
    """Write a JPEG of good quality."""
    return as_pillow(pixels, "JPEG", quality=95, subsampling=0, **_pillow_dpi(dpi), **options)


def as_tiff(pixels: NDArray[Any], dpi: float | None = DPI, **options: Any) -> bytes:
    """Write any array as TIFF; the options are those of ``tifffile.imwrite``."""
    buffer = BytesIO()
    options.setdefault("photometric", "rgb" if pixels.ndim == 3 else "minisblack")
    if dpi is not None:
        options.setdefault("resolution", (dpi, dpi))
        options.setdefault("resolutionunit", "INCH")
    tifffile.imwrite(buffer, pixels, metadata=None, **options)
    return buffer.getvalue()


def as_tiff_16bit(pixels: NDArray[np.uint8], dpi: float | None = DPI, **options: Any) -> bytes:
    """Write grey or RGB as a TIFF of 16 bits a sample, tones spread over all of them."""
    return as_tiff(sixteen_bits(pixels), dpi, **options)


def as_tiff_g4(pixels: NDArray[np.uint8], dpi: float | None = DPI) -> bytes:
    """Write a 1-bit fax group 4 TIFF; darker than 128 is black."""
    return as_pillow(Image.fromarray(pixels >= 128), "TIFF", compression="group4", **_pillow_dpi(dpi))


def as_tiff_pages(*pages: NDArray[np.uint8]) -> bytes:
    """Write a TIFF of several pages."""
    buffer = BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for page in pages:
            writer.write(page, photometric="minisblack", metadata=None)
    return buffer.getvalue()


def as_png_16bit(pixels: NDArray[np.uint8], dpi: float | None = DPI) -> bytes:
    """Write (H, W), (H, W, 2), (H, W, 3) or (H, W, 4) as a PNG of 16 bits a sample."""
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[_channel_count(pixels)]
    rows = sixteen_bits(pixels).astype(">u2").reshape(pixels.shape[0], -1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, colour_type, 0, 0, 0)
    per_metre = round((dpi or 0) / 0.0254)
    resolution = _png_chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1)) if dpi else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + _png_chunk(b"IHDR", header)
        + resolution
        + _png_chunk(b"IDAT", zlib.compress(data))
        + _png_chunk(b"IEND", b"")
    )


def as_tga(
    pixels: NDArray[np.uint8], *, from_top: bool = False, from_right: bool = False, **options: Any
) -> bytes:
    """Write a TGA whose first pixel is the page's bottom left one, or another corner's."""
    stored = pixels[:, ::-1] if from_right else pixels
    data = bytearray(
        as_pillow(np.ascontiguousarray(stored), "TGA", orientation=1 if from_top else -1, **options)
    )
    data[17] |= 0x10 if from_right else 0
    return bytes(data)


def png_header(width: int, height: int) -> bytes:
    """Make a PNG that claims a size and holds next to no data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = (
        _png_chunk(b"IHDR", header) + _png_chunk(b"IDAT", zlib.compress(b"\0")) + _png_chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


def tga_header(width: int, height: int) -> bytes:
    """Make the header of an 8-bit grey TGA, with no pixels behind it."""
    return struct.pack("<BBBHHBHHHHBB", 0, 0, 3, 0, 0, 0, 0, 0, width, height, 8, 0)


def with_orientation(orientation: int, upright: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay an upright page down as a scanner stores it that gives this orientation tag (1..8)."""
    turns = {1: 0, 2: 0, 3: 2, 4: 2, 5: 3, 6: 1, 7: 1, 8: 3}[orientation]
    turned = np.rot90(upright, turns)
    is_mirrored = orientation in {2, 4, 5, 7}
    return np.ascontiguousarray(turned[:, ::-1] if is_mirrored else turned)


def sixteen_bits(pixels: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Spread 8-bit tones over 16 bits."""
    return pixels.astype(np.uint16) * np.uint16(257)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a good scan is read as."""

    pixels: NDArray[np.uint8]
    dpi: float | None
    tolerance: int = 1


@dataclass(frozen=True, slots=True)
class GoodScan:
    """A scan that Douga reads."""

    name: str
    make: Callable[[], bytes]
    expected: Expected


@dataclass(frozen=True, slots=True)
class BadScan:
    """A scan that Douga rejects, and why."""

    name: str
    make: Callable[[], bytes]
    reason: Reason


def _good_scans() -> tuple[GoodScan, ...]:
    grey, colour = Expected(GREY, DPI), Expected(COLOUR, DPI)
    two_value, no_dpi = Expected(_TWO_VALUE, DPI), Expected(GREY, None)
    return (
        GoodScan("png_grey.png", lambda: as_png(GREY), grey),
        GoodScan("png_rgb.png", lambda: as_png(COLOUR), colour),
        GoodScan("png_grey_in_rgb.png", lambda: as_png(np.dstack([GREY] * 3)), grey),
        GoodScan("png_1bit.png", lambda: as_pillow(GREY >= 128, "PNG"), Expected(_TWO_VALUE, None)),
        GoodScan("png_palette.png", _palette_png, Expected(_INDEXED_GREY, None)),
        GoodScan("png_16bit_grey.png", lambda: as_png_16bit(GREY), grey),
        GoodScan("png_16bit_rgb.png", lambda: as_png_16bit(COLOUR), colour),
        GoodScan("png_16bit_grey_alpha.png", lambda: as_png_16bit(_TRANSPARENT_PAPER), grey),
        GoodScan("png_16bit_rgba.png", lambda: as_png_16bit(_COLOUR_ALPHA), Expected(_COLOUR_ON_WHITE, DPI)),
        GoodScan("png_grey_alpha.png", lambda: as_pillow(_TRANSPARENT_PAPER, "PNG"), no_dpi),
        GoodScan("png_rgba.png", lambda: as_pillow(_COLOUR_ALPHA, "PNG"), Expected(_COLOUR_ON_WHITE, None)),
        GoodScan("png_palette_alpha.png", _transparent_palette_png, Expected(_indexed_on_white(), None)),
        GoodScan("png_trns_grey.png", lambda: _with_trns(_HIDDEN, 7), Expected(_HIDDEN_ON_WHITE, None)),
        GoodScan(
            "png_trns_rgb.png",
            lambda: _with_trns(np.dstack([_HIDDEN] * 3), (7, 7, 7)),
            Expected(_HIDDEN_ON_WHITE, None),
        ),
        GoodScan("jpeg_grey.jpg", lambda: as_jpeg(GREY), Expected(GREY, DPI, _JPEG_TOLERANCE)),
        GoodScan("jpeg_rgb.jpeg", lambda: as_jpeg(COLOUR), Expected(COLOUR, DPI, 2 * _JPEG_TOLERANCE)),
        GoodScan(
            "jpeg_progressive.jpg",
            lambda: as_jpeg(GREY, progressive=True),
            Expected(GREY, DPI, _JPEG_TOLERANCE),
        ),
        GoodScan("jpeg_cmyk.jpg", _cmyk_jpeg, Expected(GREY, DPI, 2 * _JPEG_TOLERANCE)),
        GoodScan("jpeg_turned.jpg", lambda: turned_jpeg(6), Expected(GREY, DPI, _JPEG_TOLERANCE)),
        GoodScan("tiff_grey.tif", lambda: as_tiff(GREY), grey),
        GoodScan("tiff_rgb.tiff", lambda: as_tiff(COLOUR), colour),
        GoodScan("tiff_big_endian.tif", lambda: as_tiff_16bit(GREY, byteorder=">"), grey),
        GoodScan("tiff_big.tif", lambda: as_tiff(GREY, bigtiff=True), grey),
        GoodScan("tiff_1bit.tif", lambda: as_pillow(GREY >= 128, "TIFF", **_pillow_dpi(DPI)), two_value),
        GoodScan("tiff_g4.tif", lambda: as_tiff_g4(GREY), two_value),
        GoodScan(
            "tiff_lzw.tif", lambda: as_pillow(COLOUR, "TIFF", compression="tiff_lzw", dpi=(DPI, DPI)), colour
        ),
        GoodScan(
            "tiff_deflate_16bit.tif",
            lambda: as_tiff_16bit(COLOUR, compression="deflate", predictor=2),
            colour,
        ),
        GoodScan("tiff_jpeg.tif", _jpeg_tiff, Expected(COLOUR, DPI, 3 * _JPEG_TOLERANCE)),
        GoodScan("tiff_tiled.tif", lambda: as_tiff(GREY, tile=(32, 48)), grey),
        GoodScan("tiff_16bit_grey.tif", lambda: as_tiff_16bit(GREY), grey),
        GoodScan("tiff_16bit_rgb.tif", lambda: as_tiff_16bit(COLOUR), colour),
        GoodScan("tiff_16bit_rgb_planes.tif", lambda: _in_planes(sixteen_bits(COLOUR)), colour),
        GoodScan("tiff_8bit_rgb_planes.tif", lambda: _in_planes(COLOUR), colour),
        GoodScan("tiff_12_in_16.tif", lambda: as_tiff(sixteen_bits(GREY) >> 4), Expected(GREY, DPI, 3)),
        GoodScan(
            "tiff_12_in_16_rgb.tif", lambda: as_tiff(sixteen_bits(COLOUR) >> 4), Expected(COLOUR, DPI, 17)
        ),
        GoodScan("tiff_int16.tif", lambda: as_tiff((sixteen_bits(GREY) >> 1).astype(np.int16)), grey),
        GoodScan("tiff_uint32.tif", lambda: as_tiff(GREY.astype(np.uint32) * np.uint32(2**24 + 1)), grey),
        GoodScan("tiff_float.tif", lambda: as_tiff(GREY.astype(np.float32) / np.float32(255)), grey),
        GoodScan("tiff_float_255.tif", lambda: as_tiff(GREY.astype(np.float32)), grey),
        GoodScan("tiff_min_is_white.tif", lambda: as_tiff(255 - GREY, photometric="miniswhite"), grey),
        GoodScan(
            "tiff_min_is_white_16bit.tif", lambda: as_tiff_16bit(255 - GREY, photometric="miniswhite"), grey
        ),
        GoodScan("tiff_palette.tif", _palette_tiff, Expected(_INDEXED_GREY, DPI)),
        GoodScan("tiff_cmyk.tif", lambda: as_tiff(_cmyk(), photometric="separated"), grey),
        GoodScan("tiff_ycbcr.tif", _ycbcr_tiff, Expected(COLOUR, DPI, 5)),
        GoodScan("tiff_lab.tif", _lab_tiff, Expected(COLOUR, DPI, 12)),
        GoodScan("tiff_alpha.tif", lambda: _alpha_tiff("unassalpha"), Expected(_COLOUR_ON_WHITE, DPI)),
        GoodScan("tiff_unspecified_extra.tif", lambda: _alpha_tiff("unspecified"), colour),
        GoodScan("tiff_turned.tif", lambda: turned_tiff(6), grey),
        GoodScan(
            "tiff_centimetres.tif", lambda: as_tiff(GREY, DPI / 2.54, resolutionunit="CENTIMETER"), grey
        ),
        GoodScan("tiff_with_thumbnail.tif", _tiff_with_thumbnail, no_dpi),
        GoodScan("tga_grey.tga", lambda: as_tga(GREY), no_dpi),
        GoodScan("tga_rgb.tga", lambda: as_tga(COLOUR), Expected(COLOUR, None)),
        GoodScan("tga_rle.tga", lambda: as_tga(COLOUR, rle=True), Expected(COLOUR, None)),
        GoodScan("tga_from_top.tga", lambda: as_tga(COLOUR, from_top=True), Expected(COLOUR, None)),
        GoodScan("tga_rle_from_top.TGA", lambda: as_tga(GREY, from_top=True, rle=True), no_dpi),
        GoodScan("tga_from_right.tga", lambda: as_tga(GREY, from_right=True), no_dpi),
        GoodScan("tga_rgba.tga", lambda: as_tga(_COLOUR_ALPHA), Expected(_COLOUR_ON_WHITE, None)),
        GoodScan("tga_empty_alpha.tga", _tga_with_empty_alpha, Expected(COLOUR, None)),
        GoodScan(
            "tga_palette.tga", lambda: as_pillow(_palette_image(), "TGA"), Expected(_INDEXED_GREY, None)
        ),
        GoodScan("bmp_grey.bmp", lambda: as_pillow(GREY, "BMP", **_pillow_dpi(DPI)), grey),
        GoodScan("bmp_rgb.bmp", lambda: as_pillow(COLOUR, "BMP", **_pillow_dpi(DPI)), colour),
        GoodScan("webp_rgb.webp", lambda: as_pillow(COLOUR, "WEBP", lossless=True), Expected(COLOUR, None)),
        GoodScan(
            "webp_rgba.webp",
            lambda: as_pillow(_COLOUR_ALPHA, "WEBP", lossless=True, exact=True),
            Expected(_COLOUR_ON_WHITE, None),
        ),
        GoodScan("a png in truth.jpg", lambda: as_png(GREY), grey),
    )


def _bad_scans() -> tuple[BadScan, ...]:
    return (
        BadScan("bad_empty.png", lambda: b"", Reason.EMPTY),
        BadScan("bad_no_pixels.png", lambda: png_header(0, HEIGHT), Reason.EMPTY),
        BadScan("bad_no_pixels_tga.tga", lambda: tga_header(WIDTH, 0), Reason.EMPTY),
        BadScan(
            "bad_no_pixels_bmp.bmp", lambda: _patched(as_pillow(GREY, "BMP"), 18, bytes(4)), Reason.EMPTY
        ),
        BadScan("bad_no_pixels_jpeg.jpg", _jpeg_without_height, Reason.EMPTY),
        BadScan("bad_no_pixels_tiff.tif", _tiff_without_width, Reason.EMPTY),
        BadScan(
            "bad_text.png", lambda: b"Drawing A1: please redo the left hand.\n" * 40, Reason.NOT_AN_IMAGE
        ),
        BadScan(
            "bad_text_bm.bmp", lambda: b"BMW 2002, drawn from the side, three sheets\n", Reason.NOT_AN_IMAGE
        ),
        BadScan("bad_text_tga.tga", lambda: b"Drawing A2: see the notes of A1.\n" * 40, Reason.NOT_AN_IMAGE),
        BadScan("bad_random.tif", lambda: np.random.default_rng(5).bytes(5000), Reason.NOT_AN_IMAGE),
        BadScan("bad_random_tga.tga", lambda: np.random.default_rng(5).bytes(5000), Reason.NOT_AN_IMAGE),
        BadScan("bad_gif.gif", lambda: as_pillow(GREY, "GIF"), Reason.NOT_AN_IMAGE),
        BadScan(
            "bad_pdf.jpg", lambda: b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n", Reason.NOT_AN_IMAGE
        ),
        BadScan("bad_cut.png", lambda: _first_half(as_png(GREY)), Reason.DAMAGED),
        BadScan("bad_cut_jpeg.jpg", lambda: _first_half(as_jpeg(GREY)), Reason.DAMAGED),
        BadScan("bad_cut_tiff.tif", lambda: _first_half(as_tiff(GREY)), Reason.DAMAGED),
        BadScan("bad_cut_g4.tif", lambda: _first_half(as_tiff_g4(GREY)), Reason.DAMAGED),
        BadScan(
            "bad_cut_deflate.tif", lambda: _first_half(as_tiff(GREY, compression="deflate")), Reason.DAMAGED
        ),
        BadScan("bad_cut_tga.tga", lambda: _first_half(as_tga(GREY)), Reason.DAMAGED),
        BadScan("bad_cut_tga_rle.tga", lambda: _first_half(as_tga(GREY, rle=True)), Reason.DAMAGED),
        BadScan("bad_cut_bmp.bmp", lambda: _first_half(as_pillow(GREY, "BMP")), Reason.DAMAGED),
        BadScan("bad_cut_webp.webp", lambda: _first_half(as_pillow(GREY, "WEBP")), Reason.DAMAGED),
        BadScan("bad_pages.tif", lambda: as_tiff_pages(GREY, rough_drawing(1)), Reason.MULTI_PAGE),
        BadScan("bad_animated.png", lambda: _animated("PNG"), Reason.MULTI_PAGE),
        BadScan("bad_animated_webp.webp", lambda: _animated("WEBP"), Reason.MULTI_PAGE),
        BadScan("bad_huge.png", lambda: png_header(30_000, 20_000), Reason.TOO_LARGE),
        BadScan("bad_huge_tga.tga", lambda: tga_header(60_000, 60_000), Reason.TOO_LARGE),
        BadScan("bad_huge_bmp.bmp", _huge_bmp, Reason.TOO_LARGE),
    )


def turned_jpeg(orientation: int) -> bytes:
    """Write the grey drawing as a camera does that was held sideways."""
    exif = Image.Exif()
    exif[_ORIENTATION_TAG] = orientation
    return as_jpeg(with_orientation(orientation, GREY), exif=exif)


def turned_tiff(orientation: int) -> bytes:
    """Write the grey drawing as TIFF with an orientation tag."""
    tag = (_ORIENTATION_TAG, "H", 1, orientation, True)
    return as_tiff(with_orientation(orientation, GREY), extratags=[tag])


def _stroke(random: np.random.Generator) -> NDArray[np.float64]:
    """One bent line as (n, 2) points of the unit square."""
    start, bend, end = random.uniform(0.08, 0.92, size=(3, 2))
    t = np.linspace(0, 1, 24)[:, None]
    return np.asarray((1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end, dtype=np.float64)


def _pillow_dpi(dpi: float | None) -> dict[str, Any]:
    return {} if dpi is None else {"dpi": (dpi, dpi)}


def _channel_count(pixels: NDArray[Any]) -> int:
    return 1 if pixels.ndim == 2 else int(pixels.shape[2])


def _png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _palette_image() -> Image.Image:
    """The drawing in 16 tones whose palette runs backwards, so that ignoring it shows."""
    image = Image.fromarray(15 - _INDEXED).convert("P")
    image.putdata((15 - _INDEXED).ravel().tolist())
    image.putpalette([tone for tone in range(255, -1, -17) for _ in range(3)])
    return image


def _palette_png() -> bytes:
    return as_pillow(_palette_image(), "PNG")


def _palette_tiff() -> bytes:
    return as_pillow(_palette_image(), "TIFF", **_pillow_dpi(DPI))


def _transparent_palette_png() -> bytes:
    return as_pillow(_palette_image(), "PNG", transparency=bytes([0, 128] + [255] * 14))


def _indexed_on_white() -> NDArray[np.uint8]:
    alpha = np.select([_INDEXED_GREY == 255, _INDEXED_GREY == 238], [0, 128], 255)
    return np.asarray(np.rint(_INDEXED_GREY * (alpha / 255) + 255.0 - alpha), dtype=np.uint8)


def _with_trns(pixels: NDArray[np.uint8], transparent: int | tuple[int, int, int]) -> bytes:
    return as_pillow(pixels, "PNG", transparency=transparent)


def _cmyk() -> NDArray[np.uint8]:
    return np.dstack([np.zeros_like(GREY)] * 3 + [255 - GREY])


def _cmyk_jpeg() -> bytes:
    image = Image.frombytes("CMYK", (WIDTH, HEIGHT), _cmyk().tobytes())
    return as_pillow(image, "JPEG", quality=95, **_pillow_dpi(DPI))


def _jpeg_tiff() -> bytes:
    return as_pillow(COLOUR, "TIFF", compression="jpeg", quality=95, **_pillow_dpi(DPI))


def _in_planes(pixels: NDArray[Any]) -> bytes:
    return as_tiff(np.ascontiguousarray(np.moveaxis(pixels, 2, 0)), planarconfig="separate")


def _ycbcr_tiff() -> bytes:
    return as_pillow(Image.fromarray(COLOUR).convert("YCbCr"), "TIFF", **_pillow_dpi(DPI))


def _lab_tiff() -> bytes:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(Image.fromarray(COLOUR), *profiles, outputMode="LAB")
    assert lab is not None
    return as_pillow(lab, "TIFF", **_pillow_dpi(DPI))


def _alpha_tiff(kind: str) -> bytes:
    return as_tiff(_COLOUR_ALPHA, extrasamples=[kind])


def _tiff_with_thumbnail() -> bytes:
    buffer = BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(GREY, photometric="minisblack", metadata=None)
        writer.write(GREY[::4, ::4], photometric="minisblack", metadata=None, subfiletype=_REDUCED_COPY)
    return buffer.getvalue()


def _tga_with_empty_alpha() -> bytes:
    return as_tga(np.dstack([COLOUR, np.zeros_like(GREY)]))


def _animated(file_format: str) -> bytes:
    frames = [Image.fromarray(rough_drawing(seed)) for seed in range(3)]
    return as_pillow(frames[0], file_format, save_all=True, append_images=frames[1:], duration=40)


def _first_half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _patched(data: bytes, position: int, replacement: bytes) -> bytes:
    return data[:position] + replacement + data[position + len(replacement) :]


def _jpeg_without_height() -> bytes:
    data = as_jpeg(GREY)
    return _patched(data, data.index(b"\xff\xc0") + 5, bytes(2))


def _tiff_without_width() -> bytes:
    data = as_tiff(GREY)
    width = struct.pack("<HHII", 256, 4, 1, WIDTH)
    return _patched(data, data.index(width) + 8, bytes(4))


def _huge_bmp() -> bytes:
    return _patched(as_pillow(GREY, "BMP"), 18, struct.pack("<II", 60_000, 60_000))


GREY = rough_drawing()
COLOUR = coloured_drawing()
_TWO_VALUE = np.where(GREY >= 128, np.uint8(255), np.uint8(0))
_INDEXED = (GREY // 16).astype(np.uint8)
_INDEXED_GREY = (_INDEXED * 17).astype(np.uint8)
_ALPHA = np.broadcast_to(np.linspace(0, 255, WIDTH).astype(np.uint8), GREY.shape)
_TRANSPARENT_PAPER = np.stack([np.zeros_like(GREY), 255 - GREY], axis=2)
"""Black pencil on transparent paper: on white it looks like the grey drawing."""
_COLOUR_ALPHA = np.dstack([COLOUR, _ALPHA])
_COLOUR_ON_WHITE = np.rint(COLOUR * (_ALPHA[..., None] / 255) + 255.0 - _ALPHA[..., None]).astype(np.uint8)
_HIDDEN = np.where(_ALPHA < 20, np.uint8(7), np.maximum(GREY, 8))
_HIDDEN_ON_WHITE = np.where(_HIDDEN == 7, np.uint8(255), _HIDDEN)

GOOD_SCANS = _good_scans()
BAD_SCANS = _bad_scans()
