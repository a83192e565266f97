"""Every kind of scan is read right; every kind of rubbish is rejected with its reason."""

from __future__ import annotations

import struct
import warnings
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.scans import (
    BAD_SCANS,
    COLOUR,
    GOOD_SCANS,
    GREY,
    BadScan,
    GoodScan,
    as_jpeg,
    as_pillow,
    as_png,
    as_png_16bit,
    as_tga,
    as_tiff,
    as_tiff_16bit,
    rough_drawing,
    turned_jpeg,
    turned_tiff,
)

from douga_shared.errors import FrameRejected, Reason
from douga_worker.steps import read_scan as read_scan_step
from douga_worker.steps.read_scan import Scan, read_scan

_BASES = {good.name: good.make() for good in GOOD_SCANS}
"""Whole files for the fuzz to damage."""
_MARKS = (b"\x89PNG", b"\xff\xd8\xff", b"II", b"MM", b"RIFF", b"BM")


@pytest.mark.parametrize("good", GOOD_SCANS, ids=lambda good: good.name)
def test_good_scan_gives_its_tones(good: GoodScan) -> None:
    """Every format and depth gives the drawing that went in, as grey where it has no colour."""
    scan = read_scan(good.make(), good.name)
    assert good.expected.pixels.shape == scan.pixels.shape
    assert np.uint8 == scan.pixels.dtype
    assert scan.pixels.flags.c_contiguous
    differences = np.abs(scan.pixels.astype(int) - good.expected.pixels.astype(int))
    assert differences.max() <= good.expected.tolerance


@pytest.mark.parametrize("good", GOOD_SCANS, ids=lambda good: good.name)
def test_good_scan_gives_its_resolution(good: GoodScan) -> None:
    """A stated resolution comes back in pixels an inch, an unstated one as None."""
    assert good.expected.dpi == read_scan(good.make(), good.name).dpi


@pytest.mark.parametrize("bad", BAD_SCANS, ids=lambda bad: bad.name)
def test_bad_scan_is_rejected_with_its_reason(bad: BadScan) -> None:
    """The reason is the right one, and the message names the file and a remedy."""
    rejection = _rejection(bad.make(), bad.name)
    assert bad.reason == rejection.reason
    assert rejection.message.startswith(bad.name)
    assert ";" in rejection.message


