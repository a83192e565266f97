"""The figures of the whole farm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry
from tests.jobs import JOB, dead_letter, job

from douga_producer.exporter import FarmCollector, FarmFigures, FarmReader
from douga_shared import metrics
from douga_shared.errors import QueueUnreachable
from douga_shared.job_store import MemoryJobStore
from douga_shared.jobs import JobState, Priority
from douga_shared.latest import Latest
from douga_shared.queue_inspection import QueueDepth, QueueFigures

HOUR = 3600.0


class FarmOfTests:
    """Jobs in memory, a queue that says what the test wants, and what a scrape shows of them."""

    def __init__(self) -> None:
        self.seconds = JOB.submitted_at
        self.jobs = MemoryJobStore(lambda: self.seconds)
        self.worker_count: int | None = 2
        self.claimed: int | None = 3
        self.is_away = False
        self.letters_read = 0
        self.reader = FarmReader(cast("Any", self), self.jobs, lambda: self.worker_count)

    def queue_figures(self, queues: Sequence[str]) -> QueueFigures:
        if self.is_away:
            raise QueueUnreachable("no queue")
        depths = {queue: 2 if queue == "gpu.normal" else 0 for queue in queues}
        return QueueFigures(
            QueueDepth(depths, self.claimed), {"gpu.normal": 90.0, "gpu.high": 0.0}, {"used": 5}
        )

    def add(self, job_id: str, total: int, done: int = 0, failed: int = 0, **changes: Any) -> None:
        """A job with some frames settled and all others sent."""
        added = job(job_id=job_id, submitted_at=self.seconds, **changes)
        self.jobs.open_job(added)
        self.jobs.extend(job_id, total, is_listed=True)
        self.jobs.mark_sent(job_id, total)
        self.jobs.begin(job_id, added.seal, range(done + failed))
        self.jobs.settle(job_id, range(done), [dead_letter(done + index) for index in range(failed)])

    def scrape(self, store: Callable[[], bool] | None = None) -> Callable[..., float | None]:
        """What a scrape shows."""
        figures: Latest[FarmFigures] = Latest(self.reader.read, keep_seconds=0, wait_seconds=30)
        asked = Latest(store, keep_seconds=0, wait_seconds=30) if store else None
        registry = CollectorRegistry()
        registry.register(FarmCollector(figures, asked))
        samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in registry.collect()
            for sample in family.samples
        }
        self.names = {name for name, _ in samples}
        return lambda name, **labels: samples.get((name, tuple(sorted(labels.items()))))


@pytest.fixture
def farm() -> FarmOfTests:
    """A farm with nothing to do."""
    return FarmOfTests()


def test_queues_are_shown_as_they_are(farm: FarmOfTests) -> None:
    """Chunks, the age of the next, and who holds how many."""
    value = farm.scrape()
    assert 1 == value("douga_broker_up")
    assert (2, 0) == (value("douga_queue_depth", queue="gpu.normal"), value("douga_queue_depth", queue="cpu"))
    assert 90 == value("douga_queue_oldest_age_seconds", queue="gpu.normal")
    assert value("douga_queue_oldest_age_seconds", queue="cpu") is None
    assert (3, 2) == (value("douga_claimed_chunks"), value("douga_workers"))
    assert 5 == value("douga_broker_memory_bytes", kind="used")


def test_frames_are_shown_by_queue_show_and_job(farm: FarmOfTests) -> None:
    """The states of a job's frames add up to all of them."""
    farm.add("cut-1", total=10, done=3, failed=1)
    farm.add("cut-2", total=5, show="bebop", priority=Priority.HIGH)
    farm.jobs.extend("cut-2", 8, is_listed=False)
    value = farm.scrape()
    assert 6 == value("douga_queue_waiting_frames", queue="gpu.normal")
    assert 8 == value("douga_queue_waiting_frames", queue="gpu.bebop.high")
    assert 0 == value("douga_queue_depth", queue="gpu.bebop.low")
    assert {"unsent": 3, "waiting": 5, "running": 0, "done": 0, "failed": 0} == {
        state.value: value("douga_job_frames", job_id="cut-2", show="bebop", state=state.value)
        for state in metrics.FrameStanding
    }
    assert 3 == value("douga_show_frames", show="-", state="done")
    assert (1, 0) == tuple(
        value("douga_job_listed", job_id=job_id, show=show)
        for job_id, show in (("cut-1", "-"), ("cut-2", "bebop"))
    )
    assert 2 == value("douga_jobs", state="running")


