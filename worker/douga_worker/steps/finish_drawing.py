"""Second half of a frame's way, after the network: clean lines to files, figures and pictures."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from douga_shared.manifest import Quality
from douga_shared.recipe import WHOLE, Output, Recipe
from douga_worker.steps.check_quality import check_quality
from douga_worker.steps.clear_fog import clear_fog
from douga_worker.steps.resample import to_scan_size
from douga_worker.steps.write_drawing import RASTER_OUTPUTS, encode_drawing


@dataclass(frozen=True, slots=True)
class FinishedDrawing:
    """Everything of a frame that is worth keeping."""

    lines: NDArray[np.uint8]
    """(H, W) the drawing at the scan's size, 0 = paper, 255 = line."""
    files: dict[Output, dict[str, bytes]]
    """Of every output its file, or one for each layer; ``WHOLE`` is the layer of a whole drawing."""
    quality: Quality
    seconds: dict[str, float]


def finish_drawing(
    ink: NDArray[np.uint8],
    coverage: NDArray[np.uint8],
    *,
    title: str,
    dpi: float | None,
    pencil_width_px: float,
    recipe: Recipe,
    outputs: tuple[Output, ...],
) -> FinishedDrawing:
    """Bring the lines to the scan's size and weight, judge them, and encode every output.

    Args:
        ink: (H, W) flattened scan.
        coverage: (h, w) what the network drew, at its working size.
        title: name of the drawing, for the SVG.
        dpi: of the scan, kept in every format that can say it.
        pencil_width_px: median line width on the scan.
        recipe: line weight and fingerprint are taken from it.
        outputs: what to encode.

    Raises:
        FrameRejected: the vectorizer failed on this drawing.
    """
    seconds: dict[str, float] = {}
    began = time.perf_counter()

    def lap(step: str) -> None:
        nonlocal began
        seconds[step], began = time.perf_counter() - began, time.perf_counter()

    lines = to_scan_size(clear_fog(coverage), (ink.shape[0], ink.shape[1]))
    # The libraries of both take a second to load: not where nobody asks for them, nor in the process that
    # only hands frames to others.
    if isinstance(recipe.line_weight, float):
        from douga_worker.steps.weigh_lines import weigh_lines  # noqa: PLC0415

        lines = weigh_lines(lines, recipe.line_weight)
    lap("redraw")
    quality = check_quality(ink, lines, pencil_width_px=pencil_width_px)
    lap("check")
    files: dict[Output, dict[str, bytes]] = {}
    for output in outputs:
        if output is Output.SVG:
            from douga_worker.steps.vectorise import vectorise  # noqa: PLC0415

            svg = vectorise(lines, dpi=dpi, title=title, recipe_fingerprint=recipe.fingerprint)
            files[output] = {WHOLE: svg}
            lap("vectorise")
        elif output not in RASTER_OUTPUTS:
            raise NotImplementedError(output)
        else:
            files[output] = {WHOLE: encode_drawing(lines, output, dpi)}
            lap(f"encode {output.value}")
    return FinishedDrawing(lines=lines, files=files, quality=quality, seconds=seconds)
