"""Celery's entry: a message comes off the queue, and is acked, or goes back. Thin on purpose."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from celery import Celery
from celery.exceptions import Reject

from douga_shared.broker import ACCOUNT_JOB, CLEAN_CHUNK
from douga_shared.tracing import continued
from douga_worker.outcome import Outcome
from douga_worker.patience import Patience

if TYPE_CHECKING:
    # Generic in its types only.
    from celery import Task

MOST_FAULTS = 5
"""A worker that fails so often in a row is itself what is broken: it must not eat up the queue."""

_log = logging.getLogger(__name__)


class Tasks:
    """Answers messages, and notices when every answer is a fault of this worker's own."""

    def __init__(self, patience: Patience, give_up: Callable[[], None]) -> None:
        """``give_up`` is called once, when this worker fails at everything."""
        self._patience = patience
        self._give_up = give_up
        self._lock = threading.Lock()
        self._fault_count = 0

    def register(
        self, app: Celery, clean_chunk: Callable[[object], Outcome], account_job: Callable[[object], Outcome]
    ) -> None:
        """Give the tasks their functions, under the names that producers send to."""
        logging.getLogger("celery.app.trace").addFilter(_leave_out_traceback)

        @app.task(name=CLEAN_CHUNK, bind=True)
        def _clean_chunk(task: Task[Any, Any], /, message: object = None, *_: object, **__: object) -> None:
            with continued(task.request.headers):
                self.answer(clean_chunk, message)

        @app.task(name=ACCOUNT_JOB, bind=True)
        def _account_job(task: Task[Any, Any], /, message: object = None, *_: object, **__: object) -> None:
            with continued(task.request.headers):
                self.answer(account_job, message)

    def answer(self, work: Callable[[object], Outcome], message: object) -> None:
        """Work on a message; returning acks it.

        Raises:
            Reject: the message goes back to its queue.
        """
        try:
            outcome = work(message)
        except Exception as fault:
            # An entry: whatever went wrong, the message must not be lost. Frames count their attempts, so
            # one that brings this about every time goes into quarantine and then to the dead letters.
            _log.exception("a fault of Douga's own; the chunk goes back to the queue")
            self._count_fault()
            raise Reject(str(fault), requeue=True) from fault
        with self._lock:
            self._fault_count = 0
        if outcome is Outcome.HANDED_BACK:
            raise Reject("the worker stops", requeue=True)

    def _count_fault(self) -> None:
        with self._lock:
            self._fault_count += 1
            count = self._fault_count
        if count == MOST_FAULTS:
            _log.critical("%d faults in a row: this worker is broken and ends itself", count)
            self._give_up()
        self._patience.pause(count)


def _leave_out_traceback(record: logging.LogRecord) -> bool:
    """What goes back to the queue is no crash, but Celery shows it with a traceback."""
    if record.exc_info and isinstance(record.exc_info[1], Reject):
        record.exc_info = None
    return True