def test_reading_never_warns() -> None:
    """Odd metadata and large pages leave no Python warning on the artist's screen."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for good in GOOD_SCANS:
            read_scan(good.make(), good.name)
        for bad in BAD_SCANS:
            _rejection(bad.make(), bad.name)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_a_photo_is_honoured(orientation: int) -> None:
    """All eight ways a camera may have been held give the upright page."""
    scan = read_scan(turned_jpeg(orientation), "A1.jpg")
    assert GREY.shape == scan.pixels.shape
    assert np.abs(scan.pixels.astype(int) - GREY).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_a_tiff_is_honoured_once(orientation: int) -> None:
    """Pillow turns TIFFs itself; they are not turned a second time."""
    np.testing.assert_array_equal(GREY, read_scan(turned_tiff(orientation), "A1.tif").pixels)


def test_orientation_of_nonsense_is_ignored() -> None:
    """An orientation outside 1..8 leaves the page as it is stored."""
    exif = Image.Exif()
    exif[274] = 9
    assert GREY.shape == read_scan(as_jpeg(GREY, exif=exif), "A1.jpg").pixels.shape


def test_broken_exif_does_not_reject_a_whole_photo() -> None:
    """Notes that cannot be read are no reason to throw the drawing away."""
    scan = read_scan(as_jpeg(GREY, exif=b"Exif\0\0II*\0\xff\xff\xff\x7f"), "A1.jpg")
    assert GREY.shape == scan.pixels.shape


@pytest.mark.parametrize(
    ("stated", "expected"),
    [((0, 0), None), ((1, 1), None), ((300, 300), 300.0), ((204, 196), 200.0), ((300, 0), 300.0)],
)
def test_senseless_resolutions_are_none_stated(stated: tuple[int, int], expected: float | None) -> None:
    """0 and 1 are no resolutions, two different ones give their mean."""
    data = as_tiff(GREY, dpi=None, resolution=stated, resolutionunit="INCH")
    assert expected == read_scan(data, "A1.tif").dpi


def test_jpeg_without_resolution_states_none() -> None:
    """Pillow's invented 72 dpi is not taken for the file's word."""
    exif = Image.Exif()
    exif[271] = "a camera"
    assert read_scan(as_jpeg(GREY, dpi=None, exif=exif), "A1.jpg").dpi is None


@pytest.mark.parametrize(("unit", "expected"), [(2, 118.0), (3, 118.0 * 2.54), (1, None)])
def test_resolution_of_a_photo_is_read_from_its_exif_part(unit: int, expected: float | None) -> None:
    """Inches and centimetres count, a mere aspect ratio does not."""
    exif = Image.Exif()
    exif[282] = exif[283] = 118.0
    exif[296] = unit
    assert expected == read_scan(as_jpeg(GREY, dpi=None, exif=exif), "A1.jpg").dpi


def test_resolution_of_a_webp_is_read_from_its_exif_part() -> None:
    """WebP has no other place for it."""
    exif = Image.Exif()
    exif[282] = exif[283] = 144.0
    assert 144.0 == read_scan(as_pillow(GREY, "WEBP", exif=exif), "A1.webp").dpi


def test_resolution_in_pixels_a_metre_is_not_shown_with_its_rounding() -> None:
    """144 dpi is 5669 pixels a metre, which is 143.99 dpi."""
    assert 144.0 == read_scan(as_png(GREY, dpi=144.0), "A1.png").dpi


def test_blank_negative_of_sixteen_bits_stays_blank() -> None:
    """Grain of an empty MinIsWhite page is not stretched to full ink."""
    grain = np.random.default_rng(0).integers(0, 200, size=GREY.shape).astype(np.uint16)
    assert read_scan(as_tiff(grain, photometric="miniswhite"), "A1.tif").pixels.min() >= 254


def test_dim_sixteen_bit_scan_keeps_its_tones() -> None:
    """A page that is no brighter than three quarters of the range is not brightened."""
    dim = (GREY * 0.75).astype(np.uint8)
    np.testing.assert_array_equal(dim, read_scan(as_tiff_16bit(dim), "A1.tif").pixels)


def test_sixteen_bit_transparent_grey_is_paper() -> None:
    """The tRNS value of a 16-bit PNG is compared with all 16 bits."""
    pixels = np.maximum(GREY, 8)
    pixels[:10] = 7
    data = as_png_16bit(pixels)
    trns = b"tRNS" + struct.pack(">H", 7 * 257)
    whole = data.replace(b"\0\0\0\x09pHYs", b"\0\0\0\x02" + trns + _crc(trns) + b"\0\0\0\x09pHYs")
    scan = read_scan(whole, "A1.png")
    assert (scan.pixels[:10] == 255).all()
    np.testing.assert_array_equal(pixels[10:], scan.pixels[10:])


def test_float_scan_with_holes_has_paper_there() -> None:
    """Not-a-number is no ink."""
    holed = GREY.astype(np.float32) / np.float32(255)
    holed[3, 4] = np.nan
    scan = read_scan(as_tiff(holed), "A1.tif")
    assert 255 == scan.pixels[3, 4]
    assert np.abs(scan.pixels[10:].astype(int) - GREY[10:]).max() <= 1


def test_wholly_transparent_page_of_one_colour_is_blank() -> None:
    """An empty layer is white paper, not a black page."""
    scan = read_scan(as_pillow(np.zeros((20, 30, 4), dtype=np.uint8), "PNG"), "A1.png")
    assert (scan.pixels == 255).all()


def test_black_page_stays_black() -> None:
    """A page without any light has no brightness to be stretched to."""
    assert 0 == read_scan(as_tiff(np.zeros((8, 9), dtype=np.uint16)), "A1.tif").pixels.max()


def test_grey_with_a_single_coloured_pixel_stays_colour() -> None:
    """The quick look at some rows does not overrule the whole page."""
    pixels = np.dstack([rough_drawing(0, 50, 200)] * 3)
    pixels[101, 3] = (200, 30, 30)
    np.testing.assert_array_equal(pixels, read_scan(as_png(pixels), "A1.png").pixels)


def test_tga_without_suffix_is_known_by_its_footer() -> None:
    """A TGA of version 2 may have any name."""
    np.testing.assert_array_equal(COLOUR, read_scan(as_tga(COLOUR), "A1").pixels)


def test_old_tga_without_suffix_is_no_image() -> None:
    """Without suffix and footer nothing tells a TGA from other bytes."""
    without_footer = as_tga(GREY)[:-26]
    assert Reason.NOT_AN_IMAGE == _rejection(without_footer, "A1").reason
    np.testing.assert_array_equal(GREY, read_scan(without_footer, "A1.tga").pixels)


@settings(deadline=None)
@given(data=st.binary(min_size=1, max_size=400))
def test_random_bytes_are_no_image(data: bytes) -> None:
    """Whatever the bytes: no image, unless they happen to carry a format's mark."""
    assume(not data.startswith(_MARKS) and not data.endswith(b"TRUEVISION-XFILE.\0"))
    assert Reason.NOT_AN_IMAGE == _rejection(data, "A1.png").reason


