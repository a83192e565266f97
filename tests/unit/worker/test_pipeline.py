"""The pipeline, whole but for the network: real steps in real processes, stores in memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from threading import Event, Semaphore
from typing import cast

import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.cleaning import RECIPE, InkCleaner, ink_cleaner_for, orders_of, pipeline_of, rough_png
from tests.scans import as_png, as_png_16bit, rough_drawing

from douga_shared.errors import FrameRejected, Reason, StoreUnreachable
from douga_shared.manifest import FrameRecord, FrameState
from douga_shared.object_store import MemoryStore
from douga_shared.recipe import Output, Recipe
from douga_worker.isolated import IsolatedProcesses
from douga_worker.network.batching import BatchRun
from douga_worker.pipeline import Dropped, Order, Pipeline


@pytest.fixture(scope="module")
def processes() -> Iterator[IsolatedProcesses]:
    """Two processes for all tests of this file: starting them is the slow part."""
    with IsolatedProcesses(2) as pool:
        yield pool


def run(
    processes: IsolatedProcesses,
    scans: MemoryStore,
    drawings: MemoryStore | None = None,
    cleaner: InkCleaner | None = None,
    *,
    max_megapixels: float = 400.0,
) -> dict[str, FrameRecord]:
    """Clean every object of a store; records by scan."""
    # An empty store is false.
    orders = orders_of(scans, MemoryStore() if drawings is None else drawings, max_megapixels=max_megapixels)
    with pipeline_of(processes, cleaner) as pipeline:
        return {record.scan: record for record in pipeline.run(orders)}


def test_a_frame_comes_out_with_its_drawings_and_a_done_marker(processes: IsolatedProcesses) -> None:
    """What the record names is in the store, of the stated size, and the marker repeats the record."""
    scans, drawings = MemoryStore({"A0001.png": rough_png()}), MemoryStore()
    record = run(processes, scans, drawings)["A0001.png"]
    assert record.state is FrameState.DONE
    assert {output: drawings.read(f"A0001.{output}") for output in ("png", "svg")}.keys() == set(
        record.outputs
    )
    for output in record.files:
        assert output.size_bytes == len(drawings.read(output.object_key))
    marker = msgspec.json.decode(drawings.read(".douga/done/A0001.json"), type=FrameRecord)
    assert marker == record
    assert (record.width_px, record.height_px, round(record.dpi or 0)) == (120, 90, 300)
    steps = {"fetch", "decode", "flatten", "network", "trace", "fit", "encode svg", "encode png"}
    assert steps <= record.seconds.keys()


def test_every_frame_comes_out_exactly_once(processes: IsolatedProcesses) -> None:
    """Sheets of three shapes, batched and reordered, none lost, none doubled."""
    sizes = [(120, 90), (90, 120), (64, 64)]
    scans = MemoryStore({f"A{n:04d}.png": rough_png(n, *sizes[n % 3]) for n in range(17)})
    with pipeline_of(processes) as pipeline:
        came_out = sorted(record.scan for record in pipeline.run(orders_of(scans, MemoryStore())))
    assert came_out == sorted(info.object_key for info in scans.list())


def test_a_bad_frame_fails_alone(processes: IsolatedProcesses) -> None:
    """Empty, broken and oversized scans have their reasons; their neighbours are done."""
    scans = MemoryStore(
        {
            "A0001.png": rough_png(1),
            "A0002.png": b"",
            "A0003.png": b"not an image at all",
            "A0004.png": rough_png(4)[:-300],
            "A0005.png": rough_png(5, 400, 300),
            "A0006.png": rough_png(6),
        }
    )
    records = run(processes, scans, max_megapixels=0.1)
    reasons = {name[:5]: record.failure.reason for name, record in records.items() if record.failure}
    assert reasons == {
        "A0002": Reason.EMPTY,
        "A0003": Reason.NOT_AN_IMAGE,
        "A0004": Reason.DAMAGED,
        "A0005": Reason.TOO_LARGE,
    }
    assert {"A0001.png", "A0006.png"} == {n for n, r in records.items() if r.state is FrameState.DONE}


def test_the_network_is_told_the_strength_of_the_recipe(processes: IsolatedProcesses) -> None:
    """Strength travels from the recipe to the network."""
    cleaner = InkCleaner()
    run(processes, MemoryStore({"A1.png": rough_png()}), cleaner=cleaner)
    assert cleaner.strengths == [RECIPE.strength]


class CleanerWithoutRoom(InkCleaner):
    """Has memory for one small sheet at a time."""

    def clean(
        self, inks: list[NDArray[np.uint8]], strength: float, beat: Callable[[], None]
    ) -> list[NDArray[np.uint8]]:
        """Reject what is too much."""
        if sum(ink.size for ink in inks) > 40_000:
            raise FrameRejected(Reason.OUT_OF_MEMORY, "too large")
        return super().clean(inks, strength, beat)


def test_only_the_culprit_of_a_rejected_batch_is_rejected(processes: IsolatedProcesses) -> None:
    """When a batch cannot be cleaned each of its frames is tried alone."""
    scans = MemoryStore(
        {f"A{n}.png": rough_png(1, 110, 90) for n in range(5)} | {"B1.png": rough_png(1, 900, 700)}
    )
    records = run(processes, scans, cleaner=CleanerWithoutRoom())
    failures = {name: record.failure.reason for name, record in records.items() if record.failure}
    assert failures == {"B1.png": Reason.OUT_OF_MEMORY}


class StoreThatRefuses(MemoryStore):
    """Refuses to store one drawing."""

    def write(self, object_key: str, data: bytes) -> None:
        """Fail as a full disk does, for one frame."""
        if object_key == "A0002.svg":
            raise FrameRejected(Reason.WRITE_FAILED, "A0002.svg: no space left; make room")
        super().write(object_key, data)


def test_a_frame_that_cannot_be_written_whole_is_not_marked_done(processes: IsolatedProcesses) -> None:
    """Its neighbours are; it has a reason and no marker."""
    drawings = StoreThatRefuses()
    records = run(processes, MemoryStore({f"A000{n}.png": rough_png(n) for n in (1, 2, 3)}), drawings)
    failure = records["A0002.png"].failure
    assert failure is not None
    assert failure.reason is Reason.WRITE_FAILED
    markers = sorted(info.object_key for info in drawings.list(".douga/"))
    assert markers == [".douga/done/A0001.json", ".douga/done/A0003.json"]


class StoreThatGoesAway(MemoryStore):
    """Stops answering after a few reads."""

    reads = 0

    def read(self, object_key: str) -> bytes:
        """Answer three times, then never again."""
        self.reads += 1
        if self.reads > 3:
            raise StoreUnreachable("the store does not answer")
        return super().read(object_key)


def test_a_store_that_goes_away_stops_the_run_instead_of_blaming_frames(processes: IsolatedProcesses) -> None:
    """Frames are not rejected for a fault of the store's."""
    scans = StoreThatGoesAway({f"A{n}.png": rough_png(n) for n in range(8)})
    settled: list[FrameRecord] = []
    with pipeline_of(processes) as pipeline, pytest.raises(StoreUnreachable):
        settled.extend(pipeline.run(orders_of(scans, MemoryStore())))
    assert all(record.state is FrameState.DONE for record in settled)


