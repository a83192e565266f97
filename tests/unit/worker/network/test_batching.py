"""Sheets of many threads, one network: who shares a batch with whom, who goes first, who is to blame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from threading import Event, current_thread

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from douga_shared.errors import FrameRejected, Reason
from douga_shared.recipe import Recipe
from douga_worker.network.batching import Batcher, BatchRun, CleanedSheet

RECIPE = Recipe(network="ink", network_sha256="0" * 64)
OTHER_STRENGTH = msgspec.structs.replace(RECIPE, strength=0.9)
OTHER_NETWORK = msgspec.structs.replace(RECIPE, network_sha256="1" * 64)
LIMIT = 60.0


class Cleaner:
    """Gives back what it gets; holds the first batch until ``go`` is set, so that others pile up."""

    batch_megapixels = 0.0004

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        """Values of the sheets of each batch: every test gives its sheets values of their own."""
        self.strengths: list[float] = []
        self.threads: set[str] = set()
        self.has_begun = Event()
        self.go = Event()

    def clean(
        self, inks: list[NDArray[np.uint8]], strength: float, beat: Callable[[], None]
    ) -> list[NDArray[np.uint8]]:
        """Remember, wait, give back."""
        self.batches.append([int(ink.flat[0]) for ink in inks])
        self.strengths.append(strength)
        self.threads.add(current_thread().name)
        self.has_begun.set()
        assert self.go.wait(LIMIT)
        beat()
        self.check(inks)
        return [ink.copy() for ink in inks]

    def check(self, inks: list[NDArray[np.uint8]]) -> None:
        """For heirs that fail."""


class Crowd:
    """Threads that ask a batcher, in a known order."""

    def __init__(self, batcher: Batcher) -> None:
        self._batcher = batcher
        self._threads = ThreadPoolExecutor(16)

    def leads(self, cleaner: Cleaner, value: int = 1) -> Future[CleanedSheet]:
        """Ask for a first sheet, and wait until the network has it."""
        asked = self._ask(value, RECIPE, (10, 10))
        assert cleaner.has_begun.wait(LIMIT)
        return asked

    def follows(
        self, value: int, recipe: Recipe = RECIPE, shape: tuple[int, int] = (10, 10)
    ) -> Future[CleanedSheet]:
        """Ask for another sheet, and wait until it stands in line."""
        length = len(self._batcher._waiting)
        asked = self._ask(value, recipe, shape)
        with self._batcher._changed:
            assert self._batcher._changed.wait_for(lambda: len(self._batcher._waiting) > length, LIMIT)
        return asked

    def _ask(self, value: int, recipe: Recipe, shape: tuple[int, int]) -> Future[CleanedSheet]:
        return self._threads.submit(self._batcher.clean, np.full(shape, value, np.uint8), recipe)

    @contextmanager
    def closed_meanwhile(self, cleaner: Cleaner) -> Iterator[None]:
        """Close the batcher in another thread; the network goes on at the end of the block."""
        closed = self._threads.submit(self._batcher.close)
        yield
        cleaner.go.set()
        closed.result(LIMIT)

    def close(self) -> None:
        """Wait for all."""
        self._batcher.close()
        self._threads.shutdown()


@pytest.fixture
def cleaner() -> Cleaner:
    """A network that holds its first batch."""
    return Cleaner()


@pytest.fixture
def crowd(cleaner: Cleaner) -> Iterator[Crowd]:
    """Askers of that network."""
    with closing(Crowd(Batcher(lambda _: cleaner))) as opened:
        yield opened
        cleaner.go.set()


def test_every_asker_gets_its_own_sheet(crowd: Crowd, cleaner: Cleaner) -> None:
    """Batched or not; all by one thread."""
    asked = [crowd.leads(cleaner, 0), *(crowd.follows(value) for value in range(1, 12))]
    cleaner.go.set()
    assert list(range(12)) == [int(sheet.result(LIMIT).lines.flat[0]) for sheet in asked]
    assert {"douga-network"} == cleaner.threads


def test_what_waits_fills_the_next_batch_up_to_its_pixels(crowd: Crowd, cleaner: Cleaner) -> None:
    """Nobody waits for a batch to fill, so the first goes alone; no sheet too many comes along."""
    asked = [crowd.leads(cleaner, 0), *(crowd.follows(value) for value in range(1, 8))]
    cleaner.go.set()
    for sheet in asked:
        sheet.result(LIMIT)
    assert [[0], [1, 2, 3, 4], [5, 6, 7]] == cleaner.batches


def test_only_sheets_of_one_lot_share_a_batch_and_the_oldest_leads(crowd: Crowd, cleaner: Cleaner) -> None:
    """Shape, strength and network tell lots apart; nobody overtakes the oldest."""
    asked = [
        crowd.leads(cleaner, 0),
        crowd.follows(1, shape=(5, 20)),
        crowd.follows(2),
        crowd.follows(3, OTHER_STRENGTH),
        crowd.follows(4, shape=(5, 20)),
        crowd.follows(5, OTHER_NETWORK),
        crowd.follows(6),
    ]
    cleaner.go.set()
    for sheet in asked:
        sheet.result(LIMIT)
    assert [[0], [1, 4], [2, 6], [3], [5]] == cleaner.batches
    assert [0.5, 0.5, 0.5, 0.9, 0.5] == cleaner.strengths


def test_a_sheet_larger_than_a_batch_goes_alone(crowd: Crowd, cleaner: Cleaner) -> None:
    """The network tiles it."""
    asked = [crowd.leads(cleaner, 0), *(crowd.follows(value, shape=(50, 50)) for value in (1, 2))]
    cleaner.go.set()
    for sheet in asked:
        sheet.result(LIMIT)
    assert [[0], [1], [2]] == cleaner.batches


class CleanerThatFails(Cleaner):
    """Rejects sheets of value 3, and fails on those of value 4."""

    def check(self, inks: list[NDArray[np.uint8]]) -> None:
        """Fail if a bad one is among them."""
        values = [int(ink.flat[0]) for ink in inks]
        if 3 in values:
            raise FrameRejected(Reason.OUT_OF_MEMORY, "too large")
        if 4 in values:
            raise ZeroDivisionError


def test_a_failed_batch_is_run_again_sheet_by_sheet() -> None:
    """The guilty answer for themselves, with what was raised; the thread lives on."""
    cleaner = CleanerThatFails()
    with closing(Crowd(Batcher(lambda _: cleaner))) as crowd:
        first = crowd.leads(cleaner, 0)
        asked = [crowd.follows(value) for value in range(1, 7)]
        cleaner.go.set()
        errors = [type(sheet.exception(LIMIT)) for sheet in [first, *asked]]
    innocent = type(None)
    assert [innocent, innocent, innocent, FrameRejected, ZeroDivisionError, innocent, innocent] == errors


def test_whoever_watches_is_told_of_every_pass(cleaner: Cleaner) -> None:
    """What failed together and what each sheet did alone; a fault of the watcher's stops nobody."""
    runs: list[BatchRun] = []

    def watch(run: BatchRun) -> None:
        runs.append(run)
        raise ValueError("a fault of the watcher's")

    cleaner.go.set()
    batcher = Batcher(lambda _: cleaner, on_batch=watch)
    with closing(batcher):
        batcher.clean(np.zeros((10, 10), np.uint8), RECIPE, origin="a chunk")
        batcher.clean(np.zeros((20, 30), np.uint8), RECIPE)
    assert [(1, 0.25, False, ("a chunk",)), (1, 1.5, False, (None,))] == [
        (run.sheet_count, run.fill_ratio, run.is_failed, run.origins) for run in runs
    ]


