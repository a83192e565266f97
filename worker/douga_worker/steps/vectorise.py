"""Turn a line image into an SVG of outlines that animation software can edit."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import vtracer
from numpy.typing import NDArray
from PIL import Image

from douga_shared.errors import FrameRejected, Reason
from douga_shared.palette import BLACK
from douga_worker.steps.straying_curves import Curves, find_edge, find_straying, lay_onto_edge
from douga_worker.strokes.drawing_layers import BLACK_COLOUR, LINES, TRACE_PREFIX
from douga_worker.strokes.svg_document import path_data, svg_document, svg_layer

ENLARGEMENT = 2.0
"""vtracer sees only black and white: enlarging first turns the grey of edges into half pixels."""
MOST_TRACED_PX = 40_000_000
"""vtracer needs some 20 bytes a pixel; larger images are enlarged less (or shrunk) to stay below 0.9 GB."""
INK_LEVEL = 136
"""A little above half: vtracer's outlines lie slightly outside, which made crisp lines 4 % heavy."""
FAINTEST_PEAK = 178
"""Lines that nowhere get darker are measured against this: a faint tip stays, fog does not become line."""
VTRACER_SETTINGS: dict[str, Any] = {
    "colormode": "binary",
    "mode": "spline",
    "filter_speckle": 2,
    "corner_threshold": 45,
    "length_threshold": 10.0,
    "splice_threshold": 20,
    "path_precision": 2,
}
"""Chosen by measurement, see docs/vectorizing.md."""

_PATH = re.compile(r'<path d="([^"]*)"[^>]*?translate\((-?[\d.]+),\s*(-?[\d.]+)\)')
_OUTLINE = re.compile(r"M[^MZ]*C[^MZ]*(?=Z)")
_LETTERS = re.compile("[MC]")


def vectorise(lines: NDArray[np.uint8], *, dpi: float | None, title: str, recipe_fingerprint: str) -> bytes:
    """Outline every line of a drawing in one ink; see ``vectorise_inks``."""
    return vectorise_inks(
        {BLACK: lines}, {BLACK: BLACK_COLOUR}, dpi=dpi, title=title, recipe_fingerprint=recipe_fingerprint
    )


def vectorise_inks(
    layers: Mapping[str, NDArray[np.uint8]],
    colours: Mapping[str, str],
    *,
    dpi: float | None,
    title: str,
    recipe_fingerprint: str,
) -> bytes:
    """Outline every line of a drawing with cubic curves, through vtracer.

    The SVG is in scan pixels (``viewBox`` = unitless ``width`` and ``height``), holds a layer
    ``colour-trace-NAME`` for each coloured ink and above them ``lines``, of paths with absolute M, C, Z
    and no transform, and draws no paper.

    Args:
        layers: for every ink its (H, W) uint8 line image, 0 = paper, 255 = full line; all of one size.
        colours: ``#rrggbb`` of the inks.
        dpi: resolution of the scan, kept in ``data-dpi`` and the metadata; None leaves it out.
        title: name shown by editors; any text, it is escaped.
        recipe_fingerprint: kept in the metadata.

    Returns:
        The SVG, UTF-8. A blank drawing gives a valid SVG with an empty layer.

    Raises:
        FrameRejected: the image has no pixels (``empty``), or vtracer gave up on it (``crashed``).
    """
    body, count = "", 0
    for ink in sorted(layers, key=lambda ink: ink == BLACK):
        paths = []
        for outline in _traced(layers[ink], title):
            count += 1
            data = "".join(path_data(curves, is_closed=True) for curves in outline)
            paths.append(f'<path id="f{count:04d}" d="{data}"/>\n')
        name = LINES if ink == BLACK else TRACE_PREFIX + ink
        body += svg_layer(name, "".join(paths), f' fill="{colours[ink]}"')
    height, width = next(iter(layers.values())).shape
    document = svg_document(
        body, (width, height), dpi=dpi, title=title, recipe_fingerprint=recipe_fingerprint
    )
    return document.encode()


def _traced(lines: NDArray[np.uint8], title: str) -> list[list[Curves]]:
    """Closed outlines of every connected line, in scan pixels."""
    height, width = lines.shape
    if not lines.size:
        raise FrameRejected(Reason.EMPTY, f"{title}: the drawing has no pixels; scan it again")
    is_ink = _enlarge(_firm_up_tips(lines)) >= INK_LEVEL
    to_scan_px = np.array([width / is_ink.shape[1], height / is_ink.shape[0]])
    outlines = _outlines(_run_vtracer(is_ink, title)) if is_ink.any() else []
    if outlines:
        outlines = _hold_to_edge(outlines, is_ink)
    return [[curves * to_scan_px for curves in outline] for outline in outlines]


def _firm_up_tips(lines: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Measure every pixel against the darkest one around, so that a thin tip keeps its half width."""
    edge_px = max(2, round(max(lines.shape) / 1000))
    around = np.ones((2 * edge_px + 1,) * 2, np.uint8)
    peak = np.maximum(cv2.dilate(np.ascontiguousarray(lines), around), FAINTEST_PEAK)
    return np.asarray(cv2.divide(np.ascontiguousarray(lines), peak, scale=255), np.uint8)


def _enlarge(lines: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = min(ENLARGEMENT, math.sqrt(MOST_TRACED_PX / lines.size))
    height, width = (max(1, round(side * scale)) for side in lines.shape)
    how = cv2.INTER_CUBIC if scale > 1.0 else cv2.INTER_AREA
    return np.asarray(cv2.resize(lines, (width, height), interpolation=how), np.uint8)


def _run_vtracer(is_ink: NDArray[np.bool_], title: str) -> str:
    height, width = is_ink.shape
    bits = np.packbits(~is_ink, axis=1)
    png = io.BytesIO()
    Image.frombytes("1", (width, height), bits.tobytes()).save(png, "png", compress_level=1)
    try:
        return str(vtracer.convert_raw_image_to_svg(png.getvalue(), img_format="png", **VTRACER_SETTINGS))
    except BaseException as fault:
        # A panic in Rust arrives as a BaseException of a class that cannot be imported.
        if not isinstance(fault, Exception) and type(fault).__name__ != "PanicException":
            raise
        message = f"{title}: vtracer gave up on this drawing ({fault}); leave out svg for it"
        raise FrameRejected(Reason.CRASHED, message) from fault


def _outlines(traced: str) -> list[list[Curves]]:
    """Read vtracer's paths: for each connected line its closed outlines, in traced pixels."""
    return [
        [_curves(outline, float(x), float(y)) for outline in _OUTLINE.findall(data)]
        for data, x, y in _PATH.findall(traced)
        if data
    ]


def _curves(outline: str, x: float, y: float) -> Curves:
    points = np.array(_LETTERS.sub(" ", outline).split(), np.float64).reshape(-1, 2) + np.array((x, y))
    knots = points[0::3]
    return np.concatenate([knots[:-1, None], points[1:].reshape(-1, 3, 2)], axis=1)


def _hold_to_edge(outlines: list[list[Curves]], is_ink: NDArray[np.bool_]) -> list[list[Curves]]:
    edge = find_edge(is_ink)
    everything = np.concatenate([curves for outline in outlines for curves in outline])
    is_straying = find_straying(everything, edge)
    if not is_straying.any():
        return outlines
    verdicts = iter(is_straying)
    return [
        [
            np.concatenate([lay_onto_edge(c, edge) if next(verdicts) else c[None] for c in curves])
            for curves in outline
        ]
        for outline in outlines
    ]
