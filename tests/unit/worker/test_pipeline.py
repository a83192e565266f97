"""The pipeline, whole but for the network: real steps in real processes, stores in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.cleaning import RECIPE, InkCleaner, orders_of, pipeline_of, rough_png
from tests.scans import as_png_16bit, rough_drawing

from douga_shared.errors import FrameRejected, Reason, StoreUnreachable
from douga_shared.manifest import FrameRecord, FrameState
from douga_shared.object_store import MemoryStore
from douga_shared.recipe import Output
from douga_worker.isolated import IsolatedProcesses


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
    for output in record.outputs.values():
        assert output.size_bytes == len(drawings.read(output.object_key))
    marker = msgspec.json.decode(drawings.read(".douga/done/A0001.json"), type=FrameRecord)
    assert marker == record
    assert (record.width_px, record.height_px, round(record.dpi or 0)) == (120, 90, 300)
    assert {"fetch", "decode", "flatten", "network", "vectorise", "encode png"} <= record.seconds.keys()


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


def test_sheets_of_one_shape_share_a_batch(processes: IsolatedProcesses) -> None:
    """A batch never mixes shapes and never exceeds its pixels."""
    cleaner = InkCleaner(batch_megapixels=0.05)
    scans = MemoryStore(
        {f"A{n:04d}.png": rough_png(1, *((120, 90) if n % 2 else (90, 120))) for n in range(12)}
    )
    run(processes, scans, cleaner=cleaner)
    assert all(len(set(batch)) == 1 for batch in cleaner.batches)
    assert any(len(batch) > 1 for batch in cleaner.batches)
    assert all(sum(h * w for h, w in batch) <= 0.05e6 for batch in cleaner.batches)


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
        for output in record.outputs.values():
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
    assert names == {"A1.png", "A1-alpha.png", "A1.tga", "A1.tif", "A1.svg"}


def test_outputs_of_an_earlier_run_with_the_same_recipe_stay_on_record(processes: IsolatedProcesses) -> None:
    """Asking for a TIFF today does not forget the SVG of yesterday, unless somebody deleted it."""
    scans, drawings = MemoryStore({"A1.png": rough_png()}), MemoryStore()
    run(processes, scans, drawings)
    drawings.delete("A1.png")
    with pipeline_of(processes) as pipeline:
        (record,) = pipeline.run(orders_of(scans, drawings, (Output.TIF,)))
    assert set(record.outputs) == {Output.SVG, Output.TIF}
