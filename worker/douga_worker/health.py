"""Whether a worker lives, and whether it is ready for work.

*Live*: its main loop, the thread that keeps its leases and its network move. A queue or a store that is away
does not make it dead: it waits for them, and starting it again would not bring them back.

*Ready*: it lives, its network is loaded and has cleaned a sheet, the queue, the job store and the object
stores answer, and nobody has told it to stop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from douga_shared.latest import Latest

STILL_SECONDS = 90.0
"""Both loops turn once a second or two, but a Redis that is frozen holds them up for several time-outs of
15 s in a row: 46 s measured."""
_KEEP_SECONDS = 5.0
_WAIT_SECONDS = 1.5
"""A probe has a time-out of its own, often of few seconds."""


class Beat:
    """When something last gave a sign of life. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: float | None = None

    def __call__(self) -> None:
        """Give a sign of life."""
        self._last = self._clock()

    @property
    def silent_seconds(self) -> float:
        """How long ago that was; 0 before the first."""
        last = self._last
        return 0.0 if last is None else self._clock() - last


class Health:
    """What the probes of a worker say."""

    def __init__(
        self,
        *,
        beats: Mapping[str, Beat],
        is_moving: Callable[[], bool],
        questions: Mapping[str, Callable[[], object]],
        is_ending: Callable[[], bool],
    ) -> None:
        """Ask nothing yet.

        Args:
            beats: of the loops that must turn, by name.
            is_moving: whether the network does.
            questions: to servers, by name; each raises what is wrong, and may take its time.
            is_ending: whether the worker is told to stop.
        """
        self._beats = beats
        self._is_moving = is_moving
        self._answers = {
            name: Latest(ask, keep_seconds=_KEEP_SECONDS, wait_seconds=_WAIT_SECONDS)
            for name, ask in questions.items()
        }
        self._is_ending = is_ending
        self._is_warm = threading.Event()

    def warmed_up(self) -> None:
        """The network is loaded and works, or none is needed."""
        self._is_warm.set()

    def live_faults(self) -> dict[str, str]:
        """Say what does not move, by name."""
        faults = {
            name: f"has not turned for {beat.silent_seconds:.0f} s"
            for name, beat in self._beats.items()
            # Told to stop, the main loop waits for the frames that are begun.
            if beat.silent_seconds > STILL_SECONDS and not self._is_ending()
        }
        if not self._is_moving():
            faults["network"] = "has not moved for DOUGA_STALL_SECONDS"
        return faults

    def ready_faults(self) -> dict[str, str]:
        """Say what is not ready, by name."""
        faults = self.live_faults()
        if self._is_ending():
            faults["worker"] = "told to stop"
        if not self._is_warm.is_set():
            faults.setdefault("network", "is being loaded")
        for answer in self._answers.values():
            answer.ask()
        for name, answer in self._answers.items():
            try:
                answer.get()
            except Exception as fault:  # noqa: BLE001 - whatever it is, the probe says it
                faults[name] = str(fault) or type(fault).__name__
        return faults