def test_closing_a_run_early_leaves_every_marked_frame_whole(processes: IsolatedProcesses) -> None:
    """Every done marker's outputs are there, of the recorded size."""
    scans = MemoryStore({f"A{n:04d}.png": rough_png(n) for n in range(12)})
    drawings = MemoryStore()
    with pipeline_of(processes, frames_in_flight=2) as pipeline:
        records = pipeline.run(orders_of(scans, drawings))
        next(records)
        records.close()
    markers = list(drawings.list(".douga/done/"))
    assert 1 <= len(markers) < 12
    for marker in markers:
        record = msgspec.json.decode(drawings.read(marker.object_key), type=FrameRecord)
        for output in record.files:
            assert output.size_bytes == len(drawings.read(output.object_key))


def test_the_same_drawing_comes_out_of_eight_and_of_sixteen_bits(processes: IsolatedProcesses) -> None:
    """Bit depth of the scan does not move a line."""
    page = rough_drawing(3)
    scans = MemoryStore({"A1.png": rough_png(3), "A2.png": as_png_16bit(page)})
    drawings = MemoryStore()
    run(processes, scans, drawings)
    assert drawings.read("A1.png") == drawings.read("A2.png")


def test_all_outputs_are_written(processes: IsolatedProcesses) -> None:
    """Every kind of drawing appears under its own name."""
    scans, drawings = MemoryStore({"A1.png": rough_png()}), MemoryStore()
    with pipeline_of(processes) as pipeline:
        list(pipeline.run(orders_of(scans, drawings, tuple(Output))))
    names = {info.object_key for info in drawings.list() if "/" not in info.object_key}
    whole = {"A1.png", "A1-alpha.png", "A1.tga", "A1.tif", "A1.svg", "A1.pdf", "A1.json"}
    assert whole | {"A1.black.svg", "A1.black.png"} == names


