"""The network that ours is held against is the published one."""

from __future__ import annotations

import pytest
import torch
from tests.bench.network_2016 import LAYERS, Network2016, histogram_weight, loss_2016


def test_it_has_the_published_size() -> None:
    """23 convolutions, whose layer table makes 44.8 million parameters."""
    assert 23 == len(LAYERS)
    count = sum(value.numel() for value in Network2016().parameters())
    assert 44.8 == pytest.approx(count / 1e6, abs=0.1)


def test_a_drawing_comes_back_at_its_size() -> None:
    """Three times halved and three times doubled; white is 1."""
    network = Network2016().eval()
    with torch.inference_mode():
        clean = network(torch.rand(1, 1, 16, 24))
    assert (1, 1, 16, 24) == clean.shape
    assert 0 <= float(clean.min()) <= float(clean.max()) <= 1


def test_thin_lines_count_more_than_paper_and_blobs() -> None:
    """A thin line is rare among its surroundings; all weights lie between the paper's and 1.5."""
    target = torch.ones(1, 1, 40, 40)
    target[..., 5, :] = 0
    target[..., 20:36, 20:36] = 0
    weight = histogram_weight(target)[0, 0]
    paper, line, blob = float(weight[12, 12]), float(weight[5, 20]), float(weight[28, 28])
    assert blob == paper == pytest.approx(0.868, abs=1e-3)
    assert line == pytest.approx(0.5 + 2.71828**-0.2, abs=1e-3)


def test_its_loss_is_the_weighted_squared_error() -> None:
    """Nothing for the target itself."""
    target = torch.rand(1, 1, 16, 16)
    assert 0.0 == float(loss_2016(target, target))
    expected = (histogram_weight(target) * 0.04).mean()
    torch.testing.assert_close(loss_2016(target + 0.2, target), expected)
