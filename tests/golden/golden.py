"""What the golden drawings gave when somebody last looked at them, and how to renew that.

``python -m tests.golden.golden`` draws the line images anew, traces them, and writes beside each what came
out. Look at the change (``git diff``, and the SVGs that it leaves in ``out/golden``) before you commit it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tests.bench.known_drawings.render import Lines, as_lines, draw_ink, soften
from tests.bench.stroke_scores.drawn_strokes import DrawnStroke, SvgStrokes, read_svg
from tests.bench.stroke_scores.stroke_figures import StrokeTruth, compare_strokes
from tests.golden.small_drawings import SMALL_DRAWINGS
from tests.tracing import trace_constant

FOLDER = Path(__file__).parent / "drawings"
FIGURES = ("drawn / true", "recovered", "junction recall", "junction precision", "ends", "centre error px")
MARKS = 5
"""Places along a stroke by which it is known again."""

Outcome = dict[str, Any]


def read_lines(name: str) -> Lines:
    """Return the line image of a golden drawing."""
    return np.asarray(cv2.imread(str(FOLDER / f"{name}.png"), cv2.IMREAD_GRAYSCALE), np.uint8)


def read_outcome(name: str) -> Outcome:
    """Return what it gave."""
    outcome: Outcome = json.loads((FOLDER / f"{name}.json").read_text())
    return outcome


def draw(name: str) -> Lines:
    """Draw a golden drawing, soft and uneven as a network would give it."""
    return as_lines(soften(draw_ink(SMALL_DRAWINGS[name]()), seed=1))


def outcome_of(name: str, svg: bytes) -> Outcome:
    """Boil an SVG down to what an animator would notice."""
    found = read_svg(svg)
    figures = compare_strokes(StrokeTruth(SMALL_DRAWINGS[name]()), found.strokes)
    return {
        "figures": {figure: round(figures[figure], 3) for figure in FIGURES},
        "segments": found.segment_count,
        "fills": _fill_count(found),
        "strokes": [_boiled_down(stroke) for stroke in found.strokes],
    }


def _fill_count(found: SvgStrokes) -> int:
    return found.path_count - len(found.strokes)


def _boiled_down(stroke: DrawnStroke) -> Outcome:
    places = np.linspace(0, len(stroke.points) - 1, MARKS).astype(int)
    return {
        "closed": stroke.is_closed,
        "width": round(float(np.median(stroke.points[:, 2])), 2),
        "marks": np.round(stroke.points[places, :2], 1).tolist(),
    }


def _renew() -> None:
    kept = Path("out/golden")
    kept.mkdir(parents=True, exist_ok=True)
    FOLDER.mkdir(exist_ok=True)
    for name in SMALL_DRAWINGS:
        cv2.imwrite(str(FOLDER / f"{name}.png"), draw(name))
        svg = trace_constant(read_lines(name))
        (kept / f"{name}.svg").write_bytes(svg)
        text = json.dumps(outcome_of(name, svg), indent=1)
        (FOLDER / f"{name}.json").write_text(_short_rows(text) + "\n")


def _short_rows(text: str) -> str:
    """Put each stroke on a line of its own, so that a difference is one line long."""
    outcome = json.loads(text)
    strokes = ",\n  ".join(json.dumps(stroke) for stroke in outcome.pop("strokes"))
    head = json.dumps(outcome, indent=1).removesuffix("\n}")
    return f'{head},\n "strokes": [\n  {strokes}\n ]\n}}'


if __name__ == "__main__":
    _renew()
