"""Make the small pictures of one frame that the report shows."""

from __future__ import annotations

import io

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from douga_worker.report.roles import PictureRole

PICTURE_EDGE_PX = 1400
"""Longest edge of the scan and lines pictures: fills a large monitor, 2,000 frames stay below 500 MB."""
THUMB_EDGE_PX = 320
"""Longest edge of a thumbnail: sharp on a high-density screen at the size the sheet shows it."""

_THUMB_GAIN = 1.7
"""Shrunk lines turn pale; this much ink brings the drawing back without closing small shapes."""
_LINE_TONES = 16
"""Grey tones of the lines picture: enough for smooth edges, half the bytes of 256."""

UInt8Array = npt.NDArray[np.uint8]


def report_pictures(scan: UInt8Array, lines: UInt8Array) -> dict[PictureRole, bytes]:
    """Return the encoded pictures of one frame, one for every role.

    Args:
        scan: uint8, (H, W) grey or (H, W, 3) RGB, as it lies on the table: paper light, pencil dark.
        lines: uint8 (H, W), 0 = paper, 255 = full line, registered with ``scan``.

    The ``SCAN`` and ``LINES`` pictures have equal size, so that one laid over the other fits.
    Nothing is ever enlarged.

    Raises:
        ValueError: the two images differ in size.
    """
    if scan.shape[:2] != lines.shape:
        raise ValueError(f"scan {scan.shape[:2]} and lines {lines.shape} differ in size")
    small_lines = _shrink(lines, PICTURE_EDGE_PX)
    return {
        PictureRole.SCAN: _jpeg(_shrink(scan, PICTURE_EDGE_PX)),
        PictureRole.LINES: _lines_png(small_lines),
        PictureRole.THUMB: _thumb_webp(small_lines),
    }


def _shrink(image: UInt8Array, longest_edge_px: int) -> UInt8Array:
    height, width = image.shape[:2]
    factor = longest_edge_px / max(height, width)
    if factor >= 1.0:
        return image
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    # Area averaging is the one filter that neither drops nor fattens a thin line.
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _jpeg(scan: UInt8Array) -> bytes:
    return _encoded(Image.fromarray(scan), "JPEG", quality=78, optimize=True)


def _lines_png(lines: UInt8Array) -> bytes:
    """Return a 4-bit palette PNG, black lines on white."""
    step = 255 // (_LINE_TONES - 1)
    tones = ((255 - lines.astype(np.uint16) + step // 2) // step).astype(np.uint8)
    picture = Image.frombytes("P", (lines.shape[1], lines.shape[0]), tones.tobytes())
    picture.putpalette([value * step for value in range(_LINE_TONES) for _ in "rgb"])
    return _encoded(picture, "PNG", bits=4, compress_level=6)


def _thumb_webp(lines: UInt8Array) -> bytes:
    ink = _shrink(lines, THUMB_EDGE_PX).astype(np.float32)
    gain = _THUMB_GAIN if max(lines.shape) > THUMB_EDGE_PX else 1.0
    paper = 255 - np.minimum(ink * gain, 255.0)
    return _encoded(Image.fromarray(paper.astype(np.uint8)), "WEBP", quality=70, method=4)


def _encoded(picture: Image.Image, image_format: str, **options: int | bool) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, image_format, **options)
    return buffer.getvalue()
