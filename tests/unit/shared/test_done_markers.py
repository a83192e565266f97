"""What is finished, and what must be done again."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from douga_shared import object_keys
from douga_shared.discover import Frame, discover
from douga_shared.done_markers import is_finished, read_done_marker, write_done_marker
from douga_shared.errors import FrameRejected, Reason, StoreUnreachable
from douga_shared.manifest import FrameRecord, FrameState, OutputRecord
from douga_shared.object_store import MemoryStore
from douga_shared.object_store.protocol import ObjectInfo
from douga_shared.recipe import Output

SCAN = b"pixels"
PNG = b"drawing"
FINGERPRINT = "0123456789abcdef"


class Job:
    """One scan and its finished drawing, in stores that can be tampered with."""

    def __init__(self) -> None:
        self.scans = ReadingCounted({"A1.tga": SCAN})
        self.drawings = MemoryStore({"A1.png": PNG})
        self.record = FrameRecord(
            scan="A1.tga",
            stem="A1",
            state=FrameState.DONE,
            scan_sha256=hashlib.sha256(SCAN).hexdigest(),
            scan_etag=self.frame.info.etag,
            recipe_fingerprint=FINGERPRINT,
            outputs={Output.PNG: (OutputRecord(object_key="A1.png", sha256="", size_bytes=len(PNG)),)},
            has_pictures=True,
        )

    @property
    def frame(self) -> Frame:
        """The scan as discovery finds it now."""
        return discover(self.scans).frames[0]

    def is_finished(
        self,
        frame: Frame | None = None,
        *,
        fingerprint: str = FINGERPRINT,
        outputs: tuple[Output, ...] = (Output.PNG,),
        needs_pictures: bool = True,
    ) -> bool:
        """Ask after the record."""
        return is_finished(
            self.record,
            frame or self.frame,
            scans=self.scans,
            drawings=self.drawings,
            fingerprint=fingerprint,
            outputs=outputs,
            needs_pictures=needs_pictures,
        )

    def alter(self, **fields: object) -> None:
        """Change the record."""
        self.record = msgspec.structs.replace(self.record, **fields)


class ReadingCounted(MemoryStore):
    """A store that counts how often whole objects are read."""

    read_count = 0

    def read(self, object_key: str) -> bytes:
        """See ``ObjectStore``."""
        self.read_count += 1
        return super().read(object_key)


def with_etag(frame: Frame, etag: str) -> Frame:
    """The frame as a store sees it that gives other etags."""
    info = ObjectInfo(frame.info.object_key, frame.info.size_bytes, etag)
    return Frame(frame.frame_id, frame.scan, frame.stem, info)


def test_a_frame_is_finished_while_nothing_changes() -> None:
    """And to know it, its scan is not read."""
    job = Job()
    assert job.is_finished()
    assert 0 == job.scans.read_count


def test_a_scan_touched_but_not_changed_is_still_finished() -> None:
    """Another etag makes it be read, and its content decides."""
    job = Job()
    assert job.is_finished(with_etag(job.frame, "touched"))
    assert 1 == job.scans.read_count


def test_a_changed_scan_is_done_again() -> None:
    """A retake."""
    job = Job()
    job.scans.write("A1.tga", b"retake")
    assert not job.is_finished()


def test_a_scan_that_cannot_be_looked_at_is_not_finished() -> None:
    """No etag equals no etag, but it says nothing of the content."""
    job = Job()
    job.alter(scan_etag="", scan_sha256="of another")
    assert not job.is_finished(with_etag(job.frame, ""))


def test_a_scan_that_vanished_is_not_finished() -> None:
    """Doing it again gives the reason."""
    job = Job()
    frame = with_etag(job.frame, "new")
    job.scans.delete("A1.tga")
    assert not job.is_finished(frame)


def test_another_file_of_the_same_stem_is_done_again() -> None:
    """The record would name a scan that is not there."""
    job = Job()
    job.scans.delete("A1.tga")
    job.scans.write("A1.tpic", SCAN)
    assert not job.is_finished()


def test_another_recipe_is_done_again() -> None:
    """Its pixels may differ."""
    assert not Job().is_finished(fingerprint="fedcba9876543210")


def test_a_new_kind_of_output_is_done() -> None:
    """Fewer kinds than before are finished."""
    assert not Job().is_finished(outputs=(Output.PNG, Output.SVG))
    assert Job().is_finished(outputs=())


def test_a_drawing_that_is_gone_is_done_again() -> None:
    """Somebody tidied up."""
    job = Job()
    job.drawings.delete("A1.png")
    assert not job.is_finished()


def test_a_drawing_of_another_size_is_done_again() -> None:
    """Somebody wrote over it."""
    job = Job()
    job.drawings.write("A1.png", PNG + b"!")
    assert not job.is_finished()


def test_pictures_are_made_once_a_report_is_asked_for() -> None:
    """A run without report leaves none."""
    job = Job()
    job.alter(has_pictures=False)
    assert not job.is_finished()
    assert job.is_finished(needs_pictures=False)


@pytest.mark.parametrize("state", [FrameState.FAILED, FrameState.WAITING])
def test_only_a_done_frame_is_finished(state: FrameState) -> None:
    """A failed one gets another try."""
    job = Job()
    job.alter(state=state)
    assert not job.is_finished()


def test_a_marker_that_names_an_impossible_drawing_does_not_stop_the_job() -> None:
    """Markers lie in a folder where anybody can write."""
    job = Job()
    job.alter(outputs={Output.PNG: (OutputRecord(object_key="../../A1.png", sha256="", size_bytes=1),)})
    assert not job.is_finished()


def test_a_marker_of_an_older_release_is_no_marker() -> None:
    """It named one file an output; the frame is done anew."""
    job = Job()
    old = msgspec.to_builtins(job.record)
    old["outputs"] = {"png": {"object_key": "A1.png", "sha256": "", "size_bytes": len(PNG)}}
    job.drawings.write(object_keys.done_marker("A1"), msgspec.json.encode(old))
    assert read_done_marker(job.drawings, "A1") is None


def test_a_marker_comes_back_as_it_was_written() -> None:
    """Field by field."""
    job = Job()
    write_done_marker(job.drawings, job.record)
    assert job.record == read_done_marker(job.drawings, "A1")


def test_no_marker_is_no_record() -> None:
    """Most frames of a first run."""
    assert read_done_marker(MemoryStore(), "A1") is None


@given(st.binary() | st.just(b'{"scan":"\xff","stem":"A1","state":"done"}') | st.just(b"{}"))
def test_a_damaged_marker_is_no_record(damaged: bytes) -> None:
    """Whatever the bytes."""
    assert read_done_marker(MemoryStore({object_keys.done_marker("A1"): damaged}), "A1") is None


class Refusing(MemoryStore):
    """A store that raises what it is given."""

    def __init__(self, fault: Exception) -> None:
        super().__init__()
        self.fault = fault

    def stat(self, object_key: str) -> ObjectInfo | None:
        """Raise."""
        raise self.fault


def test_a_marker_that_may_not_be_read_is_no_record() -> None:
    """The frame is done again."""
    assert read_done_marker(Refusing(FrameRejected(Reason.UNREADABLE, "no")), "A1") is None


def test_a_store_that_does_not_answer_is_not_taken_for_an_empty_one() -> None:
    """Else a passing fault would have everything done again."""
    job = Job()
    job.drawings = Refusing(StoreUnreachable("away"))
    with pytest.raises(StoreUnreachable):
        read_done_marker(job.drawings, "A1")
    with pytest.raises(StoreUnreachable):
        job.is_finished()
