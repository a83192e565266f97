"""What every job store promises, run over each of them, and against each other."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.jobs import JOB, dead_letter, job
from tests.servers import Valkey

from douga_shared.job_store import (
    SETTLED,
    DeadLetter,
    JobStore,
    MemoryJobStore,
    RejectedMessage,
    Standing,
)
from douga_shared.job_store.redis import RedisJobStore
from douga_shared.jobs import JobState

JOB_ID = JOB.job_id
TIMES = {"began_at", "moved_at", "completed_at", "now"}


@pytest.fixture(params=["memory", "redis"])
def jobs(request: pytest.FixtureRequest) -> Iterator[JobStore]:
    """Every kind of job store, empty."""
    if request.param == "memory":
        store: JobStore = MemoryJobStore()
    else:
        store = _redis(request.getfixturevalue("valkey"))
    yield store
    store.close()


def _redis(server: Valkey) -> RedisJobStore:
    return RedisJobStore(server.url, f"farm-{secrets.token_hex(4)}")


def _open(jobs: JobStore, total: int) -> None:
    jobs.open_job(JOB)
    jobs.extend(JOB_ID, total, is_listed=True)


def test_many_jobs_are_asked_about_at_once(jobs: JobStore) -> None:
    """In the order of the question, without those that nobody knows; more than fit one round trip."""
    ids = [f"cut-{number:03d}" for number in range(450)]
    for number, job_id in enumerate(ids):
        jobs.open_job(msgspec.structs.replace(JOB, job_id=job_id))
        jobs.extend(job_id, number, is_listed=True)
    found = jobs.standings([*ids[::-1], "nobody-knows-it"])
    assert [(job_id, number) for number, job_id in enumerate(ids)][::-1] == [
        (standing.job.job_id, standing.total) for standing in found
    ]
    assert () == jobs.standings([])


def _standing(jobs: JobStore) -> Standing:
    standing = jobs.standing(JOB_ID)
    assert standing is not None
    return standing


def _attempts(jobs: JobStore, *indexes: int) -> tuple[int, ...]:
    beginning = jobs.begin(JOB_ID, JOB.seal, indexes)
    assert beginning is not None
    return beginning.attempts


def _counts(jobs: JobStore) -> tuple[int, int, int, int]:
    standing = _standing(jobs)
    return standing.waiting, standing.running, standing.done, standing.failed


def test_a_new_job_is_known_from_then_on(jobs: JobStore) -> None:
    """Opening it again says so and changes nothing but the order's own words."""
    assert jobs.open_job(JOB)
    jobs.extend(JOB_ID, 3, is_listed=True)
    jobs.settle(JOB_ID, [1], [])
    later = job(submitted_at=JOB.submitted_at + 60, show="bebop")
    assert not jobs.open_job(later)
    assert later == _standing(jobs).job
    assert (2, 0, 1, 0) == _counts(jobs)


def test_a_job_that_nobody_opened_is_unknown(jobs: JobStore) -> None:
    """Whatever is asked or said about it does nothing, and leaves nothing behind."""
    assert not jobs.extend(JOB_ID, 3, is_listed=True)
    jobs.mark_sent(JOB_ID, 3)
    assert not jobs.settle(JOB_ID, [0], [dead_letter(1)])
    jobs.hand_back(JOB_ID, [0])
    jobs.reopen(JOB_ID, [0])
    jobs.mark_accounted(JOB_ID)
    assert not jobs.set_state(JOB_ID, JobState.PAUSED)
    assert jobs.begin(JOB_ID, JOB.seal, [0]) is None
    assert jobs.state_of(JOB_ID) is None
    assert jobs.standing(JOB_ID) is None
    assert [] == list(jobs.unsettled(JOB_ID))
    assert [] == list(jobs.dead_letters(JOB_ID))
    assert () == jobs.job_ids()


def test_the_order_survives_whole(jobs: JobStore) -> None:
    """Its record comes back as it was given, with empty and foreign words."""
    order = job(source="原画/カット 12", show="", max_megapixels=0.5)
    jobs.open_job(order)
    assert order == _standing(jobs).job