def test_outputs_of_an_earlier_run_with_the_same_recipe_stay_on_record(processes: IsolatedProcesses) -> None:
    """Asking for a TIFF today does not forget the SVG of yesterday, unless somebody deleted it."""
    scans, drawings = MemoryStore({"A1.png": rough_png()}), MemoryStore()
    run(processes, scans, drawings)
    drawings.delete("A1.png")
    with pipeline_of(processes) as pipeline:
        (record,) = pipeline.run(orders_of(scans, drawings, (Output.TIF,)))
    assert set(record.outputs) == {Output.SVG, Output.TIF}


def test_a_pencil_that_a_retake_has_no_more_leaves_no_layer_behind(processes: IsolatedProcesses) -> None:
    """Else the paint department would trace what the animator took out."""
    black = np.full((90, 120, 3), 255, np.uint8)
    cv2.line(black, (10, 20), (110, 30), (40, 40, 40), 3, cv2.LINE_AA)
    red = black.copy()
    cv2.line(red, (10, 70), (110, 60), (216, 64, 64), 3, cv2.LINE_AA)
    drawings = MemoryStore()
    found = []
    for pixels in (red, black):
        scans = MemoryStore({"A1.png": as_png(pixels)})
        with pipeline_of(processes) as pipeline:
            list(pipeline.run(orders_of(scans, drawings, (Output.SVG_LAYERS,))))
        found.append({info.object_key for info in drawings.list() if "/" not in info.object_key})
    assert [{"A1.black.svg", "A1.red.svg"}, {"A1.black.svg"}] == found


def test_a_forged_marker_makes_nothing_be_deleted(processes: IsolatedProcesses) -> None:
    """Only what this frame draws is its to take away."""
    scans, drawings = MemoryStore({"A1.png": rough_png()}), MemoryStore({"B1.red.svg": b"other"})
    with pipeline_of(processes) as pipeline:
        (record,) = pipeline.run(orders_of(scans, drawings, (Output.SVG_LAYERS,)))
    (black,) = record.outputs[Output.SVG_LAYERS]
    stolen = msgspec.structs.replace(black, object_key="B1.red.svg", layer="red")
    forged = msgspec.structs.replace(record, outputs={Output.SVG_LAYERS: (black, stolen)})
    drawings.write(".douga/done/A1.json", msgspec.json.encode(forged))
    with pipeline_of(processes) as pipeline:
        list(pipeline.run(orders_of(scans, drawings, (Output.SVG_LAYERS,))))
    assert b"other" == drawings.read("B1.red.svg")


