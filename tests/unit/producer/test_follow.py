"""A job followed to its end, through outages and signals."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
from tests.jobs import JOB, dead_letter
from tests.memory_farm import MemoryFarm, Told, frames_of

from douga_producer.follow import MOST_FAILURES_TOLD, follow
from douga_shared.errors import ExitCode, InputMissing, QueueUnreachable
from douga_shared.job_store import MemoryJobStore, Standing
from douga_shared.jobs import JobState


class Followed:
    """A job that goes through a script: one step a poll."""

    def __init__(self, farm: MemoryFarm) -> None:
        self.farm = farm
        self.told = Told()
        self.steps: list[Callable[[], object]] = []

    def by(self, *steps: Callable[[], object]) -> ExitCode:
        """Follow it while these things happen, one after the other."""
        self.steps = list(steps)
        return follow(
            self.farm.farm, JOB.job_id, self.told, poll_seconds=1, clock=self.farm.clock, sleep=self._sleep
        )

    def _sleep(self, seconds: float) -> None:
        self.farm.clock.sleep(seconds)
        if self.steps:
            self.steps.pop(0)()


@pytest.fixture
def job(memory_farm: MemoryFarm) -> Followed:
    """A job of four frames at work."""
    memory_farm.open_job(4)
    memory_farm.begin(range(4))
    return Followed(memory_farm)


def test_a_good_job_is_followed_until_it_is_written_up(job: Followed) -> None:
    """Exit code 0, and every change of its counts told."""
    jobs = job.farm.jobs
    code = job.by(
        lambda: jobs.settle(JOB.job_id, [0], []),
        lambda: jobs.settle(JOB.job_id, [1, 2, 3], []),
        lambda: jobs.mark_accounted(JOB.job_id),
    )
    assert ExitCode.OK is code
    assert [(0, "running"), (1, "running"), (4, "complete"), (4, "written up")] == [
        (tally.settled, tally.word) for tally in job.told.tallies
    ]
    assert [] == job.told.notes


def test_failures_are_told_at_once_and_change_the_code(job: Followed) -> None:
    """Each of them once."""
    jobs = job.farm.jobs
    code = job.by(
        lambda: jobs.settle(JOB.job_id, [], [dead_letter(1, "A0001.tga: empty")]),
        lambda: jobs.settle(JOB.job_id, [0, 3], [dead_letter(2, "A0002.tga: damaged")]),
        lambda: jobs.mark_accounted(JOB.job_id),
    )
    assert ExitCode.SOME_FRAMES_FAILED is code
    assert ["A0001.tga: empty", "A0002.tga: damaged"] == job.told.failures


def test_thousands_of_failures_are_not_told_one_by_one(memory_farm: MemoryFarm) -> None:
    """The first ones, and how to see the rest."""
    memory_farm.open_job(1000)
    memory_farm.begin(range(1000))
    memory_farm.jobs.settle(JOB.job_id, [], [dead_letter(index) for index in range(1000)])
    memory_farm.jobs.mark_accounted(JOB.job_id)
    job = Followed(memory_farm)
    assert ExitCode.SOME_FRAMES_FAILED is job.by()
    assert MOST_FAILURES_TOLD == len(job.told.failures)
    assert "douga status" in job.told.notes[0]


@pytest.mark.parametrize("state", [JobState.CANCELLED, JobState.SUPERSEDED])
def test_a_cancelled_job_ends_it(job: Followed, state: JobState) -> None:
    """Not all frames are done: no farm may take that for success."""
    code = job.by(lambda: job.farm.jobs.set_state(JOB.job_id, state))
    assert ExitCode.SOME_FRAMES_FAILED is code
    assert [f"the job was {state}; 4 frames left undone"] == job.told.notes


def test_a_paused_job_is_waited_for(job: Followed) -> None:
    """Somebody will resume it."""
    jobs = job.farm.jobs
    code = job.by(
        lambda: jobs.set_state(JOB.job_id, JobState.PAUSED),
        lambda: jobs.set_state(JOB.job_id, JobState.RUNNING),
        lambda: jobs.settle(JOB.job_id, range(4), []),
        lambda: jobs.mark_accounted(JOB.job_id),
    )
    assert ExitCode.OK is code
    assert "paused" in [tally.word for tally in job.told.tallies]


class Away:
    """Makes the job store not answer."""

    def __init__(self, jobs: MemoryJobStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_away = False
        self._standing = jobs.standing
        monkeypatch.setattr(jobs, "standing", self._answer)

    def leave(self) -> None:
        """From now on."""
        self.is_away = True

    def return_(self) -> None:
        """It answers again."""
        self.is_away = False

    def _answer(self, job_id: str) -> Standing | None:
        if self.is_away:
            raise QueueUnreachable("the job store at h:1 does not answer")
        return self._standing(job_id)


def nothing() -> None:
    """A second in which nothing happens."""


def test_an_outage_is_survived_with_a_line_every_ten_seconds(
    job: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers go on meanwhile."""
    away = Away(job.farm.jobs, monkeypatch)
    code = job.by(
        away.leave,
        *[nothing] * 24,
        away.return_,
        lambda: job.farm.jobs.settle(JOB.job_id, range(4), []),
        lambda: job.farm.jobs.mark_accounted(JOB.job_id),
    )
    assert ExitCode.OK is code
    line = "the job store at h:1 does not answer; trying again"
    assert [line, line, line, "the job store answers again"] == job.told.notes


