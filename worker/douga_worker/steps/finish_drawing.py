"""Second half of a frame's way, after the network: clean lines to files, figures and pictures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from douga_shared.manifest import MOST_PLACES, Quality
from douga_shared.palette import BLACK
from douga_shared.recipe import LineWeight, Output, Recipe
from douga_worker.steps.assign_inks import extend_inks, settle_inks
from douga_worker.steps.check_quality import check_quality
from douga_worker.steps.close_gaps import close_gaps
from douga_worker.steps.count_regions import count_regions
from douga_worker.steps.drop_specks import drop_specks
from douga_worker.steps.encode_outputs import CleanSheet, encode_outputs
from douga_worker.steps.find_inks import ink_names
from douga_worker.steps.lines_of_coverage import lines_of_coverage
from douga_worker.steps.measure_pencil import pencil_width_px as width_of
from douga_worker.steps.open_ends import find_open_ends
from douga_worker.steps.two_values import two_values

if TYPE_CHECKING:
    from douga_worker.strokes.chains import CentreLines
    from douga_worker.strokes.stroke_drawing import StrokeDrawing

_GROWN_PX = 256
"""So far an ink may have to reach along its line where a line was redrawn or a gap closed."""
_LINE_WEIGHTS_PX = (0.5, 64.0)


@dataclass(frozen=True, slots=True)
class FinishedDrawing:
    """Everything of a frame that is worth keeping."""

    lines: NDArray[np.uint8]
    """(H, W) the drawing at the scan's size, 0 = paper, 255 = line."""
    files: dict[Output, dict[str, bytes]]
    """Of every output its file, or one for each layer; ``WHOLE`` is the layer of a whole drawing."""
    strokes: StrokeDrawing | None
    """Where an output is made of strokes."""
    quality: Quality
    seconds: dict[str, float]


@dataclass(slots=True)
class _Watch:
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - began


def finish_drawing(
    ink: NDArray[np.uint8],
    coverage: NDArray[np.uint8],
    *,
    scan_inks: NDArray[np.uint8] | None,
    title: str,
    dpi: float | None,
    pencil_width_px: float,
    recipe: Recipe,
    outputs: tuple[Output, ...],
) -> FinishedDrawing:
    """Bring the lines to the scan's size and weight, part the pencils, close gaps, judge, and encode.

    Args:
        ink: (H, W) flattened scan.
        coverage: (h, w) what the network drew, at its working size.
        scan_inks: (H, W) which pencil left which mark, see ``find_inks``; None where all is black.
        title: name of the drawing, for the outputs that can say it.
        dpi: of the scan, kept in every format that can say it.
        pencil_width_px: median line width on the scan.
        recipe: what to make of the lines.
        outputs: what to encode.

    Raises:
        FrameRejected: the vectorizer failed on this drawing.
    """
    watch = _Watch()
    with watch.timed("redraw"):
        lines = lines_of_coverage(coverage, ink)
        lines = drop_specks(lines, recipe.drop_specks_px, pencil_width_px=pencil_width_px)
    line_inks = None
    if scan_inks is not None:
        with watch.timed("inks"):
            lines, line_inks = settle_inks(lines, scan_inks, recipe.palette, pencil_width_px)
    with watch.timed("redraw"):
        lines, weight = _weighed(lines, recipe.line_weight)
    with watch.timed("trace"):
        sheet = CleanSheet(lines, _grown(line_inks, lines), recipe.palette, weight, pencil_width_px)
        centre_lines = _trace(sheet, recipe.close_gaps_px)
        lines = close_gaps(lines, _gaps(centre_lines))
        sheet = replace(sheet, lines=lines, line_inks=_grown(sheet.line_inks, lines))
    with watch.timed("check"):
        is_line = two_values(lines)
        centre_lines = {
            name: _with_open_ends(centres, is_line, pencil_width_px) for name, centres in centre_lines.items()
        }
        quality = check_quality(ink, lines, pencil_width_px=pencil_width_px)
        quality = _with_paint_figures(quality, sheet, is_line, centre_lines)
    encoded = encode_outputs(
        sheet,
        centre_lines,
        outputs,
        vector=recipe.vector,
        dpi=dpi,
        title=title,
        recipe_fingerprint=recipe.fingerprint,
        timed=watch.timed,
    )
    return FinishedDrawing(
        lines=lines,
        files=encoded.files,
        strokes=encoded.strokes,
        quality=quality,
        seconds=watch.seconds,
    )


def _weighed(
    lines: NDArray[np.uint8], weight: LineWeight | float
) -> tuple[NDArray[np.uint8], LineWeight | float]:
    """Redraw lines where the recipe asks for one width; returns it where there is one."""
    if weight is LineWeight.NORMALISED:
        usual = width_of(lines)
        if not usual:
            return lines, LineWeight.KEEP
        weight = min(max(round(usual, 2), _LINE_WEIGHTS_PX[0]), _LINE_WEIGHTS_PX[1])
    if isinstance(weight, LineWeight):
        return lines, weight
    # Its library takes a second to load: not where nobody asks for it, nor in the process that only hands
    # frames to others.
    from douga_worker.steps.weigh_lines import weigh_lines  # noqa: PLC0415

    return weigh_lines(lines, weight), weight


def _grown(line_inks: NDArray[np.uint8] | None, lines: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    return None if line_inks is None else extend_inks(line_inks, lines > 0, _GROWN_PX)


def _trace(sheet: CleanSheet, close_gaps_px: float | None) -> dict[str, CentreLines]:
    """Centre lines of every ink."""
    # As above: compiled loops.
    from douga_worker.strokes.centre_lines import trace_centre_lines  # noqa: PLC0415

    return {
        ink: trace_centre_lines(lines, close_gaps_px=close_gaps_px) for ink, lines in sheet.layers.items()
    }


def _gaps(centre_lines: dict[str, CentreLines]) -> NDArray[np.float64]:
    gaps = [(gap.start, gap.end) for centres in centre_lines.values() for gap in centres.closed_gaps]
    return np.array(gaps, np.float64).reshape(-1, 2, 2)


def _with_open_ends(centres: CentreLines, is_line: NDArray[np.bool_], pencil_width_px: float) -> CentreLines:
    """Of the ends that the tracer left free, those at which paint could run around the line."""
    ends = np.array(centres.open_ends, np.float64).reshape(-1, 2)
    is_open = find_open_ends(ends, is_line, pencil_width_px=pencil_width_px)
    return replace(centres, open_ends=tuple(compress(centres.open_ends, is_open)))


def _with_paint_figures(
    quality: Quality, sheet: CleanSheet, is_line: NDArray[np.bool_], centre_lines: dict[str, CentreLines]
) -> Quality:
    gaps = np.round(_gaps(centre_lines), 1)
    found = ink_names(sheet.palette)
    ends = [end for centres in centre_lines.values() for end in centres.open_ends]
    return msgspec.structs.replace(
        quality,
        region_count=count_regions(is_line, pencil_width_px=sheet.line_width_px),
        open_end_count=len(ends),
        open_ends=tuple((round(x, 1), round(y, 1)) for x, y in ends[:MOST_PLACES]),
        closed_gap_count=len(gaps),
        closed_gaps=tuple(tuple(gap) for gap in gaps[:MOST_PLACES].reshape(-1, 4).tolist()),
        inks=tuple(name for name in found.values() if name != BLACK and name in sheet.layers),
    )
