"""Write the mean of two weights files, one of which was fine-tuned from the other.

``python -m tools.average_weights BEFORE AFTER OUT``

On drawings unlike the new ones the mean forgets less than the fine-tuned network does (Wortsman et al. 2022,
"Robust fine-tuning of zero-shot models"). Measure all three: it is not always the best.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from douga_shared.errors import ConfigurationError
from douga_worker.network.weights import load_weights, write_weights


def average_weights(before: str, after: str, out: Path) -> None:
    """Write the mean, with the notes of ``after``.

    Args:
        before: a shipped network's name or a file.
        after: the same, fine-tuned from it.
        out: file to write.

    Raises:
        ConfigurationError: one of them cannot be read, or they are of different shapes.
    """
    first, second = load_weights(before), load_weights(after)
    if first.shape != second.shape:
        raise ConfigurationError(f"{before} and {after} are networks of different shapes")
    network = second.build()
    others = first.build().state_dict()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            value.copy_((value + others[name]) / 2)
    write_weights(out, network, {**second.notes, "mean-with": first.sha256})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("out", type=Path)
    asked = parser.parse_args()
    average_weights(asked.before, asked.after, asked.out)