class GatedStore(MemoryStore):
    """Hands scans out only once the gate is open; counts those who stand before it."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        super().__init__(objects)
        self.gate = Event()
        self.arrived = Semaphore(0)

    def read(self, object_key: str) -> bytes:
        """Wait at the gate."""
        self.arrived.release()
        assert self.gate.wait(60)
        return super().read(object_key)


def test_a_frame_not_begun_can_be_taken_back(processes: IsolatedProcesses) -> None:
    """Those begun come out; nothing is left of the others."""
    scans, drawings = GatedStore({f"A{n}.png": rough_png(n) for n in range(4)}), MemoryStore()
    with pipeline_of(processes, frames_in_flight=1) as pipeline:
        frames = [pipeline.submit(order) for order in orders_of(scans, drawings)]
        assert scans.arrived.acquire(timeout=60)
        assert [False, True, True, True] == [frame.cancel() for frame in frames]
        scans.gate.set()
    assert FrameState.DONE is frames[0].result().state
    assert [".douga/done/A0.json"] == [info.object_key for info in drawings.list(".douga/")]


@pytest.mark.parametrize("asked", [1, 2, 3], ids=["before", "at the network", "before writing"])
def test_a_frame_nobody_wants_any_more_is_dropped_unwritten(processes: IsolatedProcesses, asked: int) -> None:
    """Its job may be cancelled at any time; the network is spared if it can be."""
    scans, drawings, cleaner = MemoryStore({"A1.png": rough_png()}), MemoryStore(), InkCleaner()
    answers = iter([True] * (asked - 1) + [False])
    (order,) = orders_of(scans, drawings)
    with pipeline_of(processes, cleaner) as pipeline:
        frame = pipeline.submit(replace(order, is_wanted=lambda: next(answers)))
        assert isinstance(frame.exception(60), Dropped)
    assert [] == list(drawings.list())
    assert (asked == 3) == bool(cleaner.batches)


def test_a_store_that_is_away_concerns_its_own_frames(processes: IsolatedProcesses) -> None:
    """Frames of two jobs, from two stores, with two recipes, are on their way together."""
    away, there, drawings = StoreThatGoesAway({}), MemoryStore({"B1.png": rough_png()}), MemoryStore()
    away.reads = 3
    strong = msgspec.structs.replace(RECIPE, strength=0.9)
    (lost,) = orders_of(MemoryStore({"A1.png": b""}), drawings)
    (kept,) = orders_of(there, drawings, recipe=strong)
    with pipeline_of(processes) as pipeline:
        frames = pipeline.submit(replace(lost, scans=away)), pipeline.submit(kept)
        assert isinstance(frames[0].exception(60), StoreUnreachable)
        assert strong.fingerprint == frames[1].result(60).recipe_fingerprint


def test_a_scan_may_lie_under_another_name(processes: IsolatedProcesses) -> None:
    """Uploads are stored by content; the record and the drawings have the frame's name."""
    page = rough_png()
    (order,) = orders_of(MemoryStore({"A1.png": page}), MemoryStore())
    elsewhere = replace(order, scans=MemoryStore({"uploads/abc": page}), object_key="uploads/abc")
    with pipeline_of(processes) as pipeline:
        record = pipeline.submit(elsewhere).result(60)
    assert ("A1.png", "A1.svg") == (record.scan, record.outputs[Output.SVG][0].object_key)


def test_a_record_names_the_worker(processes: IsolatedProcesses) -> None:
    """Of done frames and of failed ones."""
    orders = orders_of(MemoryStore({"A1.png": rough_png(), "A2.png": b""}), MemoryStore())
    with Pipeline(
        processes=processes, cleaner_for=lambda _: InkCleaner(), frames_in_flight=2, worker_name="anna"
    ) as pipeline:
        assert ["anna", "anna"] == [record.worker for record in pipeline.run(orders)]


def test_a_fault_of_our_own_in_a_step_fails_that_frame(
    processes: IsolatedProcesses, caplog: pytest.LogCaptureFixture
) -> None:
    """It is named with the error, to be reported; the log has the whole story; its neighbours are done."""
    scans = MemoryStore({"A1.png": rough_png(1), "A2.png": rough_png(2)})
    good, bad = orders_of(scans, MemoryStore())
    impossible = replace(bad.instructions, outputs=(cast("Output", "gif"),))
    with pipeline_of(processes) as pipeline:
        records = [
            pipeline.submit(order).result(60) for order in (good, replace(bad, instructions=impossible))
        ]
    assert FrameState.DONE is records[0].state
    failure = records[1].failure
    assert failure is not None
    assert Reason.INTERNAL is failure.reason
    assert re.match(r"A2\.png: \w+Error: .* please report it", failure.message)
    assert "finish_drawing" in caplog.text


def test_a_network_that_is_not_here_fails_the_frame(processes: IsolatedProcesses) -> None:
    """With its reason, and the frame's name before it."""

    def cleaner_for(_: Recipe) -> InkCleaner:
        raise FrameRejected(Reason.UNKNOWN_NETWORK, "no network 'ink'")

    (order,) = orders_of(MemoryStore({"A1.png": rough_png()}), MemoryStore())
    with Pipeline(processes=processes, cleaner_for=cleaner_for, frames_in_flight=1) as pipeline:
        failure = pipeline.submit(order).result(60).failure
    assert failure is not None
    assert (Reason.UNKNOWN_NETWORK, "A1.png: no network 'ink'") == (failure.reason, failure.message)