def test_an_outage_without_end_is_given_up(job: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    """After ten minutes, with the code that says: try again."""
    away = Away(job.farm.jobs, monkeypatch)
    began = job.farm.clock()
    assert ExitCode.UNREACHABLE is job.by(away.leave)
    assert "gave up after 10 min" in job.told.notes[-1]
    assert 602 > job.farm.clock() - began >= 600


def test_a_job_that_redis_lost_is_rebuilt_and_followed_on(job: Followed) -> None:
    """The store has its records; one of its frames is done."""
    frames = frames_of(4)
    job.farm.record(JOB, frames)
    job.farm.draw(frames[2])
    code = job.by(
        lambda: job.farm.jobs.forget(JOB.job_id),
        lambda: job.farm.jobs.settle(JOB.job_id, range(4), []),
        lambda: job.farm.jobs.mark_accounted(JOB.job_id),
    )
    assert ExitCode.OK is code
    assert [0, 1, 4, 4] == [tally.settled for tally in job.told.tallies]
    assert "rebuilt from the store's records" in job.told.notes[0]


def test_a_job_that_never_was_is_an_error(memory_farm: MemoryFarm) -> None:
    """Nothing says where its records might be."""
    with pytest.raises(InputMissing):
        Followed(memory_farm).by()


def test_it_says_that_no_worker_is_up_and_says_it_again_later(memory_farm: MemoryFarm) -> None:
    """Every five minutes, not every second."""
    memory_farm.open_job(4)
    job = Followed(memory_farm)
    job.by(*[nothing] * 400, lambda: memory_farm.jobs.set_state(JOB.job_id, JobState.CANCELLED))
    assert 2 == sum("is a worker up?" in note for note in job.told.notes)


def test_an_account_that_nobody_writes_is_not_waited_for_forever(job: Followed) -> None:
    """All frames are done: that is what a farm asked for."""
    code = job.by(lambda: job.farm.jobs.settle(JOB.job_id, range(4), []))
    assert ExitCode.OK is code
    assert "queue 'cpu'" in job.told.notes[-1]


@pytest.mark.parametrize(
    ("signal_number", "expected"),
    [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)],
)
def test_a_signal_ends_the_following_and_not_the_job(
    job: Followed, signal_number: int, expected: ExitCode
) -> None:
    """It says how to go on, and leaves the signals as they were."""
    before = signal.getsignal(signal.SIGTERM)
    assert expected is job.by(lambda: os.kill(os.getpid(), signal_number))
    assert "the job goes on by itself" in job.told.notes[0]
    assert JobState.RUNNING is job.farm.jobs.state_of(JOB.job_id)
    assert before == signal.getsignal(signal.SIGTERM)
