"""What is sent again after something was lost, and what is not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.producing import CLEAN, SCANS, ProducerFarm

from douga_producer.feed import JobFeed
from douga_producer.reconcile import reconcile, resume, retry
from douga_producer.submission import submit
from douga_shared import object_keys
from douga_shared.errors import (
    ConfigurationError,
    DougaError,
    FrameRejected,
    InputMissing,
    QueueUnreachable,
    Reason,
)
from douga_shared.frames import FrameRange
from douga_shared.job_store import DeadLetter
from douga_shared.jobs import JobState


class Farm(ProducerFarm):
    """A farm with a job of twenty frames, of which five are done and the queue holds what it holds."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.scan(*(f"A{number:04d}.png" for number in range(20)))
        self.job_id = submit(SCANS, CLEAN, farm=self.farm).job_id
        self.draw(self.listed(self.job_id)[:5], self.job_id)

    def lose_queue(self) -> None:
        """Everything that was queued is gone."""
        self.queue.chunks.clear()

    def fail(self, index: int, reason: Reason = Reason.DAMAGED) -> None:
        """Make a dead letter."""
        frame = self.listed(self.job_id)[index]
        letter = DeadLetter(index=index, scan=frame.scan, reason=reason, message="broken")
        self.jobs.settle(self.job_id, [], [letter])
        self.store(CLEAN).write(object_keys.failed_marker(self.job_id, index), b"{}")

    @property
    def unsettled(self) -> list[int]:
        """What is left."""
        return list(self.jobs.unsettled(self.job_id))

    @property
    def sent(self) -> list[int]:
        """What is queued."""
        return [frame.index for frame in self.queue.frames]


@pytest.fixture
def farm() -> Farm:
    """See ``Farm``."""
    return Farm()


def test_what_is_on_its_way_is_not_sent_again(farm: Farm) -> None:
    """A healthy job is left alone."""
    assert 0 == resume(farm.farm, farm.job_id).sent
    assert [True] == [resumed.is_idle for resumed in reconcile(farm.farm)]


def test_what_is_neither_settled_nor_queued_is_sent_again(farm: Farm) -> None:
    """Whoever lost it."""
    farm.lose_queue()
    (resumed,) = reconcile(farm.farm)
    assert (15, list(range(5, 20))) == (resumed.sent, farm.sent)


def test_only_what_is_missing_is_sent(farm: Farm) -> None:
    """The second chunk is still there."""
    del farm.queue.chunks[0]
    assert 11 == resume(farm.farm, farm.job_id).sent
    assert sorted(farm.sent) == list(range(5, 20))


def test_what_turns_out_to_be_done_is_settled(farm: Farm) -> None:
    """Its worker died between marking and telling."""
    farm.lose_queue()
    frames = farm.listed(farm.job_id)[5:8]
    farm.draw(frames, farm.job_id)
    farm.jobs.reopen(farm.job_id, [frame.index for frame in frames])
    resumed = resume(farm.farm, farm.job_id)
    assert (12, 3) == (resumed.sent, resumed.done_before)


@pytest.mark.parametrize("state", [JobState.PAUSED, JobState.CANCELLED, JobState.SUPERSEDED])
def test_a_stopped_job_goes_on(farm: Farm, state: JobState) -> None:
    """Workers dropped what they met meanwhile; the state is right before anything is sent."""
    farm.jobs.set_state(farm.job_id, state)
    farm.lose_queue()
    states = []
    farm.queue.on_send = lambda: states.append(farm.jobs.state_of(farm.job_id))
    assert 15 == resume(farm.farm, farm.job_id).sent
    assert {JobState.RUNNING} == set(states)


def test_the_reconciler_leaves_resting_jobs_alone(farm: Farm) -> None:
    """It is not up to it to wake them."""
    farm.lose_queue()
    farm.jobs.set_state(farm.job_id, JobState.PAUSED)
    assert [] == list(reconcile(farm.farm))


def test_a_job_that_redis_has_lost_is_found_by_its_destination(farm: Farm) -> None:
    """Rebuilt from the store, then sent."""
    farm.lose_queue()
    farm.jobs.forget(farm.job_id)
    with pytest.raises(InputMissing):
        resume(farm.farm, farm.job_id)
    resumed = resume(farm.farm, CLEAN)
    assert (farm.job_id, 15, True) == (resumed.job_id, resumed.sent, resumed.is_rebuilt)
    assert farm.unsettled == list(range(5, 20))


def test_a_submission_cut_off_before_sending_is_ended(farm: Farm) -> None:
    """What it recorded is sent; the rest of its listing only the same order can find."""
    farm.work(farm.job_id)
    farm.scan(*(f"B{number:04d}.png" for number in range(3)))
    farm.queue.fails_after = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("douga_producer.sending.PATIENCE_SECONDS", -1.0)
        with pytest.raises(QueueUnreachable):
            submit(SCANS, CLEAN, farm=farm.farm)
    farm.queue.fails_after = None
    (resumed,) = reconcile(farm.farm)
    assert (3, True) == (resumed.sent, resumed.is_cut_off)
    assert "run the same 'douga submit' again" in str(resumed)
    assert 0 == submit(SCANS, CLEAN, farm=farm.farm).sent
    standing = farm.jobs.standing(farm.job_id)
    assert standing is not None
    assert standing.is_listed


