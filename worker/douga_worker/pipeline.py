"""A frame's way from scan to drawing; the only place that knows the order of the steps.

::

    fetch ─▶ prepare ─▶ (batch by shape) ─▶ clean ─▶ finish ─▶ write, then mark done
    thread   process                        network   process   thread

Every arrow is a bounded look-ahead, so that all stages work at once on different frames while memory
has a ceiling that does not depend on how many frames there are. A frame that fails anywhere comes out
at the end with its reason; nobody waits for it and nobody else fails.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from douga_shared import object_keys
from douga_shared.discover import Frame
from douga_shared.done_markers import read_done_marker, write_done_marker
from douga_shared.errors import FrameRejected
from douga_shared.manifest import Failure, FrameRecord, FrameState, OutputRecord, Quality
from douga_shared.object_store.protocol import ObjectStore
from douga_shared.recipe import Output, Recipe
from douga_worker.isolated import IsolatedProcesses, Work
from douga_worker.report.pictures import report_pictures
from douga_worker.report.roles import PictureRole
from douga_worker.steps.finish_drawing import finish_drawing
from douga_worker.steps.prepare_scan import PreparedScan, prepare_scan

R = TypeVar("R")


class LineCleaner(Protocol):
    """The network, as the pipeline sees it; see ``network.cleaner.Cleaner``."""

    batch_megapixels: float

    def clean(self, inks: list[NDArray[np.uint8]], strength: float) -> list[NDArray[np.uint8]]:
        """Sheets of one shape in, as many line images out."""
        ...


@dataclass(frozen=True, slots=True)
class Instructions:
    """What to make of every frame."""

    recipe: Recipe
    outputs: tuple[Output, ...]
    has_pictures: bool = True
    """Make the report's pictures too."""
    max_megapixels: float = 400.0


@dataclass(frozen=True, slots=True)
class _Finished:
    """What comes back from the process that finished a drawing: everything to be stored."""

    files: dict[Output, bytes]
    pictures: dict[PictureRole, bytes]
    quality: Quality
    seconds: dict[str, float]


@dataclass(slots=True)
class _Passage:
    """One frame on its way; each stage fills in what the next one needs and drops what none does."""

    frame: Frame
    rejection: FrameRejected | None = None
    scan_sha256: str = ""
    data: bytes = b""
    prepared: PreparedScan | None = None
    coverage: NDArray[np.uint8] | None = None
    finished: _Finished | None = None
    size_px: tuple[int, int] = (0, 0)
    """Width, height."""
    dpi: float | None = None
    outputs: dict[Output, OutputRecord] = field(default_factory=dict)
    """What is stored, also by an earlier run of the same recipe that wrote other outputs."""
    seconds: dict[str, float] = field(default_factory=dict)


