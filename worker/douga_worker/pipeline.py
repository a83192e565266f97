"""A frame's way from scan to drawing; the only place that knows the order of the steps.

::

    fetch ─▶ prepare ─▶ clean ────────▶ finish ─▶ write, then mark done
    thread   process    network thread  process   thread

Every frame has a thread that takes it the whole way, so all stages work at once on different frames and
no frame waits for another's arrival. How many frames, pixels and bytes are on the way at once is
bounded, so memory has a ceiling that does not depend on how many frames there are. A frame that fails
anywhere comes out with its reason; nobody waits for it and nobody else fails.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import TypeVar

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from douga_shared import object_keys
from douga_shared.discover import Frame
from douga_shared.done_markers import read_done_marker, write_done_marker
from douga_shared.errors import FrameRejected, Reason
from douga_shared.manifest import Failure, FrameRecord, FrameState, OutputRecord, Quality
from douga_shared.object_store.protocol import ObjectStore
from douga_shared.palette import is_layer_name
from douga_shared.recipe import Output, Recipe
from douga_worker.isolated import CallFailed, IsolatedProcesses
from douga_worker.network.batching import Batcher, BatchRun, CleanerFor, unwatched
from douga_worker.report.pictures import report_pictures
from douga_worker.report.roles import PictureRole
from douga_worker.report.stroke_picture import stroke_picture
from douga_worker.room import Room
from douga_worker.steps.finish_drawing import finish_drawing
from douga_worker.steps.prepare_scan import PreparedScan, prepare_scan
from douga_worker.steps.read_scan import stated_megapixels
from douga_worker.strokes.drawing_layers import colours_of

T = TypeVar("T")
_Outputs = dict[Output, tuple[OutputRecord, ...]]

MEGAPIXELS_IN_FLIGHT = 128.0
"""A pixel on its way takes some 5 bytes here; only sheets beyond A3 at 300 dpi ever come near this."""
SCAN_MEGABYTES_IN_FLIGHT = 256.0
_WARM_UP_PX = 64

_log = logging.getLogger(__name__)


class Dropped(CancelledError):
    """A frame was given up before it was written, because nobody wants it any more."""


@dataclass(frozen=True, slots=True)
class Instructions:
    """What to make of every frame."""

    recipe: Recipe
    outputs: tuple[Output, ...]
    has_pictures: bool = True
    """Make the report's pictures too."""
    max_megapixels: float = 400.0


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Order:
    """One frame to clean: where it lies, what to make of it, where that goes."""

    frame: Frame
    scans: ObjectStore
    drawings: ObjectStore
    instructions: Instructions
    object_key: str = ""
    """Where the scan lies in ``scans``, when that is not ``frame.scan``."""
    is_wanted: Callable[[], bool] = _always
    """Asked from other threads before each costly step; on False the frame is dropped."""
    is_alone: bool = False
    """It may kill whoever works on it: everything, the network too, is done in a process of its own."""
    origin: object = None
    """Comes out with the frame's batch."""


@dataclass(frozen=True, slots=True)
class _Finished:
    """What comes back from the process that finished a drawing: everything to be stored."""

    files: dict[Output, dict[str, bytes]]
    """Of every output its file, or one for each layer."""
    pictures: dict[PictureRole, bytes]
    quality: Quality
    seconds: dict[str, float]


@dataclass(slots=True)
class _Notes:
    """What is known of a frame so far; its record is made of it wherever its way ends."""

    order: Order
    worker: str
    scan_sha256: str = ""
    size_px: tuple[int, int] = (0, 0)
    """Width, height."""
    dpi: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Note how long the block takes."""
        began = time.perf_counter()
        yield
        self.seconds[step] = time.perf_counter() - began

    def record(self) -> FrameRecord:
        """The frame's record, not done yet."""
        frame = self.order.frame
        return FrameRecord(
            scan=frame.scan,
            stem=frame.stem,
            state=FrameState.WAITING,
            scan_sha256=self.scan_sha256,
            scan_etag=frame.info.etag,
            recipe_fingerprint=self.order.instructions.recipe.fingerprint,
            width_px=self.size_px[0],
            height_px=self.size_px[1],
            dpi=self.dpi,
            seconds={step: round(took, 4) for step, took in self.seconds.items()},
            worker=self.worker,
        )


