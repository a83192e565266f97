"""The jobs that the farm knows: found by what a user calls them, listed, paused and cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from douga_shared.errors import ConfigurationError, InputMissing
from douga_shared.jobs import Job, JobState, read_job, recorded_jobs

if TYPE_CHECKING:
    from douga_producer.client import Farm
    from douga_shared.job_store.protocol import JobStore, Standing
    from douga_shared.object_store.protocol import ObjectStore

RECENT_SECONDS = 24 * 3600.0
"""Jobs that ended longer ago are listed only when asked for."""
_MOST_NAMED = 5


def find_job(jobs: JobStore, name: str) -> str:
    """Return the id of the job that a user means.

    Args:
        jobs: where jobs are known.
        name: an id, an unambiguous beginning of one, or a destination; a destination means its latest job.

    Raises:
        InputMissing: no such job is known.
        ConfigurationError: several ids begin like this.
        QueueUnreachable: the job store does not answer.
    """
    if is_place(name):
        return _latest_of(jobs, name)
    known = jobs.job_ids()
    if name in known:
        return name
    matches = [job_id for job_id in known if name and job_id.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise InputMissing(
            f"no job {name!r} is known; 'douga jobs --all' lists those that are. If Redis has lost it, "
            "name its destination: douga status s3://bucket/drawings/ --rebuild"
        )
    more = ", ..." if len(matches) > _MOST_NAMED else ""
    raise ConfigurationError(
        f"{len(matches)} jobs begin with {name!r}: {', '.join(matches[:_MOST_NAMED])}{more}; "
        "give more of the name"
    )


def is_place(name: str) -> bool:
    """Tell a destination from an id: ids have neither slashes nor dots."""
    return any(letter in name for letter in "/\\:.")


def standing_of(jobs: JobStore, job_id: str) -> Standing:
    """Return where a job stands.

    Raises:
        InputMissing: it is not known.
        QueueUnreachable: the job store does not answer.
    """
    standing = jobs.standing(job_id)
    if standing is None:
        raise InputMissing(
            f"no job {job_id!r} is known; if Redis has lost it, name its destination: "
            "douga status s3://bucket/drawings/ --rebuild"
        )
    return standing


def latest_recorded(store: ObjectStore) -> Job:
    """Return the job that was submitted last to a destination, from the store's own records.

    Raises:
        InputMissing: none was.
        StoreUnreachable: the store does not answer.
    """
    found = [read_job(store, job_id) for job_id in recorded_jobs(store)]
    if not found:
        raise InputMissing(f"'{store}' is no destination of a job: nothing was submitted to it")
    return max(found, key=lambda job: job.submitted_at)


def open_drawings(farm: Farm, name: str) -> tuple[Job, ObjectStore]:
    """Return a job and its destination; a job named by its destination is found without the job store.

    Raises:
        InputMissing: no such job is known, or its destination is gone.
        ConfigurationError: several ids begin like this, or this is no place.
        StoreUnreachable: the store does not answer.
        QueueUnreachable: the job store does not answer.
    """
    if is_place(name):
        store = farm.open_store(name)
        return latest_recorded(store), store
    job = standing_of(farm.jobs, find_job(farm.jobs, name)).job
    return job, farm.open_store(job.drawings)


def list_jobs(jobs: JobStore, *, is_all: bool) -> Iterator[Standing]:
    """Yield where jobs stand, latest submission first; without ``is_all`` those not over since yesterday.

    Raises:
        QueueUnreachable: the job store does not answer.
    """
    for job_id in jobs.job_ids():
        standing = jobs.standing(job_id)  # None: forgotten since it was listed
        if standing is not None and (is_all or not is_over(standing) or _is_recent(standing)):
            yield standing


def is_over(standing: Standing) -> bool:
    """Tell whether nothing more happens with a job by itself."""
    return standing.is_complete or standing.state in {JobState.CANCELLED, JobState.SUPERSEDED}


def stop_job(jobs: JobStore, job_id: str, state: JobState) -> Standing:
    """Pause or cancel a job; leaves alone what is over. Safe to repeat.

    Returns:
        Where the job stands after that.

    Raises:
        InputMissing: it is not known.
        QueueUnreachable: the job store does not answer.
    """
    if not is_over(standing_of(jobs, job_id)):
        jobs.set_state(job_id, state)
    return standing_of(jobs, job_id)


def _latest_of(jobs: JobStore, place: str) -> str:
    # Here and not above: the client of buckets takes a while to load.
    from douga_shared.object_store.locate import StoreUrl  # noqa: PLC0415

    wanted = str(StoreUrl.parse(place))
    for job_id in jobs.job_ids():
        standing = jobs.standing(job_id)
        if standing and str(StoreUrl.parse(standing.job.drawings)) == wanted:
            return job_id
    raise InputMissing(f"no job to '{wanted}' is known; if Redis has lost it: douga status {place} --rebuild")


def _is_recent(standing: Standing) -> bool:
    moments = (standing.job.submitted_at, standing.moved_at, standing.completed_at)
    return standing.now - max(moment for moment in moments if moment is not None) < RECENT_SECONDS