def test_a_complete_job_is_shown_until_the_morning(farm: FarmOfTests) -> None:
    """And remembered much longer."""
    farm.add("cut-1", total=2, done=2)
    farm.seconds += 11 * HOUR
    assert 2 == farm.scrape()("douga_show_frames", show="-", state="done")
    farm.seconds += 2 * HOUR
    value = farm.scrape()
    assert value("douga_show_frames", show="-", state="done") is None
    assert value("douga_job_frames", job_id="cut-1", show="-", state="done") is None
    assert 1 == value("douga_jobs", state="unaccounted")


def test_a_job_that_rests_holds_nobody_up(farm: FarmOfTests) -> None:
    """A paused job's frames are not tonight's."""
    farm.add("cut-1", total=10)
    farm.jobs.set_state("cut-1", JobState.PAUSED)
    value = farm.scrape()
    assert 0 == value("douga_queue_waiting_frames", queue="gpu.normal")
    assert value("douga_show_frames", show="-", state="waiting") is None
    assert 1 == value("douga_jobs", state="paused")


def test_dead_letters_are_counted_by_reason_and_read_once(farm: FarmOfTests) -> None:
    """Reading thousands at every scrape would be too much; a frame that is done takes its letter away."""
    farm.add("cut-1", total=10, failed=3)
    read = farm.jobs.dead_letters
    count = 0

    def counted(job_id: str) -> Any:
        nonlocal count
        count += 1
        return read(job_id)

    farm.jobs.dead_letters = counted  # type: ignore[method-assign]
    for _ in range(3):
        assert 3 == farm.scrape()("douga_dead_letters", show="-", reason="damaged")
    assert 1 == count
    farm.jobs.settle("cut-1", [0], [])
    assert 2 == farm.scrape()("douga_dead_letters", show="-", reason="damaged")


def test_no_more_than_fifty_jobs_have_series_of_their_own(farm: FarmOfTests) -> None:
    """Those that run come first, then those that moved last; sums are over all."""
    for number in range(60):
        farm.seconds += 1
        farm.add(f"cut-{number}", total=1, done=int(number >= 5))
    value = farm.scrape()
    shown = [
        number
        for number in range(60)
        if value("douga_job_frames", job_id=f"cut-{number}", show="-", state="done") is not None
    ]
    assert [*range(5), *range(15, 60)] == shown
    assert 55 == value("douga_show_frames", show="-", state="done")


def test_what_cannot_be_read_is_absent(farm: FarmOfTests, caplog: pytest.LogCaptureFixture) -> None:
    """Not zero: an empty queue and no queue are not the same."""
    farm.add("cut-1", total=10)
    farm.is_away = True

    def no_store() -> bool:
        raise QueueUnreachable("no store")

    value = farm.scrape(no_store)
    assert {"douga_broker_up", "douga_store_up", "douga_exporter_read_seconds"} == farm.names
    assert (0, 0) == (value("douga_broker_up"), value("douga_store_up"))
    assert ["douga_broker_up 0: no queue", "douga_store_up 0: no store"] == caplog.messages


def test_what_rabbitmq_does_not_tell_is_absent(farm: FarmOfTests) -> None:
    """The rest is there."""
    farm.claimed = farm.worker_count = None
    value = farm.scrape(lambda: True)
    assert (None, None) == (value("douga_claimed_chunks"), value("douga_workers"))
    assert (1, 2) == (value("douga_store_up"), value("douga_queue_depth", queue="gpu.normal"))


def test_every_metric_of_the_table_is_shown_with_its_labels(farm: FarmOfTests) -> None:
    """Dashboards and alerts are written against it."""
    farm.add("cut-1", total=10, done=1, failed=1)
    figures: Latest[FarmFigures] = Latest(farm.reader.read, keep_seconds=0, wait_seconds=30)
    shown = {
        sample.name: set(sample.labels)
        for family in FarmCollector(figures, Latest(lambda: True, keep_seconds=0, wait_seconds=30)).collect()
        for sample in family.samples
    }
    assert {metric.name: set(metric.labels) for metric in metrics.FARM_METRICS} == shown
