"""Watch memory while `douga clean` works through thousands of small frames: nothing may grow with them.

    python -m tests.bench.bench_memory [--frames 2000] [--plot FILE]

The whole chain with the real network, from folder to folder, PNG, SVG and the report's pictures. Ten thousand
frames take twenty minutes on two cores. Memory is without that of files; what processes share counts once.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.bench.memory_plot import draw_memory
from tests.bench.process_memory import family, own_megabytes
from tests.bench.results import FOUND, save
from tests.cleaning import manifest_of, write_scans
from tests.scans import as_png, rough_drawing

SIZE = (320, 240)
DRAWINGS = 40
"""Different ones; more would be drawn no other way."""
SECONDS_BETWEEN = 5.0
COMMAND, BESIDE = "command and network", "processes beside it"


def main() -> None:
    """Run, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=2_000)
    parser.add_argument("--plot", type=Path, default=FOUND / "memory-clean.svg")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        done, megabytes, seconds = _watch(Path(scratch), asked.frames)
    save("memory", {f"{asked.frames} small frames": _figures(done, megabytes, asked.frames, seconds)})
    asked.plot.write_text(draw_memory(done, megabytes))


def _watch(scratch: Path, count: int) -> tuple[list[float], dict[str, list[float]], float]:
    """Run; return frames done and memory at every moment that was looked at, and the seconds it took."""
    pages = [as_png(rough_drawing(seed, *SIZE)) for seed in range(DRAWINGS)]
    scans = write_scans(scratch / "scans", {f"A{n:05d}.png": pages[n % DRAWINGS] for n in range(count)})
    out = scratch / "out"
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "douga_producer", "clean", scans, out], stdout=subprocess.DEVNULL
    )
    done: list[float] = []
    megabytes: dict[str, list[float]] = defaultdict(list)
    while process.poll() is None:
        command, *beside = family(process.pid) or [0]
        now = {COMMAND: [command], BESIDE: beside}
        finished = sum(1 for _ in out.glob("*.svg"))
        for name, pids in now.items():
            megabytes[name].append(sum(map(own_megabytes, pids)))
        done.append(finished)
        time.sleep(SECONDS_BETWEEN)
    seconds = time.monotonic() - began
    finished = sum(frame.failure is None for frame in manifest_of(out).frames)
    if process.returncode or finished != count:
        raise SystemExit(f"{finished} of {count} frames done, exit code {process.returncode}")
    return done, megabytes, seconds


def _figures(
    done: Sequence[float], megabytes: dict[str, list[float]], count: int, seconds: float
) -> dict[str, float]:
    """Memory of the second and of the last tenth of the frames: the first still learns what it needs."""
    figures = {"frames/s": count / seconds}
    for name, curve in megabytes.items():
        for title, low, high in (("second tenth", 0.1, 0.2), ("last tenth", 0.9, 1.0)):
            within = [mb for mb, at in zip(curve, done, strict=True) if low * count <= at < high * count]
            figures[f"{name}, {title}, MB"] = median(within)
    return figures


if __name__ == "__main__":
    main()