class Pipeline:
    """Cleans frames, many at a time, of any jobs. Thread-safe.

    As a context manager it ends with ``close``, or with ``stop`` when an error comes through.
    """

    def __init__(
        self,
        *,
        processes: IsolatedProcesses,
        cleaner_for: CleanerFor,
        frames_in_flight: int,
        megapixels_in_flight: float = MEGAPIXELS_IN_FLIGHT,
        worker_name: str = "",
        on_batch: Callable[[BatchRun], None] = unwatched,
    ) -> None:
        """Start the network's thread.

        Args:
            processes: where scans are decoded and drawings finished; ``stop`` stops them too.
            cleaner_for: gives the network of a recipe; called in the network's thread only. It may
                raise FrameRejected (``unknown_network``). A frame ordered alone takes a pickled copy
                of it along into another process.
            frames_in_flight: so many frames are on their way at once; the others wait, not begun.
            megapixels_in_flight: and so many pixels of scans; a sheet that has more passes alone.
            worker_name: goes into every record.
            on_batch: told of every pass of the network, from its thread.
        """
        self._processes = processes
        self._cleaner_for = cleaner_for
        self._batcher = Batcher(cleaner_for, on_batch=on_batch)
        self._threads = ThreadPoolExecutor(frames_in_flight, thread_name_prefix="douga-frame")
        self.frames_in_flight = frames_in_flight
        self._scan_room = Room(SCAN_MEGABYTES_IN_FLIGHT)
        self._sheet_room = Room(megapixels_in_flight)
        self._worker_name = worker_name
        self._is_stopped = False

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self.stop()

    def submit(self, order: Order) -> Future[FrameRecord]:
        """Put a frame on its way; returns at once.

        ``cancel()`` of the future takes back a frame that is not begun. A done frame's outputs and done
        marker are stored before its record comes out; a rejected frame's record comes out as FAILED,
        with no marker.

        The future raises:
            StoreUnreachable: a store does not answer; the frame may be tried again.
            Dropped: nobody wants it any more; nothing of it is marked done.
            CancelledError: taken back, or the pipeline was stopped; nothing of it is marked done.
            Exception: the network failed though the sheet was alone in its batch: no fault of the
                frame's, and likely to hit the next one too.
        """
        return self._threads.submit(self._journey, order)

    def run(self, orders: Iterable[Order]) -> Generator[FrameRecord, None, None]:
        """Clean frames; yields the record of each as soon as it is settled, in no strict order.

        Orders are taken from the iterable no faster than they are worked on; dropped ones yield
        nothing. Closing the generator gives up the frames not begun and drops the others before they
        are written, those being written excepted: nothing is ever half written. It does not wait for
        them; ``close`` and ``stop`` do.

        Raises:
            StoreUnreachable: the store does not answer; what is settled stays settled.
        """
        closed = threading.Event()
        on_the_way: set[Future[FrameRecord]] = set()
        try:
            for order in orders:
                on_the_way.add(self.submit(_until(closed, order)))
                # One more than there are threads, so that none is idle while a record is looked at.
                if len(on_the_way) > self.frames_in_flight:
                    settled, on_the_way = wait(on_the_way, return_when=FIRST_COMPLETED)
                    yield from _records(settled)
            while on_the_way:
                settled, on_the_way = wait(on_the_way, return_when=FIRST_COMPLETED)
                yield from _records(settled)
        finally:
            closed.set()
            for frame in on_the_way:
                frame.cancel()

    def warm_up(self, recipe: Recipe) -> None:
        """Load the recipe's network and let it clean a tiny sheet; blocks.

        Raises:
            FrameRejected: ``unknown_network``, or this machine cannot run it.
            Exception: whatever else the network raised.
        """
        self._batcher.clean(np.zeros((_WARM_UP_PX, _WARM_UP_PX), np.uint8), recipe)

    @property
    def waiting_sheet_count(self) -> int:
        """Sheets that wait for the network."""
        return self._batcher.waiting_count

    def is_moving(self, limit_seconds: float) -> bool:
        """Whether the network is idle or has moved on within the last so many seconds."""
        return self._batcher.is_moving(limit_seconds)

    def close(self) -> None:
        """Wait until every frame submitted has come out, then stop the network's thread."""
        self._threads.shutdown(wait=True)
        self._batcher.close()

    def stop(self) -> None:
        """Give up frames not begun, drop the others where they are, and wait for those being written.

        Calls in other processes are killed and the network stops between two layers, so this takes
        about as long as the slowest store.
        """
        self._is_stopped = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._scan_room.close()
        self._sheet_room.close()
        self._processes.stop()
        self._batcher.close()
        self._threads.shutdown(wait=True)

    def _journey(self, order: Order) -> FrameRecord:
        notes = _Notes(order, self._worker_name)
        try:
            with self._scan_room.taken(order.frame.info.size_bytes / 1e6):
                finished = self._draw(order, notes)
            self._check_wanted(order)
            return _write(order, finished, notes)
        except FrameRejected as rejection:
            return failed(notes.record(), rejection)

    def _draw(self, order: Order, notes: _Notes) -> _Finished:
        """Everything from the scan's bytes to the drawing's; holds room for its pixels meanwhile."""
        scan, limit = order.frame.scan, order.instructions.max_megapixels
        self._check_wanted(order)
        with notes.timed("fetch"):
            data = order.scans.read(order.object_key or scan)
        notes.scan_sha256 = hashlib.sha256(data).hexdigest()
        megapixels = self._in_process(scan, partial(stated_megapixels, data, scan, limit))
        with self._sheet_room.taken(megapixels):
            if order.is_alone:
                return self._draw_alone(order, data, notes)
            palette = order.instructions.recipe.palette
            prepared = self._in_process(scan, partial(prepare_scan, data, scan, limit, palette))
            del data
            notes.size_px = (prepared.ink.shape[1], prepared.ink.shape[0])
            notes.dpi = prepared.dpi
            notes.seconds |= prepared.seconds
            self._check_wanted(order)
            lines = self._clean(order, prepared.working_ink, notes)
            finished = self._in_process(
                scan, partial(_finish, prepared, lines, order.frame.stem, order.instructions)
            )
        notes.seconds |= finished.seconds
        return finished

    def _draw_alone(self, order: Order, data: bytes, notes: _Notes) -> _Finished:
        """The same in one process, which is given up afterwards: the network it loaded is large."""
        call = partial(_draw_here, data, order.frame, order.instructions, self._cleaner_for)
        notes.size_px, notes.dpi, finished = self._in_process(order.frame.scan, call, is_kept=False)
        notes.seconds |= finished.seconds
        return finished

    def _clean(self, order: Order, ink: NDArray[np.uint8], notes: _Notes) -> NDArray[np.uint8]:
        try:
            cleaned = self._batcher.clean(ink, order.instructions.recipe, order.origin)
        except FrameRejected as rejection:
            # The network knows no names.
            raise FrameRejected(rejection.reason, f"{order.frame.scan}: {rejection.message}") from rejection
        notes.seconds["network"] = cleaned.seconds
        return cleaned.lines

    def _in_process(self, scan: str, call: Callable[[], T], *, is_kept: bool = True) -> T:
        """A step in another process; what nobody foresaw there is this frame's fate, not the run's."""
        try:
            return self._processes.run(scan, call, is_kept=is_kept)
        except CallFailed as fault:
            _log.exception("%s: a fault of Douga's own", scan, extra={"frame": scan})
            raise FrameRejected(
                Reason.INTERNAL,
                f"{scan}: {fault}; this is a fault of Douga's own, please report it with the scan",
            ) from fault

    def _check_wanted(self, order: Order) -> None:
        if self._is_stopped:
            raise CancelledError
        if not order.is_wanted():
            raise Dropped(f"{order.frame.scan} is not wanted any more")


