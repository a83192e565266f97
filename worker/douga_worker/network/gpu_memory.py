"""How full the GPU is."""

from __future__ import annotations

import torch


def gpu_memory() -> dict[str, int]:
    """Return bytes ``used`` by anybody, ``reserved`` by this process, and ``total``; empty without a GPU.

    Asks the driver, which takes microseconds; starts nothing on a GPU that is not in use.
    """
    if not (torch.cuda.is_available() and torch.cuda.is_initialized()):  # type: ignore[no-untyped-call]
        return {}
    free, total = torch.cuda.mem_get_info()
    return {"used": total - free, "reserved": torch.cuda.memory_reserved(), "total": total}
