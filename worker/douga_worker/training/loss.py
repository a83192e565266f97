"""What a wrong pixel costs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LINE_WEIGHT = 2.5
"""A missed line pixel costs this much more than a false one: paper outnumbers line 20 to 1."""
OVERLAP_WEIGHT = 0.4
"""Weight of the overlap term beside the cross-entropy."""
SMOOTHING = 20.0
"""Px of line taken for granted on both sides: a blank target has no overlap to speak of."""


def line_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Weighted cross-entropy, and an overlap term that punishes grey fog.

    The overlap is 1 - Dice with squared sums in the denominator (Milletari, Navab, Ahmadi 2016, "V-Net").

    Args:
        logits: (B, 1, H, W) float.
        target: (B, 1, H, W) line coverage in 0..1.

    Returns:
        Scalar.
    """
    logits = logits.float()
    weight = 1 + LINE_WEIGHT * target
    cross_entropy = (F.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight).mean()
    line = torch.sigmoid(logits)
    both = (line * target).sum((1, 2, 3))
    either = line.square().sum((1, 2, 3)) + target.square().sum((1, 2, 3))
    overlap = 1 - (2 * both + SMOOTHING) / (either + SMOOTHING)
    return cross_entropy + OVERLAP_WEIGHT * overlap.mean()