def failed(record: FrameRecord, rejection: FrameRejected) -> FrameRecord:
    """The record of a frame that was rejected, with its reason."""
    failure = Failure(reason=rejection.reason, message=rejection.message)
    return msgspec.structs.replace(record, state=FrameState.FAILED, failure=failure)


def _until(closed: threading.Event, order: Order) -> Order:
    return replace(order, is_wanted=lambda: not closed.is_set() and order.is_wanted())


def _records(settled: Iterable[Future[FrameRecord]]) -> Iterator[FrameRecord]:
    for frame in settled:
        try:
            yield frame.result()
        except CancelledError:
            continue


def _write(order: Order, finished: _Finished, notes: _Notes) -> FrameRecord:
    """Outputs first, the done marker last: a crash in between costs work, never truth."""
    stem, drawings = order.frame.stem, order.drawings
    with notes.timed("write"):
        for role, picture in finished.pictures.items():
            drawings.write(role.object_key(stem), picture)
        for output, layers in finished.files.items():
            for layer, data in layers.items():
                drawings.write(object_keys.drawing(stem, output, layer), data)
    record = notes.record()
    written = {output: _files(stem, output, layers) for output, layers in finished.files.items()}
    record = msgspec.structs.replace(
        record,
        state=FrameState.DONE,
        outputs=_outputs(drawings, record, written),
        quality=finished.quality,
        has_pictures=bool(finished.pictures),
    )
    write_done_marker(drawings, record)
    return record


