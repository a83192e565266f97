"""A ceiling on what is in memory at once, shared fairly among threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager


class Room:
    """So many units (megapixels, megabytes) may be taken at once; who waits longest is served first.

    More than the whole room may be asked for: it is granted when nobody else is in. Thread-safe.
    Whoever holds a part must never wait for another part of the same room.
    """

    def __init__(self, size: float) -> None:
        self._size = size
        self._taken = 0.0
        self._inside_count = 0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()
        self._is_closed = False

    @contextmanager
    def taken(self, amount: float) -> Iterator[None]:
        """Hold ``amount`` for the length of the block; waits for its turn.

        Raises:
            CancelledError: the room was closed while waiting, or before.
        """
        granted = self._enter(amount)
        try:
            yield
        finally:
            with self._changed:
                self._inside_count -= 1
                # Sums of fractions do not come out even: what is left over from thousands of parts would
                # keep out for ever who needs the whole room, and whoever waits behind.
                self._taken = self._taken - granted if self._inside_count else 0.0
                self._changed.notify_all()

    def close(self) -> None:
        """Turn away whoever waits or comes; those inside go on."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _enter(self, amount: float) -> float:
        # No more than the room, so that one who asks for more than there is only has to be alone.
        wanted = min(amount, self._size)
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                self._changed.wait_for(lambda: self._is_closed or self._is_turn_of(ticket, wanted))
                if self._is_closed:
                    raise CancelledError
                self._taken += wanted
                self._inside_count += 1
                return wanted
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def _is_turn_of(self, ticket: object, wanted: float) -> bool:
        return self._waiting[0] is ticket and self._taken + wanted <= self._size