def test_only_a_running_job_lets_frames_begin(jobs: JobStore) -> None:
    """No attempt is counted in a paused or cancelled one."""
    _open(jobs, 2)
    for state in (JobState.PAUSED, JobState.CANCELLED, JobState.SUPERSEDED):
        assert jobs.set_state(JOB_ID, state)
        assert state == jobs.state_of(JOB_ID)
        beginning = jobs.begin(JOB_ID, JOB.seal, [0, 1])
        assert beginning is not None
        assert (state, (SETTLED, SETTLED)) == (beginning.state, beginning.attempts)
    jobs.set_state(JOB_ID, JobState.RUNNING)
    assert (1, 1) == _attempts(jobs, 0, 1)


def test_submitting_again_wakes_a_cancelled_job_but_no_paused_one(jobs: JobStore) -> None:
    """Pausing is the user's own wish for this very job."""
    for state, after in (
        (JobState.CANCELLED, JobState.RUNNING),
        (JobState.SUPERSEDED, JobState.RUNNING),
        (JobState.PAUSED, JobState.PAUSED),
    ):
        jobs.open_job(JOB)
        jobs.set_state(JOB_ID, state)
        jobs.open_job(JOB)
        assert after == jobs.state_of(JOB_ID)


def test_a_frame_is_begun_only_as_it_was_ordered(jobs: JobStore) -> None:
    """Another seal, or a frame that nobody recorded, is a stranger's."""
    _open(jobs, 3)
    assert jobs.begin(JOB_ID, job(max_megapixels=1e9).seal, [0]) is None
    assert jobs.begin(JOB_ID, JOB.seal, [2, 3]) is None
    assert jobs.begin(JOB_ID, JOB.seal, [-1]) is None
    assert (3, 0, 0, 0) == _counts(jobs)


def test_attempts_are_counted_frame_by_frame(jobs: JobStore) -> None:
    """A redelivered chunk with other company counts on; what is settled needs none."""
    _open(jobs, 4)
    assert (1, 1) == _attempts(jobs, 0, 1)
    assert (2, 1, 3) == (*_attempts(jobs, 1, 2), *_attempts(jobs, 1))
    jobs.settle(JOB_ID, [1], [dead_letter(2)])
    assert (2, SETTLED, SETTLED, 1) == _attempts(jobs, 0, 1, 2, 3)
    assert (0, 2, 1, 1) == _counts(jobs)


def test_a_frame_named_twice_in_one_chunk_is_begun_once(jobs: JobStore) -> None:
    """One worker is one attempt."""
    _open(jobs, 1)
    assert (1, 1) == _attempts(jobs, 0, 0)


def test_frames_handed_back_wait_as_if_never_begun(jobs: JobStore) -> None:
    """Only the attempts that ended in peace are taken back, and only once."""
    _open(jobs, 3)
    _attempts(jobs, 0, 1)
    _attempts(jobs, 1)
    for _ in range(2):
        jobs.hand_back(JOB_ID, [0, 1, 2])
        assert (3, 0, 0, 0) == _counts(jobs)
    assert (1, 2) == _attempts(jobs, 0, 1)
    assert (1, 2, 0, 0) == _counts(jobs)
    jobs.hand_back(JOB_ID, [1])
    jobs.settle(JOB_ID, [0, 1], [])
    assert (1, 0, 2, 0) == _counts(jobs)


def test_settling_twice_counts_once(jobs: JobStore) -> None:
    """Also done frames that another worker calls failed, and the other way round."""
    _open(jobs, 5)
    for _ in range(3):
        jobs.settle(JOB_ID, [0, 0, 1], [dead_letter(2), dead_letter(2, "again"), dead_letter(0)])
        assert (2, 0, 2, 1) == _counts(jobs)
    assert ["it ends early; scan it again"] == [letter.message for letter in jobs.dead_letters(JOB_ID)]
    jobs.settle(JOB_ID, [2], [])
    assert (2, 0, 3, 0) == _counts(jobs)
    assert [] == list(jobs.dead_letters(JOB_ID))


