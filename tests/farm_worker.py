"""A worker of the farm with a network that needs no training: ``python -m tests.farm_worker``.

Everything else is the product: queue, job store, stores, processes, signals. What the network does is
said by the environment, so that tests can make it slow, deadly or stuck:

``STUB_SECONDS``    how long one sheet takes
``STUB_POISON``     what a sheet does that is more than three times as wide as it is high, once it reaches
                    the network: ``kill`` (SIGKILL to the process) or ``hang`` (the network never returns)
``STUB_LOG``        a file to which a line is added for every sheet that the network cleans
``STUB_MEGABYTES``  how much memory a process may take in which scans are decoded

The decoder is the product's, but for scans whose bytes hold ``CRASHING`` or ``HANGING``: no file is known
that does this to today's decoders.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

# Every process of the worker loads this file: what only the first one needs is loaded in main().
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from douga_shared.recipe import Recipe

CRASHING = b"crash the decoder"
HANGING = b"hang the decoder"
POISONED = "poison has reached the network"
"""Said before the stub misbehaves."""


class StubCleaner:
    """Takes the pencil itself for the clean line."""

    batch_megapixels = 1.0

    def clean(
        self, inks: list[NDArray[np.uint8]], strength: float, beat: Callable[[], None]
    ) -> list[NDArray[np.uint8]]:
        """Return the sheets as they are, unless told to misbehave."""
        for ink in inks:
            if is_poison(ink.shape[1], ink.shape[0]):
                _misbehave()
            time.sleep(float(os.environ.get("STUB_SECONDS", "0")))
            _log(ink)
        return list(inks)


def stub_cleaner_for(recipe: Recipe) -> StubCleaner:
    """The same for every recipe."""
    return StubCleaner()


def is_poison(width: int, height: int) -> bool:
    """Tell whether a scan of this size is one that the stub misbehaves on."""
    return width > 3 * height


def _misbehave() -> None:
    print(POISONED, file=sys.stderr, flush=True)
    match os.environ.get("STUB_POISON"):
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            threading.Event().wait()


def _log(ink: NDArray[np.uint8]) -> None:
    if log := os.environ.get("STUB_LOG"):
        line = f"{ink.shape[1]}x{ink.shape[0]}\n".encode()
        file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, line)
        os.close(file)


def _poison_decoder() -> None:
    from douga_worker.steps import read_scan  # noqa: PLC0415

    recognise: Any = vars(read_scan)["recognise"]

    def recognise_or_fall(data: bytes, name: str) -> Any:
        if CRASHING in data:
            ctypes.string_at(0)
        if HANGING in data:
            threading.Event().wait()
        return recognise(data, name)

    vars(read_scan)["recognise"] = recognise_or_fall


def _limit_memory(megabytes: int) -> None:
    from douga_worker import wiring  # noqa: PLC0415

    processes: Any = vars(wiring)["IsolatedProcesses"]

    def limited(count: int, *, memory_megabytes: int, **options: Any) -> Any:
        return processes(count, memory_megabytes=megabytes, **options)

    vars(wiring)["IsolatedProcesses"] = limited


def main() -> None:
    """Start it with the settings of the environment; arguments are the queues."""
    import logging  # noqa: PLC0415

    from douga_shared.settings import read_settings  # noqa: PLC0415
    from douga_worker.farm import WorkerOptions, run_worker  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if megabytes := os.environ.get("STUB_MEGABYTES"):
        _limit_memory(int(megabytes))
    options = WorkerOptions(queues=tuple(sys.argv[1:]) or ("gpu", "cpu"), device="cpu", process_count=1)
    sys.exit(run_worker(read_settings(), options, stub_cleaner_for))


if __name__ == "__main__":
    main()
elif __name__ == "__mp_main__":
    # A process beside the network; it has loaded this file as the one it was started from.
    _poison_decoder()
