"""The network sees as far as it says, and no further."""

from __future__ import annotations

import pytest
import torch

from douga_worker.network.architecture import Shape, SimplificationNetwork

SHAPES = [
    Shape(channels=(4, 8), blocks=(1, 1)),
    Shape(channels=(4, 6, 8), blocks=(1, 2, 1)),
    Shape(channels=(4, 8), blocks=(2, 1), unshuffle=1),
]


def network_of(shape: Shape) -> SimplificationNetwork:
    """A network that has learnt nothing, its residual blocks filled at random."""
    torch.manual_seed(3)
    network = SimplificationNetwork(shape).eval()
    with torch.no_grad():
        for name, value in network.named_parameters():
            if ".second." in name:
                value.normal_(0, 0.1)
    return network


@pytest.mark.parametrize("shape", SHAPES)
def test_any_multiple_of_its_grid_will_do(shape: Shape) -> None:
    """Pages are padded to multiples, not to a fixed size; the answer has the page's shape."""
    step = shape.multiple_px
    ink = torch.rand(2, 1, 3 * step, 5 * step)
    assert ink.shape == network_of(shape)(ink, torch.tensor([0.0, 1.0])).shape


def test_the_shipped_shape_is_compact() -> None:
    """Under two million parameters: a weights file of a few MB, and a CPU is enough."""
    count = sum(value.numel() for value in SimplificationNetwork(Shape()).parameters())
    assert 1_000_000 < count < 2_000_000
    assert 16 == Shape().multiple_px


@pytest.mark.parametrize("shape", SHAPES)
def test_a_pixel_reaches_no_further_than_stated(shape: Shape) -> None:
    """Tiles overlap by the stated reach: were it too small, a tiled page would show seams."""
    network = network_of(shape)
    reach, step = shape.reach_px, shape.multiple_px
    side = -(-(2 * reach + 3) // step) * step
    ink, strength = torch.rand(1, 1, side, side), torch.tensor([0.5])
    touched = ink.clone()
    touched[..., side // 2, side // 2] += 1
    with torch.inference_mode():
        changed = (network(ink, strength) != network(touched, strength))[0, 0].nonzero()
    far = int((changed - side // 2).abs().max())
    assert 0 < far <= reach


def test_strength_is_heard_everywhere() -> None:
    """It is one number for a page, so it must reach every part of it alike."""
    network = network_of(SHAPES[0])
    blank = torch.zeros(2, 1, 64, 64)
    with torch.inference_mode():
        weak, strong = network(blank, torch.tensor([0.0, 1.0]))
    assert bool((weak != strong).float().mean() > 0.99)


def test_drawings_of_a_batch_do_not_hear_each_other() -> None:
    """A frame's drawing does not depend on the frames cleaned beside it."""
    network = network_of(SHAPES[1])
    ink, strength = torch.rand(3, 1, 32, 32), torch.tensor([0.1, 0.5, 0.9])
    with torch.inference_mode():
        together = network(ink, strength)
        alone = torch.cat([network(ink[i : i + 1], strength[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