def test_frames_that_nobody_recorded_are_not_settled(jobs: JobStore) -> None:
    """A forged index takes no memory and completes nothing."""
    _open(jobs, 2)
    assert not jobs.settle(JOB_ID, [2, 2**31, -1], [dead_letter(2), dead_letter(2**31)])
    assert (2, 0, 0, 0) == _counts(jobs)
    jobs.extend(JOB_ID, 3, is_listed=True)
    assert [0, 1, 2] == list(jobs.unsettled(JOB_ID))


def test_dead_letters_come_in_order_with_all_they_say(jobs: JobStore) -> None:
    """Reason, words, attempts and the time by the job store's clock."""
    _open(jobs, 3_000)
    told = [
        msgspec.structs.replace(dead_letter(index, f"壊れた\n{index}"), attempts=3)
        for index in range(0, 3_000, 2)
    ]
    jobs.settle(JOB_ID, [], Random(1).sample(told, len(told)))
    kept = list(jobs.dead_letters(JOB_ID))
    assert told == [msgspec.structs.replace(letter, failed_at=0.0) for letter in kept]
    now = _standing(jobs).now
    assert all(now - 60 < letter.failed_at <= now for letter in kept)


def test_the_last_frame_completes_the_job_once(jobs: JobStore) -> None:
    """One call is told, whatever comes after."""
    _open(jobs, 2)
    assert not jobs.settle(JOB_ID, [0], [])
    assert not _standing(jobs).is_complete
    assert jobs.settle(JOB_ID, [], [dead_letter(1)])
    assert not jobs.settle(JOB_ID, [], [dead_letter(1)])
    assert not jobs.settle(JOB_ID, [0, 1], [])
    assert not jobs.extend(JOB_ID, 2, is_listed=True)
    standing = _standing(jobs)
    assert standing.is_complete
    assert standing.completed_at is not None


def test_a_job_whose_list_ends_last_is_completed_by_the_list(jobs: JobStore) -> None:
    """Workers may be quicker than the listing; a job without frames is complete at once."""
    jobs.open_job(JOB)
    jobs.extend(JOB_ID, 2, is_listed=False)
    assert not jobs.settle(JOB_ID, [0, 1], [])
    assert jobs.extend(JOB_ID, 2, is_listed=True)
    assert not jobs.extend(JOB_ID, 2, is_listed=True)
    jobs.forget(JOB_ID)
    jobs.open_job(JOB)
    assert jobs.extend(JOB_ID, 0, is_listed=True)


def test_a_longer_list_opens_a_complete_job_and_a_shorter_one_does_not(jobs: JobStore) -> None:
    """A second producer that is still listing takes nothing back."""
    _open(jobs, 2)
    assert jobs.settle(JOB_ID, [0, 1], [])
    jobs.mark_accounted(JOB_ID)
    for total, is_listed in ((1, False), (1, True), (2, False)):
        assert not jobs.extend(JOB_ID, total, is_listed=is_listed)
        assert (2, True, True) == (
            _standing(jobs).total,
            _standing(jobs).is_listed,
            _standing(jobs).is_accounted,
        )
    jobs.extend(JOB_ID, 3, is_listed=True)
    standing = _standing(jobs)
    assert (False, None, False) == (standing.is_complete, standing.completed_at, standing.is_accounted)
    assert jobs.settle(JOB_ID, [2], [])


