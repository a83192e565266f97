"""Hold our network against that of 2016 and against thresholding: one table, one run, the same pairs.

    python -m tests.bench.bench_networks LINES... --out OUT --drawings ROUGH CLEAN --minutes 20

Both networks learn from scratch from the same pairs (strength 0.5, since that of 2016 has no such input) for
the same processor time, and ours a second time from as many crops as the other got through. The pairs are
made beforehand and cost neither of them anything. Time is processor time, shared by the threads at work, so
that what else the machine does changes little. All are measured behind the same steps: paper flattened,
pencil at its working size, fog cleared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cv2
import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from tests.bench.network_2016 import MULTIPLE_PX, Network2016, loss_2016
from tests.bench.results import save
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from douga_worker.network.architecture import SimplificationNetwork
from douga_worker.network.weights import load_weights
from douga_worker.steps.drop_specks import drop_specks
from douga_worker.steps.lines_of_coverage import lines_of_coverage
from douga_worker.steps.prepare_scan import prepare_pixels
from douga_worker.steps.read_scan import Scan
from douga_worker.training.baselines import BASELINES
from douga_worker.training.evaluate import COLUMNS, Cleaner, evaluate, find_pairs
from douga_worker.training.learner import Learner
from douga_worker.training.material import gather
from douga_worker.training.plan import Plan, Sources
from douga_worker.training.sample_stream import crops_of
from douga_worker.training.synthesis import Material, Sample, synthesise

FIRST_SEED = 2_000_000
CROP_PX = 192
STRENGTH = 0.5
OURS_BATCH = 8
BATCH_2016 = 2
"""Small, for many steps: a step of eight takes the CPU half a minute."""
WARM_UP_SHARE = 0.05
"""Of a run, over which our learning rate rises."""
TIMED_PX = 512
TIMED_ROUNDS = 3

Pairs = list[Sample]
Draw = Callable[[Tensor], Tensor]
"""(1, 1, H, W) ink at the working size, 1 = darkest, to line coverage in 0..1."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A network that has learnt."""

    name: str
    draw: Draw
    multiple_px: int
    crops: int
    steps: int
    minutes: float
    network: nn.Module
    inputs: Callable[[int], tuple[Tensor, ...]]
    """A blank sheet of this edge, as the network takes it."""


class Budget:
    """How much of the time or of the crops is used up; time is that of the processor, a thread's share."""

    def __init__(self, *, minutes: float | None = None, crops: int | None = None) -> None:
        self._minutes, self._crops_allowed = minutes, crops
        self._began = time.process_time()
        self.crops = 0

    @property
    def minutes(self) -> float:
        """Used so far."""
        return (time.process_time() - self._began) / 60 / torch.get_num_threads()

    @property
    def share(self) -> float:
        """0..1 of what there is."""
        if self._minutes is not None:
            return min(1.0, self.minutes / self._minutes)
        assert self._crops_allowed is not None
        return min(1.0, self.crops / max(1, self._crops_allowed))


def main() -> None:
    """Train, measure, print."""
    asked = _arguments()
    cv2.setNumThreads(1)
    torch.set_num_threads(asked.threads)
    sources = Sources(lines=tuple(asked.lines), over_sketches=asked.over_sketches, papers=asked.papers)
    material = gather(sources, cache=asked.out, report=print)
    pairs = _pairs(material, asked.samples)
    of_2016 = learn_2016(pairs, Budget(minutes=asked.minutes))
    print(f"2016: {of_2016.steps} steps, {of_2016.crops} crops", flush=True)
    contenders = [
        learn_ours("ours, same time", pairs, Budget(minutes=asked.minutes)),
        learn_ours("ours, same samples", pairs, Budget(crops=of_2016.crops), BATCH_2016),
        of_2016,
        _shipped(),
    ]
    figures = _measured(contenders, asked.drawings)
    for name, row in _costs(contenders).items():
        figures[name] |= row
    _show(figures)
    save("networks", figures)


def learn_ours(name: str, pairs: Pairs, budget: Budget, batch: int = OURS_BATCH) -> Contender:
    """Train our network as `douga train` does."""
    learner = Learner(Plan(device="cpu", batch=batch, crop_px=CROP_PX))
    rng = np.random.default_rng(0)
    while (share := budget.share) < 1:
        warm = min(1.0, share / WARM_UP_SHARE + 0.01)
        rate = learner.plan.learning_rate * warm * (0.5 * (1 + np.cos(np.pi * share)) + 0.01)
        learner.learn(*crops_of(pairs, rng, batch, CROP_PX), rate)
        budget.crops += batch
    return _ours(name, learner.mean, budget, learner.step)


def learn_2016(pairs: Pairs, budget: Budget) -> Contender:
    """Train the network of 2016 as its paper does: ADADELTA, squared error weighted by local histograms."""
    torch.manual_seed(0)
    network = Network2016().to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimiser = torch.optim.Adadelta(network.parameters(), lr=1.0)
    rng = np.random.default_rng(0)
    steps = 0
    while budget.share < 1:
        ink, lines, _ = crops_of(pairs, rng, BATCH_2016, CROP_PX)
        grey, target = (1 - torch.from_numpy(side) for side in (ink, lines))
        loss = loss_2016(network(grey.contiguous(memory_format=torch.channels_last)), target)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        steps += 1
        budget.crops += BATCH_2016
    network.eval()
    return Contender(
        name="2016, same time",
        draw=lambda ink: 1 - network(1 - ink),
        multiple_px=MULTIPLE_PX,
        crops=budget.crops,
        steps=steps,
        minutes=budget.minutes,
        network=network,
        inputs=lambda edge: (torch.ones(1, 1, edge, edge),),
    )


