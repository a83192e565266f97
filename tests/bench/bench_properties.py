"""Print the figures of a network's properties, as its card states them.

python -m tests.bench.bench_properties [--network fast]
"""

from __future__ import annotations

import argparse

import cv2
import torch
from tests import network_properties as properties
from tests.bench.results import save

from douga_worker.network.weights import load_weights
from douga_worker.wiring import open_single_cleaner


def main() -> None:
    """Measure, print, keep."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--network", default="fast", help="a shipped network's name, or a file")
    asked = arguments.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(2)
    weights, clean = load_weights(asked.network), open_single_cleaner(asked.network, 0.5, "cpu")
    ink = properties.ink_by_strength(weights, 16)
    black, gap = properties.solids(clean)
    mean, agreement, changed = properties.precision_difference(weights, 4)
    figures: dict[str, dict[str, float]] = {
        "strength": {
            f"line at {s:g}, % of the sheet": 100 * v for s, v in zip(properties.STRENGTHS, ink, strict=True)
        }
        | {"gained from one strength to the next, %": 100 * properties.gained_with_strength(weights, 16)},
        "blank paper": {"line, % of the sheet": 100 * properties.most_line_on_blank_paper(clean)},
        "solid blacks": {"stay black, %": 100 * black, "their gaps stay open, %": 100 * gap},
        "scale: F within 2 px": {
            f"{one} and {other} dpi": f
            for (one, other), f in properties.least_agreement_over_dpi(clean, range(4)).items()
        },
        "tiles": {"largest difference in tones": properties.largest_seam(weights)},
        "bf16 against fp32": {
            "mean difference in tones": mean,
            "F within 2 px": agreement,
            "lines gained or lost": changed,
        },
    }
    for width in (2.0, 4.0, 8.0):
        same = properties.identity(clean, width_px=width)
        figures[f"identity, lines of {width:g} px"] = {
            "F within 2 px": same.f_2px,
            "ink IoU": same.ink_iou,
            "line ends, ratio": same.line_ends,
            "junctions, ratio": same.junctions,
            "width, ratio": same.width,
        }
    save("properties", figures)


if __name__ == "__main__":
    main()