class Pipeline:
    """Cleans frames of one job, many at a time."""

    def __init__(
        self,
        *,
        scans: ObjectStore,
        drawings: ObjectStore,
        cleaner: LineCleaner,
        processes: IsolatedProcesses,
        process_count: int,
        instructions: Instructions,
    ) -> None:
        self._scans = scans
        self._drawings = drawings
        self._cleaner = cleaner
        self._processes = processes
        self._ahead = process_count + 1
        self._instructions = instructions

    def run(self, frames: Iterable[Frame]) -> Generator[FrameRecord, None, None]:
        """Clean frames; yields the record of each as soon as it is settled, not strictly in order.

        A done frame's outputs and done marker are stored before its record comes out. Closing the
        generator stops after the frames being written; nothing is ever half written.

        Raises:
            StoreUnreachable: the store does not answer; what is settled stays settled.
        """
        with ThreadPoolExecutor(2 * self._ahead, thread_name_prefix="douga-store") as threads:
            passages = map(_Passage, frames)
            fetched = self._in_threads(threads, self._fetch, passages)
            prepared = self._in_processes(self._start_preparing, self._take_prepared, fetched)
            cleaned = self._clean(prepared)
            finished = self._in_processes(self._start_finishing, self._take_finished, cleaned)
            yield from (self._record(passage) for passage in self._in_threads(threads, self._write, finished))

    def _fetch(self, passage: _Passage) -> None:
        began = time.perf_counter()
        passage.data = self._scans.read(passage.frame.scan)
        passage.scan_sha256 = hashlib.sha256(passage.data).hexdigest()
        passage.seconds["fetch"] = time.perf_counter() - began

    def _start_preparing(self, passage: _Passage) -> Work[PreparedScan]:
        limit = self._instructions.max_megapixels
        call = partial(prepare_scan, passage.data, passage.frame.scan, limit)
        passage.data = b""
        return self._processes.submit(passage.frame.scan, call)

    def _take_prepared(self, passage: _Passage, prepared: PreparedScan) -> None:
        passage.prepared = prepared
        passage.size_px = (prepared.ink.shape[1], prepared.ink.shape[0])
        passage.dpi = prepared.dpi
        passage.seconds |= prepared.seconds

    def _clean(self, passages: Iterable[_Passage]) -> Iterator[_Passage]:
        for batch in _batches(passages, self._cleaner.batch_megapixels):
            if batch[0].rejection is None:
                self._clean_batch(batch)
            yield from batch

    def _clean_batch(self, batch: list[_Passage]) -> None:
        began = time.perf_counter()
        inks = [passage.prepared.working_ink for passage in batch if passage.prepared]
        try:
            drawn = self._cleaner.clean(inks, self._instructions.recipe.strength)
        except FrameRejected as rejection:
            if len(batch) == 1:
                named = f"{batch[0].frame.scan}: {rejection.message}"
                batch[0].rejection = FrameRejected(rejection.reason, named)
                return
            # Somebody in the batch is to blame; alone, each frame answers for itself.
            for passage in batch:
                self._clean_batch([passage])
            return
        seconds = (time.perf_counter() - began) / len(batch)
        for passage, coverage in zip(batch, drawn, strict=True):
            passage.coverage = coverage
            passage.seconds["network"] = seconds

    def _start_finishing(self, passage: _Passage) -> Work[_Finished]:
        assert passage.prepared is not None
        assert passage.coverage is not None
        call = partial(_finish, passage.prepared, passage.coverage, passage.frame.stem, self._instructions)
        passage.prepared = passage.coverage = None
        return self._processes.submit(passage.frame.scan, call)

    def _take_finished(self, passage: _Passage, finished: _Finished) -> None:
        passage.finished = finished
        passage.seconds |= finished.seconds

    def _write(self, passage: _Passage) -> None:
        """Outputs first, the done marker last: a crash in between costs work, never truth."""
        assert passage.finished is not None
        began = time.perf_counter()
        stem = passage.frame.stem
        for role, picture in passage.finished.pictures.items():
            self._drawings.write(role.object_key(stem), picture)
        for output, data in passage.finished.files.items():
            self._drawings.write(object_keys.drawing(stem, output), data)
        passage.seconds["write"] = time.perf_counter() - began
        written = {kind: _output(stem, kind, data) for kind, data in passage.finished.files.items()}
        passage.outputs = self._kept_outputs(passage) | written
        write_done_marker(self._drawings, self._record(passage))

    def _kept_outputs(self, passage: _Passage) -> dict[Output, OutputRecord]:
        """Outputs of an earlier run that still hold: same scan, same recipe, and the file is there."""
        earlier = read_done_marker(self._drawings, passage.frame.stem)
        now = (self._instructions.recipe.fingerprint, passage.scan_sha256)
        if earlier is None or (earlier.recipe_fingerprint, earlier.scan_sha256) != now:
            return {}
        stored = {kind: self._drawings.stat(output.object_key) for kind, output in earlier.outputs.items()}
        return {
            kind: output
            for kind, output in earlier.outputs.items()
            if (info := stored[kind]) is not None and info.size_bytes == output.size_bytes
        }

    def _record(self, passage: _Passage) -> FrameRecord:
        frame, seconds = passage.frame, {step: round(took, 4) for step, took in passage.seconds.items()}
        record = FrameRecord(
            scan=frame.scan,
            stem=frame.stem,
            state=FrameState.FAILED,
            scan_sha256=passage.scan_sha256,
            scan_etag=frame.info.etag,
            recipe_fingerprint=self._instructions.recipe.fingerprint,
            width_px=passage.size_px[0],
            height_px=passage.size_px[1],
            dpi=passage.dpi,
            seconds=seconds,
        )
        if passage.rejection is not None:
            return failed(record, passage.rejection)
        assert passage.finished is not None
        return msgspec.structs.replace(
            record,
            state=FrameState.DONE,
            outputs=passage.outputs,
            quality=passage.finished.quality,
            has_pictures=bool(passage.finished.pictures),
        )

    def _in_threads(
        self, threads: ThreadPoolExecutor, step: Callable[[_Passage], None], passages: Iterable[_Passage]
    ) -> Iterator[_Passage]:
        def wait(_: _Passage, work: Future[None]) -> None:
            work.result()

        return _look_ahead(passages, self._ahead, lambda passage: threads.submit(step, passage), wait)

    def _in_processes(
        self,
        start: Callable[[_Passage], Work[R]],
        take: Callable[[_Passage, R], None],
        passages: Iterable[_Passage],
    ) -> Iterator[_Passage]:
        def wait(passage: _Passage, work: Work[R]) -> None:
            take(passage, self._processes.result(work))

        return _look_ahead(passages, self._ahead, start, wait)


