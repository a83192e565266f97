"""How a worker waits, and when it stops waiting."""

from __future__ import annotations

import pytest

from douga_shared.errors import QueueUnreachable, StoreUnreachable
from douga_worker.patience import LONGEST_PAUSE_SECONDS, Patience, Stopped


class _Waits:
    """In place of the event: remembers how long it would have waited."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.is_stopping = False

    def wait(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        return self.is_stopping

    def is_set(self) -> bool:
        return self.is_stopping

    def set(self) -> None:
        self.is_stopping = True


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> _Waits:
    """Every Patience made in the test waits here."""
    waits = _Waits()
    monkeypatch.setattr("douga_worker.patience.threading.Event", lambda: waits)
    return waits


def test_it_insists_until_there_is_an_answer(waits: _Waits) -> None:
    """Waiting longer each time, but never long after the other side is back."""
    faults = iter([QueueUnreachable("gone"), StoreUnreachable("gone")] * 4)

    def ask() -> str:
        if fault := next(faults, None):
            raise fault
        return "answer"

    assert "answer" == Patience(60).insist(ask)
    assert [1, 2, 4, 8, *[LONGEST_PAUSE_SECONDS] * 4] == waits.seconds


def test_a_worker_that_is_to_stop_asks_once_and_gives_up(waits: _Waits) -> None:
    """So that a drain does not hang on a server that is gone."""
    asked = []

    def ask() -> None:
        asked.append(1)
        raise QueueUnreachable("gone")

    patience = Patience(60)
    patience.end()
    with pytest.raises(Stopped, match="gone"):
        patience.insist(ask)
    assert [1] == asked
    assert [] == waits.seconds


def test_any_other_error_comes_out_at_once(waits: _Waits) -> None:
    """Only what may pass is waited for."""
    with pytest.raises(ValueError, match="wrong"):
        Patience(60).insist(lambda: _raise(ValueError("wrong")))
    assert [] == waits.seconds


def _raise(fault: Exception) -> None:
    raise fault


def test_the_grace_period_begins_when_the_worker_is_told_to_stop() -> None:
    """And is over after so many seconds; being told twice does not prolong it."""
    patience = Patience(0)
    assert (False, False) == (patience.is_ending, patience.is_over)
    patience.end()
    patience.end()
    assert (True, True) == (patience.is_ending, patience.is_over)
    patience = Patience(60)
    patience.end()
    assert (True, False) == (patience.is_ending, patience.is_over)
