"""An answer that costs something, for many who ask often and cannot wait long: probes and scrapes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """Asks a question that may take its time, once for all who want to know. Thread-safe.

    The question is asked in a thread of its own, so that a server that is silent holds up nobody for longer
    than agreed; as long as it is not answered it is not asked again.
    """

    def __init__(
        self,
        ask: Callable[[], T],
        *,
        keep_seconds: float,
        wait_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask nothing yet.

        Args:
            ask: the question; what it raises is an answer too.
            keep_seconds: an answer this old is good enough.
            wait_seconds: nobody waits longer for an answer; one that takes longer is waited for no more.
            clock: seconds that never go back.
        """
        self._ask = ask
        self._keep_seconds = keep_seconds
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._answer: Future[T] | None = None
        self._asked_at = 0.0

    def ask(self) -> None:
        """Ask now, if the last answer is old, without waiting: for several questions at once."""
        self._running_or_kept()

    def get(self) -> T:
        """Return the answer, or raise what the question raised.

        Raises:
            TimeoutError: there is none yet.
        """
        try:
            answer = self._running_or_kept()
            waited = self._clock() - self._asked_at
            return answer.result(max(0.0, self._wait_seconds - waited))
        except TimeoutError as late:
            raise TimeoutError(f"no answer within {self._wait_seconds:g} s") from late

    def _running_or_kept(self) -> Future[T]:
        with self._lock:
            answer = self._answer
            is_old = self._clock() - self._asked_at >= self._keep_seconds
            if answer is None or (answer.done() and is_old):
                answer = self._answer = Future()
                self._asked_at = self._clock()
                # A daemon: what hangs must not keep the program from ending.
                threading.Thread(target=self._run, args=[answer], name="douga-ask", daemon=True).start()
            return answer

    def _run(self, answer: Future[T]) -> None:
        try:
            answer.set_result(self._ask())
        except Exception as fault:  # noqa: BLE001 - told to everybody who asks
            answer.set_exception(fault)
