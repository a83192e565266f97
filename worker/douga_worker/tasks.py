"""Celery's entry: a message comes off the queue, and is acked, or goes back. Thin on purpose."""

from __future__ import annotations

import logging
from collections.abc import Callable

from celery import Celery
from celery.exceptions import Reject

from douga_shared.broker import ACCOUNT_JOB, CLEAN_CHUNK
from douga_worker.outcome import Outcome

_log = logging.getLogger(__name__)


def register_tasks(
    app: Celery, clean_chunk: Callable[[object], Outcome], account_job: Callable[[object], Outcome]
) -> None:
    """Give the tasks their functions, under the names that producers send to."""

    @app.task(name=CLEAN_CHUNK)
    def _clean_chunk(message: object = None, *_: object, **__: object) -> None:
        _answer(clean_chunk, message)

    @app.task(name=ACCOUNT_JOB)
    def _account_job(message: object = None, *_: object, **__: object) -> None:
        _answer(account_job, message)


def _answer(work: Callable[[object], Outcome], message: object) -> None:
    try:
        outcome = work(message)
    except Exception as fault:
        # An entry: whatever went wrong, the message must not be lost. Frames count their attempts, so
        # one that brings this about every time goes into quarantine and then to the dead letters.
        _log.exception("a fault of Douga's own; the chunk goes back to the queue")
        raise Reject(str(fault), requeue=True) from fault
    if outcome is Outcome.HANDED_BACK:
        raise Reject("the worker stops", requeue=True)
