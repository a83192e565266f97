"""The queue server is killed, stopped, frozen, flushed or full while a job runs; what the user sees then."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing

import pytest
from tests.farm import FarmOfTests, assert_all_done_once, held_still, sleep_until
from tests.farm_corners import (
    CHUNK_FRAMES,
    SLOTS,
    assert_queue_is_empty,
    claimed,
    corner,
    folder_farm,
    lively,
    marked,
    names_of,
    order,
    wait_marked,
    waiting,
)
from tests.servers import Valkey, wait_until

from douga_producer.status import read_status, rebuild_latest
from douga_shared.errors import ExitCode, InputMissing, QueueUnreachable
from douga_shared.job_store.redis import RedisJobStore, open_job_store
from douga_shared.jobs import Job, JobFrame
from douga_shared.messages import chunk_of
from douga_shared.recipe import Output, Recipe

_log = logging.getLogger(__name__)

UNSENT = [JobFrame(0, "A00001.png", "etag", 100)]
FRAMES_OF_A_JOB = 40
CONSUMING_SECONDS = 10.0
"""The promise: so long after the server is back at most, workers take chunks again."""


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarmOfTests]:
    """One farm for all tests here: what lives through every fault, one after another, is the worker."""
    with folder_farm(tmp_path_factory.mktemp("farm"), STUB_SECONDS="0.05") as farm:
        yield farm


@pytest.fixture
def busy(farm: FarmOfTests) -> FarmOfTests:
    """A corner with scans and a worker that is up."""
    return corner(lively(farm), FRAMES_OF_A_JOB)


@pytest.mark.parametrize("end", [Valkey.kill, Valkey.stop], ids=["killed", "stopped"])
def test_a_job_outlasts_a_broker_that_comes_back(busy: FarmOfTests, end: Callable[[Valkey], None]) -> None:
    """Meanwhile status exits with 5 and says where it asked; the worker's log says that it tries again."""
    job_id = _order_and_wait_until_all_slots_are_busy(busy)
    said = len(busy.log_of(busy.workers[-1]))
    left = waiting(busy)
    end(busy.valkey)
    with _quick_jobs(busy) as jobs, pytest.raises(QueueUnreachable) as caught:
        read_status(jobs, job_id)
    assert ExitCode.UNREACHABLE == caught.value.exit_code
    assert f"127.0.0.1:{busy.valkey.port}/0 does not answer" in str(caught.value)
    # All that was claimed is finished meanwhile, and every slot waits for the server.
    wait_until(lambda: "does not answer" in busy.log_of(busy.workers[-1])[said:], "the worker says so")
    busy.valkey.start()
    _wait_until_consuming(busy, left)
    _assert_nothing_is_lost(busy, job_id)


def test_a_broker_that_freezes_is_waited_for(busy: FarmOfTests) -> None:
    """For two leases: some frames may be done a second time, but none is counted twice."""
    _freeze(busy, 8)


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [30, 60])
def test_a_broker_that_freezes_for_long_is_waited_for(busy: FarmOfTests, seconds: float) -> None:
    """Longer than every time-out of a connection."""
    _freeze(busy, seconds)


def test_a_worker_that_finishes_its_chunks_during_the_outage_consumes_again(busy: FarmOfTests) -> None:
    """Nothing is left in the works and all acks are owed when the server comes back."""
    job_id = _order_and_wait_until_all_slots_are_busy(busy)
    left = waiting(busy)
    busy.valkey.kill()
    # All that was claimed is done without the server, but for a chunk that it did not let begin.
    wait_marked(busy, FRAMES_OF_A_JOB - (left + 1) * CHUNK_FRAMES)
    busy.valkey.start()
    _wait_until_consuming(busy, left)
    _assert_nothing_is_lost(busy, job_id)


def test_a_flushed_server_is_told_again_what_the_store_knows(busy: FarmOfTests) -> None:
    """Status knows no such job any more; status --rebuild shows the truth, submitting again ends the job."""
    job_id = _order_and_wait_until_all_slots_are_busy(busy)
    # A worker that settles its chunk tells the server of the job again: hold it still until status has asked.
    with held_still(busy.workers[-1]), busy.valkey.client() as client:
        client.flushall()
        with busy.opened() as farm, pytest.raises(InputMissing, match="--rebuild"):
            read_status(farm.jobs, job_id)
    _wait_until_idle(busy)
    done = marked(busy)
    assert done < FRAMES_OF_A_JOB
    with busy.opened() as farm:
        assert job_id == rebuild_latest(farm, busy.drawings)
        rebuilt = read_status(farm.jobs, job_id).standing
    assert (FRAMES_OF_A_JOB, done, 0) == (rebuilt.total, rebuilt.done, rebuilt.failed)
    assert not rebuilt.is_complete
    assert job_id == order(busy)
    _assert_nothing_is_lost(busy, job_id)


