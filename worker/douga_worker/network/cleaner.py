"""The network as the rest of Douga sees it: ink arrays go in, line arrays come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from douga_shared.errors import ConfigurationError, FrameRejected, Reason
from douga_shared.recipe import Precision
from douga_worker.network.architecture import on_device
from douga_worker.network.tiling import spans
from douga_worker.network.weights import Weights

TILE_PX = 2_560
"""An A4 page at 300 dpi passes in one piece once its pencil is 3 px wide; only larger sheets are cut."""
BATCH_MEGAPIXELS = {"cpu": 4.0, "cuda": 64.0}
"""What a batch may hold at most. A pass of it takes about 0.25 GB of activations a megapixel in fp32."""
BY_SHEETS = {"cpu": True, "cuda": False}
"""A CPU takes a batch sheet by sheet, a tenth faster than at once (two sheets of 1.8 megapixels, or eight of
.35, on two cores). So no sheet's last bits depend on its company, whichever loops the library chooses."""
GROWTH = 1.02
"""Of a batch's allowed size, with every pass that fits after one that did not: 35 passes later the larger
size is tried again, in case that somebody else held the memory."""


def _no_beat() -> None:
    pass


_MEMORY_FAULTS = ("DefaultCPUAllocator", "bad_alloc", "ALLOC_FAILED")
"""How a bare RuntimeError says that memory ran out: only the GPU's own allocator has an error class."""

_DTYPES = {Precision.FP32: torch.float32, Precision.BF16: torch.bfloat16, Precision.FP16: torch.float16}


class Cleaner:
    """Holds a loaded network on its device. Not thread-safe: one caller at a time."""

    def __init__(
        self,
        weights: Weights,
        *,
        device: str = "auto",
        precision: Precision = Precision.AUTO,
        tile_px: int = TILE_PX,
    ) -> None:
        """Build the network.

        Args:
            weights: a checked weights file.
            device: ``auto``, ``cpu`` or ``cuda``.
            precision: ``AUTO`` is fp32 on the CPU and bf16 on a GPU.
            tile_px: edge above which a page is cut into tiles.

        Raises:
            ConfigurationError: the device or the precision is not to be had on this machine, or the
                network looks so far that no tile holds it.
        """
        if tile_px < 2 * weights.shape.reach_px + 3 * weights.shape.multiple_px:
            raise ConfigurationError(
                f"network '{weights.name}' looks {weights.shape.reach_px} px far, too far for tiles of "
                f"{tile_px} px; use a network with fewer levels or blocks"
            )
        self.device = choose_device(device)
        self._dtype = _choose_dtype(precision, self.device)
        self._network = on_device(weights.build(), self.device)
        self._shape = weights.shape
        self._tile_px = tile_px
        self._is_by_sheets = BY_SHEETS[self.device]
        self._beat: Callable[[], None] = _no_beat
        for module in self._network.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.register_forward_pre_hook(lambda *_: self._beat())
        self.batch_megapixels = BATCH_MEGAPIXELS[self.device]
        """What the next batch may hold: half of one that did not fit, and growing again."""

    @property
    def description(self) -> str:
        """Device and precision, for people."""
        return f"{self.device} {str(self._dtype).removeprefix('torch.')}"

    def clean(
        self, inks: Sequence[NDArray[np.uint8]], strength: float, beat: Callable[[], None] = _no_beat
    ) -> list[NDArray[np.uint8]]:
        """Draw the clean lines of a batch of sheets.

        Args:
            inks: sheets of one shape (H, W), uint8, 0 = paper, at the network's working size.
            strength: 0..1.
            beat: called before every layer, so often within a second on any machine; what it raises
                ends the work and comes out.

        Returns:
            As many line images: (H, W) uint8 coverage, 0 = paper, 255 = line.

        Raises:
            FrameRejected: reason ``out_of_memory``, when even a single sheet does not fit.
        """
        self._beat = beat
        try:
            lines = self._clean_batch(inks, strength)
        except (RuntimeError, MemoryError) as fault:
            if not _is_out_of_memory(fault):
                raise
        else:
            self.batch_megapixels = min(BATCH_MEGAPIXELS[self.device], GROWTH * self.batch_megapixels)
            return lines
        # Out here the fault is gone, and with its traceback what the pass held of the memory that ran out.
        if self.device == "cuda":
            torch.cuda.empty_cache()
        if len(inks) == 1:
            raise FrameRejected(
                Reason.OUT_OF_MEMORY,
                f"a sheet of {inks[0].shape[1]}x{inks[0].shape[0]} px does not fit into memory, "
                "even alone; scan it at a lower resolution or use a machine with more memory",
            )
        half = len(inks) // 2
        self.batch_megapixels = min(self.batch_megapixels, len(inks) * inks[0].size / 2e6)
        return self.clean(inks[:half], strength, beat) + self.clean(inks[half:], strength, beat)

    @torch.inference_mode()
    def _clean_batch(self, inks: Sequence[NDArray[np.uint8]], strength: float) -> list[NDArray[np.uint8]]:
        height, width = inks[0].shape
        pages = torch.from_numpy(np.stack(inks)[:, None])
        bottom, right = (-side % self._shape.multiple_px for side in (height, width))
        pages = F.pad(pages, (0, right, 0, bottom))
        lines = torch.empty_like(pages)
        margin, multiple = self._shape.reach_px, self._shape.multiple_px
        for row in spans(pages.shape[2], self._tile_px, margin, multiple):
            for column in spans(pages.shape[3], self._tile_px, margin, multiple):
                seen = pages[:, :, row.read, column.read].chunk(len(pages) if self._is_by_sheets else 1)
                answer = torch.cat([self._pass(part, strength) for part in seen])
                lines[:, :, row.write, column.write] = answer[:, :, row.inner, column.inner]
        return [np.ascontiguousarray(page[0, :height, :width].numpy()) for page in lines]

    def _pass(self, pages: Tensor, strength: float) -> Tensor:
        """One pass of the network: (B, 1, h, w) uint8 ink to uint8 coverage, on the CPU."""
        ink = pages.to(self.device, non_blocking=True).float().div_(255)
        strengths = torch.full((len(pages),), strength, device=self.device)
        with self._arithmetic():
            logits = self._network(ink.contiguous(memory_format=torch.channels_last), strengths)
        coverage: Tensor = torch.sigmoid(logits.float()).mul_(255).round_().to(torch.uint8)
        return coverage.cpu()

    def _arithmetic(self) -> AbstractContextManager[object]:
        if self._dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self.device, self._dtype)


def _is_out_of_memory(fault: RuntimeError | MemoryError) -> bool:
    if isinstance(fault, torch.OutOfMemoryError | MemoryError):
        return True
    return any(words in str(fault) for words in _MEMORY_FAULTS)


def choose_device(device: str) -> str:
    """``cpu`` or ``cuda``: the device itself, or for ``auto`` the best there is.

    Raises:
        ConfigurationError: ``cuda``, and there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError("--device cuda: no usable NVIDIA GPU here; use --device cpu or auto")
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


def _choose_dtype(precision: Precision, device: str) -> torch.dtype:
    if precision is Precision.FP16 and device == "cpu":
        raise ConfigurationError("--precision fp16 needs a GPU; use bf16 or fp32 on the CPU")
    return _DTYPES[precision.on(device)]
