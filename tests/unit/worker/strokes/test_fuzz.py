"""Whatever comes in, a valid SVG comes out."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.bench.stroke_scores.drawn_strokes import read_svg
from tests.line_images import Lines, render_svg
from tests.tracing import trace_constant, trace_variable

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
OUTSIDE_PX = 50
"""Handles of curves may lie off the page, but not far."""
MOST_MIB = 700
"""docs/vectorizing.md promises it for A4 at 200 dpi; the libraries themselves take a good part of it."""


@st.composite
def line_images(draw: st.DrawFn) -> Lines:
    """Draw a page of random lines, dots, solids and dirt, from 1 x 1 to 120 x 120 pixels."""
    height, width = draw(st.integers(1, 120)), draw(st.integers(1, 120))
    page = np.zeros((height, width), np.uint8)
    place = st.tuples(st.integers(-10, width + 10), st.integers(-10, height + 10))
    for _ in range(draw(st.integers(0, 8))):
        corners = np.array(draw(st.lists(place, min_size=1, max_size=5)), np.int32)
        strength, thickness = draw(st.integers(30, 255)), draw(st.integers(1, 12))
        if draw(st.integers(0, 5)) == 0:
            cv2.fillPoly(page, [corners], strength)
        else:
            cv2.polylines(page, [corners], draw(st.booleans()), strength, thickness, cv2.LINE_AA)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    dirt = rng.random(page.shape) < draw(st.sampled_from([0, 0, 0.01, 0.2, 0.7]))
    page[dirt] = rng.integers(0, 256, int(dirt.sum()))
    sigma = draw(st.sampled_from([0, 0, 0.6, 1.5]))
    return np.asarray(cv2.GaussianBlur(page, (0, 0), sigma) if sigma else page, np.uint8)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(line_images())
def test_random_line_images_give_valid_drawings(lines: Lines) -> None:
    """Constant and variable widths alike."""
    for svg in (trace_constant(lines), trace_variable(lines)):
        _check(svg, lines)


SPECIAL = {
    "one pixel of paper": np.zeros((1, 1), np.uint8),
    "one pixel of ink": np.full((1, 1), 255, np.uint8),
    "one row of ink": np.full((1, 90), 255, np.uint8),
    "one column of ink": np.full((90, 1), 255, np.uint8),
    "two rows": np.full((2, 200), 255, np.uint8),
    "blank": np.zeros((300, 200), np.uint8),
    "all black": np.full((300, 200), 255, np.uint8),
    "all grey": np.full((300, 200), 128, np.uint8),
    "a chessboard": (np.indices((120, 120)).sum(axis=0) % 2 * 255).astype(np.uint8),
    "stripes of a pixel": (np.indices((120, 120))[0] % 2 * 255).astype(np.uint8),
    "noise": np.random.default_rng(1).integers(0, 256, (150, 150)).astype(np.uint8),
    "a frame at the edge": np.pad(np.zeros((98, 98), np.uint8), 3, constant_values=255),
}


@pytest.mark.parametrize("name", list(SPECIAL))
def test_special_pages_give_valid_drawings(name: str) -> None:
    """What no scanner gives, and sooner or later somebody has."""
    for svg in (trace_constant(SPECIAL[name]), trace_variable(SPECIAL[name])):
        _check(svg, SPECIAL[name])


def test_a_blank_page_has_no_strokes() -> None:
    """Paper is no drawing."""
    assert [] == read_svg(trace_constant(SPECIAL["blank"])).strokes


def test_ten_thousand_specks_stay_within_the_memory_that_is_promised() -> None:
    """A page at 200 dpi full of dirt is drawn, in a process of its own that says what it took."""
    program = (
        "from pathlib import Path\n"
        "from tests.tracing import trace_constant\n"
        "from tests.unit.worker.strokes.test_fuzz import specks\n"
        "svg = trace_constant(specks(10_000))\n"
        # Not getrusage: there a program begins with the peak of the one that started it.
        "peak = Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0]\n"
        "print(int(peak) // 1024, len(svg))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    mib, svg_bytes = map(int, answer.split())
    assert mib <= MOST_MIB
    assert svg_bytes > 0


def specks(count: int, height: int = 2339, width: int = 1654) -> Lines:
    """Return a page with so many specks of 1 to 6 px."""
    rng = np.random.default_rng(1)
    page = np.zeros((height, width), np.uint8)
    for x, y, size in zip(
        rng.integers(0, width, count), rng.integers(0, height, count), rng.integers(1, 7, count), strict=True
    ):
        cv2.circle(page, (int(x), int(y)), int(size) // 2, 255, -1, cv2.LINE_AA)
    return page


def _check(svg: bytes, lines: Lines) -> None:
    """Assert that the SVG is well formed, finite, on the page, and that a renderer draws it."""
    height, width = lines.shape
    root = ET.fromstring(svg)
    assert f"0 0 {width} {height}" == root.get("viewBox")
    numbers = [float(n) for path in root.iter() for n in _NUMBER.findall(path.get("d") or "")]
    assert not re.search(rb'="[^"]*\b(?:nan|inf)\b', svg)
    assert all(-OUTSIDE_PX <= number <= max(lines.shape) + OUTSIDE_PX for number in numbers)
    for stroke in read_svg(svg).strokes:
        assert np.isfinite(stroke.points).all()
        assert (stroke.points[:, 2] > 0).all()
    assert lines.shape == render_svg(svg, height, width).shape
