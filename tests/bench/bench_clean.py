"""Measure `douga clean`: seconds a megapixel of every step, and memory against the number of frames.

    python -m tests.bench.bench_clean [--json FILE] [--frames 20 100]

Scans are synthetic A4 pages at 200 dpi. Seconds of steps are wall seconds inside the run, with all
stages working at once, so they add up to more than the whole.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from tests.bench.process_memory import family, proportional_megabytes
from tests.cleaning import manifest_of, write_scans
from tests.scans import as_jpeg, as_png, as_tga, as_tiff, rough_drawing

A4_AT_200_DPI = (1654, 2339)
NETWORK_STEPS = {"network"}
VECTOR_STEPS = {"trace", "fit", "encode svg", "vectorise"}


def main() -> None:
    """Run and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--json", type=Path)
    arguments.add_argument("--frames", type=int, nargs=2, default=[20, 100])
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found = [_measure(count, Path(scratch)) for count in asked.frames]
    _show(found)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))


def _measure(count: int, scratch: Path) -> dict[str, object]:
    source = _scans(scratch / f"scans{count}", count)
    out = scratch / f"out{count}"
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "douga_producer", "clean", source, out], stdout=subprocess.DEVNULL
    )
    peak = _PeakMemory(process.pid)
    process.wait()
    wall = time.monotonic() - began
    manifest = manifest_of(out)
    megapixels = sum(f.width_px * f.height_px for f in manifest.frames) / 1e6
    steps: dict[str, float] = defaultdict(float)
    for frame in manifest.frames:
        for step, seconds in frame.seconds.items():
            steps[step] += seconds
    return {
        "frames": count,
        "megapixels": round(megapixels, 1),
        "wall_seconds": round(wall, 2),
        "whole_seconds_per_megapixel": round(wall / megapixels, 4),
        "step_seconds_per_megapixel": {step: round(total / megapixels, 4) for step, total in steps.items()},
        "median_step_seconds": {
            step: round(median([f.seconds.get(step, 0.0) for f in manifest.frames]), 4) for step in steps
        },
        "peak_megabytes_all_processes": round(peak.megabytes),
        "peak_megabytes_main_process": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
    }


def _scans(folder: Path, count: int) -> Path:
    """Distinct pages in several formats; a few drawings are enough, names differ."""
    # Drawn at half size and enlarged: the pencil is then some 4 px wide, as half a millimetre is.
    width, height = A4_AT_200_DPI
    half = [rough_drawing(seed, width // 2, height // 2) for seed in range(4)]
    pages = [np.asarray(cv2.resize(page, (width, height)), dtype=np.uint8) for page in half]
    makers: list[tuple[str, Callable[[NDArray[np.uint8]], bytes]]] = [
        ("png", as_png),
        ("jpg", as_jpeg),
        ("tif", as_tiff),
        ("tga", as_tga),
    ]
    encoded = [(suffix, make(page)) for page, (suffix, make) in zip(pages, makers, strict=True)]
    return write_scans(folder, {f"A{n:04d}.{encoded[n % 4][0]}": encoded[n % 4][1] for n in range(count)})


class _PeakMemory:
    """Samples the proportional memory of a process and all its descendants until it ends."""

    def __init__(self, pid: int) -> None:
        self.megabytes = 0.0
        self._pid = pid
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while total := sum(map(proportional_megabytes, family(self._pid))):
            self.megabytes = max(self.megabytes, total)
            time.sleep(0.1)


def _show(found: list[dict[str, object]]) -> None:
    table = Table("figure", *(f"{run['frames']} frames" for run in found), title="douga clean, A4 at 200 dpi")
    for figure in ("wall_seconds", "whole_seconds_per_megapixel", "peak_megabytes_all_processes"):
        table.add_row(figure.replace("_", " "), *(str(run[figure]) for run in found))
    steps = found[-1]["step_seconds_per_megapixel"]
    assert isinstance(steps, dict)
    for step in steps:
        values = [run["step_seconds_per_megapixel"] for run in found]
        table.add_row(f"{step}, s a megapixel", *(str(v[step]) for v in values if isinstance(v, dict)))
    Console().print(table)


if __name__ == "__main__":
    main()
