"""A worker of the farm with a network that needs no training: ``python -m tests.farm_worker``.

Everything else is the product: queue, job store, stores, processes, signals. What the network does is
said by the environment, so that tests can make it slow, deadly or stuck:

``STUB_SECONDS``  how long one sheet takes
``STUB_POISON``   what a sheet does that is more than three times as wide as it is high, once it reaches
                  the network: ``kill`` (SIGKILL to the process) or ``hang`` (the network never returns)
``STUB_LOG``      a file to which a line is added for every sheet that the network cleans
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from douga_shared.recipe import Recipe
from douga_shared.settings import read_settings
from douga_worker.farm import WorkerOptions, run_worker


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
    match os.environ.get("STUB_POISON"):
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            threading.Event().wait()


def _log(ink: NDArray[np.uint8]) -> None:
    if log := os.environ.get("STUB_LOG"):
        with Path(log).open("a") as file:
            file.write(f"{ink.shape[1]}x{ink.shape[0]}\n")


def main() -> None:
    """Start it with the settings of the environment; arguments are the queues."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    options = WorkerOptions(queues=tuple(sys.argv[1:]) or ("gpu", "cpu"), process_count=1)
    sys.exit(run_worker(read_settings(), options, stub_cleaner_for))


if __name__ == "__main__":
    main()
