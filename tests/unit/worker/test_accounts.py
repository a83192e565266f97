"""The account of a job is the sum of what lies in its destination."""

from __future__ import annotations

import msgspec
import pytest

from douga_shared import object_keys
from douga_shared.errors import ConfigurationError, InputMissing, Reason, StoreUnreachable
from douga_shared.job_store import MemoryJobStore
from douga_shared.jobs import Job, JobFrame, JobState, write_job, write_left_out, write_part
from douga_shared.manifest import Failure, FrameRecord, FrameState, LeftOut, Manifest, OutputRecord
from douga_shared.messages import Chunk
from douga_shared.object_store import MemoryStore
from douga_shared.recipe import Output, Recipe
from douga_worker import accounts
from douga_worker.accounts import AccountWorker, write_account
from douga_worker.outcome import Outcome
from douga_worker.patience import Patience

JOB = Job(
    job_id="cut-1",
    source="s3://studio/scan/",
    scans="s3://studio/scan/",
    drawings="s3://studio/clean/",
    recipe=Recipe(network="ink", network_sha256="0" * 64),
    outputs=(Output.PNG,),
    submitted_at=1.0,
)


@pytest.fixture
def drawings() -> MemoryStore:
    """A job of A1, A2 and A10: the first done, the second failed, the last waiting."""
    store = MemoryStore()
    write_job(store, JOB)
    frames = [JobFrame(index, f"A{number}.png", "e", 1) for index, number in enumerate((1, 10, 2))]
    write_part(store, JOB.job_id, 0, frames)
    _mark(store, object_keys.done_marker("A1"), _record(1, FrameState.DONE))
    failure = Failure(reason=Reason.DAMAGED, message="A2.png is damaged")
    failed = msgspec.structs.replace(_record(2, FrameState.FAILED), failure=failure)
    _mark(store, object_keys.failed_marker(JOB.job_id, 2), failed)
    return store


def _record(number: int, state: FrameState) -> FrameRecord:
    return FrameRecord(
        scan=f"A{number}.png",
        stem=f"A{number}",
        state=state,
        scan_etag="e",
        recipe_fingerprint=JOB.recipe.fingerprint,
        outputs={Output.PNG: (OutputRecord(object_key=f"A{number}.png", sha256="0", size_bytes=1),)},
        has_pictures=True,
    )


def _mark(store: MemoryStore, object_key: str, record: FrameRecord) -> None:
    store.write(object_key, msgspec.json.encode(record))


def _states(manifest: Manifest) -> dict[str, FrameState]:
    return {frame.stem: frame.state for frame in manifest.frames}


def test_every_frame_is_accounted_for_in_the_order_of_the_drawings(drawings: MemoryStore) -> None:
    """A2 before A10, and what nobody finished is waiting."""
    manifest = write_account(drawings, JOB.job_id).manifest
    expected = {"A1": FrameState.DONE, "A2": FrameState.FAILED, "A10": FrameState.WAITING}
    assert list(expected.items()) == list(_states(manifest).items())
    assert not manifest.is_complete
    for object_key in (object_keys.MANIFEST, object_keys.job_manifest(JOB.job_id)):
        assert manifest == msgspec.json.decode(drawings.read(object_key), type=Manifest)
    assert b"A2.png is damaged" in drawings.read(object_keys.REPORT_PAGE)


def test_what_is_no_frame_is_in_the_manifest(drawings: MemoryStore) -> None:
    """As on a single machine; a record of it that nobody can read costs no account."""
    left_out = (LeftOut(name="notes.txt", why="not a scan: .txt"),)
    write_left_out(drawings, JOB.job_id, left_out)
    assert left_out == write_account(drawings, JOB.job_id).manifest.left_out
    drawings.write(object_keys.job_left_out(JOB.job_id), b"{")
    assert () == write_account(drawings, JOB.job_id).manifest.left_out


def test_a_frame_done_after_it_failed_is_done(drawings: MemoryStore) -> None:
    """What counts is the drawing."""
    _mark(drawings, object_keys.done_marker("A2"), _record(2, FrameState.DONE))
    assert FrameState.DONE is _states(write_account(drawings, JOB.job_id).manifest)["A2"]


def test_a_drawing_by_another_recipe_does_not_count(drawings: MemoryStore) -> None:
    """Its marker is of a job that wrote to the same place."""
    other = msgspec.structs.replace(_record(1, FrameState.DONE), recipe_fingerprint="other")
    _mark(drawings, object_keys.done_marker("A1"), other)
    assert FrameState.WAITING is _states(write_account(drawings, JOB.job_id).manifest)["A1"]