def failed(record: FrameRecord, rejection: FrameRejected) -> FrameRecord:
    """The record of a frame that was rejected, with its reason."""
    failure = Failure(reason=rejection.reason, message=rejection.message)
    return msgspec.structs.replace(record, state=FrameState.FAILED, failure=failure)


def _look_ahead(
    passages: Iterable[_Passage],
    ahead: int,
    start: Callable[[_Passage], R],
    wait: Callable[[_Passage, R], None],
) -> Iterator[_Passage]:
    """Keep ``ahead`` pieces of work running; a passage rejected before or here passes through in its turn."""
    running: deque[tuple[_Passage, R | None]] = deque()
    for passage in passages:
        running.append((passage, None if passage.rejection else start(passage)))
        if len(running) > ahead:
            yield _await(*running.popleft(), wait)
    while running:
        yield _await(*running.popleft(), wait)


def _await(passage: _Passage, work: R | None, wait: Callable[[_Passage, R], None]) -> _Passage:
    if work is not None:
        try:
            wait(passage, work)
        except FrameRejected as rejection:
            passage.rejection = rejection
    return passage


def _batches(passages: Iterable[_Passage], megapixels: float) -> Iterator[list[_Passage]]:
    """Gather sheets of one shape until a batch is full; no more than two batches' pixels ever wait."""
    waiting: dict[tuple[int, ...], list[_Passage]] = {}
    waiting_pixels = 0
    for passage in passages:
        if passage.prepared is None:
            yield [passage]
            continue
        ink = passage.prepared.working_ink
        group = waiting.setdefault(ink.shape, [])
        group.append(passage)
        waiting_pixels += ink.size
        if (len(group) + 1) * ink.size > megapixels * 1e6:
            waiting_pixels -= len(group) * ink.size
            yield waiting.pop(ink.shape)
        while waiting_pixels > 2 * megapixels * 1e6:
            shape, oldest = next(iter(waiting.items()))
            waiting_pixels -= len(oldest) * shape[0] * shape[1]
            yield waiting.pop(shape)
    yield from waiting.values()


def _finish(
    prepared: PreparedScan, coverage: NDArray[np.uint8], stem: str, instructions: Instructions
) -> _Finished:
    """Runs in another process: the pixels stay there, only what is stored comes back."""
    drawing = finish_drawing(
        prepared.ink,
        coverage,
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
        seconds["picture"] = time.perf_counter() - began
    return _Finished(files=drawing.files, pictures=pictures, quality=drawing.quality, seconds=seconds)


def _output(stem: str, output: Output, data: bytes) -> OutputRecord:
    return OutputRecord(
        object_key=object_keys.drawing(stem, output),
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
    )
