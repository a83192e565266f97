"""What lies in the queues and is no message of ours: handed to the job store, which shows it to the user.

The transport and the consumer move what they cannot read into the list ``<queue>.rubbish`` and go on;
``douga jobs --rejected`` reads the job store. Here it gets from the one to the other, with its reason.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from douga_shared import metrics
from douga_shared.broker import ACCOUNT_JOB, CLEAN_CHUNK
from douga_shared.errors import DougaError
from douga_shared.job_store.protocol import JobStore
from douga_shared.leases import FAULTS, RUBBISH_SUFFIX

COLLECT_SECONDS = 1.0
_JSON = "application/json"
_log = logging.getLogger(__name__)


class RubbishCollector:
    """Empties the rubbish of some queues now and then, in a thread of its own that ends with the process."""

    def __init__(self, app: Celery, queues: Sequence[str], jobs: JobStore) -> None:
        """``jobs`` is used by no other thread before ``start``, and not closed."""
        self._app = app
        self._queues = queues
        self._jobs = jobs

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="douga-rubbish", daemon=True).start()

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(COLLECT_SECONDS):
            try:
                # Kept open: a thousand workers that connect anew every second are a load of their own.
                with self._app.connection_for_read() as connection:
                    channel: Any = connection.default_channel
                    if not hasattr(channel, "global_keyprefix"):
                        # RabbitMQ: what is rejected goes where the server's own policy says.
                        return
                    while not pause.wait(COLLECT_SECONDS):
                        self._collect(channel.client)
            except (*FAULTS, OperationalError, DougaError) as fault:
                _log.debug("rubbish is left for later: %s", fault)

    def _collect(self, client: Any) -> None:
        for queue in self._queues:
            while (item := client.rpop(queue + RUBBISH_SUFFIX)) is not None:
                why = f"in the queue {queue}: {why_unreadable(item)}"
                self._jobs.reject_message(why, _text(item))
                _log.warning("a message is rejected: %s", why)
                metrics.REJECTED_MESSAGES.inc()


def why_unreadable(item: bytes | str) -> str:
    """Say what is wrong with something that lay in a queue and that Celery could not read."""
    try:
        message = json.loads(item)
    except (ValueError, RecursionError):
        return "it is no JSON"
    if not isinstance(message, dict) or not isinstance(message.get("properties"), dict):
        return "it has no envelope of Celery's"
    if message.get("content-type") != _JSON:
        return f"its content is {str(message.get('content-type'))[:60]!r}; only {_JSON} is read"
    headers = message.get("headers")
    task = headers.get("task") if isinstance(headers, dict) else None
    if task not in (CLEAN_CHUNK, ACCOUNT_JOB):
        return f"it asks for {str(task)[:60]!r}, which is no task of this release"
    return "its headers or its body cannot be read"


def _text(item: bytes | str) -> str:
    return item[:2_000].decode("utf-8", "replace") if isinstance(item, bytes) else item[:2_000]