def test_a_message_that_outlives_the_memory_of_its_job_brings_that_back(busy: FarmOfTests) -> None:
    """Only the jobs were lost, as when a server of their own remembers them: workers ask the store."""
    job_id = _order_and_wait_until_all_slots_are_busy(busy)
    with busy.opened() as farm:
        farm.jobs.forget(job_id)
    _assert_nothing_is_lost(busy, job_id)
    with busy.opened() as farm:
        assert () == farm.jobs.rejected_messages()


def test_a_full_server_stops_the_producer_loudly_and_nobody_else(busy: FarmOfTests) -> None:
    """Submit exits with 5 and says that Redis is full; what runs is finished; with more room all goes on."""
    job_id = _order_and_wait_until_all_slots_are_busy(busy)
    late = corner(busy, 8)
    with busy.valkey.client() as client:
        client.config_set("maxmemory", 1)
        with pytest.raises(QueueUnreachable, match="'maxmemory'") as caught:
            order(late)
        assert ExitCode.UNREACHABLE == caught.value.exit_code
        wait_marked(busy, FRAMES_OF_A_JOB)
        assert busy.workers[-1].poll() is None
        client.config_set("maxmemory", 0)
    _assert_nothing_is_lost(busy, job_id)
    _assert_nothing_is_lost(late, order(late))


def test_a_server_that_fills_up_while_chunks_are_sent_is_told_the_same_way(busy: FarmOfTests) -> None:
    """The jobs are known already, so it is the queue that has no room."""
    with busy.opened() as farm, busy.valkey.client() as client:
        job = _unsent_job(busy)
        client.config_set("maxmemory", 1)
        try:
            with pytest.raises(QueueUnreachable, match="maxmemory"):
                farm.sender.send_chunks([chunk_of(job, UNSENT, sent_at=0.0)], job)
            with pytest.raises(QueueUnreachable, match="maxmemory"):
                farm.sender.send_chunk(chunk_of(job, UNSENT, sent_at=0.0), job)
        finally:
            client.config_set("maxmemory", 0)


def _order_and_wait_until_all_slots_are_busy(farm: FarmOfTests) -> str:
    job_id = order(farm)
    wait_marked(farm, 4)
    wait_until(lambda: claimed(farm) == SLOTS, "every slot of the worker is taken")
    return job_id


def _freeze(farm: FarmOfTests, seconds: float) -> None:
    """Freeze the server in the middle of a job."""
    job_id = _order_and_wait_until_all_slots_are_busy(farm)
    left = waiting(farm)
    farm.valkey.pause()
    sleep_until(time.monotonic() + seconds)
    farm.valkey.resume()
    _wait_until_consuming(farm, left)
    _assert_nothing_is_lost(farm, job_id)


def _wait_until_consuming(farm: FarmOfTests, left: int) -> None:
    """Wait until fewer than ``left`` messages wait: a worker has claimed one."""
    began = time.monotonic()
    wait_until(lambda: waiting(farm) < left, "the worker takes a chunk", CONSUMING_SECONDS)
    took = time.monotonic() - began
    _log.info("consuming again after %.1f s", took)


def _unsent_job(farm: FarmOfTests) -> Job:
    return Job(
        job_id="nobodys",
        source=farm.scans,
        scans=farm.scans,
        drawings=farm.drawings,
        recipe=Recipe(network_sha256="0" * 64),
        outputs=(Output.PNG,),
        submitted_at=0.0,
    )


def _quick_jobs(farm: FarmOfTests) -> AbstractContextManager[RedisJobStore]:
    """The jobs as a user sees them who does not wait half a minute."""
    return closing(open_job_store(farm.settings, patience_seconds=0.1))


def _wait_until_idle(farm: FarmOfTests) -> None:
    """Wait until the worker has nothing in its hands any more."""

    def is_idle() -> bool:
        log = farm.log_of(farm.workers[-1])
        return log.count("] received") == log.count("] succeeded")

    wait_until(is_idle, "the worker is idle")


def _assert_nothing_is_lost(farm: FarmOfTests, job_id: str) -> None:
    farm.wait_complete(job_id)
    assert_all_done_once(farm, job_id, names_of(farm))
    assert_queue_is_empty(farm)
    assert farm.workers[-1].poll() is None
