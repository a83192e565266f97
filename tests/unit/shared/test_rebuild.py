"""A job's standing made anew from the store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.jobs import JOB

from douga_shared import object_keys
from douga_shared.done_markers import write_done_marker
from douga_shared.errors import InputMissing, Reason
from douga_shared.job_store import MemoryJobStore, Standing
from douga_shared.jobs import PART_FRAMES, JobFrame, JobState, write_job, write_part
from douga_shared.manifest import Failure, FrameRecord, FrameState, OutputRecord
from douga_shared.object_store import MemoryStore, ObjectInfo
from douga_shared.rebuild import rebuild_job
from douga_shared.recipe import Output

JOB_ID = JOB.job_id


def _frame(index: int) -> JobFrame:
    return JobFrame(index=index, scan=f"sub/A{index:04d}.tga", etag=f"etag-{index}", size_bytes=1)


def _record(index: int, **changes: Any) -> FrameRecord:
    frame = _frame(index)
    record = FrameRecord(
        scan=frame.scan,
        stem=frame.stem,
        state=FrameState.DONE,
        scan_etag=frame.etag,
        recipe_fingerprint=JOB.recipe.fingerprint,
        outputs={kind: (OutputRecord(object_key="x", sha256="", size_bytes=1),) for kind in JOB.outputs},
        has_pictures=True,
    )
    return msgspec.structs.replace(record, **changes)


def _fail(store: MemoryStore, index: int, message: str = "it ends early; scan it again") -> None:
    record = _record(index, state=FrameState.FAILED, failure=Failure(reason=Reason.DAMAGED, message=message))
    store.write(object_keys.failed_marker(JOB_ID, index), msgspec.json.encode(record))


def _ordered(total: int) -> MemoryStore:
    store = MemoryStore()
    write_job(store, JOB)
    frames = [_frame(index) for index in range(total)]
    for part in range(total // PART_FRAMES + 1):
        write_part(store, JOB_ID, part, frames[part * PART_FRAMES : (part + 1) * PART_FRAMES])
    return store


def _counts(standing: Standing) -> tuple[int, int, int]:
    return standing.waiting, standing.done, standing.failed


def test_a_lost_job_stands_where_its_markers_say() -> None:
    """Done, failed with reason and words, and the rest waiting; a done marker wins."""
    store, jobs = _ordered(5), MemoryJobStore()
    for index in (0, 3):
        write_done_marker(store, _record(index))
    _fail(store, 1)
    _fail(store, 3)
    standing = rebuild_job(store, jobs, JOB_ID)
    assert (2, 2, 1) == _counts(standing)
    assert (JOB, JobState.RUNNING, 5, True) == (
        standing.job,
        standing.state,
        standing.total,
        standing.is_listed,
    )
    assert [2, 4] == list(jobs.unsettled(JOB_ID))
    (letter,) = jobs.dead_letters(JOB_ID)
    told = (letter.index, letter.scan, letter.reason, letter.message)
    assert (1, "sub/A0001.tga", Reason.DAMAGED, "it ends early; scan it again") == told


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe_fingerprint": "0" * 16},
        {"scan_etag": "another"},
        {"scan": "sub/A0000.png"},
        {"state": FrameState.WAITING},
        {"has_pictures": False},
        {"outputs": {Output.PNG: (OutputRecord(object_key="x", sha256="", size_bytes=1),)}},
    ],
)
def test_a_marker_of_other_work_finishes_nothing(changes: dict[str, Any]) -> None:
    """Another recipe, scan, kind of drawing: the frame is to be done."""
    store = _ordered(2)
    write_done_marker(store, _record(1))
    write_done_marker(store, _record(0, **changes))
    assert (1, 1, 0) == _counts(rebuild_job(store, MemoryJobStore(), JOB_ID))


def test_markers_that_nobody_can_read_count_for_nothing() -> None:
    """Neither done nor failed; names that are no index neither."""
    store = _ordered(3)
    store.write(object_keys.done_marker(_frame(0).stem), b"{")
    store.write(object_keys.failed_marker(JOB_ID, 1), b"\xff")
    store.write(f"{object_keys.failed_markers(JOB_ID)}notes.txt", msgspec.json.encode(_record(2)))
    _fail(store, 7)
    assert (3, 0, 0) == _counts(rebuild_job(store, MemoryJobStore(), JOB_ID))


@pytest.mark.parametrize("total", [0, 1, PART_FRAMES, PART_FRAMES + 1])
def test_a_list_that_ended_is_known_to_be_whole(total: int) -> None:
    """Its last part is not full, if need be empty."""
    standing = rebuild_job(_ordered(total), MemoryJobStore(), JOB_ID)
    assert (total, True) == (standing.total, standing.is_listed)


def test_a_list_that_broke_off_is_known_to_be_short() -> None:
    """The producer died after a full part: the job may not complete."""
    store = _ordered(PART_FRAMES)
    store.delete(object_keys.job_part(JOB_ID, 1))
    for index in range(PART_FRAMES):
        write_done_marker(store, _record(index))
    standing = rebuild_job(store, MemoryJobStore(), JOB_ID)
    assert (PART_FRAMES, False, False) == (standing.done, standing.is_listed, standing.is_complete)


def test_a_job_that_nobody_recorded_is_missing() -> None:
    """Nothing is made up."""
    jobs = MemoryJobStore()
    with pytest.raises(InputMissing, match=JOB_ID):
        rebuild_job(MemoryStore(), jobs, JOB_ID)
    assert () == jobs.job_ids()


def test_what_has_no_marker_is_taken_back() -> None:
    """Somebody threw drawings away: the store is right, and the user's state stays."""
    store, jobs = _ordered(4), MemoryJobStore()
    jobs.open_job(JOB)
    jobs.extend(JOB_ID, 4, is_listed=True)
    jobs.settle(JOB_ID, range(4), [])
    jobs.set_state(JOB_ID, JobState.PAUSED)
    write_done_marker(store, _record(2))
    standing = rebuild_job(store, jobs, JOB_ID)
    assert (3, 1, 0) == _counts(standing)
    assert (JobState.PAUSED, None) == (standing.state, standing.completed_at)


def test_what_workers_settle_while_the_store_is_read_is_kept() -> None:
    """Its marker was not there yet when the store was listed."""
    jobs = MemoryJobStore()

    class Overtaken(MemoryStore):
        def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
            found = super().list(prefix)
            jobs.settle(JOB_ID, [3], [])
            return found

    store = _ordered(4)
    write_done_marker(store, _record(0))
    overtaken = Overtaken({info.object_key: store.read(info.object_key) for info in store.list()})
    jobs.open_job(JOB)
    jobs.extend(JOB_ID, 4, is_listed=True)
    rebuild_job(overtaken, jobs, JOB_ID)
    assert [1, 2] == list(jobs.unsettled(JOB_ID))
