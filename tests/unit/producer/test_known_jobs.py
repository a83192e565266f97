"""Jobs found by what users call them, listed and stopped."""

from __future__ import annotations

import pytest
from tests.jobs import JOB, job
from tests.memory_farm import MemoryFarm, frames_of

from douga_producer.known_jobs import find_job, latest_recorded, list_jobs, open_drawings, stop_job
from douga_shared.errors import ConfigurationError, InputMissing
from douga_shared.job_store import MemoryJobStore
from douga_shared.jobs import JobState

LATER = job(job_id="cut012-scan-aaaaaaaaaa", submitted_at=JOB.submitted_at + 60)
OTHER = job(job_id="cut013-scan-bbbbbbbbbb", drawings="s3://studio/cut013/clean/")


@pytest.fixture
def jobs() -> MemoryJobStore:
    """Three jobs, two of them to one destination."""
    store = MemoryJobStore()
    for known in (OTHER, JOB, LATER):
        store.open_job(known)
    return store


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (JOB.job_id, JOB),
        ("cut012-scan-3", JOB),
        ("cut013", OTHER),
        ("s3://studio/cut013/clean", OTHER),
        ("s3://studio/cut012/clean/", LATER),
    ],
)
def test_a_job_is_found_by_id_beginning_or_destination(
    jobs: MemoryJobStore, name: str, expected: object
) -> None:
    """Of several jobs to one destination the latest is meant."""
    assert expected == jobs.standing(find_job(jobs, name)).job  # type: ignore[union-attr]


def test_an_id_wins_over_ids_that_it_begins(jobs: MemoryJobStore) -> None:
    """What is written out whole is unambiguous."""
    jobs.open_job(job(job_id=JOB.job_id + "0"))
    assert JOB.job_id == find_job(jobs, JOB.job_id)


def test_a_beginning_of_several_jobs_names_them(jobs: MemoryJobStore) -> None:
    """So that the next try is the last."""
    with pytest.raises(ConfigurationError, match=r"2 jobs begin with 'cut012': .*aaaaaaaaaa.*3f9a2c7e1b"):
        find_job(jobs, "cut012")


@pytest.mark.parametrize("name", ["cut999", "", "s3://studio/nothing/"])
def test_an_unknown_job_says_what_to_do(jobs: MemoryJobStore, name: str) -> None:
    """It may be a slip, or Redis has lost it."""
    with pytest.raises(InputMissing, match="--rebuild"):
        find_job(jobs, name)


def test_an_old_job_is_listed_only_when_asked_for(memory_farm: MemoryFarm) -> None:
    """One that still runs is listed however old it is."""
    memory_farm.complete(2)
    memory_farm.jobs.open_job(OTHER)
    memory_farm.clock.seconds += 2 * 86400
    memory_farm.jobs.open_job(job(job_id="new", submitted_at=memory_farm.clock()))
    listed = [standing.job.job_id for standing in list_jobs(memory_farm.jobs, is_all=False)]
    assert ["new", OTHER.job_id] == listed
    assert 3 == len(list(list_jobs(memory_farm.jobs, is_all=True)))


def test_a_job_that_is_over_is_not_stopped(memory_farm: MemoryFarm) -> None:
    """A complete one stays complete, a cancelled one cancelled."""
    memory_farm.complete(2)
    assert JobState.RUNNING is stop_job(memory_farm.jobs, JOB.job_id, JobState.CANCELLED).state
    memory_farm.jobs.open_job(OTHER)
    stop_job(memory_farm.jobs, OTHER.job_id, JobState.CANCELLED)
    assert JobState.CANCELLED is stop_job(memory_farm.jobs, OTHER.job_id, JobState.PAUSED).state


def test_a_destination_is_opened_without_the_job_store(memory_farm: MemoryFarm) -> None:
    """Its own records tell the latest job: what Redis lost can be fetched."""
    memory_farm.record(LATER, frames_of(1))
    memory_farm.record(JOB, frames_of(1))
    assert (LATER, memory_farm.drawings) == open_drawings(memory_farm.farm, JOB.drawings)


def test_a_destination_without_records_is_said_to_be_none(memory_farm: MemoryFarm) -> None:
    """Nothing was ever submitted to it."""
    with pytest.raises(InputMissing, match="no destination of a job"):
        latest_recorded(memory_farm.drawings)
