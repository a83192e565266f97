"""A message is acked or goes back; a worker that fails at everything ends itself."""

from __future__ import annotations

import pytest
from celery.exceptions import Reject

from douga_worker.outcome import Outcome
from douga_worker.patience import Patience
from douga_worker.tasks import MOST_FAULTS, Tasks


class _Patience(Patience):
    """Never waits."""

    def __init__(self) -> None:
        super().__init__(60)
        self.pauses: list[int] = []

    def pause(self, count: int) -> None:
        self.pauses.append(count)


def _fail(_: object) -> Outcome:
    raise ZeroDivisionError


@pytest.fixture
def ends() -> list[str]:
    """What the worker was told about its end."""
    return []


@pytest.fixture
def tasks(ends: list[str]) -> Tasks:
    """Tasks of a worker that notes its end."""
    return Tasks(_Patience(), give_up=lambda: ends.append("broken"))


@pytest.mark.parametrize("outcome", [Outcome.SETTLED, Outcome.REJECTED])
def test_a_message_that_is_done_with_is_acked(tasks: Tasks, outcome: Outcome) -> None:
    """Returning is acking."""
    tasks.answer(lambda _: outcome, "message")


def test_a_message_handed_back_goes_to_its_queue(tasks: Tasks) -> None:
    """Somebody else takes it."""
    with pytest.raises(Reject) as rejected:
        tasks.answer(lambda _: Outcome.HANDED_BACK, "message")
    assert rejected.value.args[1]


def test_a_message_that_meets_a_fault_goes_to_its_queue(tasks: Tasks, ends: list[str]) -> None:
    """It is not lost, and this worker waits a moment before it takes the next."""
    with pytest.raises(Reject) as rejected:
        tasks.answer(_fail, "message")
    assert rejected.value.args[1]
    assert [] == ends


def test_a_worker_that_fails_at_everything_ends_itself_once(tasks: Tasks, ends: list[str]) -> None:
    """It must not eat up the queue while the others work."""
    for _ in range(MOST_FAULTS + 2):
        with pytest.raises(Reject):
            tasks.answer(_fail, "message")
    assert ["broken"] == ends


def test_a_worker_that_fails_now_and_then_goes_on(tasks: Tasks, ends: list[str]) -> None:
    """One good answer and the count begins anew."""
    for _ in range(3):
        for _ in range(MOST_FAULTS - 1):
            with pytest.raises(Reject):
                tasks.answer(_fail, "message")
        tasks.answer(lambda _: Outcome.SETTLED, "message")
    assert [] == ends
