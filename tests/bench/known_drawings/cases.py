"""The drawings that tracers are measured on, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.known_drawings.drawing import KnownDrawing
from tests.bench.known_drawings.figure import draw_figure
from tests.bench.known_drawings.icons import draw_icons
from tests.bench.known_drawings.render import Lines, as_lines, draw_ink, soften
from tests.bench.known_drawings.scattered import draw_scattered

NEXT_FRAME_PX = (0.37, 0.61)
"""How far the next frame lies from the first: no whole pixel, so every edge falls anew."""

ICON_SEEDS = {"icons": 5, "held-out icons": 77}


@dataclass(frozen=True, slots=True)
class Case:
    """One drawing to trace, and what a perfect tracer would find."""

    name: str
    lines: Lines
    """What is traced."""
    clean_lines: Lines
    """The same before it was made soft and noisy: what the result should look like."""
    drawing: KnownDrawing


def _figure(seed: int = 3) -> KnownDrawing:
    return draw_figure(seed=seed)


def _thin_figure(seed: int = 3) -> KnownDrawing:
    return draw_figure(1650, 2340, scale=0.825, line_weight=0.55, seed=seed)


def _large_figure() -> KnownDrawing:
    return draw_figure(4960, 3508, scale=1.25, line_weight=1.25)


_DRAWINGS: dict[str, tuple[Callable[[], KnownDrawing], int | None]] = {
    "figure": (_figure, 1),
    "thin": (_thin_figure, 1),
    "scattered": (lambda: draw_scattered(1), None),
    "large": (_large_figure, 1),
    "held-out figure": (lambda: _figure(17), 7),
    "held-out thin": (lambda: _thin_figure(17), 7),
    "held-out scattered": (lambda: draw_scattered(21), None),
}
"""How each is drawn, and with which seed it is made soft; None leaves it crisp."""

CLEAN_CASES = ("figure, clean", "thin, clean")
"""The same, crisp as no scan is: what is left of the error is the tracer's own."""
CASES = tuple(_DRAWINGS)
FILMED_CASES = ("figure", "thin", "scattered")
"""Those of which the next frame is traced too."""


def make_case(name: str) -> Case:
    """Draw one of ``CASES`` or ``CLEAN_CASES``."""
    draw, softness = _DRAWINGS[name.removesuffix(", clean")]
    return _rendered(name, draw(), None if name in CLEAN_CASES else softness)


def make_next_frame(name: str) -> Case:
    """Draw a case as the next frame has it: moved by ``NEXT_FRAME_PX``, with other noise."""
    draw, softness = _DRAWINGS[name]
    other_noise = None if softness is None else softness + 1
    return _rendered(f"{name}, next frame", draw().moved(*NEXT_FRAME_PX), other_noise)


def make_icons(name: str, folder: Path, moved: tuple[float, float] = (0, 0)) -> Case:
    """Draw a sheet of icons from OpenMoji's folder ``black/svg``."""
    drawing, lines = draw_icons(folder, ICON_SEEDS[name], moved)
    return Case(name, lines, lines, drawing)


def _rendered(name: str, drawing: KnownDrawing, softness: int | None) -> Case:
    ink = draw_ink(drawing)
    clean_lines = as_lines(ink)
    return Case(
        name, clean_lines if softness is None else as_lines(soften(ink, softness)), clean_lines, drawing
    )
