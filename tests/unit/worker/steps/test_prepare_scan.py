"""From the bytes of a scan to ink of one pencil width."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from tests.scans import as_png, coloured_drawing, rough_drawing

from douga_shared.errors import FrameRejected, Reason
from douga_worker.steps import prepare_scan as step
from douga_worker.steps.flatten_paper import flatten_paper
from douga_worker.steps.measure_pencil import pencil_width_px, working_scale
from douga_worker.steps.prepare_scan import PREVIEW_EDGE_PX, prepare_pixels, prepare_scan
from douga_worker.steps.read_scan import Scan


def test_a_scan_is_decoded_flattened_and_brought_to_size() -> None:
    """Each step's result is there for whoever comes after."""
    pixels = rough_drawing(width=400, height=300)
    prepared = prepare_scan(as_png(pixels, dpi=300), "A1.png", max_megapixels=1)
    width = pencil_width_px(flatten_paper(pixels))
    scale = working_scale(width)
    assert 0 < width == prepared.pencil_width_px
    assert (300, 400) == prepared.ink.shape
    assert (round(300 * scale), round(400 * scale)) == prepared.working_ink.shape
    assert pytest.approx(300, abs=0.1) == prepared.dpi
    assert {"decode", "flatten"} == set(prepared.seconds)
    np.testing.assert_array_equal(flatten_paper(pixels), prepared.ink)
    np.testing.assert_array_equal(pixels, prepared.preview)


def test_the_preview_of_a_large_scan_is_small_and_keeps_its_colours() -> None:
    """The report is looked at on a screen."""
    pixels = np.tile(coloured_drawing(width=400, height=300), (2, 4, 1))
    prepared = prepare_pixels(Scan(pixels=pixels, dpi=None))
    assert (525, PREVIEW_EDGE_PX, 3) == prepared.preview.shape
    np.testing.assert_allclose(pixels.mean((0, 1)), prepared.preview.mean((0, 1)), atol=1)


def test_a_large_scan_of_dust_is_not_enlarged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen times the pixels are for small scans; a large one would fill the memory."""
    small = Scan(pixels=rough_drawing(width=200, height=150), dpi=None)
    monkeypatch.setattr(step, "pencil_width_px", lambda ink: 0.75)
    assert (600, 800) == prepare_pixels(small).working_ink.shape
    monkeypatch.setattr(step, "ENLARGED_PIXEL_COUNT", 2.1 * 200 * 150)
    assert (round(150 * 2**0.5), round(200 * 2**0.5)) == prepare_pixels(small).working_ink.shape
    monkeypatch.setattr(step, "ENLARGED_PIXEL_COUNT", 100)
    assert (150, 200) == prepare_pixels(small).working_ink.shape


def test_a_blank_sheet_passes() -> None:
    """No pencil, no resampling."""
    prepared = prepare_pixels(Scan(pixels=np.full((90, 70), 240, np.uint8), dpi=None))
    assert (0, 0) == (prepared.pencil_width_px, prepared.ink.max())
    assert (90, 70) == prepared.working_ink.shape


def test_a_scan_that_cannot_be_read_is_rejected_by_name() -> None:
    """The reason comes from reading it."""
    with pytest.raises(FrameRejected, match=r"A7\.png") as rejection:
        prepare_scan(b"not an image", "A7.png", max_megapixels=1)
    assert Reason.NOT_AN_IMAGE is rejection.value.reason


def test_what_is_prepared_crosses_to_another_process() -> None:
    """As it is made in one."""
    prepared = prepare_pixels(Scan(pixels=rough_drawing(), dpi=None))
    arrived = pickle.loads(pickle.dumps(prepared))
    np.testing.assert_array_equal(prepared.working_ink, arrived.working_ink)
    assert prepared.seconds == arrived.seconds
