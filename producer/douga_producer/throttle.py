"""Waits while the queue is deep, so that it is disk and not Redis that holds a million frames."""

from __future__ import annotations

import time
from collections.abc import Callable

CHECK_SECONDS = 0.5


class Throttle:
    """Lets frames pass while no more than so many are queued.

    Looks at the queue at most twice a second; what was sent since the last look counts as queued.
    """

    def __init__(
        self,
        waiting_chunks: Callable[[], int],
        *,
        chunk_frames: int,
        most_frames: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Watch one queue.

        Args:
            waiting_chunks: asks the queue for its length.
            chunk_frames: frames in a message; those of other jobs are taken to be as large.
            most_frames: pass while fewer are queued.
            clock: seconds; for tests.
            sleep: for tests.
        """
        self._waiting_chunks = waiting_chunks
        self._chunk_frames = chunk_frames
        self._most_frames = most_frames
        self._clock = clock
        self._sleep = sleep
        self._queued_frames = 0
        self._looked_at = float("-inf")

    def wait(self, frame_count: int, on_wait: Callable[[int], None]) -> None:
        """Return when there is room for some more frames; they count as queued from then on.

        Args:
            frame_count: how many; passes an empty queue whatever it is.
            on_wait: told the number of queued frames at every look that finds no room.

        Raises:
            QueueUnreachable: the broker does not answer.
        """
        self._look()
        while self._queued_frames and self._queued_frames + frame_count > self._most_frames:
            on_wait(self._queued_frames)
            self._sleep(CHECK_SECONDS)
            self._look()
        self._queued_frames += frame_count

    def _look(self) -> None:
        now = self._clock()
        if now - self._looked_at >= CHECK_SECONDS:
            self._queued_frames = self._waiting_chunks() * self._chunk_frames
            self._looked_at = now
