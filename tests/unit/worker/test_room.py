"""Room for pixels: a ceiling, in turn, for threads."""

from __future__ import annotations

import math
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event, Thread

import pytest

from douga_worker.room import Room


class Guest:
    """A thread that takes a part of a room, and keeps it until told to leave."""

    def __init__(self, room: Room, amount: float) -> None:
        self.is_in = Event()
        self.leave = Event()
        self.end: Future[None] = Future()
        Thread(target=self._stay, args=(room, amount)).start()

    def _stay(self, room: Room, amount: float) -> None:
        try:
            with room.taken(amount):
                self.is_in.set()
                self.leave.wait(60)
        except CancelledError as turned_away:
            self.end.set_exception(turned_away)
        else:
            self.end.set_result(None)

    def goes(self) -> None:
        """Leave, and be gone."""
        self.leave.set()
        self.end.result(60)


def waits(room: Room, count: int) -> bool:
    """Whether so many threads come to stand in line."""
    with room._changed:
        return room._changed.wait_for(lambda: len(room._waiting) == count, 60)


def test_no_more_than_the_room_is_taken_at_once() -> None:
    """Many threads, small and large parts: the sum stays below the ceiling, and everybody gets in."""
    room, seen = Room(10), []

    def visit(amount: float) -> None:
        with room.taken(amount):
            seen.append(room._taken)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(visit, [1, 4, 9, 2, 10, 3] * 50))
    assert 300 == len(seen)
    assert max(seen) <= 10
    assert 0 == room._taken


def test_more_than_the_room_passes_alone() -> None:
    """It waits until the room is empty, and then fills it."""
    room = Room(10)
    small = Guest(room, 1)
    assert small.is_in.wait(60)
    huge = Guest(room, math.inf)
    assert waits(room, 1)
    assert not huge.is_in.is_set()
    small.goes()
    assert huge.is_in.wait(60)
    other = Guest(room, 0.1)
    assert waits(room, 1)
    assert not other.is_in.is_set()
    huge.goes()
    other.goes()


def test_more_than_the_room_passes_after_many_fractions() -> None:
    """Megapixels of real sheets do not add up to nothing when they are taken away again."""
    room = Room(128)
    visits = [room.taken(megapixels) for megapixels in (5.3, 27.8, 28.3, 29.9)]
    for visit in visits:
        visit.__enter__()
    for visit in visits:
        visit.__exit__(None, None, None)
    huge = Guest(room, math.inf)
    is_let_in = huge.is_in.wait(10)
    room.close()
    assert is_let_in
    huge.goes()


def test_the_large_is_not_starved_by_the_small() -> None:
    """Who comes after it waits behind it, though there would be room."""
    room = Room(10)
    first = Guest(room, 6)
    assert first.is_in.wait(60)
    large = Guest(room, 8)
    assert waits(room, 1)
    small = Guest(room, 1)
    assert waits(room, 2)
    assert not small.is_in.is_set()
    first.goes()
    assert large.is_in.wait(60)
    assert small.is_in.wait(60)
    large.goes()
    small.goes()


def test_an_error_inside_gives_the_room_back() -> None:
    """Whatever ends the block."""
    room = Room(1)
    with pytest.raises(ZeroDivisionError), room.taken(1):
        divmod(1, 0)
    with room.taken(1):
        pass


def test_closing_turns_away_who_waits_or_comes() -> None:
    """Who is inside stays."""
    room = Room(1)
    with ExitStack() as stack:
        stack.enter_context(room.taken(1))
        waiting = Guest(room, 1)
        assert waits(room, 1)
        room.close()
        with pytest.raises(CancelledError):
            waiting.end.result(60)
        with pytest.raises(CancelledError), room.taken(1):
            pass
