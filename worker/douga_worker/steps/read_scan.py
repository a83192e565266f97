"""The bytes of a scan become an 8-bit picture, upright, on white paper, with its resolution."""

from __future__ import annotations

import math
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms
from PIL.ImageFile import ImageFile

from douga_shared.errors import FrameRejected, Reason
from douga_worker.steps.scan_formats import (
    TiffScan,
    has_no_pixels,
    has_several_pages,
    is_cut_to_high_byte,
    recognise,
)
from douga_worker.steps.scan_tones import pixels_of

MAX_MEGAPIXELS = 400.0
"""A3 at 1200 dpi has 278, and the next size is no animation paper."""
_SANE_DPI = (10.0, 20_000.0)
"""Outside lie the 0 and 1 of software that knows no resolution."""
_DPI_ROUNDING = 0.02
"""Formats store whole pixels a metre or centimetre: 144 dpi comes back as 143.9926."""
_CENTIMETRES_PER_INCH = 2.54
_UNIT_INCH, _UNIT_CENTIMETRE = 2, 3
_JFIF_UNITS = (1, 2)

_DECODER_ERRORS = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    RuntimeError,
    struct.error,
    zlib.error,
    ImageCms.PyCMSError,
)
"""What Pillow's readers raise on damaged bytes; each was seen or stands in their code."""


@dataclass(frozen=True, slots=True)
class Scan:
    """A decoded scan, upright and opaque."""

    pixels: NDArray[np.uint8]
    """(H, W) grey or (H, W, 3) RGB, 255 = white."""
    dpi: float | None
    """Pixels an inch; None when the file states none, or nonsense such as 0 or 1."""


def read_scan(data: bytes, name: str, *, max_megapixels: float = MAX_MEGAPIXELS) -> Scan:
    """Decode a scan: PNG, JPEG, TIFF, TGA, BMP or WebP, recognised by content.

    Only Pillow decodes: decoders disagree about orientation, MinIsWhite and bit depth. Warnings are
    silenced while it works, which in Python is a setting of the process: call it from one thread.

    Args:
        data: the whole file.
        name: the scan's name, for messages and for telling TGA, which has no mark of its own.
        max_megapixels: larger images are rejected by their header, before they take memory.

    Returns:
        The scan; see ``scan_tones`` for how deep, negative and transparent pixels are treated.

    Raises:
        FrameRejected: ``empty``, ``not_an_image``, ``too_large``, ``multi_page``, ``damaged`` or
            ``out_of_memory``; nothing else, whatever the bytes.
    """
    with _opened(data, name, max_megapixels) as image:
        if has_several_pages(image):
            raise FrameRejected(
                Reason.MULTI_PAGE,
                f"{name} holds several pages or animation frames; save each as a file of its own",
            )
        is_cut = is_cut_to_high_byte(image)
        image.load()
        pixels = pixels_of(image, is_cut_to_high_byte=is_cut)
        exif = _exif(image)
        # Pillow turns a TIFF itself while loading it; turning it again would lay it on its side.
        upright = pixels if isinstance(image, TiffScan) else _upright(pixels, exif)
        return Scan(pixels=np.ascontiguousarray(upright), dpi=_stated_dpi(image, exif))


def stated_megapixels(data: bytes, name: str, max_megapixels: float = MAX_MEGAPIXELS) -> float:
    """Size of a scan by its header, in a fraction of the time and memory that reading it takes.

    Raises:
        FrameRejected: as ``read_scan``, for what the header already tells.
    """
    with _opened(data, name, max_megapixels) as image:
        return image.size[0] * image.size[1] / 1e6


@contextmanager
def _opened(data: bytes, name: str, max_megapixels: float) -> Iterator[ImageFile]:
    """The image with its header read and found good; what a decoder raises inside gets its reason."""
    if not data:
        raise FrameRejected(Reason.EMPTY, f"{name} is an empty file; scan or copy it again")
    reader = recognise(data, name)
    if reader is None:
        raise FrameRejected(
            Reason.NOT_AN_IMAGE,
            f"{name} is no PNG, JPEG, TIFF, TGA, BMP or WebP image; save it as one of these or take it away",
        )
    with _failures_as_rejections(name, reader.format or "image"), _silenced_warnings():
        image = _open(reader, data, name)
        _check_size(image, name, max_megapixels)
        yield image


