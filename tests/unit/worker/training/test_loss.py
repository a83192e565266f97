"""The loss prefers what an artist would."""

from __future__ import annotations

import torch
from torch import Tensor

from douga_worker.training.loss import line_loss

SURE = 8.0
"""Logit of a network that is sure."""


def target_of_a_line() -> Tensor:
    """One line across a sheet."""
    target = torch.zeros(1, 1, 32, 32)
    target[..., 14:17, :] = 1
    return target


def loss(prediction: Tensor, target: Tensor) -> float:
    """Loss of a prediction given as coverage, 0 or 1 meaning sure."""
    return float(line_loss(torch.logit(prediction.clamp(1e-3, 1 - 1e-3)), target))


def test_right_is_better_than_shifted_is_better_than_missing() -> None:
    """A line beside its place overlaps in part."""
    target = target_of_a_line()
    right, near, missing = target, target.roll(1, 2), torch.zeros_like(target)
    assert loss(right, target) < loss(near, target) < loss(missing, target)


def test_sharp_is_better_than_fog() -> None:
    """The line drawn well costs less than grey all around it, even though both contain it."""
    target = target_of_a_line()
    fog = target.clone()
    fog[..., 10:21, :] = 0.5
    assert loss(target, target) < 0.25 * loss(fog, target)


def test_a_missed_line_costs_more_than_a_false_one() -> None:
    """Paper outnumbers line, so that a network could otherwise win by drawing nothing."""
    target = target_of_a_line()
    missing, twice = torch.zeros_like(target), target.maximum(target.roll(8, 2))
    assert loss(missing, target) > 1.5 * loss(twice, target)


def test_blank_paper_left_blank_costs_nearly_nothing() -> None:
    """Most of a sheet is paper."""
    blank = torch.zeros(2, 1, 32, 32)
    assert loss(blank, blank) < 0.01


def test_the_loss_can_be_learnt_from_even_when_surely_wrong() -> None:
    """Gradients stay finite, and point towards the target."""
    target = target_of_a_line()
    logits = torch.where(target > 0, -40.0, 40.0).requires_grad_()
    line_loss(logits, target).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())
    assert float(logits.grad[target > 0].max()) < 0 < float(logits.grad[target == 0].min())


def test_half_precision_logits_are_summed_in_full() -> None:
    """A network trained in 16 bits has the loss of one in 32."""
    target = target_of_a_line()
    logits = (2 * target - 1) * SURE
    assert abs(float(line_loss(logits.half(), target)) - float(line_loss(logits, target))) < 1e-4
