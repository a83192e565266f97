"""The pictures of the report: small, aligned, and true to the drawing."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from douga_worker.report.pictures import PICTURE_EDGE_PX, THUMB_EDGE_PX, report_pictures
from douga_worker.report.roles import PictureRole

UInt8Array = npt.NDArray[np.uint8]


def _page(height: int, width: int, *channels: int) -> UInt8Array:
    return np.full((height, width, *channels), 240, np.uint8)


def _blank(height: int, width: int) -> UInt8Array:
    return np.zeros((height, width), np.uint8)


def _opened(pictures: dict[PictureRole, bytes], role: PictureRole) -> Image.Image:
    return Image.open(io.BytesIO(pictures[role]))


@pytest.mark.parametrize(
    ("height", "width"), [(2339, 1654), (1001, 3000), (600, 400), (1401, 1399), (1, 1), (2, 9000)]
)
def test_scan_and_lines_pictures_are_equally_large(height: int, width: int) -> None:
    """Laid over each other by the slider, they must fit to the pixel."""
    pictures = report_pictures(_page(height, width), _blank(height, width))
    scan, lines = _opened(pictures, PictureRole.SCAN), _opened(pictures, PictureRole.LINES)
    assert scan.size == lines.size
    assert max(scan.size) == min(max(height, width), PICTURE_EDGE_PX)


def test_the_thumbnail_keeps_to_its_limit() -> None:
    """A contact sheet of thousands loads small files."""
    pictures = report_pictures(_page(2000, 1000), _blank(2000, 1000))
    assert (THUMB_EDGE_PX // 2, THUMB_EDGE_PX) == _opened(pictures, PictureRole.THUMB).size


def test_small_scans_are_not_enlarged() -> None:
    """A picture larger than its scan would only pretend detail."""
    pictures = report_pictures(_page(50, 40), _blank(50, 40))
    assert [(40, 50)] * 3 == [_opened(pictures, role).size for role in pictures]


def test_lines_are_black_on_white() -> None:
    """People see drawings as ink on paper, not as the inner ink-positive image."""
    lines = _blank(200, 200)
    lines[90:110] = 255
    shown = np.asarray(_opened(report_pictures(_page(200, 200), lines), PictureRole.LINES).convert("L"))
    assert (0, 255) == (shown[100, 100], shown[10, 10])


def test_soft_edges_stay_soft() -> None:
    """Few grey tones are kept, but each is near the true one."""
    lines = np.tile(np.arange(256, dtype=np.uint8), (16, 1))
    shown = np.asarray(_opened(report_pictures(_page(16, 256), lines), PictureRole.LINES).convert("L"))
    assert np.abs(255 - lines.astype(int) - shown).max() <= 9


def test_a_hairline_survives_the_thumbnail() -> None:
    """Two pixels of line on a large sheet still show on the contact sheet."""
    lines = _blank(2339, 1654)
    lines[1000:1002] = 255
    thumb = np.asarray(_opened(report_pictures(_page(2339, 1654), lines), PictureRole.THUMB).convert("L"))
    assert thumb.min() < 200  # plain averaging leaves 210


def test_a_colour_scan_keeps_its_red_pencil() -> None:
    """The before side shows what the artist drew, colour and all."""
    scan = _page(64, 64, 3)
    scan[:, 20:44] = (200, 30, 30)
    shown = np.asarray(_opened(report_pictures(scan, _blank(64, 64)), PictureRole.SCAN))
    red, green, blue = shown[32, 32]
    assert red > 150
    assert max(green, blue) < 80


def test_files_are_of_the_type_their_names_say() -> None:
    """A bucket guesses the content type from the suffix."""
    pictures = report_pictures(_page(32, 32), _blank(32, 32))
    types = {role.suffix: _opened(pictures, role).format for role in pictures}
    assert {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"} == types


def test_images_that_do_not_register_are_refused() -> None:
    """A drawing of another size than its scan is a mistake of the caller's."""
    with pytest.raises(ValueError, match="differ in size"):
        report_pictures(_page(32, 32), _blank(32, 31))
