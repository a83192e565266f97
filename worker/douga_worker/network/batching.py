"""Sheets from many threads become batches of one shape, and one thread alone runs the network."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from douga_shared.recipe import Precision, Recipe

_log = logging.getLogger(__name__)


class LineCleaner(Protocol):
    """A loaded network, as seen from outside; see ``network.cleaner.Cleaner``."""

    batch_megapixels: float

    def clean(
        self, inks: list[NDArray[np.uint8]], strength: float, beat: Callable[[], None]
    ) -> list[NDArray[np.uint8]]:
        """Sheets of one shape in, as many line images out; calls ``beat`` whenever it has moved on.

        What ``beat`` raises must come out.
        """
        ...


CleanerFor = Callable[[Recipe], LineCleaner]
"""Gives the network that a recipe names."""


@dataclass(frozen=True, slots=True)
class CleanedSheet:
    """What the network made of one sheet."""

    lines: NDArray[np.uint8]
    """(H, W), 0 = paper, 255 = line."""
    seconds: float
    """This sheet's share of its batch's time."""


@dataclass(frozen=True, slots=True)
class BatchRun:
    """One pass of the network, for whoever watches."""

    recipe: Recipe
    sheet_count: int
    fill_ratio: float
    """Its pixels as a share of what a batch may hold; above 1 for a sheet that is larger."""
    seconds: float
    is_failed: bool
    """Nothing came of it; if it held several sheets, each is tried alone."""
    origins: tuple[object, ...]
    """What was said of its sheets when they came."""


@dataclass(frozen=True, slots=True)
class _Lot:
    """What sheets must have in common to share a batch."""

    network: str
    network_sha256: str
    precision: Precision
    strength: float
    shape: tuple[int, ...]


@dataclass(slots=True, eq=False)
class _Sheet:
    """One sheet that a thread waits for."""

    ink: NDArray[np.uint8]
    recipe: Recipe
    lot: _Lot
    origin: object = None
    cleaned: Future[CleanedSheet] = field(default_factory=Future)


def unwatched(run: BatchRun) -> None:
    """Nobody wants to know."""


class Batcher:
    """Runs networks in a thread of its own; any number of threads may ask it to clean a sheet.

    The oldest sheet always leads the next batch, and those that wait with it and are of its lot come
    along. Nobody lingers for a fuller batch: while the network is the bottleneck sheets pile up behind
    the running batch and fill the next one, and while it is not, a fuller batch would gain nothing.
    """

    def __init__(
        self,
        cleaner_for: CleanerFor,
        *,
        on_batch: Callable[[BatchRun], None] = unwatched,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the thread.

        Args:
            cleaner_for: gives the network of a recipe; called in the batcher's own thread only.
            on_batch: told of every pass, from that thread.
            clock: seconds that never go back.
        """
        self._cleaner_for = cleaner_for
        self._on_batch = on_batch
        self._clock = clock
        self._waiting: list[_Sheet] = []
        self._is_busy = False
        self._is_closed = False
        self._last_beat = clock()
        self._changed = threading.Condition()
        # A daemon: a network that hangs for ever must not keep a worker from ending.
        self._thread = threading.Thread(target=self._work, name="douga-network", daemon=True)
        self._thread.start()

    def clean(self, ink: NDArray[np.uint8], recipe: Recipe, origin: object = None) -> CleanedSheet:
        """Clean one sheet; blocks until its batch is through.

        Args:
            ink: (H, W) uint8, 0 = paper, at the network's working size.
            recipe: names the network, the strength and the precision.
            origin: whatever ``on_batch`` is to know of the sheet.

        Raises:
            FrameRejected: what the network said of this sheet when it was alone in its batch.
            CancelledError: the batcher was closed.
            Exception: whatever else the network, or loading it, raised; no fault of the sheet's.
        """
        lot = _Lot(recipe.network, recipe.network_sha256, recipe.precision, recipe.strength, ink.shape)
        sheet = _Sheet(ink, recipe, lot, origin)
        with self._changed:
            if self._is_closed:
                raise CancelledError
            if not self._waiting and not self._is_busy:
                self._last_beat = self._clock()
            self._waiting.append(sheet)
            self._changed.notify_all()
        return sheet.cleaned.result()

    def is_moving(self, limit_seconds: float) -> bool:
        """Whether the network has nothing to do, or has moved on within the last so many seconds."""
        with self._changed:
            is_idle = not self._waiting and not self._is_busy
            return is_idle or self._clock() - self._last_beat <= limit_seconds

    @property
    def waiting_count(self) -> int:
        """Sheets that wait for the network."""
        with self._changed:
            return len(self._waiting)

    def close(self) -> None:
        """Stop between two layers of the network; whoever waits for a sheet gets CancelledError.

        Waits a moment for the thread, but not for a network that hangs.
        """
        with self._changed:
            self._is_closed = True
            given_up, self._waiting = self._waiting, []
            self._changed.notify_all()
        for sheet in given_up:
            sheet.cleaned.set_exception(CancelledError())
        self._thread.join(timeout=5.0)

    def _work(self) -> None:
        while (lead := self._oldest()) is not None:
            self._clean_lot_of(lead)
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()

    def _oldest(self) -> _Sheet | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            if self._is_closed:
                return None
            self._is_busy = True
            return self._waiting.pop(0)

    def _clean_lot_of(self, lead: _Sheet) -> None:
        try:
            self._beat()
            cleaner = self._cleaner_for(lead.recipe)
        except Exception as fault:  # noqa: BLE001 - handed to whoever waits; the thread lives on
            lead.cleaned.set_exception(fault)
            return
        self._clean_batch(cleaner, [lead, *self._companions(lead, cleaner.batch_megapixels)])

    def _companions(self, lead: _Sheet, megapixels: float) -> list[_Sheet]:
        most = int(megapixels * 1e6 / max(1, lead.ink.size)) - 1
        with self._changed:
            alike = [sheet for sheet in self._waiting if sheet.lot == lead.lot][: max(0, most)]
            self._waiting = [sheet for sheet in self._waiting if sheet not in alike]
            return alike

    def _clean_batch(self, cleaner: LineCleaner, batch: list[_Sheet]) -> None:
        began = self._clock()
        try:
            self._beat()
            drawn = cleaner.clean([sheet.ink for sheet in batch], batch[0].lot.strength, self._beat)
        except Exception as fault:  # noqa: BLE001 - handed to whoever waits; the thread lives on
            self._tell(cleaner, batch, self._clock() - began, is_failed=True)
            if len(batch) == 1:
                batch[0].cleaned.set_exception(fault)
                return
            # Somebody in the batch is to blame; alone, each sheet answers for itself.
            for sheet in batch:
                self._clean_batch(cleaner, [sheet])
            return
        took = self._clock() - began
        self._tell(cleaner, batch, took, is_failed=False)
        for sheet, lines in zip(batch, drawn, strict=True):
            sheet.cleaned.set_result(CleanedSheet(lines, took / len(batch)))

    def _tell(self, cleaner: LineCleaner, batch: list[_Sheet], seconds: float, *, is_failed: bool) -> None:
        pixels = sum(sheet.ink.size for sheet in batch)
        run = BatchRun(
            recipe=batch[0].recipe,
            sheet_count=len(batch),
            fill_ratio=pixels / (cleaner.batch_megapixels * 1e6),
            seconds=seconds,
            is_failed=is_failed,
            origins=tuple(sheet.origin for sheet in batch),
        )
        try:
            self._on_batch(run)
        except Exception:  # noqa: BLE001 - whoever watches must not be able to stop the network's thread
            _log.exception("a fault of Douga's own while watching the network")

    def _beat(self) -> None:
        with self._changed:
            self._last_beat = self._clock()
            if self._is_closed:
                raise CancelledError
