"""The network of "Learning to Simplify" (Simo-Serra, Iizuka, Sasaki, Ishikawa 2016), to be held against.

Written from the layer table in the paper (ACM TOG 35(4), article 121); it has no code and no weights of
theirs. Kept out of the product.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MULTIPLE_PX = 8
"""Height and width must be multiples of this."""
BIN_COUNT = 10
WINDOW_RADIUS_PX = 2
LEAST_WEIGHT = 0.5

_DOWN, _FLAT, _UP = "down", "flat", "up"
LAYERS: tuple[tuple[str, int, int], ...] = (
    (_DOWN, 5, 48),
    (_FLAT, 3, 128),
    (_FLAT, 3, 128),
    (_DOWN, 3, 256),
    (_FLAT, 3, 256),
    (_FLAT, 3, 256),
    (_DOWN, 3, 256),
    (_FLAT, 3, 512),
    (_FLAT, 3, 1024),
    (_FLAT, 3, 1024),
    (_FLAT, 3, 1024),
    (_FLAT, 3, 1024),
    (_FLAT, 3, 512),
    (_FLAT, 3, 256),
    (_UP, 4, 256),
    (_FLAT, 3, 256),
    (_FLAT, 3, 128),
    (_UP, 4, 128),
    (_FLAT, 3, 128),
    (_FLAT, 3, 48),
    (_UP, 4, 48),
    (_FLAT, 3, 24),
    (_FLAT, 3, 1),
)
"""Kind, edge of the kernel, channels that come out: 23 convolutions."""


class Network2016(nn.Module):
    """Convolutions without skip connections; batch normalisation and ReLU after each but the last."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        entering = 1
        for kind, kernel, channels in LAYERS:
            layers.append(_convolution(kind, kernel, entering, channels))
            if channels > 1:
                layers += [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
            entering = channels
        self.layers = nn.Sequential(*layers, nn.Sigmoid())

    def forward(self, grey: Tensor) -> Tensor:
        """(B, 1, H, W) sketch, 1 = white, to the same shape, 1 = white."""
        clean: Tensor = self.layers(grey)
        return clean


def loss_2016(clean: Tensor, target: Tensor) -> Tensor:
    """Squared error, weighted so that thin lines count more than blank paper or thick blobs.

    Args:
        clean: (B, 1, H, W) in 0..1, what the network drew.
        target: the same of the artist.

    Returns:
        Scalar.
    """
    return (histogram_weight(target) * (clean - target).square()).mean()


def histogram_weight(target: Tensor) -> Tensor:
    """The paper's loss map: exp(-h) + 0.5, where h is the share of a pixel's surroundings of its own tone.

    Args:
        target: (B, 1, H, W) in 0..1.

    Returns:
        (B, 1, H, W); the histogram has 10 bins and reaches 2 px to every side.
    """
    bins = (target * BIN_COUNT).long().clamp(max=BIN_COUNT - 1)[:, 0]
    is_in = F.one_hot(bins, BIN_COUNT).permute(0, 3, 1, 2).to(target.dtype)
    side = 2 * WINDOW_RADIUS_PX + 1
    shares = F.avg_pool2d(is_in, side, stride=1, padding=WINDOW_RADIUS_PX, count_include_pad=False)
    return torch.exp(-(shares * is_in).sum(1, keepdim=True)) + LEAST_WEIGHT


def _convolution(kind: str, kernel: int, entering: int, leaving: int) -> nn.Module:
    if kind == _UP:
        return nn.ConvTranspose2d(entering, leaving, kernel, stride=2, padding=1)
    stride = 2 if kind == _DOWN else 1
    return nn.Conv2d(entering, leaving, kernel, stride=stride, padding=kernel // 2)
