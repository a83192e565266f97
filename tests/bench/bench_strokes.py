"""Compare Douga's strokes with other tracers on drawings whose every stroke is known.

Run ``python -m tests.bench.bench_strokes [--json PATH] [--icons FOLDER] [--svgs FOLDER]`` in the repository
root. Takes some minutes. The figures are those of docs/vectorizing.md.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from tests.bench.anchors import Tracer, installed_anchors, missing_anchors
from tests.bench.known_drawings import cases
from tests.bench.known_drawings.cases import Case
from tests.bench.stroke_scores.drawn_strokes import read_svg
from tests.bench.stroke_scores.ink_figures import compare_ink
from tests.bench.stroke_scores.stroke_figures import StrokeTruth, compare_strokes, same_strokes
from tests.tracing import trace_constant, trace_variable, trace_without_closing

Figures = dict[str, float]
Pair = tuple[Case, Case | None]

SAME = "same in next frame"
COLUMNS: dict[str, tuple[str, str]] = {
    "drawn / true": ("drawn / true", ".2f"),
    "recovered": ("recovered", ".3f"),
    "junction recall": ("junction recall", ".3f"),
    "junction precision": ("junction precision", ".3f"),
    "junction error px": ("off by px", ".2f"),
    "ends": ("ends", ".2f"),
    "centre error px": ("centre px", ".3f"),
    "width error px": ("width px", ".2f"),
    SAME: (SAME, ".2f"),
    "ink IoU": ("ink IoU", ".3f"),
    "ink within 1 px": ("within 1 px", ".4f"),
    "farthest ink px": ("farthest px", ".1f"),
    "segments": ("segments", ".0f"),
    "kB": ("kB", ".0f"),
    "CPU s": ("CPU s", ".2f"),
}
"""Figure -> heading and format."""


def main() -> None:
    """Print a table for every drawing; write the figures as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--svgs", type=Path, help="also keep the SVGs in this folder")
    parser.add_argument(
        "--icons", type=Path, help="folder black/svg of npm's openmoji@17.0.0; not part of Douga"
    )
    parser.add_argument("--cases", nargs="+", default=[*cases.CASES, *cases.CLEAN_CASES], help="only these")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    tracers: dict[str, Tracer] = {
        "**strokes, constant**": trace_constant,
        "**strokes, variable**": trace_variable,
        "**strokes, gaps left open**": trace_without_closing,
        **installed_anchors(),
    }
    for name, remedy in missing_anchors().items():
        print(f"Not measured: {name} ({remedy})")
    warm_up(tracers)
    figures: dict[str, dict[str, Figures]] = {}
    for name, make in choose_cases(arguments.cases, arguments.icons).items():
        figures[name] = measure_case(*make(), tracers, arguments.svgs)
        print_table(name, figures[name])
        if arguments.json:
            arguments.json.write_text(json.dumps(figures, indent=1))


def choose_cases(names: list[str], icons: Path | None) -> dict[str, Callable[[], Pair]]:
    """Return what makes each drawing and, where a film goes on, its next frame."""
    chosen: dict[str, Callable[[], Pair]] = {name: partial(make_pair, name) for name in names}
    if icons:
        chosen |= {name: partial(make_icon_pair, name, icons) for name in cases.ICON_SEEDS}
    return chosen


def make_pair(name: str) -> Pair:
    """Draw a case and, of some, the next frame."""
    return cases.make_case(name), cases.make_next_frame(name) if name in cases.FILMED_CASES else None


def make_icon_pair(name: str, folder: Path) -> Pair:
    """Draw a sheet of icons and the same moved."""
    return cases.make_icons(name, folder), cases.make_icons(name, folder, cases.NEXT_FRAME_PX)


def warm_up(tracers: dict[str, Tracer]) -> None:
    """Compile and load everything before a clock runs."""
    page = np.zeros((300, 300), np.uint8)
    cv2.circle(page, (150, 150), 90, 255, 5, cv2.LINE_AA)
    cv2.line(page, (20, 40), (280, 200), 255, 4, cv2.LINE_AA)
    for run in tracers.values():
        run(page)


def measure_case(
    case: Case, following: Case | None, tracers: dict[str, Tracer], keep_in: Path | None
) -> dict[str, Figures]:
    """Trace a drawing with every tracer and return the figures of each."""
    truth = StrokeTruth(case.drawing)
    figures = {}
    for name, run in tracers.items():
        svg, seconds = time_tracer(run, case)
        if keep_in:
            keep_in.mkdir(parents=True, exist_ok=True)
            (keep_in / f"{case.name}, {name.replace('*', '')}.svg").write_bytes(svg)
        found = read_svg(svg)
        row: Figures = {"segments": found.segment_count, "kB": len(svg) / 1000, "CPU s": seconds}
        row |= compare_ink(svg, case.clean_lines)
        if found.strokes:
            row |= compare_strokes(truth, found.strokes)
            if following:
                again = read_svg(run(following.lines)).strokes
                row[SAME] = same_strokes(found.strokes, again, cases.NEXT_FRAME_PX)
        figures[name] = row
    return figures


def time_tracer(run: Tracer, case: Case) -> tuple[bytes, float]:
    """Return a tracer's SVG and the CPU seconds of this process and the programs it called."""
    children = _seconds_of_children()
    start = time.process_time()
    svg = run(case.lines)
    return svg, time.process_time() - start + _seconds_of_children() - children


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def print_table(name: str, rows: dict[str, Figures]) -> None:
    """Print the figures of one drawing, a row a tracer."""
    print(f"\n|{name}|" + "|".join(heading for heading, _ in COLUMNS.values()))
    print("|-" * (1 + len(COLUMNS)) + "|")
    for tracer, row in rows.items():
        cells = [f"{row[c]:{form}}" if c in row else "" for c, (_, form) in COLUMNS.items()]
        print(f"|{tracer}|" + "|".join(cells) + "|", flush=True)


if __name__ == "__main__":
    main()