def _outputs(drawings: ObjectStore, record: FrameRecord, written: _Outputs) -> _Outputs:
    """All outputs that hold now: those written, and of an earlier run those of this scan and recipe."""
    earlier = read_done_marker(drawings, record.stem)
    if earlier is None:
        return written
    _delete_left_layers(drawings, earlier, written)
    now = (record.recipe_fingerprint, record.scan_sha256)
    if (earlier.recipe_fingerprint, earlier.scan_sha256) != now:
        return written
    kept = {
        output: files
        for output, files in earlier.outputs.items()
        if all(_is_stored(drawings, file) for file in files)
    }
    return kept | written


def _delete_left_layers(drawings: ObjectStore, earlier: FrameRecord, written: _Outputs) -> None:
    """A pencil that the retake has no more must not go on to paint with the drawings it has."""
    now = {file.object_key for files in written.values() for file in files}
    for output in written:
        for file in earlier.outputs.get(output, ()):
            # A marker can be forged; only what this frame draws is its to delete.
            is_own = file.object_key == object_keys.drawing(earlier.stem, output, file.layer)
            if file.layer and is_own and is_layer_name(file.layer) and file.object_key not in now:
                drawings.delete(file.object_key)


def _is_stored(drawings: ObjectStore, file: OutputRecord) -> bool:
    info = drawings.stat(file.object_key)
    return info is not None and info.size_bytes == file.size_bytes


def _finish(
    prepared: PreparedScan, coverage: NDArray[np.uint8], stem: str, instructions: Instructions
) -> _Finished:
    """Runs in another process: the pixels stay there, only what is stored comes back."""
    drawing = finish_drawing(
        prepared.ink,
        coverage,
        scan_inks=prepared.inks,
        title=stem,
        dpi=prepared.dpi,
        pencil_width_px=prepared.pencil_width_px,
        recipe=instructions.recipe,
        outputs=instructions.outputs,
    )
    seconds = drawing.seconds
    pictures: dict[PictureRole, bytes] = {}
    if instructions.has_pictures:
        began = time.perf_counter()
        size = (prepared.preview.shape[1], prepared.preview.shape[0])
        lines = cv2.resize(drawing.lines, size, interpolation=cv2.INTER_AREA)
        pictures = report_pictures(prepared.preview, np.asarray(lines, dtype=np.uint8))
        if drawing.strokes is not None:
            colours = colours_of(instructions.recipe.palette)
            pictures[PictureRole.STROKES] = stroke_picture(drawing.strokes, colours)
        seconds["picture"] = time.perf_counter() - began
    return _Finished(files=drawing.files, pictures=pictures, quality=drawing.quality, seconds=seconds)


def _draw_here(
    data: bytes, frame: Frame, instructions: Instructions, cleaner_for: CleanerFor
) -> tuple[tuple[int, int], float | None, _Finished]:
    """Runs in another process: the whole way of a frame that is to be alone; size, DPI and drawing."""
    recipe = instructions.recipe
    prepared = prepare_scan(data, frame.scan, instructions.max_megapixels, recipe.palette)
    began = time.perf_counter()
    (lines,) = cleaner_for(recipe).clean([prepared.working_ink], recipe.strength, _no_beat)
    seconds = {"network": time.perf_counter() - began}
    finished = _finish(prepared, lines, frame.stem, instructions)
    size_px = (prepared.ink.shape[1], prepared.ink.shape[0])
    return size_px, prepared.dpi, replace(finished, seconds=prepared.seconds | seconds | finished.seconds)


def _no_beat() -> None:
    """Nobody watches the network of a lonely process but the time it is given."""


def _files(stem: str, output: Output, layers: dict[str, bytes]) -> tuple[OutputRecord, ...]:
    return tuple(
        OutputRecord(
            object_key=object_keys.drawing(stem, output, layer),
            sha256=hashlib.sha256(data).hexdigest(),
            size_bytes=len(data),
            layer=layer,
        )
        for layer, data in layers.items()
    )
