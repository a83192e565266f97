"""Duplicates, partitions, cancelled and paused jobs, full disks: counts stay exact, neighbours are done."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.farm import FarmOfTests, assert_all_done_once, held_still
from tests.farm_corners import (
    CHUNK_FRAMES,
    SLOTS,
    assert_queue_is_empty,
    claimed,
    corner,
    folder_farm,
    marked,
    names_of,
    order,
    standing,
    wait_marked,
    waiting,
)
from tests.fault_proxy import FaultProxy
from tests.servers import wait_until

from douga_producer import submit
from douga_producer.known_jobs import stop_job
from douga_producer.reconcile import resume, retry
from douga_producer.status import word_of
from douga_shared.errors import Reason
from douga_shared.jobs import JobState, Priority, read_job, read_parts
from douga_shared.messages import chunk_of

FRAMES = 40


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FarmOfTests, FaultProxy]]:
    """One farm with two workers for all tests here, and the wire between the second one and the queue."""
    with folder_farm(tmp_path_factory.mktemp("farm"), STUB_SECONDS="0.05") as farm:
        farm.start_worker()
        with FaultProxy(farm.valkey.port) as wire:
            farm.start_worker(DOUGA_BROKER_URL=f"redis://127.0.0.1:{wire.port}/0")
            for worker in farm.workers:
                farm.wait_ready(worker)
            yield farm, wire
            farm.stop_all()


@pytest.fixture
def farm(whole: tuple[FarmOfTests, FaultProxy]) -> FarmOfTests:
    """The farm."""
    return whole[0]


@pytest.fixture
def wire(whole: tuple[FarmOfTests, FaultProxy]) -> Iterator[FaultProxy]:
    """What stands between the second worker and the queue."""
    yield whole[1]
    whole[1].heal()


@pytest.fixture(autouse=True)
def workers_live(farm: FarmOfTests) -> Iterator[None]:
    """Whatever a test does, no worker may die of it."""
    yield
    assert [None] * len(farm.workers) == [worker.poll() for worker in farm.workers]


def test_chunks_that_are_delivered_three_times_at_once_are_counted_once(farm: FarmOfTests) -> None:
    """Drawings are the same whoever wrote them last, and one account is written."""
    own = corner(farm, 8)
    with _frozen(farm):
        job_id = order(own)
        with own.opened() as client, farm.valkey.client() as redis:
            redis.delete("test:gpu.normal")
            store = client.open_store(own.drawings)
            job = read_job(store, job_id)
            frames = [frame for part in read_parts(store, job_id) for frame in part]
            for start in range(0, len(frames), CHUNK_FRAMES):
                chunk = chunk_of(job, frames[start : start + CHUNK_FRAMES], sent_at=0.0)
                client.sender.send_chunks([chunk] * 3, job)
    _assert_nothing_is_lost(own, job_id)
    with own.opened() as client:
        store = client.open_store(own.drawings)
        assert 1 == len({store.read(name) for name in names_of(own)})
    assert 1 == _logs(farm).count(f"job {job_id}: manifest and report of 8 frames written")


def test_two_producers_that_submit_the_same_job_at_once_make_one_job(farm: FarmOfTests) -> None:
    """Every frame is sent once, whoever of them sends it."""
    own = corner(farm, FRAMES)
    with ThreadPoolExecutor(2) as producers:
        sent = list(producers.map(lambda _: _submission(own), range(2)))
    (job_id,) = {submission[0] for submission in sent}
    assert FRAMES == sum(submission[1] for submission in sent)
    _assert_nothing_is_lost(own, job_id)


def test_a_cancelled_job_ends_within_its_frames_in_the_works(farm: FarmOfTests) -> None:
    """Status says cancelled; what is done stays, what had not begun is dropped, the queue runs empty."""
    own = corner(farm, FRAMES)
    job_id = order(own)
    wait_marked(own, 4)
    with own.opened() as client:
        stop_job(client.jobs, job_id, JobState.CANCELLED)
    assert_queue_is_empty(own)
    now = standing(own, job_id)
    assert "cancelled" == word_of(now)
    assert 4 <= now.done < FRAMES
    assert (0, 0, FRAMES - now.done) == (now.running, now.failed, now.waiting)
    assert now.done == marked(own)


def test_a_paused_job_goes_on_with_exactly_what_is_left(farm: FarmOfTests) -> None:
    """Pausing empties the queue, resuming fills it again."""
    own = corner(farm, FRAMES)
    job_id = order(own)
    wait_marked(own, 4)
    with own.opened() as client:
        stop_job(client.jobs, job_id, JobState.PAUSED)
        assert_queue_is_empty(own)
        done = standing(own, job_id).done
        assert "paused" == word_of(standing(own, job_id))
        assert marked(own) == done < FRAMES
        assert FRAMES - done == resume(client, job_id).sent
    _assert_nothing_is_lost(own, job_id)


def test_tonights_retake_overtakes_the_archive(farm: FarmOfTests) -> None:
    """It was submitted last, and is done first."""
    archive, retake = corner(farm, FRAMES), corner(farm, 8)
    with _frozen(farm):
        slow = order(archive, priority=Priority.LOW)
        quick = order(retake, priority=Priority.HIGH)
    for own, job_id in ((retake, quick), (archive, slow)):
        own.wait_complete(job_id)
    first, last = standing(retake, quick), standing(archive, slow)
    # Both may begin at once: a worker takes more than one chunk.
    assert (first.completed_at or 0) < (last.completed_at or 0)


def test_a_shows_queue_is_served_by_its_own_workers(farm: FarmOfTests) -> None:
    """The common workers leave it alone, however idle they are."""
    theirs, common = corner(farm, 4), corner(farm, 4)
    job_id = order(theirs, show="bebop")
    common.wait_complete(order(common))
    assert 1 == waiting(farm, "gpu.bebop.normal")
    worker = farm.start_worker("gpu.bebop")
    farm.wait_ready(worker)
    theirs.wait_complete(job_id)
    assert 0 == farm.stop(worker)
    farm.workers.remove(worker)


def test_a_worker_cut_off_from_the_queue_loses_nothing(farm: FarmOfTests, wire: FaultProxy) -> None:
    """The other takes over its chunks after the lease; when it is back it works on as if nothing had been."""
    own = corner(farm, 60)
    job_id = order(own)
    wait_until(lambda: claimed(own) == 2 * SLOTS, "both workers have all they can hold")
    wire.stall()
    _assert_nothing_is_lost(own, job_id)
    wire.heal()
    with _frozen(farm, 0):
        later = corner(farm, 4)
        _assert_nothing_is_lost(later, order(later))


def test_a_full_disk_is_the_fate_of_its_own_job(farm: FarmOfTests) -> None:
    """Dead letters say that the disk is full; other jobs go on; with more room, retry does the rest."""
    full, other = corner(farm, 24), corner(farm, 8)
    with _tmpfs(_path(full.drawings), "200k") as grow:
        job_id = order(full)
        beside = order(other)
        _assert_nothing_is_lost(other, beside)
        wait_until(lambda: standing(full, job_id).is_complete, "every frame is settled")
        with full.opened() as client:
            letters = list(client.jobs.dead_letters(job_id))
            assert {Reason.WRITE_FAILED} == {letter.reason for letter in letters}
            assert all("make room" in letter.message for letter in letters)
            assert 24 == len(letters) + marked(full)
            grow("20m")
            assert len(letters) == retry(client, job_id).sent
        _assert_nothing_is_lost(full, job_id)


def test_a_worker_needs_no_room_for_temporary_files(farm: FarmOfTests, tmp_path: Path) -> None:
    """Its temporary folder is full to the last byte, and it draws all the same."""
    own = corner(farm, 8)
    with _tmpfs(tmp_path, "4k"), _frozen(farm, 0, 1):
        with pytest.raises(OSError, match="No space left"):
            (tmp_path / "filler").write_bytes(bytes(100_000))
        worker = farm.start_worker(TMPDIR=str(tmp_path))
        farm.wait_ready(worker)
        _assert_nothing_is_lost(own, order(own))
        assert 0 == farm.stop(worker)
    farm.workers.remove(worker)


def _submission(farm: FarmOfTests) -> tuple[str, int]:
    with farm.opened() as client:
        submission = submit(farm.scans, farm.drawings, farm=client)
        return submission.job_id, submission.sent


@contextmanager
def _frozen(farm: FarmOfTests, *which: int) -> Iterator[None]:
    """Let workers stand still, all or some, with nothing in their hands."""
    assert_queue_is_empty(farm)
    with held_still(*([farm.workers[index] for index in which] or farm.workers)):
        yield


@contextmanager
def _tmpfs(folder: Path, size: str) -> Iterator[Callable[[str], object]]:
    """A small disk mounted there; yields what makes it larger. Skips the test where that is not allowed."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield lambda size: subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _path(url: str) -> Path:
    return Path(url.removeprefix("file://"))


def _logs(farm: FarmOfTests) -> str:
    return "".join(farm.log_of(worker) for worker in farm.workers)


def _assert_nothing_is_lost(farm: FarmOfTests, job_id: str) -> None:
    farm.wait_complete(job_id)
    assert_all_done_once(farm, job_id, names_of(farm))
    assert_queue_is_empty(farm)
