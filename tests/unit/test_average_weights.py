"""The mean of two networks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tools.average_weights import average_weights

from douga_shared.errors import ConfigurationError
from douga_worker.network.architecture import Shape, SimplificationNetwork
from douga_worker.network.weights import load_weights, write_weights

SHAPE = Shape((4, 8), (1, 1), 2)


def test_every_number_lies_in_the_middle(tmp_path: Path) -> None:
    """The shape and the notes are those of the fine-tuned network."""
    for name, value in (("before", 1.0), ("after", 3.0)):
        network = SimplificationNetwork(SHAPE)
        for tensor in network.parameters():
            torch.nn.init.constant_(tensor, value)
        write_weights(tmp_path / name, network, {"training": name})
    average_weights(str(tmp_path / "before"), str(tmp_path / "after"), tmp_path / "mean")
    mean = load_weights(str(tmp_path / "mean"))
    assert all((tensor == 2.0).all() for tensor in mean.tensors.values())
    assert (SHAPE, "after") == (mean.shape, mean.notes["training"])
    assert load_weights(str(tmp_path / "before")).sha256 == mean.notes["mean-with"]


def test_networks_of_different_shapes_have_no_mean(tmp_path: Path) -> None:
    """A clear error instead of half a network."""
    for name, channels in (("small", (4, 8)), ("large", (8, 8))):
        write_weights(tmp_path / name, SimplificationNetwork(Shape(channels, (1, 1), 2)), {})
    with pytest.raises(ConfigurationError, match="different shapes"):
        average_weights(str(tmp_path / "small"), str(tmp_path / "large"), tmp_path / "mean")