def test_the_page_of_a_huge_job_shows_the_frames_that_need_eyes(
    drawings: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest still has them all."""
    monkeypatch.setattr(accounts, "REPORT_FRAMES", 2)
    manifest = write_account(drawings, JOB.job_id).manifest
    assert 3 == len(manifest.frames)
    page = drawings.read(object_keys.REPORT_PAGE)
    assert b"A2" in page
    assert b"A1.png" not in page.replace(b"A10.png", b"")


class _Sender:
    """Remembers which frames were sent again."""

    def __init__(self) -> None:
        self.scans: list[str] = []

    def send_chunk(self, chunk: Chunk, job: Job) -> None:
        self.scans += [frame.scan for frame in chunk.frames]


def _worker(
    store: MemoryStore,
    jobs: MemoryJobStore,
    sender: _Sender | None = None,
    patience: Patience | None = None,
) -> AccountWorker:
    def open_store(url: str) -> MemoryStore:
        if url != JOB.drawings:
            raise ConfigurationError(f"{url} is outside DOUGA_STORES")
        return store

    return AccountWorker(
        jobs=jobs,
        open_store=open_store,
        sender=sender or _Sender(),  # type: ignore[arg-type]
        patience=patience or Patience(60),
    )


def test_a_job_is_accounted_when_its_account_is_written(drawings: MemoryStore) -> None:
    """The job store is told last."""
    _mark(drawings, object_keys.done_marker("A10"), _record(10, FrameState.DONE))
    jobs = MemoryJobStore()
    jobs.open_job(JOB)
    message = {"job_id": JOB.job_id, "drawings": JOB.drawings}
    assert _worker(drawings, jobs).work(message) is Outcome.SETTLED
    standing = jobs.standing(JOB.job_id)
    assert standing is not None
    assert standing.is_accounted


def test_a_scan_retaken_while_the_old_one_was_in_the_works_is_sent_again(drawings: MemoryStore) -> None:
    """Its marker names the old content: the job is not over."""
    old = msgspec.structs.replace(_record(10, FrameState.DONE), scan_etag="old")
    _mark(drawings, object_keys.done_marker("A10"), old)
    jobs, sender = MemoryJobStore(), _Sender()
    jobs.open_job(JOB)
    jobs.extend(JOB.job_id, 3, is_listed=True)
    jobs.settle(JOB.job_id, [0, 1, 2], [])
    message = {"job_id": JOB.job_id, "drawings": JOB.drawings}
    assert _worker(drawings, jobs, sender).work(message) is Outcome.SETTLED
    assert ["A10.png"] == sender.scans
    standing = jobs.standing(JOB.job_id)
    assert standing is not None
    assert (2, False, False) == (standing.done, standing.is_complete, standing.is_accounted)


def test_frames_on_their_way_are_not_sent_again(drawings: MemoryStore) -> None:
    """The job was complete when the account was asked for, and has grown or is retried since."""
    jobs, sender = MemoryJobStore(), _Sender()
    jobs.open_job(JOB)
    jobs.extend(JOB.job_id, 3, is_listed=True)
    jobs.settle(JOB.job_id, [0, 2], [])
    message = {"job_id": JOB.job_id, "drawings": JOB.drawings}
    assert _worker(drawings, jobs, sender).work(message) is Outcome.SETTLED
    assert [] == sender.scans
    standing = jobs.standing(JOB.job_id)
    assert standing is not None
    assert not standing.is_accounted


def test_a_cancelled_job_is_accounted_for_as_it_is(drawings: MemoryStore) -> None:
    """Nothing is sent again that nobody wants."""
    jobs, sender = MemoryJobStore(), _Sender()
    jobs.open_job(JOB)
    jobs.set_state(JOB.job_id, JobState.CANCELLED)
    message = {"job_id": JOB.job_id, "drawings": JOB.drawings}
    assert _worker(drawings, jobs, sender).work(message) is Outcome.SETTLED
    assert [] == sender.scans


@pytest.mark.parametrize(
    "message",
    [
        None,
        {},
        {"job_id": "../x", "drawings": JOB.drawings},
        {"job_id": "nobody", "drawings": JOB.drawings},
        {"job_id": JOB.job_id, "drawings": "s3://elsewhere/"},
    ],
)
def test_a_message_that_asks_for_the_impossible_is_rejected(drawings: MemoryStore, message: object) -> None:
    """It is kept with its reason, and the worker lives."""
    jobs = MemoryJobStore()
    assert _worker(drawings, jobs).work(message) is Outcome.REJECTED
    assert 1 == len(jobs.rejected_messages())


def test_a_worker_that_is_to_stop_hands_the_account_back(
    drawings: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else writes it when the store is back."""

    def gone(*_: object) -> None:
        raise StoreUnreachable("gone")

    monkeypatch.setattr(drawings, "write", gone)
    jobs, patience = MemoryJobStore(), Patience(60)
    patience.end()
    message = {"job_id": JOB.job_id, "drawings": JOB.drawings}
    assert _worker(drawings, jobs, patience=patience).work(message) is Outcome.HANDED_BACK


def test_there_is_no_account_of_a_job_that_nobody_ordered() -> None:
    """Missing input, by name."""
    with pytest.raises(InputMissing, match="nobody"):
        write_account(MemoryStore(), "nobody")
