"""The network: a residual U-Net over a pixel-unshuffled scan; convolutions only, so any size will do.

No normalisation layer and no global pooling: what a pixel becomes depends on its surroundings within
``reach_px`` alone, which is what makes a tiled page equal to an untiled one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of a network; stored with its weights."""

    channels: tuple[int, ...] = (16, 32, 64, 128)
    """Width of each level; level i works at 1 / (unshuffle * 2**i) of the resolution."""
    blocks: tuple[int, ...] = (1, 2, 3, 4)
    """Residual blocks at each level, on the way down and again on the way up."""
    unshuffle: int = 2

    @property
    def multiple_px(self) -> int:
        """Height and width must be multiples of this."""
        return int(self.unshuffle * 2 ** (len(self.channels) - 1))

    @property
    def reach_px(self) -> int:
        """A pixel of the result depends on the scan within this distance only (an upper bound).

        Every 3x3 convolution reaches one cell of its level further; a level's cell is
        ``unshuffle * 2**level`` px; a residual block holds two, and runs twice except at the bottom.
        """
        reach = 0
        for level, count in enumerate(self.blocks):
            cell = self.unshuffle * 2**level
            visits = 1 if level == len(self.blocks) - 1 else 2
            reach += 2 * count * visits * cell + cell
        return reach + 4 * self.unshuffle


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(x))); the second convolution starts at zero: a fresh block changes nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        assert self.second.bias is not None
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        residual: Tensor = self.second(F.relu(self.first(x)))
        return x + residual


class SimplificationNetwork(nn.Module):
    """Ink and strength in, line logits out."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        channels, blocks, cell = shape.channels, shape.blocks, shape.unshuffle**2
        self.stem = nn.Conv2d(cell + 1, channels[0], 3, padding=1)
        self.encoders = nn.ModuleList(_level(c, n) for c, n in zip(channels[:-1], blocks[:-1], strict=True))
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(channels))
        self.bottom = _level(channels[-1], blocks[-1])
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(b, 4 * a, 1), nn.PixelShuffle(2))
            for a, b in zip(channels[-2::-1], channels[:0:-1], strict=True)
        )
        self.decoders = nn.ModuleList(
            _level(c, n) for c, n in zip(channels[-2::-1], blocks[-2::-1], strict=True)
        )
        self.head = nn.Sequential(
            nn.Conv2d(channels[0], 4 * cell, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(4 * cell, cell, 3, padding=1),
            nn.PixelShuffle(shape.unshuffle),
        )

    def forward(self, ink: Tensor, strength: Tensor) -> Tensor:
        """Predict where the clean lines are.

        Args:
            ink: (B, 1, H, W) float, 0 = paper, 1 = darkest pencil; H and W multiples of
                ``shape.multiple_px``.
            strength: (B,) float in 0..1.

        Returns:
            (B, 1, H, W) logits of line coverage.
        """
        x = F.pixel_unshuffle(ink, self.shape.unshuffle)
        plane = strength.to(x.dtype).view(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:])
        x = self.stem(torch.cat([x, plane], 1))
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        x = self.bottom(x)
        for up, decoder in zip(self.ups, self.decoders, strict=True):
            x = decoder(up(x) + skips.pop())
        logits: Tensor = self.head(x)
        return logits


def on_device(network: SimplificationNetwork, device: str) -> SimplificationNetwork:
    """Move a network, its weights laid out channels-last, the layout that convolutions like best."""
    moved: SimplificationNetwork = network.to(device)
    return moved.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _level(channels: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
