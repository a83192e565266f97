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
from tests.bench.known_drawings.cases import Case, make_case
from tests.bench.known_drawings.drawing import Point, Sheet
from tests.bench.known_drawings.render import as_lines, draw_ink, soften
from tests.tracing import trace

from douga_worker.strokes.stroke_drawing import ClosedGap

Points = NDArray[np.float64]
Draw = Callable[[Sheet, Points, float, float], tuple[Point, Point]]

ACROSS, DOWN, CELL_PX = 10, 12, 130
LIMITS: dict[str, float | None] = {"automatic": None, "up to 14 px": 14, "up to 20 px": 20}
"""``--close-gaps``."""
WIDTHS_PX = (3, 5, 8, 10, 12, 14, 17, 20)
NEAR_PX = 4.0


def main() -> None:
    """Print the tables; write the figures as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    figures = {
        title: {f"{width} px": closed_shares(draw, width) for width in WIDTHS_PX}
        for title, draw in (*WANTED.items(), *UNWANTED.items())
    }
    for title, shares in figures.items():
        print_table(f"{title}: % closed", shares)
    for name in DRAWINGS:
        figures[name] = count_on_drawing(make_case(name))
        print_table(name, figures[name])
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))


def print_table(title: str, columns: dict[str, dict[str, float]]) -> None:
    """Print figures, a row for every limit."""
    print(f"\n|{title}|" + "|".join(columns) + "|")
    print("|-" * (1 + len(columns)) + "|")
    for limit in LIMITS:
        print(
            f"|{limit}|" + "|".join(f"{column[limit]:.0f}" for column in columns.values()) + "|", flush=True
        )


def count_on_drawing(case: Case) -> dict[str, dict[str, float]]:
    """Return how many of a drawing's gaps are closed, by the limit, and how many other places."""
    counts: dict[str, dict[str, float]] = {"of its gaps": {}, "false": {}}
    for name, limit in LIMITS.items():
        closed = trace(case.lines, close_gaps_px=limit).closed_gaps
        right = sum(_is_closed(gap, closed) for gap in case.drawing.gaps)
        counts["of its gaps"][name] = right
        counts["false"][name] = len(closed) - right
    return counts


def closed_shares(draw: Draw, gap_px: float) -> dict[str, float]:
    """Return the percentage of gaps of one kind and width that is closed, by the limit."""
    rng = np.random.default_rng(int(10 * gap_px))
    sheet = Sheet(ACROSS * CELL_PX, DOWN * CELL_PX, rng=rng)
    gaps = []
    for n in range(ACROSS * DOWN):
        centre = CELL_PX * (np.array([n % ACROSS, n // ACROSS]) + 0.5)
        gaps.append(draw(sheet, centre, gap_px, rng.uniform(2, 7)))
    lines = as_lines(soften(draw_ink(sheet.drawing()), seed=1))
    closed = {name: trace(lines, limit).closed_gaps for name, limit in LIMITS.items()}
    return {
        name: 100 * float(np.mean([_is_closed(g, found) for g in gaps])) for name, found in closed.items()
    }


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


def ends_at_odds(sheet: Sheet, centre: Points, gap_px: float, width: float) -> tuple[Point, Point]:
    """Draw two lines whose ends are near by chance: neither would run into the other's end."""
    turned, half = _turned(sheet), (gap_px + width) / 2
    first, second = sheet.rng.uniform(60, 130, 2) * sheet.rng.choice([-1, 1])
    return (
        _line(sheet, [(-half, 0), _away(-half, 180 - first)], turned, centre, width),
        _line(sheet, [(half, 0), _away(half, second)], turned, centre, width),
    )


def _away(x: float, degrees: float) -> tuple[float, float]:
    return x + 45 * math.cos(math.radians(degrees)), 45 * math.sin(math.radians(degrees))


WANTED: dict[str, Draw] = {"interrupted lines": interrupted_line, "open corners": open_corner}
UNWANTED: dict[str, Draw] = {
    "hatching ends": hatching_ends,
    "staggered ends": staggered_ends,
    "ends at right angles": end_before_line_end,
    "ends at odds": ends_at_odds,
}
DRAWINGS = ("figure", "thin", "large", "held-out figure", "held-out thin", "scattered")


if __name__ == "__main__":
    main()
