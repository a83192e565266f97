"""Compare ways to run vtracer on line images made in code; the table of docs/vectorizing.md.

Run ``python -m tests.bench.bench_vectorise [--json PATH]`` in the repository root. Takes about a minute.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import vtracer
from numpy.typing import NDArray
from PIL import Image
from tests.line_images import Lines, Pen, overlap, render_svg, ring

from douga_worker.steps import straying_curves
from douga_worker.steps import vectorise as step

Way = Callable[[Lines], bytes]
HEIGHT, WIDTH = 2339, 1654
_PATH = re.compile(r'<path (?:id="[^"]*" )?d="([^"]*)"(?:[^>]*?translate\((-?[\d.]+),(-?[\d.]+)\))?')


def draw_page(thinnest_px: float, thickest_px: float, seed: int) -> Lines:
    """Draw A4 at 200 dpi: tapered curves, long gentle arcs, dots, rings and one solid black."""
    rng = np.random.default_rng(seed)
    pen = Pen(HEIGHT, WIDTH)
    size = np.array([WIDTH, HEIGHT])
    for _ in range(60):
        turns = np.cumsum(np.cumsum(rng.normal(0, 0.0015, 800)) + rng.normal(0, 0.004))
        heading = rng.uniform(0, 2 * np.pi) + turns
        steps = rng.uniform(0.15, 1.0) * np.stack([np.cos(heading), np.sin(heading)], axis=1)
        taper = np.sin(np.linspace(0.15, np.pi - 0.15, 800)).clip(0.5)
        line = rng.random(2) * size + np.cumsum(steps, axis=0)
        pen.stroke(line, rng.uniform(thinnest_px, thickest_px) * taper)
    for radius_px in (12, 40, 130, 420, 700):
        x, y = (rng.random(2) * size).tolist()
        pen.stroke(ring((x, y), radius_px), thickest_px)
    for _ in range(40):
        pen.stroke(rng.random((1, 2)) * size, rng.uniform(thinnest_px, 2 * thickest_px))
    pen.solid((rng.random(2) * 0.6 + 0.2) * size + rng.normal(0, 100, (6, 2)))
    return pen.page()


def raw_vtracer(lines: Lines) -> bytes:
    """Give vtracer the grey image as it is, with its own settings."""
    png = io.BytesIO()
    Image.fromarray(255 - lines).save(png, "png", compress_level=1)
    svg: str = vtracer.convert_raw_image_to_svg(png.getvalue(), img_format="png", colormode="binary")
    return svg.encode()


def ours(**constants: Any) -> Way:
    """Run the step with some of its constants changed."""

    def run(lines: Lines) -> bytes:
        kept = {name: getattr(step, name) for name in constants}
        for name, value in constants.items():
            setattr(step, name, value)
        try:
            return step.vectorise(lines, dpi=200, title="bench", recipe_fingerprint="bench")
        finally:
            for name, value in kept.items():
                setattr(step, name, value)

    return run


def unrepaired(**settings: Any) -> Way:
    """Run the step with other settings of vtracer's, and without laying its curves back onto the edge."""

    def run(lines: Lines) -> bytes:
        kept = straying_curves.STRAY_PX
        straying_curves.STRAY_PX = 1e9
        try:
            return ours(VTRACER_SETTINGS={**step.VTRACER_SETTINGS, **settings})(lines)
        finally:
            straying_curves.STRAY_PX = kept

    return run


WAYS: dict[str, Way] = {
    "vtracer as it comes": raw_vtracer,
    "x2, splice 60": unrepaired(splice_threshold=60),
    "x2, splice 45": unrepaired(splice_threshold=45),
    "x2, splice 20": unrepaired(splice_threshold=20),
    "x2, splice 10": unrepaired(splice_threshold=10),
    "Douga, filter_speckle 4": ours(VTRACER_SETTINGS={**step.VTRACER_SETTINGS, "filter_speckle": 4}),
    "Douga, ink level 128": ours(INK_LEVEL=128),
    "Douga, ink level 144": ours(INK_LEVEL=144),
    "Douga, not enlarged": ours(ENLARGEMENT=1.0),
    "Douga, x1.5": ours(ENLARGEMENT=1.5),
    "Douga, x3": ours(ENLARGEMENT=3.0),
    "**Douga** (x2, splice 20, repaired)": ours(),
}


def measure(lines: Lines, run: Way) -> dict[str, float]:
    """Vectorise once and compare the SVG with what went in."""
    start = time.process_time()
    svg = run(lines)
    seconds = time.process_time() - start
    drawn = render_svg(svg, *lines.shape)
    curves = _curves(svg.decode())
    return {
        "IoU": overlap(drawn, lines),
        "ink %": 100 * float(drawn.sum(dtype=np.int64)) / float(lines.sum(dtype=np.int64)),
        "astray px": _farthest_from_edge(curves, lines),
        "segments": len(curves),
        "kB": len(svg) / 1000,
        "CPU s": seconds,
    }


def _curves(svg: str) -> NDArray[np.float64]:
    found = []
    for data, x, y in _PATH.findall(svg):
        for outline in re.findall(r"M[^MZ]*C[^MZ]*", data):
            points = np.array(re.sub("[MC]", " ", outline).split(), np.float64).reshape(-1, 2)
            points += [float(x or 0), float(y or 0)]
            found.append(np.concatenate([points[0:-1:3, None], points[1:].reshape(-1, 3, 2)], axis=1))
    return np.concatenate(found)


def _farthest_from_edge(curves: NDArray[np.float64], lines: Lines) -> float:
    large = cv2.resize(lines, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    # Faint tips are drawn from a level of 100 on, all else from about 136: either edge will do.
    edges = [straying_curves.find_edge(large >= level).distance for level in (100, 136)]
    distance = np.minimum(*edges)
    t = np.linspace(0, 1, 9)[:, None, None]
    a, b, c, d = (curves[None, :, i] for i in range(4))
    samples = (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d
    at = np.clip((2 * samples).astype(int), 0, [large.shape[1] - 1, large.shape[0] - 1])
    return float(distance[at[..., 1], at[..., 0]].max()) / 2


def main() -> None:
    """Print the tables; write them as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    thin = draw_page(2, 4, seed=1)
    cases = {
        "lines of 2-4 px": thin,
        "the same, soft": np.asarray(cv2.GaussianBlur(thin, (0, 0), 0.75), np.uint8),
        "lines of 4-8 px": draw_page(4, 8, seed=2),
    }
    figures = {case: {way: measure(lines, run) for way, run in WAYS.items()} for case, lines in cases.items()}
    for case, rows in figures.items():
        print(f"\n|{case}|IoU|ink %|astray px|segments|kB|CPU s|\n|-|-|-|-|-|-|-|")
        for way, row in rows.items():
            print(
                f"|{way}|{row['IoU']:.3f}|{row['ink %']:.1f}|{row['astray px']:.1f}"
                f"|{row['segments']:.0f}|{row['kB']:.0f}|{row['CPU s']:.2f}|"
            )
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
