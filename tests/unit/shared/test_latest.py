"""One question for many who ask."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from douga_shared.latest import Latest


class Asked:
    """A question that counts how often it is asked, and its clock."""

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(self) -> int:
        self.count += 1
        count = self.count
        assert self.may_answer.wait(30)
        return count

    def latest(self, ask: Callable[[], int] | None = None, wait_seconds: float = 30) -> Latest[int]:
        """Ask it, and keep what it says for five seconds."""
        return Latest(ask or self, keep_seconds=5, wait_seconds=wait_seconds, clock=lambda: self.seconds)


def test_an_answer_is_kept_as_long_as_it_is_fresh() -> None:
    """Two probes within seconds are one question."""
    asked = Asked()
    latest = asked.latest()
    assert 1 == latest.get()
    asked.seconds = 4.9
    assert 1 == latest.get()
    asked.seconds = 5
    assert 2 == latest.get()


def test_all_who_ask_at_once_share_a_question() -> None:
    """Several Prometheus servers cost a queue no more than one."""
    asked = Asked()
    asked.may_answer.clear()
    latest = asked.latest()
    with ThreadPoolExecutor(8) as askers:
        answers = [askers.submit(latest.get) for _ in range(8)]
        asked.may_answer.set()
        assert {1} == {answer.result(30) for answer in answers}
    assert 1 == asked.count


def test_nobody_waits_for_a_server_that_is_silent() -> None:
    """And it is not asked again as long as it has not answered."""
    asked = Asked()
    asked.may_answer.clear()
    latest = asked.latest(wait_seconds=0.01)
    for _ in range(3):
        with pytest.raises(TimeoutError, match=r"no answer within 0\.01 s"):
            latest.get()
    assert 1 == asked.count
    asked.may_answer.set()


def test_what_goes_wrong_is_an_answer_too() -> None:
    """Kept like any other."""
    asked = Asked()

    def fail() -> int:
        asked.count += 1
        raise ConnectionError("gone")

    latest = asked.latest(fail)
    for _ in range(2):
        with pytest.raises(ConnectionError, match="gone"):
            latest.get()
    assert 1 == asked.count
