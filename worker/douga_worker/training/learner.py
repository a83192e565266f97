"""What learns: the network, its optimiser, the running mean of its weights; one step at a time."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from douga_shared.errors import ConfigurationError
from douga_worker.network.architecture import SimplificationNetwork, on_device
from douga_worker.network.cleaner import choose_device
from douga_worker.network.weights import load_weights
from douga_worker.training.level_heads import LevelHeads
from douga_worker.training.loss import line_loss
from douga_worker.training.plan import Plan
from douga_worker.training.synthesis import Sample


class Learner:
    """A network on its device with everything that changes while it learns."""

    def __init__(self, plan: Plan) -> None:
        """Build it.

        Raises:
            ConfigurationError: no such weights to start from, no such device, or crops that do not fit.
        """
        self.plan = plan
        self.device = choose_device(plan.device)
        self.precision = plan.precision if plan.precision != "auto" else _precision_of(self.device)
        torch.manual_seed(plan.seed)
        network = (
            load_weights(plan.start_from).build() if plan.start_from else SimplificationNetwork(plan.shape)
        )
        self.shape = network.shape
        if plan.crop_px % self.shape.multiple_px:
            raise ConfigurationError(
                f"crop-px is {plan.crop_px}; this network wants a multiple of {self.shape.multiple_px}"
            )
        self.network = on_device(network, self.device).train()
        self.mean = on_device(SimplificationNetwork(self.shape), self.device)
        self.mean.load_state_dict(network.state_dict())
        self.heads = LevelHeads(self.network).to(self.device)
        self.optimiser = torch.optim.AdamW(
            [*self.network.parameters(), *self.heads.parameters()],
            plan.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=plan.weight_decay,
        )
        self.step = 0
        # On the device: asking a GPU for a number at every step would make it wait.
        self._loss = torch.zeros((), device=self.device)

    @property
    def loss(self) -> float:
        """Mean of the last steps' losses, some 200 of them."""
        return float(self._loss)

    def learn(
        self,
        ink: NDArray[np.float32],
        target: NDArray[np.float32],
        strength: NDArray[np.float32],
        learning_rate: float,
    ) -> None:
        """One step on one batch; the arrays are those of ``SampleStream.batch``.

        Raises:
            ConfigurationError: the batch does not fit into the GPU's memory.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        try:
            loss = self._descend(ink, target, strength)
        except torch.OutOfMemoryError as fault:
            raise ConfigurationError(
                f"a batch of {self.plan.batch} crops does not fit into the GPU's memory; give --batch less"
            ) from fault
        self.step += 1
        self._loss += (loss - self._loss) * max(0.005, 1 / self.step)
        decay = min(self.plan.average_decay, self.step / (self.step + 20))
        with torch.no_grad():
            for mean, value in zip(self.mean.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(value, 1 - decay)

    @torch.inference_mode()
    def draw(self, sample: Sample) -> tuple[float, NDArray[np.uint8]]:
        """What the running mean makes of a sample.

        Returns:
            Its loss, and (S, S) uint8 line coverage; both in fp32.
        """
        ink, target = (
            self._tensor((side[None, None] / 255).astype(np.float32)) for side in (sample.ink, sample.target)
        )
        logits = self.mean(ink, torch.tensor([sample.strength], device=self.device))
        coverage = (torch.sigmoid(logits[0, 0]) * 255).round().to(torch.uint8)
        return float(line_loss(logits, target)), coverage.cpu().numpy()

    def state(self) -> dict[str, Any]:
        """Everything that ``restore`` needs."""
        return {
            "network": self.network.state_dict(),
            "mean": self.mean.state_dict(),
            "heads": self.heads.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "loss": self.loss,
            "step": self.step,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from another learner's ``state``."""
        self.network.load_state_dict(state["network"])
        self.mean.load_state_dict(state["mean"])
        self.heads.load_state_dict(state["heads"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]
        self._loss.fill_(state["loss"])

    def _descend(
        self, ink: NDArray[np.float32], target: NDArray[np.float32], strength: NDArray[np.float32]
    ) -> Tensor:
        meant = self._tensor(target)
        with self._arithmetic():
            loss = line_loss(
                self.network(self._tensor(ink), torch.from_numpy(strength).to(self.device)), meant
            )
            learnt = loss + self.plan.levels_weight * self.heads.loss(meant)
        self.optimiser.zero_grad(set_to_none=True)
        learnt.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        return loss.detach()

    def _tensor(self, values: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(values).to(self.device, memory_format=torch.channels_last)

    def _arithmetic(self) -> AbstractContextManager[object]:
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device, torch.bfloat16)


def _precision_of(device: str) -> str:
    """Mixed precision where it is faster: on the CPUs it was measured on, it is not."""
    return "bf16" if device == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
