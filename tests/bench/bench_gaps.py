"""Count which gaps Douga closes, by their width, and which open places it closes though nobody wants it.

Run ``python -m tests.bench.bench_gaps [--json PATH]`` in the repository root. Takes some seconds. Lines are
2 to 7 px wide and made soft as a network would give them; the figures are those of docs/vectorizing.md.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tests.bench.known_drawings.drawing import Point, Sheet
from tests.bench.known_drawings.render import as_lines, draw_ink, soften
from tests.tracing import trace

from douga_worker.strokes.stroke_drawing import ClosedGap

Points = NDArray[np.float64]
Draw = Callable[[Sheet, Points, float, float], tuple[Point, Point]]

ACROSS, DOWN, CELL_PX = 10, 14, 160
LIMITS: tuple[float | None, ...] = (None, 8.0, 14.0, 20.0)
"""``--close-gaps``: None is the automatic one."""
WIDTHS_PX = (2, 3, 4, 5, 6, 8, 10, 12, 14, 17, 20, 24)
NEAR_PX = 4.0


def main() -> None:
    """Print both tables; write the figures as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    figures = {
        title: {f"{width}": closed_shares(draw, width) for width in WIDTHS_PX}
        for title, draw in (*WANTED.items(), *UNWANTED.items())
    }
    for title, by_width in figures.items():
        print(f"\n|{title}: % closed|" + "|".join(f"{width} px" for width in by_width) + "|")
        print("|-" * (1 + len(by_width)) + "|")
        for limit in next(iter(by_width.values())):
            print(f"|{limit}|" + "|".join(f"{100 * shares[limit]:.0f}" for shares in by_width.values()) + "|")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))


def closed_shares(draw: Draw, gap_px: float) -> dict[str, float]:
    """Return the share of gaps of one kind and width that is closed, by the limit that was set."""
    rng = np.random.default_rng(int(10 * gap_px))
    sheet = Sheet(ACROSS * CELL_PX, DOWN * CELL_PX, rng=rng)
    gaps = []
    for n in range(ACROSS * DOWN):
        centre = CELL_PX * (np.array([n % ACROSS, n // ACROSS]) + 0.5)
        gaps.append(draw(sheet, centre, gap_px, rng.uniform(2, 7)))
    lines = as_lines(soften(draw_ink(sheet.drawing()), seed=1))
    shares = {}
    for limit in LIMITS:
        closed = trace(lines, close_gaps_px=limit).closed_gaps
        name = "automatic" if limit is None else f"up to {limit:g} px"
        shares[name] = float(np.mean([_is_closed(gap, closed) for gap in gaps]))
    return shares


def _is_closed(gap: tuple[Point, Point], closed: tuple[ClosedGap, ...]) -> bool:
    return any(
        max(math.dist(start, one.start), math.dist(end, one.end)) <= NEAR_PX
        for one in closed
        for start, end in (gap, gap[::-1])
    )


def _turned(sheet: Sheet) -> Points:
    angle = sheet.rng.uniform(0, 2 * math.pi)
    return np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])


def _line(
    sheet: Sheet, places: list[tuple[float, float]], turned: Points, centre: Points, width: float
) -> Point:
    """Draw a line given from its open end, and return that end as it shows: half a width further on."""
    points = sheet.curve(np.array(places, float) @ turned + centre, width, swell=0)
    x, y = points[0]
    return float(x), float(y)


def interrupted_line(sheet: Sheet, centre: Points, gap_px: float, width: float) -> tuple[Point, Point]:
    """Draw a bent line whose pencil was lifted: its ends hardly miss each other. Paper shows for the gap."""
    turned, bend, miss = _turned(sheet), sheet.rng.normal(0, 6), sheet.rng.normal(0, 0.05) * gap_px
    half = (gap_px + width) / 2
    return (
        _line(sheet, [(-half, miss), (-half - 25, -bend / 3), (-half - 50, -bend)], turned, centre, width),
        _line(sheet, [(half, -miss), (half + 25, -bend / 3), (half + 50, -bend)], turned, centre, width),
    )


def open_corner(sheet: Sheet, centre: Points, gap_px: float, width: float) -> tuple[Point, Point]:
    """Draw two lines that head for one corner, a little short of it."""
    turned, half = _turned(sheet), (gap_px + width) / 2
    return (
        _line(sheet, [(-half, 0), (-half - 50, -30)], turned, centre, width),
        _line(sheet, [(half, 0), (half + 50, -30)], turned, centre, width),
    )


def hatching_ends(sheet: Sheet, centre: Points, gap_px: float, width: float) -> tuple[Point, Point]:
    """Draw two parallel lines that end side by side."""
    turned, half = _turned(sheet), (gap_px + width) / 2
    return (
        _line(sheet, [(0, -half), (50, -half)], turned, centre, width),
        _line(sheet, [(0, half), (50, half)], turned, centre, width),
    )


def staggered_ends(sheet: Sheet, centre: Points, gap_px: float, width: float) -> tuple[Point, Point]:
    """Draw two parallel lines that pass each other: one ends beside where the other begins."""
    turned, half = _turned(sheet), (gap_px + width) / 2
    return (
        _line(sheet, [(3, -half), (-50, -half)], turned, centre, width),
        _line(sheet, [(-3, half), (50, half)], turned, centre, width),
    )


def end_before_line_end(sheet: Sheet, centre: Points, gap_px: float, width: float) -> tuple[Point, Point]:
    """Draw a line that runs at another one's end from the side."""
    turned, half = _turned(sheet), (gap_px + width) / 2
    return (
        _line(sheet, [(0, half), (0, half + 50)], turned, centre, width),
        _line(sheet, [(-2, -half), (50, -half)], turned, centre, width),
    )


WANTED: dict[str, Draw] = {"interrupted lines": interrupted_line, "open corners": open_corner}
UNWANTED: dict[str, Draw] = {
    "hatching ends": hatching_ends,
    "staggered ends": staggered_ends,
    "ends at right angles": end_before_line_end,
}


if __name__ == "__main__":
    main()