def test_rivals_recorded_and_not_rejected_are_not_sent(farm: Farm) -> None:
    """The store says why they failed before it lists them."""
    farm.work(farm.job_id)
    farm.scan("B1.png", "b1.tga")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("douga_producer.feed.JobFeed._reject", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            submit(SCANS, CLEAN, farm=farm.farm)
    assert 0 == resume(farm.farm, farm.job_id).sent
    assert {"B1.png", "b1.tga"} == {letter.scan for letter in farm.jobs.dead_letters(farm.job_id)}


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_complete_job_without_account_gets_one(farm: Farm) -> None:
    """Asked at once by a person, by the reconciler only when it has had its time."""
    farm.work(farm.job_id)
    farm.queue.accounts.clear()
    assert [True] == [resumed.is_idle for resumed in reconcile(farm.farm)]
    assert resume(farm.farm, farm.job_id).is_account_asked
    assert [farm.job_id] == farm.queue.accounts


def test_the_reconciler_asks_for_an_account_that_is_late() -> None:
    """Two leases after the last frame."""
    farm = Farm(lease_seconds=1e-9)
    farm.work(farm.job_id)
    farm.queue.accounts.clear()
    assert [True] == [resumed.is_account_asked for resumed in reconcile(farm.farm)]
    farm.jobs.mark_accounted(farm.job_id)
    assert [] == list(reconcile(farm.farm))


def test_a_queue_nobody_can_look_into_is_trusted_while_the_job_moves() -> None:
    """RabbitMQ: only when it is empty and nothing moved for two leases is anything lost."""
    busy = Farm()
    busy.lose_queue()
    busy.queue.can_be_inspected = False
    assert 0 == sum(resumed.sent for resumed in reconcile(busy.farm))
    quiet = Farm(lease_seconds=1e-9)
    quiet.queue.can_be_inspected = False
    assert 0 == sum(resumed.sent for resumed in reconcile(quiet.farm))
    quiet.lose_queue()
    assert 15 == sum(resumed.sent for resumed in reconcile(quiet.farm))


def test_a_reconciler_whom_the_job_store_left_alone_keeps_nobody_out(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs for weeks: what it held of the job would be held as long, against itself too."""

    def silent(name: str, holder: str, seconds: float) -> bool:
        raise QueueUnreachable("nobody answers")

    farm.lose_queue()
    with monkeypatch.context() as patch:
        patch.setattr(farm.jobs, "take_lock", silent)
        with pytest.raises(QueueUnreachable):
            list(reconcile(farm.farm))
    assert [15] == [resumed.sent for resumed in reconcile(farm.farm)]


@pytest.mark.parametrize(
    "fault",
    [
        FrameRejected(Reason.UNREADABLE, "its list may not be read"),
        ConfigurationError("its folder cannot be made"),
    ],
)
def test_a_job_whose_store_refuses_does_not_keep_the_reconciler_from_the_others(
    farm: Farm, monkeypatch: pytest.MonkeyPatch, fault: DougaError
) -> None:
    """It is left alone, with the reason."""

    def refuse(feed: JobFeed, *, is_resumed: bool) -> None:
        raise fault

    farm.lose_queue()
    monkeypatch.setattr(JobFeed, "load", refuse)
    assert [str(fault)] == [resumed.why_not for resumed in reconcile(farm.farm)]


def test_a_record_of_failure_that_nobody_can_read_is_none(farm: Farm) -> None:
    """Its frame is sent again."""
    farm.lose_queue()
    farm.store(CLEAN).write(object_keys.failed_marker(farm.job_id, 7), b"{}")
    assert 15 == resume(farm.farm, farm.job_id).sent


def test_a_job_that_a_producer_works_on_is_left_alone(farm: Farm) -> None:
    """What it has not sent yet is not lost."""
    farm.lose_queue()
    assert farm.jobs.take_lock(f"submit:{farm.job_id}", "somebody", 60)
    (resumed,) = reconcile(farm.farm)
    assert (0, True) == (resumed.sent, "a producer is at work" in str(resumed))


def test_dead_letters_are_tried_again(farm: Farm) -> None:
    """Their records go, in the job store and in the store."""
    farm.lose_queue()
    farm.fail(7)
    farm.fail(9)
    retried = retry(farm.farm, farm.job_id)
    assert (2, [7, 9], ()) == (retried.sent, farm.sent, retried.colliding)
    assert [] == list(farm.jobs.dead_letters(farm.job_id))
    assert [] == list(farm.store(CLEAN).list(object_keys.failed_markers(farm.job_id)))
    assert {7, 9} <= set(farm.unsettled)


def test_some_dead_letters_are_tried_again(farm: Farm) -> None:
    """Chosen as anywhere, by their drawings."""
    farm.lose_queue()
    farm.fail(7)
    farm.fail(9)
    assert 1 == retry(farm.farm, farm.job_id, FrameRange.parse("9-12")).sent
    assert [9] == farm.sent
    with pytest.raises(InputMissing, match="no such frame"):
        retry(farm.farm, farm.job_id, FrameRange.parse("1"))


def test_a_mended_scan_is_listed_as_it_is_now(farm: Farm) -> None:
    """So the next submission of the same order finds nothing to do."""
    farm.fail(7)
    farm.scan("A0007.png", data=b"mended")
    retry(farm.farm, farm.job_id)
    farm.work(farm.job_id)
    assert 0 == submit(SCANS, CLEAN, farm=farm.farm).sent


def test_rivals_stay_dead_letters(farm: Farm) -> None:
    """Tried again they would overwrite each other."""
    farm.fail(7, Reason.NAME_COLLISION)
    farm.lose_queue()
    retried = retry(farm.farm, farm.job_id)
    assert (0, [7]) == (retried.sent, [letter.index for letter in retried.colliding])


def test_a_job_without_dead_letters_has_nothing_to_retry(farm: Farm) -> None:
    """It is said, and not passed over."""
    with pytest.raises(InputMissing, match="no frame of job"):
        retry(farm.farm, farm.job_id)
