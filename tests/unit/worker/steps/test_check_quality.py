"""The figures and flags of a drawing: they find what went wrong and do not cry wolf."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from tests.line_images import Lines, Pen, character, ring, straight, wave

from douga_worker.steps import check_quality as step
from douga_worker.steps.check_quality import check_quality

SIZE = 600
BLANK: Lines = np.zeros((SIZE, SIZE), np.uint8)


def _hatched(lines: Lines, width_px: float = 2.0) -> Lines:
    """Add shading and construction lines: as much ink again as the drawing itself."""
    pen = Pen(SIZE, SIZE)
    for offset in range(0, 200, 12):
        pen.stroke(straight((250.0 + offset, 280.0), (200.0 + offset, 380.0)), width_px)
    pen.stroke(straight((300.0, 0.0), (300.0, 599.0)), width_px)
    return np.maximum(lines, pen.page())


def test_faithful_drawing_raises_no_flag() -> None:
    """The scan itself, searched with three strokes a line, is covered by its clean line."""
    lines = character(SIZE, 4.0)
    rough = np.maximum(np.maximum(lines, np.roll(lines, 3, 0)), np.roll(lines, -3, 1))
    quality = check_quality(rough, lines, pencil_width_px=4.0)
    assert () == quality.flags
    assert 0.0 == quality.uncovered_share
    assert 0.0 == quality.invented_share


def test_dropped_hatching_raises_no_flag() -> None:
    """Shading and construction lines may go: counted, not flagged."""
    lines = character(SIZE, 4.0)
    quality = check_quality(_hatched(lines), lines, pencil_width_px=3.0)
    assert quality.uncovered_share > 0.1
    assert () == quality.flags


def test_lost_and_invented_places_are_found() -> None:
    """A corner that did not come through, and one that nobody drew."""
    lines = character(SIZE, 4.0)
    scan, drawn = lines.copy(), lines.copy()
    scan[20:60, 20:60:4] = 255
    drawn[560:562, 500:590] = 255
    places = check_quality(scan, drawn, pencil_width_px=4.0).worst_places
    assert [("lost", 38.5, 40.0), ("invented", 545.0, 561.0)] == [(p.kind, p.x, p.y) for p in places]


def test_blank_drawing_of_a_drawn_sheet_is_flagged_blank() -> None:
    """Ink in, nothing out."""
    quality = check_quality(character(SIZE), BLANK, pencil_width_px=4.0)
    assert ("blank",) == quality.flags
    assert 1.0 == quality.uncovered_share


def test_blank_sheet_is_not_blamed_on_the_drawing() -> None:
    """Nothing in, nothing out: an empty sheet, grain and all."""
    grain = np.random.default_rng(0).integers(0, 60, (SIZE, SIZE)).astype(np.uint8)
    assert ("blank_scan",) == check_quality(grain, BLANK, pencil_width_px=0.0).flags
    assert ("blank_scan",) == check_quality(BLANK, BLANK, pencil_width_px=0.0).flags


def test_page_number_alone_is_nearly_blank() -> None:
    """A corner of the drawing that came through does not make a drawing."""
    scan = character(SIZE)
    lines = BLANK.copy()
    lines[:140, :160] = scan[:140, :160]
    assert ("nearly_blank",) == check_quality(scan, lines, pencil_width_px=4.0).flags


def test_lost_drawing_is_flagged() -> None:
    """Three quarters of the ink without a line near it is more than shading."""
    scan = character(SIZE)
    scan[470:] = 0
    lines = scan.copy()
    lines[:, 170:] = 0
    quality = check_quality(scan, lines, pencil_width_px=4.0)
    assert 0.7 < quality.uncovered_share < 0.92
    assert ("lost_ink",) == quality.flags


def test_invented_line_is_flagged() -> None:
    """A ring that nobody drew."""
    scan = character(SIZE)
    pen = Pen(SIZE, SIZE)
    pen.stroke(ring((300.0, 300.0), 280), 4.0)
    quality = check_quality(scan, np.maximum(scan, pen.page()), pencil_width_px=4.0)
    assert quality.invented_share > 0.1
    assert ("invented_ink",) == quality.flags


def test_closed_gap_is_no_invention() -> None:
    """Running a line on over a small gap is what a clean-up artist does."""
    pen = Pen(SIZE, SIZE)
    pen.stroke(wave((50.0, 300.0), 500.0, 80.0), 4.0)
    lines = pen.page()
    scan = lines.copy()
    scan[:, 290:310] = 0
    assert () == check_quality(scan, lines, pencil_width_px=4.0).flags


def test_specks_are_counted_and_flagged_when_many() -> None:
    """A hundred crumbs are grain; five are freckles."""
    lines = character(SIZE, 4.0)
    freckled, grainy = lines.copy(), lines.copy()
    freckled[300:302, 300:350:10] = 255
    grainy[20:40:10, 100:600:10] = 255
    assert 0 == check_quality(lines, lines, pencil_width_px=4.0).speck_count
    quality = check_quality(freckled, freckled, pencil_width_px=4.0)
    assert (5, ()) == (quality.speck_count, quality.flags)
    quality = check_quality(grainy, grainy, pencil_width_px=4.0)
    assert (100, ("specks",)) == (quality.speck_count, quality.flags)


def test_fog_is_flagged_and_soft_edges_are_not() -> None:
    """Grey areas are fog; the soft rim of a firm line is a line."""
    lines = character(SIZE, 4.0)
    soft = np.asarray(cv2.GaussianBlur(lines, (0, 0), 1.0), np.uint8)
    foggy = soft.copy()
    foggy[400:560, 300:580] = np.maximum(foggy[400:560, 300:580], 90)
    assert check_quality(lines, soft, pencil_width_px=4.0).grey_share < 0.02
    quality = check_quality(lines, foggy, pencil_width_px=4.0)
    assert quality.grey_share > 0.25
    assert ("fog",) == quality.flags


def test_shares_count_pixels() -> None:
    """A tenth of the page is a tenth."""
    ink, lines = BLANK.copy(), BLANK.copy()
    ink[:60], lines[:30] = 200, 255
    quality = check_quality(ink, lines, pencil_width_px=4.0)
    assert (0.1, 0.05, 4.0) == (quality.scan_ink_share, quality.line_ink_share, quality.pencil_width_px)


def test_large_scan_is_judged_like_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking at it smaller neither loses a hairline nor changes the verdict."""
    scan = _hatched(character(SIZE, 6.0), 6.0)
    lines = character(SIZE, 1.0)
    whole = check_quality(scan, lines, pencil_width_px=6.0)
    monkeypatch.setattr(step, "EXAMINED_PX", SIZE * SIZE // 9)
    shrunk = check_quality(scan, lines, pencil_width_px=6.0)
    assert whole.flags == shrunk.flags
    assert whole.uncovered_share == pytest.approx(shrunk.uncovered_share, abs=0.08)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (7, 3)])
@pytest.mark.parametrize("value", [0, 255])
def test_tiny_pages_have_figures_too(shape: tuple[int, int], value: int) -> None:
    """All black or all white, every share lies within 0..1."""
    page = np.full(shape, value, np.uint8)
    quality = check_quality(page, page, pencil_width_px=3.0)
    shares = (quality.scan_ink_share, quality.line_ink_share, quality.uncovered_share, quality.invented_share)
    assert all(0.0 <= share <= 1.0 for share in shares)


def test_a_negative_is_flagged_as_mostly_black() -> None:
    """White on black comes out as blobs: somebody must look at it."""
    ink = np.full((200, 300), 255, np.uint8)
    ink[40:60, 30:270] = 0
    assert "mostly_black" in check_quality(ink, ink, pencil_width_px=4.0).flags
