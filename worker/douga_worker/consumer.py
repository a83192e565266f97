"""Celery's consumer, made steady: it finds a returned broker within seconds, and no message can stop it.

Set as ``worker_consumer = "douga_worker.consumer:Consumer"``.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from typing import Any

from douga_worker.health import Beat

_log = logging.getLogger(__name__)

RECONNECT_SECONDS = 2.0
"""Between tries to reach the broker; Celery would wait longer each time, up to half a minute."""

# Its published types lack most of what a subclass has to do with.
_celery: Any = importlib.import_module("celery.worker.consumer")

MAIN_LOOP = Beat()
"""Beats while the main loop turns, and while it tries to reach a broker that is away. Celery makes the
consumer, so nobody could hand it over."""
_BEAT_SECONDS = 1.0

_FORGED = (KeyError, ValueError, TypeError, AttributeError, IndexError)
"""What Celery makes of a message that lacks something; it takes the first for a lost connection."""


class Consumer(_celery.Consumer):  # type: ignore[misc]
    """Hands messages to the pool. What Celery cannot read goes to the rubbish of its queue, not away."""

    def ensure_connected(self, conn: Any) -> Any:
        """Wait until the broker answers, or the worker is to stop."""
        ensure_connection = conn.ensure_connection

        def ensure(errback: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            def beat_and_say(*fault: Any) -> Any:
                MAIN_LOOP()
                return errback(*fault)

            steady = {"interval_start": RECONNECT_SECONDS, "interval_step": 0}
            return ensure_connection(beat_and_say, *args, **(kwargs | steady))

        conn.ensure_connection = ensure
        return super().ensure_connected(conn)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """Return what receives every message."""
        receive = super().create_task_handler(*args, **kwargs)
        # Celery forgets its timers with every connection.
        self.hub.call_repeatedly(_BEAT_SECONDS, MAIN_LOOP)

        def receive_or_discard(message: Any) -> None:
            try:
                receive(message)
            except _FORGED as fault:
                _discard(message, fault)

        return receive_or_discard

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """The body is no JSON, or of a kind that is not accepted."""
        _discard(message, exc)

    def on_unknown_message(self, _: object, message: Any) -> None:
        """The message names no task."""
        _discard(message, "it names no task")

    def on_unknown_task(self, _: object, message: Any, exc: Exception) -> None:
        """The task is none of ours, or of another release."""
        _discard(message, f"unknown task {exc}")

    def on_invalid_task(self, _: object, message: Any, exc: Exception) -> None:
        """The task's header cannot be read."""
        _discard(message, exc)


def _discard(message: Any, reason: object) -> None:
    if message.acknowledged:
        return
    _log.error("a message cannot be read and goes to its queue's rubbish: %r", reason)
    discard = getattr(getattr(message.channel, "qos", None), "discard", None)
    if discard is None:
        # Another transport: RabbitMQ knows what to do with what is rejected.
        message.reject()
    else:
        discard(message.delivery_tag)