def test_reopened_frames_are_done_again_from_their_first_attempt(jobs: JobStore) -> None:
    """The job is completed a second time; reopening what is not settled does nothing."""
    _open(jobs, 3)
    _attempts(jobs, 0, 1)
    _attempts(jobs, 0, 1)
    jobs.reopen(JOB_ID, [0, 2, 7, -1])
    jobs.settle(JOB_ID, [0, 2], [dead_letter(1)])
    jobs.mark_accounted(JOB_ID)
    for _ in range(2):
        jobs.reopen(JOB_ID, [0, 1, 7])
        assert (2, 0, 1, 0) == _counts(jobs)
    assert [] == list(jobs.dead_letters(JOB_ID))
    assert (None, False) == (_standing(jobs).completed_at, _standing(jobs).is_accounted)
    assert (1, 1) == _attempts(jobs, 0, 1)
    assert jobs.settle(JOB_ID, [0, 1], [])


def test_what_was_sent_never_goes_back(jobs: JobStore) -> None:
    """Two producers at different places of the same list."""
    _open(jobs, 100)
    for until, sent in ((16, 16), (64, 64), (32, 64)):
        jobs.mark_sent(JOB_ID, until)
        assert sent == _standing(jobs).sent


@pytest.mark.parametrize("total", [0, 1, 7, 8, 9, 64, 65_536, 65_537, 140_000])
def test_unsettled_frames_are_told_in_order(jobs: JobStore, total: int) -> None:
    """To the last frame and not beyond, in lists of any length."""
    _open(jobs, total)
    settled = [0, 3, 8, 65_535, 65_536, total - 1]
    jobs.settle(JOB_ID, settled[:3], [dead_letter(index) for index in settled[3:]])
    assert sorted(set(range(total)) - set(settled)) == list(jobs.unsettled(JOB_ID))
    failed = {index for index in settled[3:] if 0 <= index < total} - set(settled[:3])
    assert sorted(failed) == [letter.index for letter in jobs.dead_letters(JOB_ID)]


def test_times_are_told_in_order(jobs: JobStore) -> None:
    """Begun, moved, completed, now; none before it happened."""
    _open(jobs, 2)
    fresh = _standing(jobs)
    assert (None, None, None) == (fresh.began_at, fresh.moved_at, fresh.completed_at)
    _attempts(jobs, 0)
    jobs.settle(JOB_ID, [0, 1], [])
    end = _standing(jobs)
    assert end.began_at is not None
    assert end.moved_at is not None
    assert end.completed_at is not None
    assert fresh.now <= end.began_at <= end.moved_at <= end.completed_at <= end.now


def test_jobs_are_listed_latest_first_until_forgotten(jobs: JobStore) -> None:
    """A forgotten job is as if it had never been."""
    for number, hours in enumerate((2, 3, 1)):
        jobs.open_job(job(job_id=f"job-{number}", submitted_at=3600.0 * hours))
    assert ("job-1", "job-0", "job-2") == jobs.job_ids()
    jobs.forget("job-0")
    jobs.forget("job-0")
    assert ("job-1", "job-2") == jobs.job_ids()
    assert jobs.standing("job-0") is None
    assert jobs.open_job(job(job_id="job-0"))


def test_a_rebuilt_job_stands_where_the_store_says(jobs: JobStore) -> None:
    """Also one that nobody knew; a done frame wins over its failure."""
    failures = [dead_letter(3), dead_letter(1), dead_letter(9)]
    jobs.rebuild(JOB, 5, is_listed=True, done=[0, 1, 9], failed=failures)
    assert (2, 0, 2, 1) == _counts(jobs)
    assert [2, 4] == list(jobs.unsettled(JOB_ID))
    assert [3] == [letter.index for letter in jobs.dead_letters(JOB_ID)]
    assert (JOB_ID,) == jobs.job_ids()
    standing = _standing(jobs)
    assert (JOB, JobState.RUNNING, 0, True) == (
        standing.job,
        standing.state,
        standing.sent,
        standing.is_listed,
    )
    assert jobs.settle(JOB_ID, [2, 4], [])


