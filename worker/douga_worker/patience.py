"""How a worker waits: for servers that do not answer, and for frames in the works when it is to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from douga_shared import metrics
from douga_shared.errors import ConfigurationError, DougaError, QueueUnreachable, StoreUnreachable

LONGEST_PAUSE_SECONDS = 10.0
"""So long at most does a worker stay idle after what it waited for is back."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Stopped(DougaError):
    """The worker is to stop before something answered that it was waiting for."""


class Patience:
    """Waits that end when the worker is to stop. Thread-safe."""

    def __init__(self, grace_seconds: float) -> None:
        """``grace_seconds``: how long frames in the works may go on once the worker is to stop."""
        self._grace_seconds = grace_seconds
        self._stopping = threading.Event()
        self._over_at = float("inf")

    def end(self) -> None:
        """Tell everybody that the worker is to stop."""
        if not self._stopping.is_set():
            self._over_at = time.monotonic() + self._grace_seconds
            self._stopping.set()

    @property
    def is_ending(self) -> bool:
        """The worker is to stop: nothing new begins."""
        return self._stopping.is_set()

    @property
    def is_over(self) -> bool:
        """The grace period has passed: what is not finished is not waited for."""
        return time.monotonic() > self._over_at

    def pause(self, count: int) -> None:
        """Wait longer the more often it was in vain: 1, 2, 4 ... 10 seconds; not at all when stopping."""
        self._stopping.wait(min(LONGEST_PAUSE_SECONDS, 2.0 ** min(count, 8)))

    def insist(self, call: Callable[[], T]) -> T:
        """Call until queue, job store and object store answer, and let this worker in.

        Raises:
            Stopped: they do not, and the worker is to stop.
        """
        count = 0
        while True:
            try:
                return call()
            except (QueueUnreachable, StoreUnreachable, ConfigurationError) as fault:
                # A password or a right that is wrong is set right while the worker runs; a message that
                # went back to the queue meanwhile would be here again at once.
                what = "store" if isinstance(fault, StoreUnreachable) else "queue"
                metrics.RETRIES.labels(what).inc()
                _log.warning("%s; trying again", fault)
                if self.is_ending:
                    raise Stopped(str(fault)) from fault
                self.pause(count)
                count += 1