def _ours(name: str, network: SimplificationNetwork, budget: Budget | None, steps: int) -> Contender:
    network.eval()
    strength = torch.tensor([STRENGTH])
    return Contender(
        name=name,
        draw=lambda ink: torch.sigmoid(network(ink, strength)),
        multiple_px=network.shape.multiple_px,
        crops=budget.crops if budget else 0,
        steps=steps,
        minutes=budget.minutes if budget else 0.0,
        network=network,
        inputs=lambda edge: (torch.zeros(1, 1, edge, edge), strength),
    )


def _shipped() -> Contender:
    return _ours("shipped", load_weights("fast").build(), None, 0)


def _pairs(material: Material, count: int) -> Pairs:
    seeds = range(FIRST_SEED, FIRST_SEED + count)
    return [
        synthesise(seed, material, strength=STRENGTH) for seed in track(seeds, "making pairs", transient=True)
    ]


def _measured(contenders: list[Contender], folders: list[list[str]]) -> dict[str, dict[str, float]]:
    """Every way of cleaning on every folder of drawings."""
    ways = {contender.name: _cleaner(contender) for contender in contenders}
    ways |= BASELINES
    figures: dict[str, dict[str, float]] = {name: {} for name in ways}
    for rough, clean in folders:
        pairs, _ = find_pairs(Path(rough), Path(clean))
        first, *others = ways
        found = evaluate(pairs, ways[first], baselines={name: ways[name] for name in others})
        for cleaned_by, agreement in found.averages.items():
            name = first if cleaned_by == "douga" else cleaned_by
            values = msgspec.structs.asdict(agreement)
            for column, (title, _) in COLUMNS.items():
                figures[name][f"{Path(rough).parent.name} {title}"] = round(values[column], 3)
    return figures


def _cleaner(contender: Contender) -> Cleaner:
    @torch.inference_mode()
    def clean(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        prepared = prepare_pixels(Scan(pixels=pixels, dpi=None))
        ink = prepared.working_ink
        height, width = ink.shape
        below, beside = (-side % contender.multiple_px for side in ink.shape)
        padded = torch.from_numpy(np.pad(ink, ((0, below), (0, beside))))[None, None].float() / 255
        lines = contender.draw(padded)[0, 0, :height, :width]
        coverage = np.ascontiguousarray((lines * 255).round().to(torch.uint8).numpy())
        drawn = lines_of_coverage(coverage, prepared.ink)
        return drop_specks(drawn, None, pencil_width_px=prepared.pencil_width_px)

    return clean


def _costs(contenders: list[Contender]) -> dict[str, dict[str, float]]:
    """What each costs; timed in turns, so that the machine's moods meet all alike."""
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(TIMED_ROUNDS):
        for contender in contenders:
            seconds[contender.name].append(_seconds(contender))
    return {
        contender.name: {
            "million parameters": round(sum(p.numel() for p in contender.network.parameters()) / 1e6, 2),
            "GFLOP/megapixel": round(_gigaflop(contender), 1),
            "CPU s/megapixel": round(median(seconds[contender.name]), 3),
            "training steps": contender.steps,
            "training crops": contender.crops,
            "training minutes": round(contender.minutes, 1),
        }
        for contender in contenders
    }


@torch.inference_mode()
def _seconds(contender: Contender) -> float:
    inputs = contender.inputs(TIMED_PX)
    began = time.process_time()
    contender.network(*inputs)
    return (time.process_time() - began) / (TIMED_PX**2 / 1e6)


@torch.inference_mode()
def _gigaflop(contender: Contender) -> float:
    edge = 256
    with FlopCounterMode(display=False) as counter:
        contender.network(*contender.inputs(edge))
    return float(counter.get_total_flops()) / edge**2 / 1e3


def _show(figures: dict[str, dict[str, float]]) -> None:
    table = Table(
        title="Trained from scratch on the same pairs; CPU seconds are those of all threads together"
    )
    table.add_column("")
    names = list(figures)
    for name in names:
        table.add_column(name, justify="right")
    for figure in dict.fromkeys(figure for row in figures.values() for figure in row):
        table.add_row(figure, *(f"{figures[name].get(figure, float('nan')):g}" for name in names))
    Console(width=200).print(table)


def _arguments() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("lines", nargs="+", help="folders of line art, as for `douga train`")
    arguments.add_argument("--over-sketches")
    arguments.add_argument("--papers")
    arguments.add_argument("--out", type=Path, required=True, help="for the followed line art")
    arguments.add_argument(
        "--drawings",
        nargs=2,
        action="append",
        required=True,
        metavar=("ROUGH", "CLEAN"),
        help="to measure on",
    )
    arguments.add_argument("--minutes", type=float, default=20, help="of training for each network")
    arguments.add_argument("--samples", type=int, default=2_000, help="pairs to learn from")
    arguments.add_argument("--threads", type=int, default=2)
    return arguments.parse_args()


if __name__ == "__main__":
    main()