def test_rebuilding_takes_nothing_back_that_is_known(jobs: JobStore) -> None:
    """Workers, producers and users go on while the store is read."""
    _open(jobs, 6)
    jobs.mark_sent(JOB_ID, 4)
    _attempts(jobs, 0, 1, 2, 3)
    jobs.settle(JOB_ID, [0], [dead_letter(1, "known"), dead_letter(2)])
    jobs.set_state(JOB_ID, JobState.PAUSED)
    for _ in range(2):
        jobs.rebuild(JOB, 4, is_listed=False, done=[2], failed=[dead_letter(1, "read"), dead_letter(0)])
        assert (2, 1, 2, 1) == _counts(jobs)
        assert ["known"] == [letter.message for letter in jobs.dead_letters(JOB_ID)]
        standing = _standing(jobs)
        assert (6, True, 4) == (standing.total, standing.is_listed, standing.sent)
        assert JobState.PAUSED is standing.state
    jobs.rebuild(JOB, 6, is_listed=True, done=range(6), failed=[])
    assert (0, 0, 6, 0) == _counts(jobs)
    assert _standing(jobs).completed_at is not None
    assert not jobs.settle(JOB_ID, [3], [])


def test_unreadable_messages_are_kept_latest_first(jobs: JobStore) -> None:
    """Whatever they hold: control characters, half letters, megabytes; a thousand at most."""
    for number in range(1_010):
        jobs.reject_message("version 9", f"message {number}")
    jobs.reject_message("forged", "\x1b[2J\udcff" + "x" * 1_000_000)
    kept = jobs.rejected_messages()
    assert 1_000 == len(kept)
    assert ("version 9", "message 1009") == (kept[1].why, kept[1].text)
    assert "forged" == kept[0].why
    assert kept[0].text.isprintable()
    assert kept[0].text.startswith("�[2J�xxx")
    assert len(kept[0].text) < 1_000
    assert kept[0].rejected_at > 1_600_000_000
    assert isinstance(kept[0], RejectedMessage)


def test_a_lock_is_one_holders_at_a_time(jobs: JobStore) -> None:
    """Its holder may renew it; nobody else takes or drops it."""
    assert jobs.take_lock("reconcile", "a", 60)
    assert jobs.take_lock("reconcile", "a", 60)
    assert not jobs.take_lock("reconcile", "b", 60)
    jobs.drop_lock("reconcile", "b")
    assert not jobs.take_lock("reconcile", "b", 60)
    assert jobs.take_lock("account", "b", 60)
    jobs.drop_lock("reconcile", "a")
    assert jobs.take_lock("reconcile", "b", 60)


def test_a_lock_falls_off_by_itself() -> None:
    """Its holder may be dead."""
    now = [1_000.0]
    jobs = MemoryJobStore(clock=lambda: now[0])
    assert jobs.take_lock("reconcile", "a", 60)
    now[0] += 59
    assert not jobs.take_lock("reconcile", "b", 60)
    now[0] += 1
    assert jobs.take_lock("reconcile", "b", 60)


def test_four_workers_that_settle_everything_count_it_once(jobs: JobStore) -> None:
    """20,000 frames, each four times, in four orders, some called failed: exact counts, completed once."""
    total = 20_000
    _open(jobs, total)

    def work(seed: int) -> int:
        chunks = [range(start, min(start + 100, total)) for start in range(0, total, 100)]
        Random(seed).shuffle(chunks)
        completions = 0
        for chunk in chunks:
            begun = jobs.begin(JOB_ID, JOB.seal, chunk)
            assert begun is not None
            bad = [index for index in chunk if index % 1_000 == 0 or (seed == 3 and index % 50 == 0)]
            done = [index for index in chunk if index not in bad]
            completions += jobs.settle(JOB_ID, done, [dead_letter(index) for index in bad])
        return completions

    with ThreadPoolExecutor(4) as threads:
        assert 1 == sum(threads.map(work, range(4)))
    standing = _standing(jobs)
    assert total == standing.done + standing.failed
    assert 20 == standing.failed == len(list(jobs.dead_letters(JOB_ID)))
    assert (0, True) == (standing.running, standing.is_complete)


INDEXES = st.integers(0, 40)
CHUNKS = st.lists(INDEXES, max_size=8)


