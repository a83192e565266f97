"""Hold the whole chain, from store to store, against what this machine could do at most.

    python -m tests.bench.bench_throughput [--frames 12] [--rounds 3]

Four kinds of pages, each a job of its own in one running pipeline with a store in memory: A4 at 200 and at
300 dpi, grey and colour. Told of each: seconds of every step, processor seconds of the whole, and how near
the chain comes to its limits:

``of CPU``      the processors' time that a frame takes, spread over all cores, by the time that it took: 1
                means that no core was ever idle, and nothing else ran
``of the CPU left``  processors' time of the chain, by that and the idle time together: the chain's rate
                against what its cores allow. Too good where others take idle moments for themselves
``arithmetic``  the network's multiplications and additions, at the rate that this machine reaches on one
                large convolution of the same kind
``bytes``       what the network's layers read and write, at the rate of a plain copy in memory

Rates are measured in the same run. Judges nothing.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from tests.bench.results import FOUND, last_committed, save
from tests.bench.throughput_plot import draw_throughput
from tests.cleaning import frames_of
from tests.scans import as_png, rough_drawing
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from douga_shared.manifest import FrameRecord, FrameState
from douga_shared.object_store import MemoryStore
from douga_shared.recipe import Output, Recipe
from douga_worker.network.weights import load_weights
from douga_worker.pipeline import Instructions, Order, Pipeline
from douga_worker.steps.prepare_scan import prepare_scan
from douga_worker.wiring import find_sha256, open_pipeline

NETWORK = "fast"
SIZES = {"200 dpi": (1654, 2339), "300 dpi": (2480, 3508)}
WARM_UP_FRAMES = 3
PLOT = FOUND / "throughput.svg"
_CLOCK = os.sysconf("SC_CLK_TCK")
_FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Limits:
    """What this machine can do, all cores at it."""

    flops: float
    """Of one large convolution, a second."""
    bytes: float
    """Read and written by a plain copy, a second."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a job of equal pages took."""

    records: list[FrameRecord]
    wall: float
    cpu: float
    idle: float
    """Seconds that cores had nothing to do, all together."""