def test_a_network_that_cannot_be_loaded_is_told_to_whoever_asked() -> None:
    """Others go on."""
    cleaner = Cleaner()
    cleaner.go.set()

    def cleaner_for(recipe: Recipe) -> Cleaner:
        if recipe == OTHER_NETWORK:
            raise FrameRejected(Reason.UNKNOWN_NETWORK, "not here")
        return cleaner

    with closing(Batcher(cleaner_for)) as batcher:
        sheet = np.zeros((10, 10), np.uint8)
        with pytest.raises(FrameRejected, match="not here"):
            batcher.clean(sheet, OTHER_NETWORK)
        assert 0 == batcher.clean(sheet, RECIPE).lines.max()


def test_it_moves_while_it_beats_or_has_nothing_to_do(cleaner: Cleaner) -> None:
    """A batch in which nothing happens for longer than the limit is a standstill, until the next beat."""
    now = [1000.0]
    batcher = Batcher(lambda _: cleaner, clock=lambda: now[0])
    with closing(Crowd(batcher)) as crowd:
        now[0] += 3600
        assert batcher.is_moving(10)
        asked = crowd.leads(cleaner)
        now[0] += 10
        assert batcher.is_moving(10)
        now[0] += 1
        assert not batcher.is_moving(10)
        batcher._beat()
        assert batcher.is_moving(10)
        now[0] += 3600
        cleaner.go.set()
        assert 3611 == asked.result(LIMIT).seconds
        # The thread says that it is idle after it has handed the sheet out.
        with batcher._changed:
            assert batcher._changed.wait_for(lambda: not batcher._is_busy, LIMIT)
        now[0] += 3600
        assert batcher.is_moving(10)


def test_closing_stops_at_the_next_beat_and_frees_whoever_waits(crowd: Crowd, cleaner: Cleaner) -> None:
    """The one in the network and those in line; and nobody is let in any more."""
    first, second = crowd.leads(cleaner), crowd.follows(2)
    with crowd.closed_meanwhile(cleaner):
        assert isinstance(second.exception(LIMIT), CancelledError)
        assert not first.done()
    assert isinstance(first.exception(LIMIT), CancelledError)
    with pytest.raises(CancelledError):
        crowd._batcher.clean(np.zeros((10, 10), np.uint8), RECIPE)