def _open(reader: type[ImageFile], data: bytes, name: str) -> ImageFile:
    # In two steps, because a reader that refuses an image without pixels still knows its size.
    image = reader.__new__(reader)
    try:
        reader.__init__(image, BytesIO(data))
    except _DECODER_ERRORS:
        if has_no_pixels(image, data):
            raise FrameRejected(Reason.EMPTY, f"{name} is an image without pixels; scan it again") from None
        raise
    return image


def _check_size(image: ImageFile, name: str, max_megapixels: float) -> None:
    width, height = image.size
    if width * height > max_megapixels * 1e6:
        _reject_as_too_large(name, f"{width} × {height} pixels", f"{max_megapixels:g} megapixels")


def _reject_as_too_large(name: str, size: str, limit: str) -> NoReturn:
    raise FrameRejected(
        Reason.TOO_LARGE,
        f"{name} has {size}, more than the limit of {limit}; scan it at a lower resolution or in parts",
    ) from None


@contextmanager
def _failures_as_rejections(name: str, format_name: str) -> Iterator[None]:
    """Give whatever a decoder raises its reason."""
    try:
        yield
    except Image.DecompressionBombError:
        # Only the WebP reader looks at Pillow's limit while it is made.
        limit = (Image.MAX_IMAGE_PIXELS or 0) * 2 / 1e6
        _reject_as_too_large(name, "too many pixels for a WebP image", f"{limit:.0f} megapixels")
    except MemoryError:
        raise FrameRejected(
            Reason.OUT_OF_MEMORY,
            f"memory ran out while reading {name}; scan it at a lower resolution or give the job more memory",
        ) from None
    except _DECODER_ERRORS as error:
        raise FrameRejected(
            Reason.DAMAGED,
            f"{name} is a {format_name} file that cannot be decoded ({error}): it is incomplete, damaged or "
            "of a rare kind; scan or copy it again, or save it as PNG",
        ) from error


@contextmanager
def _silenced_warnings() -> Iterator[None]:
    """Keep Pillow's remarks about odd metadata off the artist's screen; what matters is raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _exif(image: ImageFile) -> dict[int, Any]:
    try:
        return dict(image.getexif())
    except _DECODER_ERRORS:
        # A scan with broken notes is still a whole scan.
        return {}


def _upright(pixels: NDArray[np.uint8], exif: dict[int, Any]) -> NDArray[np.uint8]:
    """Apply the orientation tag: 1..8 as in the TIFF 6 specification, anything else is upright."""
    match exif.get(ExifTags.Base.Orientation):
        case 2:
            return pixels[:, ::-1]
        case 3:
            return pixels[::-1, ::-1]
        case 4:
            return pixels[::-1]
        case 5:
            return pixels.swapaxes(0, 1)
        case 6:
            return np.rot90(pixels, -1)
        case 7:
            return np.rot90(pixels, 2).swapaxes(0, 1)
        case 8:
            return np.rot90(pixels)
        case _:
            return pixels


def _stated_dpi(image: ImageFile, exif: dict[int, Any]) -> float | None:
    stated = image.info.get("dpi")
    if image.format == "JPEG" and image.info.get("jfif_unit") not in _JFIF_UNITS:
        # Pillow makes up 72 dpi for a JPEG whose EXIF part states none.
        stated = None
    return _sane_dpi(stated) or _sane_dpi(_exif_dpi(exif))


def _exif_dpi(exif: dict[int, Any]) -> tuple[Any, Any] | None:
    unit = exif.get(ExifTags.Base.ResolutionUnit, _UNIT_INCH)
    x, y = exif.get(ExifTags.Base.XResolution, 0), exif.get(ExifTags.Base.YResolution, 0)
    if unit == _UNIT_CENTIMETRE:
        return _number(x) * _CENTIMETRES_PER_INCH, _number(y) * _CENTIMETRES_PER_INCH
    return (x, y) if unit == _UNIT_INCH else None


def _sane_dpi(stated: tuple[Any, Any] | None) -> float | None:
    """The mean of the directions that make sense, on the whole number if it is meant."""
    sane = [dpi for dpi in map(_number, stated or ()) if _SANE_DPI[0] <= dpi <= _SANE_DPI[1]]
    if not sane:
        return None
    dpi = sum(sane) / len(sane)
    return float(round(dpi)) if abs(dpi - round(dpi)) < _DPI_ROUNDING else dpi


def _number(value: Any) -> float:
    """A float, or not-a-number for what is none (a rational with denominator 0, text)."""
    try:
        return float(value)
    except (TypeError, ValueError, ArithmeticError):
        return math.nan