def main() -> None:
    """Run and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--frames", type=int, default=12)
    arguments.add_argument("--rounds", type=int, default=3)
    asked = arguments.parse_args()
    recipe = Recipe(network=NETWORK, network_sha256=find_sha256(NETWORK))
    limits = measure_limits()
    figures = {"this machine": {"GFLOP/s": limits.flops / 1e9, "memory GB/s": limits.bytes / 1e9}}
    with open_pipeline(device="cpu", recipe=recipe) as pipeline:
        run_job(pipeline, recipe, page(SIZES["200 dpi"], is_coloured=True), WARM_UP_FRAMES)
        for dpi, size in SIZES.items():
            for is_coloured in (False, True):
                scan = page(size, is_coloured=is_coloured)
                jobs = [run_job(pipeline, recipe, scan, asked.frames) for _ in range(asked.rounds)]
                work = network_work(prepare_scan(scan, "page.png", 400.0, recipe.palette).working_ink.shape)
                case = f"{'colour' if is_coloured else 'grey'}, A4 at {dpi}"
                usual = sorted(jobs, key=lambda job: job.wall)[len(jobs) // 2]
                figures[case] = figures_of(usual, limits, work)
    save("throughput", figures)
    before = last_committed("throughput")
    PLOT.write_text(draw_throughput(figures, len(os.sched_getaffinity(0)), before))


def page(size: tuple[int, int], *, is_coloured: bool) -> bytes:
    """A page as a PNG file, its pencil half a millimetre wide; coloured: a third of it in red and in blue."""
    width, height = size
    zoom = width / SIZES["200 dpi"][0]
    small = rough_drawing(0, round(width / 2 / zoom), round(height / 2 / zoom))
    grey: NDArray[np.uint8] = np.asarray(cv2.resize(small, (width, height)), np.uint8)
    if not is_coloured:
        return as_png(grey)
    pixels = np.repeat(grey[:, :, None], 3, axis=2)
    third = height // 6
    # A pencil takes from the paper's white what is not its own colour.
    pixels[:third, :, 0] = np.maximum(pixels[:third, :, 0], 210)
    pixels[-third:, :, 2] = np.maximum(pixels[-third:, :, 2], 210)
    return as_png(pixels)


def run_job(pipeline: Pipeline, recipe: Recipe, scan: bytes, count: int) -> Job:
    """Clean so many copies of a page, in memory from store to store."""
    scans, drawings = MemoryStore(), MemoryStore()
    for number in range(count):
        scans.write(f"A{number:04d}.png", scan)
    instructions = Instructions(recipe, (Output.PNG, Output.SVG), max_megapixels=400.0)
    orders = (Order(frame, scans, drawings, instructions) for frame in frames_of(scans))
    before, idle, began = cpu_seconds(), idle_seconds(), time.perf_counter()
    records = list(pipeline.run(orders))
    wall = time.perf_counter() - began
    assert {FrameState.DONE} == {record.state for record in records}
    return Job(records, wall, cpu=cpu_seconds() - before, idle=idle_seconds() - idle)


def figures_of(job: Job, limits: Limits, work: tuple[float, float]) -> dict[str, float]:
    """Seconds a frame, and shares of the limits."""
    count, cores = len(job.records), len(os.sched_getaffinity(0))
    flops, moved = work
    wall = job.wall / count
    steps: dict[str, list[float]] = defaultdict(list)
    for record in job.records:
        for step, seconds in record.seconds.items():
            steps[step].append(seconds)
    arithmetic, memory = flops / limits.flops, moved / limits.bytes
    network = median(steps["network"])
    return {
        "frames/s": 1 / wall,
        "CPU s/frame": job.cpu / count,
        "of CPU, share": job.cpu / count / cores / wall,
        "of the CPU left, share": job.cpu / (job.cpu + job.idle),
        "network, GFLOP": flops / 1e9,
        "limit by arithmetic, s": arithmetic,
        "limit by bytes, s": memory,
        "network of its limit, share": max(arithmetic, memory) / network,
        "whole of the network's limit, share": max(arithmetic, memory) / wall,
        **{f"{step}, s": median(seconds) for step, seconds in steps.items()},
    }


def network_work(shape: tuple[int, ...]) -> tuple[float, float]:
    """Floating point operations of the network on a sheet, and bytes that its layers read and write."""
    network = load_weights(NETWORK).build()
    multiple = network.shape.multiple_px
    height, width = (-(-edge // multiple) * multiple for edge in shape)
    moved = 0

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal moved
        moved += _FLOAT_BYTES * (inputs[0].numel() + output.numel())

    hooks = [
        module.register_forward_hook(count) for module in network.modules() if isinstance(module, nn.Conv2d)
    ]
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 1, height, width), torch.full((1,), 0.5))
    for hook in hooks:
        hook.remove()
    return float(counter.get_total_flops()), float(moved)


def measure_limits() -> Limits:
    """The best of several rounds: a limit is what can be reached, not what is usual."""
    convolution = nn.Conv2d(64, 64, 3, padding=1).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    sheet = torch.rand(1, 64, 512, 512).contiguous(memory_format=torch.channels_last)
    source = np.ones(64 << 20, np.uint8)
    target = np.empty_like(source)
    with torch.inference_mode():
        convolving = fastest(lambda: convolution(sheet))
    copying = fastest(lambda: np.copyto(target, source))
    return Limits(flops=2 * 64 * 64 * 9 * 512 * 512 / convolving, bytes=2 * source.nbytes / copying)


def fastest(work: Callable[[], object], rounds: int = 15) -> float:
    """Seconds of the quickest round."""
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best


def cpu_seconds() -> float:
    """CPU seconds of this process and all its descendants that live."""
    return sum(_ticks(pid) for pid in _family(os.getpid())) / _CLOCK


def idle_seconds() -> float:
    """CPU seconds in which nobody on this machine wanted a core, all cores together."""
    _, _, _, _, idle, waiting, *_ = Path("/proc/stat").read_text().split()
    return (int(idle) + int(waiting)) / _CLOCK


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def _family(pid: int) -> Iterable[int]:
    yield pid
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in listing.read_text().split():
            yield from _family(int(child))


if __name__ == "__main__":
    main()
