"""From whatever a decoder gives (palettes, 16 bits, floats, CMYK, transparency) to 8-bit grey or RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.ImageFile import ImageFile

from douga_worker.steps.scan_formats import PHOTOMETRIC, SAMPLE_FORMAT, TiffScan

PAPER = 255
"""What lies under a transparent scan."""

_FULL_SCALES = (255, 1023, 4095, 16383, 65535, 2**24 - 1, 2**32 - 1)
"""White of samples of 8, 10, 12, 14, 16, 24 and 32 bits."""
_SIGNED_FULL_SCALES = (255, 1023, 4095, 16383, 32767, 2**24 - 1, 2**31 - 1)
_FLOAT_OVERSHOOT = 2.0
"""Floats have their white at 1; resampling overshoots it a little, but never this far."""
_MIN_IS_WHITE = 0
_SIGNED = 2
_SAMPLE_CHECK_ROWS = 64
"""Rows looked at first to see that a scan is colour, before all of them are compared."""


def pixels_of(image: ImageFile, *, is_cut_to_high_byte: bool) -> NDArray[np.uint8]:
    """Convert a decoded image to 8 bits.

    More than 8 bits, the rule: white is the smallest of the usual full scales (8, 10, 12, 14, 16,
    24, 32 bits) that no sample exceeds, because scanners store 12 bits in 16 and the paper of a scan
    lies near white. Floats have their white at 1, or, beyond 2, at a full scale too. A TIFF whose
    largest value is black (MinIsWhite) gives no such hint: there the type's own full scale holds.

    Transparent pixels become white paper; alpha that is 0 everywhere, over a picture, is taken for
    an unused channel. Colour profiles are not applied.

    Args:
        image: decoded image of any mode a reader of ``scan_formats`` gives.
        is_cut_to_high_byte: whether its samples are the upper halves of 16-bit ones.

    Returns:
        (H, W) grey or, if the channels differ anywhere, (H, W, 3) RGB; uint8, contiguous.
    """
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        return _deep_grey(image)
    transparent_value = _transparent_value(image, is_cut_to_high_byte=is_cut_to_high_byte)
    pixels = np.array(_grey_or_rgb(image), dtype=np.uint8)
    is_transparent = None
    if transparent_value is not None:
        is_transparent = np.all(pixels.reshape(*pixels.shape[:2], -1) == transparent_value, axis=2)
    if is_cut_to_high_byte:
        pixels = _stretched_high_byte(pixels)
    if is_transparent is not None:
        pixels[is_transparent] = PAPER
    return _without_needless_colour(pixels)


def _grey_or_rgb(image: Image.Image) -> Image.Image:
    """Mode L or RGB, transparency laid on white paper; a single transparent value is left to the caller."""
    if image.mode in {"La", "RGBa"}:
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    elif image.mode == "PA" or (image.mode == "P" and "transparency" in image.info):
        image = image.convert("RGBA")
    elif image.mode == "LAB":
        return _lab_to_rgb(image)
    if image.mode in {"LA", "RGBA"}:
        return _on_white(image)
    if image.mode == "RGB":
        return image
    return image.convert("L" if image.mode in {"1", "L"} else "RGB")


def _on_white(image: Image.Image) -> Image.Image:
    alpha = image.getchannel("A")
    mode = "L" if image.mode == "LA" else "RGB"
    colour = _without_alpha(image, mode)
    if alpha.getextrema() == (0, 0) and _varies(colour):
        return colour
    paper = Image.new(mode, image.size, PAPER if mode == "L" else (PAPER, PAPER, PAPER))
    paper.paste(colour, mask=alpha)
    return paper


def _without_alpha(image: Image.Image, mode: str) -> Image.Image:
    if mode == "L":
        return image.getchannel("L")
    return image.convert("RGB")


def _varies(image: Image.Image) -> bool:
    return any(channel.getextrema()[0] != channel.getextrema()[1] for channel in image.split())


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
    assert converted is not None, "a copy is returned unless inPlace is asked for"
    return converted


def _transparent_value(image: ImageFile, *, is_cut_to_high_byte: bool) -> NDArray[np.uint8] | None:
    """The one grey or colour that PNG's tRNS declares transparent, in 8 bits."""
    value: Any = image.info.get("transparency")
    if value is None or image.mode not in {"1", "L", "RGB"}:
        return None
    sixteen_bits = np.atleast_1d(np.asarray(value, dtype=np.int64))
    return (sixteen_bits >> 8 if is_cut_to_high_byte else sixteen_bits).astype(np.uint8)


def _deep_grey(image: ImageFile) -> NDArray[np.uint8]:
    samples = np.asarray(image)
    is_signed = _tag(image, SAMPLE_FORMAT, 1) == _SIGNED
    if samples.dtype.kind == "i" and not is_signed:
        # Pillow keeps unsigned 32-bit samples in signed ones; bright paper would be negative.
        samples = samples.view(np.uint32)
    is_negative = _tag(image, PHOTOMETRIC, 1) == _MIN_IS_WHITE
    grey = _to_8_bits(samples, _full_scale(samples, is_signed=is_signed, is_negative=is_negative))
    if is_negative:
        grey = PAPER - grey
    transparent_value = image.info.get("transparency")
    if transparent_value is not None:
        grey[samples == transparent_value] = PAPER
    return grey


def _full_scale(samples: NDArray[Any], *, is_signed: bool, is_negative: bool) -> float:
    is_float = samples.dtype.kind == "f"
    if is_negative:
        return 1.0 if is_float else float(np.iinfo(samples.dtype).max)
    brightest = float(np.nanmax(np.where(np.isfinite(samples), samples, 0)) if is_float else samples.max())
    if is_float and brightest < _FLOAT_OVERSHOOT:
        return 1.0
    scales = _SIGNED_FULL_SCALES if is_signed else _FULL_SCALES
    return float(next((scale for scale in scales if brightest <= scale), brightest))


def _to_8_bits(samples: NDArray[Any], full_scale: float) -> NDArray[np.uint8]:
    if samples.dtype.itemsize == 2:
        # A table spares an A3 sheet at 1200 dpi two gigabytes of floats.
        table = np.arange(65536) * (255.0 / full_scale)
        return np.asarray(np.rint(table.clip(0, 255)).astype(np.uint8)[samples])
    grey = np.nan_to_num(samples * np.float32(255.0 / full_scale), nan=float(PAPER))
    return np.asarray(np.rint(grey.clip(0, 255)), dtype=np.uint8)


def _stretched_high_byte(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring the upper bytes of 10, 12 or 14-bit samples to full scale: coarse tones, but not black."""
    brightest = int(pixels.max())
    full_scale = next(scale >> 8 for scale in _FULL_SCALES[1:] if brightest <= scale >> 8)
    if full_scale == 255:
        return pixels
    table = np.rint((np.arange(256) * (255.0 / full_scale)).clip(0, 255)).astype(np.uint8)
    return np.asarray(table[pixels])


def _without_needless_colour(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.ndim == 2:
        return pixels
    step = max(1, pixels.shape[0] // _SAMPLE_CHECK_ROWS)
    if _is_grey(pixels[::step]) and _is_grey(pixels):
        return np.ascontiguousarray(pixels[..., 0])
    return pixels


def _is_grey(pixels: NDArray[np.uint8]) -> bool:
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    return np.array_equal(red, green) and np.array_equal(green, blue)


def _tag(image: ImageFile, tag: int, default: int) -> int:
    if not isinstance(image, TiffScan):
        return default
    value = image.tag_v2.get(tag, default)
    return int(value[0] if isinstance(value, tuple) else value)
