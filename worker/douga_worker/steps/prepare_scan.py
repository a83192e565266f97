"""First half of a frame's way, before the network: bytes of a scan to ink of one pencil width."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_shared.palette import Palette
from douga_worker.steps.find_inks import find_inks
from douga_worker.steps.flatten_paper import darkness_of, ink_of
from douga_worker.steps.leave_out_inks import leave_out_inks
from douga_worker.steps.measure_pencil import SCALE_STEPS_PER_OCTAVE, pencil_width_px, working_scale
from douga_worker.steps.read_scan import Scan, read_scan
from douga_worker.steps.resample import to_working_size
from douga_worker.steps.strengthen_inks import strengthen_inks

PREVIEW_EDGE_PX = 1400
"""Long edge of the copy of the scan that the report shows."""
ENLARGED_PIXEL_COUNT = 64_000_000
"""No scan is enlarged beyond this: a fine pencil is enlarged on a small scan, dust on a large one is not."""


@dataclass(frozen=True, slots=True)
class PreparedScan:
    """A scan on its way to the network."""

    ink: NDArray[np.uint8]
    """(H, W) flattened scan at its own size, 0 = paper."""
    working_ink: NDArray[np.uint8]
    """(h, w) the same with its pencil resampled to the width that the network works at."""
    preview: NDArray[np.uint8]
    """(h', w') or (h', w', 3) small copy of the scan as it was."""
    pencil_width_px: float
    dpi: float | None
    seconds: dict[str, float]
    inks: NDArray[np.uint8] | None = None
    """(H, W) which pencil drew each mark, see ``find_inks``; None where all are black."""


def prepare_scan(data: bytes, name: str, max_megapixels: float, palette: Palette = ()) -> PreparedScan:
    """Decode, flatten, tell pencils apart, measure, resample.

    Raises:
        FrameRejected: the scan cannot be read; see ``read_scan``.
    """
    began = time.perf_counter()
    scan = read_scan(data, name, max_megapixels=max_megapixels)
    seconds = time.perf_counter() - began
    prepared = prepare_pixels(scan, palette)
    return replace(prepared, seconds={"decode": seconds, **prepared.seconds})


def prepare_pixels(scan: Scan, palette: Palette = ()) -> PreparedScan:
    """Flatten, tell pencils apart, measure, resample a scan that is decoded already."""
    began = time.perf_counter()
    darkness = darkness_of(scan.pixels)
    ink = ink_of(darkness)
    width = pencil_width_px(ink)
    seconds = {"flatten": time.perf_counter() - began}
    inks = find_inks(darkness, palette, width)
    if inks is not None:
        left = leave_out_inks(darkness, inks, palette)
        ink = strengthen_inks(ink if left is darkness else ink_of(left), inks, width)
        width = pencil_width_px(ink)
        seconds["inks"] = time.perf_counter() - began - seconds["flatten"]
    began = time.perf_counter()
    working_ink = to_working_size(ink, min(working_scale(width), _largest_scale(ink.size)))
    preview = _preview(scan.pixels)
    seconds["flatten"] += time.perf_counter() - began
    return PreparedScan(
        ink=ink,
        working_ink=working_ink,
        preview=preview,
        pencil_width_px=width,
        dpi=scan.dpi,
        seconds=seconds,
        inks=inks,
    )


def _largest_scale(pixel_count: int) -> float:
    """The largest half octave that the scan may be enlarged by; at least 1."""
    octaves = math.log2(ENLARGED_PIXEL_COUNT / pixel_count) / 2
    return float(max(1.0, 2.0 ** (math.floor(octaves * SCALE_STEPS_PER_OCTAVE) / SCALE_STEPS_PER_OCTAVE)))


def _preview(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    factor = PREVIEW_EDGE_PX / max(pixels.shape[:2])
    if factor >= 1:
        return pixels
    size = (max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