@settings(deadline=None)
@given(data=st.binary(min_size=1, max_size=400))
def test_random_bytes_called_tga_are_read_or_rejected(data: bytes) -> None:
    """A TGA has no mark, so some bytes look like one; they end as a rejection or a tiny picture."""
    _read_or_rejection(data, "A1.tga")


@pytest.mark.parametrize("name", ["A1.png", "A1.tif", "A1.tga", "A1.bmp", "A1.jpg", "A1.webp"])
def test_pixel_limit_is_ours_and_inclusive(name: str) -> None:
    """A page of exactly the limit is read, one pixel more is not."""
    formats = {"tif": "TIFF", "jpg": "JPEG"}
    suffix = name.partition(".")[2]
    data = as_pillow(GREY, formats.get(suffix, suffix.upper()))
    assert GREY.shape == read_scan(data, name, max_megapixels=GREY.size / 1e6).pixels.shape[:2]
    rejection = _rejection(data, name, max_megapixels=(GREY.size - 1) / 1e6)
    assert Reason.TOO_LARGE == rejection.reason
    assert "120 × 90" in rejection.message


@pytest.mark.parametrize(
    "good", [good for good in GOOD_SCANS if not good.name.endswith("webp")], ids=lambda good: good.name
)
def test_pillows_own_limit_does_not_apply(good: GoodScan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow's limit neither warns nor rejects, and is left as it was found."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert good.expected.pixels.shape == read_scan(good.make(), good.name).pixels.shape
    assert 50 == Image.MAX_IMAGE_PIXELS


def test_pillows_limit_on_webp_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """WebP's reader cannot be kept from looking at it; the artist gets a reason all the same."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    assert Reason.TOO_LARGE == _rejection(as_pillow(GREY, "WEBP"), "A1.webp").reason


def test_lack_of_memory_has_its_own_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory running out is not called damage."""

    def run_out(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(read_scan_step, "pixels_of", run_out)
    rejection = _rejection(as_png(GREY), "A1.png")
    assert Reason.OUT_OF_MEMORY == rejection.reason
    assert "A1.png" in rejection.message


def test_unknown_kind_of_tiff_is_rejected_with_a_remedy() -> None:
    """A kind Pillow does not know is reported as such, not as a crash."""
    rejection = _rejection(as_tiff(GREY.astype(np.float64)), "A1.tif")
    assert Reason.DAMAGED == rejection.reason
    assert "save it as PNG" in rejection.message


@settings(max_examples=250, deadline=None)
@given(name=st.sampled_from(sorted(_BASES)), share=st.floats(0, 1, exclude_max=True))
def test_truncated_scan_is_read_or_rejected(name: str, share: float) -> None:
    """Cut anywhere, a file gives a scan or a reason, never another exception."""
    whole = _BASES[name]
    _read_or_rejection(whole[: int(len(whole) * share)], name)


@settings(max_examples=400, deadline=None)
@given(
    name=st.sampled_from(sorted(_BASES)),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), max_size=8),
)
def test_scan_with_flipped_bytes_is_read_or_rejected(name: str, flips: list[tuple[float, int]]) -> None:
    """Damaged anywhere, a file gives a scan or a reason; more often than not the header is hit."""
    data = bytearray(_BASES[name])
    for where, mask in flips:
        # The cube sends most flips to the front, where the headers are.
        data[int(where**3 * (len(data) - 1))] ^= mask
    _read_or_rejection(bytes(data), name)


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(sorted(n for n in _BASES if n.startswith("tiff"))), data=st.data())
def test_tiff_with_flipped_tags_is_read_or_rejected(name: str, data: st.DataObject) -> None:
    """The directory of a TIFF, wherever it lies, may say anything."""
    damaged = bytearray(_BASES[name])
    order = "<" if damaged.startswith(b"II") else ">"
    directory = struct.unpack_from(f"{order}I", damaged, 4)[0] if "big.tif" not in name else 16
    for _ in range(data.draw(st.integers(1, 4))):
        position = min(directory + data.draw(st.integers(0, 200)), len(damaged) - 1)
        damaged[position] = data.draw(st.integers(0, 255))
    _read_or_rejection(bytes(damaged), name)


def _rejection(data: bytes, name: str, **options: float) -> FrameRejected:
    with pytest.raises(FrameRejected) as caught:
        read_scan(data, name, **options)
    return caught.value


def _read_or_rejection(data: bytes, name: str) -> Scan | FrameRejected:
    """Read with a low limit, since a damaged header may claim any size."""
    try:
        return read_scan(data, name, max_megapixels=1.0)
    except FrameRejected as rejection:
        return rejection


def _crc(chunk: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(chunk))