class _Parity(RuleBasedStateMachine):
    """The same steps in memory and in Redis; both must give the same answers, always."""

    server: Valkey

    def __init__(self) -> None:
        super().__init__()
        self.memory = MemoryJobStore()
        self.redis = _redis(self.server)

    def teardown(self) -> None:
        self.redis.close()

    def _both(self, method: str, *args: Any, **named: Any) -> None:
        expected = getattr(self.memory, method)(*args, **named)
        assert expected == getattr(self.redis, method)(*args, **named)

    @rule(show=st.sampled_from(["", "bebop"]))
    def open_job(self, show: str) -> None:
        self._both("open_job", job(show=show))

    @rule(total=st.integers(0, 33), is_listed=st.booleans())
    def extend(self, total: int, is_listed: bool) -> None:
        self._both("extend", JOB_ID, total, is_listed=is_listed)

    @rule(until=INDEXES)
    def mark_sent(self, until: int) -> None:
        self._both("mark_sent", JOB_ID, until)

    @rule(indexes=CHUNKS)
    def begin(self, indexes: list[int]) -> None:
        self._both("begin", JOB_ID, JOB.seal, indexes)

    @rule(done=CHUNKS, failed=CHUNKS)
    def settle(self, done: list[int], failed: list[int]) -> None:
        self._both("settle", JOB_ID, done, [dead_letter(index) for index in failed])

    @rule(start=INDEXES)
    def settle_a_run(self, start: int) -> None:
        self._both("settle", JOB_ID, range(start, 40), [])

    @rule(indexes=CHUNKS)
    def hand_back(self, indexes: list[int]) -> None:
        self._both("hand_back", JOB_ID, indexes)

    @rule(indexes=CHUNKS)
    def reopen(self, indexes: list[int]) -> None:
        self._both("reopen", JOB_ID, indexes)

    @rule(state=st.sampled_from(JobState))
    def set_state(self, state: JobState) -> None:
        self._both("set_state", JOB_ID, state)

    @rule()
    def mark_accounted(self) -> None:
        self._both("mark_accounted", JOB_ID)

    @rule(total=st.integers(0, 33), is_listed=st.booleans(), done=CHUNKS, failed=CHUNKS)
    def rebuild(self, total: int, is_listed: bool, done: list[int], failed: list[int]) -> None:
        letters = [dead_letter(index, "from the store") for index in failed]
        self._both("rebuild", JOB, total, is_listed=is_listed, done=done, failed=letters)

    @rule()
    def forget(self) -> None:
        self._both("forget", JOB_ID)

    @invariant()
    def stand_alike(self) -> None:
        seen = []
        for jobs in (self.memory, self.redis):
            letters = [_undated(letter) for letter in jobs.dead_letters(JOB_ID)]
            standing = jobs.standing(JOB_ID)
            fields = msgspec.structs.asdict(standing) if standing else {}
            times = {name: fields.pop(name) is not None for name in TIMES & fields.keys()}
            seen.append((fields, times, letters, list(jobs.unsettled(JOB_ID)), jobs.job_ids()))
        assert seen[0] == seen[1]


def _undated(letter: DeadLetter) -> DeadLetter:
    assert letter.failed_at > 0
    return msgspec.structs.replace(letter, failed_at=0.0)


def test_memory_and_redis_answer_alike_whatever_happens(valkey: Valkey) -> None:
    """Random steps, side by side."""
    kind = type("Parity", (_Parity,), {"server": valkey})
    run_state_machine_as_test(kind, settings=settings(max_examples=40, stateful_step_count=30, deadline=None))


def test_attempts_of_threads_that_race_are_all_different(jobs: JobStore) -> None:
    """Eight workers begin the same frame: each is told another number."""
    _open(jobs, 1)
    with ThreadPoolExecutor(8) as threads:
        numbers = list(threads.map(lambda _: _attempts(jobs, 0)[0], range(200)))
    assert Counter(range(1, 201)) == Counter(numbers)
