"""Every level of the network is asked for the drawing at its own resolution while it learns.

Deep supervision (Lee et al., "Deeply-Supervised Nets", 2015). Without it the deep levels, the only ones
that see a whole bundle of strokes, had no part in the answer after 1,500 steps: the shallow ones had
become an adaptive threshold first, and left them no gradient to learn from.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from douga_worker.network.architecture import SimplificationNetwork

FULL_CELL = 0.3
"""A cell this far covered by line counts as all line: a thin line fills little of a coarse cell."""


class LevelHeads(nn.Module):
    """One 1x1 convolution on the output of every coarse level; thrown away after training."""

    def __init__(self, network: SimplificationNetwork) -> None:
        super().__init__()
        coarse_to_fine = [network.bottom, *list(network.decoders)[:-1]]
        channels = network.shape.channels[:0:-1]
        self.heads = nn.ModuleList(nn.Conv2d(c, 1, 1) for c in channels)
        self._seen: list[Tensor] = []
        for level in coarse_to_fine:
            level.register_forward_hook(lambda _module, _inputs, output: self._seen.append(output))

    def loss(self, target: Tensor) -> Tensor:
        """Mean cross-entropy over the levels of the network's last forward pass.

        Args:
            target: (B, 1, H, W) line coverage in 0..1.

        Returns:
            Scalar. What the hooks kept of the pass is given free.
        """
        losses = []
        for head, features in zip(self.heads, self._seen, strict=True):
            coverage = F.adaptive_avg_pool2d(target, (features.shape[2], features.shape[3]))
            meant = (coverage / FULL_CELL).clamp(max=1)
            losses.append(F.binary_cross_entropy_with_logits(head(features), meant))
        self._seen.clear()
        return torch.stack(losses).mean()