def test_a_network_is_tried_on_a_tiny_sheet_before_there_is_work(processes: IsolatedProcesses) -> None:
    """So that a machine that cannot run it says so at once."""
    cleaner, seen = InkCleaner(), list[BatchRun]()
    with Pipeline(
        processes=processes, cleaner_for=lambda _: cleaner, frames_in_flight=1, on_batch=seen.append
    ) as pipeline:
        pipeline.warm_up(RECIPE)
        assert 0 == pipeline.waiting_sheet_count
    assert [[(64, 64)]] == cleaner.batches
    assert [1] == [run.sheet_count for run in seen]


class BrokenCleaner(InkCleaner):
    """A GPU that has fallen off the bus."""

    def clean(
        self, inks: list[NDArray[np.uint8]], strength: float, beat: Callable[[], None]
    ) -> list[NDArray[np.uint8]]:
        """Fail."""
        raise ZeroDivisionError


def test_a_network_that_fails_is_not_the_frames_fault(processes: IsolatedProcesses) -> None:
    """It comes out as it is, and the run ends with it."""
    orders = orders_of(MemoryStore({"A1.png": rough_png()}), MemoryStore())
    with pipeline_of(processes, BrokenCleaner()) as pipeline, pytest.raises(ZeroDivisionError):
        list(pipeline.run(orders))


def test_orders_are_taken_no_faster_than_they_are_worked_on(processes: IsolatedProcesses) -> None:
    """A job of a million frames is a million frames only on its way out."""
    taken = 0
    orders = orders_of(MemoryStore({f"A{n:02d}.png": rough_png(n) for n in range(20)}), MemoryStore())

    def counted() -> Iterator[Order]:
        nonlocal taken
        for order in orders:
            taken += 1
            yield order

    with pipeline_of(processes, frames_in_flight=3) as pipeline:
        for settled, _ in enumerate(pipeline.run(counted()), start=1):
            assert taken <= settled + 4


class CleanerThatHangs(InkCleaner):
    """Never comes back, but beats; tells when it has begun."""

    def __init__(self) -> None:
        super().__init__()
        self.has_begun = Event()

    def clean(
        self, inks: list[NDArray[np.uint8]], strength: float, beat: Callable[[], None]
    ) -> list[NDArray[np.uint8]]:
        """Beat for ever."""
        self.has_begun.set()
        while True:
            beat()


def test_stopping_ends_whatever_runs_and_marks_nothing() -> None:
    """A frame in the network, one at the store, and some not begun: none is done, none is dropped."""
    cleaner = CleanerThatHangs()
    scans, drawings = MemoryStore({f"A{n}.png": rough_png(n) for n in range(6)}), MemoryStore()
    gated = GatedStore({"B1.png": rough_png()})
    with IsolatedProcesses(1) as processes, pipeline_of(processes, cleaner, frames_in_flight=3) as pipeline:
        frames = [pipeline.submit(order) for order in orders_of(gated, drawings) + orders_of(scans, drawings)]
        assert gated.arrived.acquire(timeout=60)
        assert cleaner.has_begun.wait(60)
        with ThreadPoolExecutor(1) as other:
            stopped = other.submit(pipeline.stop)
            assert {CancelledError} == {type(frame.exception(60)) for frame in frames[1:3]}
            assert not stopped.done()
            gated.gate.set()
    for frame in frames:
        with pytest.raises(CancelledError) as end:
            frame.result(60)
        assert not isinstance(end.value, Dropped)
    assert [] == list(drawings.list())


def test_a_frame_drawn_alone_is_drawn_as_any_other(processes: IsolatedProcesses) -> None:
    """Its network works in a process of its own, but from the same recipe to the same pixels."""
    scans = MemoryStore({"A1.png": rough_png()})
    records = []
    for is_alone in (False, True):
        (order,) = orders_of(scans, MemoryStore())
        with Pipeline(processes=processes, cleaner_for=ink_cleaner_for, frames_in_flight=1) as pipeline:
            records.append(pipeline.submit(replace(order, is_alone=is_alone)).result(60))
    assert records[0].outputs == records[1].outputs
    assert records[0].quality == records[1].quality
    assert records[0].seconds.keys() == records[1].seconds.keys()
