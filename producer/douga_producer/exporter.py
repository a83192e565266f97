"""The figures of the whole farm for Prometheus: queues, jobs, workers; read anew for every scrape.

One exporter a farm is enough, several do no harm. What cannot be read is absent, not zero: an alert on a
queue that is too long must not fall silent because the queue is gone, so pair it with ``douga_broker_up``.

Its user in Redis needs no right to change anything but its own mailbox, for asking workers whether they are
there: on the queues LLEN and LINDEX, on ``unacked_index`` ZCARD, for the jobs what a producer needs;
INFO where the memory is to be shown.
"""

from __future__ import annotations

import logging
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec
from prometheus_client import CollectorRegistry, Info, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from douga_producer.known_jobs import is_over
from douga_shared import __version__, object_keys
from douga_shared import metrics as table
from douga_shared.broker import QUARANTINE, Sender, Work, make_app, queue_name
from douga_shared.errors import FrameRejected
from douga_shared.job_store.redis import open_job_store
from douga_shared.jobs import JobState, Priority
from douga_shared.latest import Latest
from douga_shared.metrics import FarmMetric, FrameStanding, JobPhase
from douga_shared.object_store.locate import open_store
from douga_shared.object_store.s3 import S3Options

if TYPE_CHECKING:
    from douga_shared.job_store.protocol import JobStore, Standing
    from douga_shared.queue_inspection import QueueFigures
    from douga_shared.settings import Settings

PORT = 9465
"""Unless ``DOUGA_METRICS_PORT`` or ``--port`` says another."""
MOST_LETTERS = 20_000
"""Dead letters that are read for their reasons."""
NO_SHOW = "-"
"""In place of a show's name; no show can be called so."""
_ANSWER_SECONDS = 2.0
"""A scrape waits no longer."""
_KEEP_SECONDS = 1.0
"""Several that scrape at once share an answer."""
_STORE_KEEP_SECONDS = 5.0
_WORKERS_KEEP_SECONDS = 10.0
_PING_SECONDS = 1.0
"""A worker's main loop turns far more often."""
_SOCKET_SECONDS = 1.5

_log = logging.getLogger(__name__)
T = TypeVar("T")
_Samples = Iterable[tuple[tuple[str, ...], float]]


@dataclass(frozen=True, kw_only=True)
class FarmFigures:
    """What the farm looks like at one moment."""

    queues: QueueFigures
    standings: tuple[Standing, ...]
    """Of all jobs that are remembered."""
    dead_letters: Counter[tuple[str, str]]
    """Of tonight's jobs, by show and reason."""
    worker_count: int | None
    """None if nobody can tell."""


class FarmReader:
    """Reads the figures from queue and job store."""

    def __init__(self, sender: Sender, jobs: JobStore, count_workers: Callable[[], int | None]) -> None:
        self._sender = sender
        self._jobs = jobs
        self._count_workers = count_workers
        self._reasons: dict[str, tuple[tuple[int, float | None], Counter[str]]] = {}

    def read(self) -> FarmFigures:
        """Return what the farm looks like.

        Raises:
            QueueUnreachable: the queue or the job store does not answer.
            ConfigurationError: it does not let this user in.
        """
        standings = self._jobs.standings(self._jobs.job_ids())
        queues = self._sender.queue_figures(_queues_of(standings))
        return FarmFigures(
            queues=queues,
            standings=standings,
            dead_letters=self._count_letters(standings),
            worker_count=self._count_workers(),
        )

    def _count_letters(self, standings: Iterable[Standing]) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        known, self._reasons = self._reasons, {}
        left = MOST_LETTERS
        for standing in filter(_is_tonight, standings):
            job_id, state = standing.job.job_id, (standing.failed, standing.moved_at)
            left -= standing.failed
            if left < 0:
                found[_show_of(standing), "unread"] += standing.failed
                continue
            seen, reasons = known.get(job_id, ((0, None), Counter[str]()))
            if standing.failed and seen != state:
                reasons = Counter(letter.reason.value for letter in self._jobs.dead_letters(job_id))
            self._reasons[job_id] = (state, reasons if standing.failed else Counter())
            for reason, count in self._reasons[job_id][1].items():
                found[_show_of(standing), reason] += count
        return found


class FarmCollector(Collector):
    """Turns the figures into metrics, at every scrape."""

    def __init__(self, figures: Latest[FarmFigures], store: Latest[bool] | None) -> None:
        """``store`` asks the staging place; None where there is none."""
        self._figures = figures
        self._store = store
        self._silent: set[FarmMetric] = set()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield all that can be read."""
        began = time.monotonic()
        if self._store:
            self._store.ask()
        figures = self._answer(table.BROKER_UP, self._figures)
        yield _family(table.BROKER_UP, [((), float(figures is not None))])
        if figures is not None:
            yield from _families(figures)
        if self._store:
            is_up = self._answer(table.STORE_UP, self._store)
            yield _family(table.STORE_UP, [((), float(is_up is not None))])
        yield _family(table.EXPORTER_SECONDS, [((), time.monotonic() - began)])

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the metrics without reading anything."""
        return (_family(metric, ()) for metric in table.FARM_METRICS)

    def _answer(self, metric: FarmMetric, question: Latest[T]) -> T | None:
        """Return the answer, or None; tell the log when that changes."""
        try:
            answer = question.get()
        except Exception as fault:  # noqa: BLE001 - whatever it is, the metrics are absent and the rest is shown
            if metric not in self._silent:
                _log.warning("%s 0: %s", metric.name, fault)
            self._silent.add(metric)
            return None
        if metric in self._silent:
            _log.warning("%s 1: it answers again", metric.name)
            self._silent.discard(metric)
        return answer


@contextmanager
def exported(settings: Settings) -> Iterator[CollectorRegistry]:
    """Open what shows the farm's figures; connects when it is first scraped.

    Raises:
        ConfigurationError: a setting cannot be used.
    """
    app = make_app(settings)
    app.conf.broker_transport_options |= {
        "socket_timeout": _SOCKET_SECONDS,
        "socket_connect_timeout": _SOCKET_SECONDS,
    }
    with app, closing(open_job_store(settings, patience_seconds=0)) as jobs:
        workers = Latest(
            lambda: len(app.control.ping(timeout=_PING_SECONDS) or []),
            keep_seconds=_WORKERS_KEEP_SECONDS,
            wait_seconds=_ANSWER_SECONDS,
        )
        reader = FarmReader(Sender(app, settings), jobs, lambda: _count(workers))
        figures = Latest(reader.read, keep_seconds=_KEEP_SECONDS, wait_seconds=_ANSWER_SECONDS)
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        Info("douga_build", "Versions.", registry=registry).info(
            {"version": __version__, "python": platform.python_version()}
        )
        registry.register(FarmCollector(figures, _store_question(settings)))
        yield registry


def _count(workers: Latest[int]) -> int | None:
    try:
        return workers.get()
    except Exception as fault:  # noqa: BLE001 - whatever a transport makes of it; the rest is shown all the same
        _log.debug("workers cannot be counted: %s", fault)
        return None


def _store_question(settings: Settings) -> Latest[bool] | None:
    if not settings.staging:
        return None
    # Whoever scrapes does not want to wait for what another attempt may bring.
    options = msgspec.structs.replace(S3Options.of(settings), attempts=1)

    def ask() -> bool:
        # An answer is an answer, be it that there is no such object or that it is not for us.
        with suppress(FrameRejected):
            open_store(settings.staging, options).stat(object_keys.MANIFEST)
        return True

    return Latest(ask, keep_seconds=_STORE_KEEP_SECONDS, wait_seconds=_ANSWER_SECONDS)


def _queues_of(standings: Iterable[Standing]) -> tuple[str, ...]:
    shows = {standing.job.show for standing in standings if not is_over(standing)}
    names = [queue_name(show, priority) for show in ("", *sorted(shows - {""})) for priority in Priority]
    return (*names, QUARANTINE, Work.CPU.value)


def _is_tonight(standing: Standing) -> bool:
    if standing.is_complete:
        return standing.now - (standing.completed_at or 0) < table.TONIGHT_SECONDS
    return standing.state is JobState.RUNNING


def _show_of(standing: Standing) -> str:
    return standing.job.show or NO_SHOW


def _phase_of(standing: Standing) -> JobPhase:
    if standing.is_complete:
        return JobPhase.FINISHED if standing.is_accounted else JobPhase.UNACCOUNTED
    return JobPhase(standing.state.value)


def _frames_of(standing: Standing) -> dict[FrameStanding, int]:
    unsent = min(standing.waiting, max(0, standing.total - standing.sent))
    return {
        FrameStanding.UNSENT: unsent,
        FrameStanding.WAITING: standing.waiting - unsent,
        FrameStanding.RUNNING: standing.running,
        FrameStanding.DONE: standing.done,
        FrameStanding.FAILED: standing.failed,
    }


def _shown(tonight: Iterable[Standing]) -> list[Standing]:
    """Return the jobs that have series of their own: those that run first, then by their last movement."""

    def need(standing: Standing) -> tuple[bool, float]:
        return not standing.is_complete, standing.moved_at or standing.began_at or standing.job.submitted_at

    return sorted(tonight, key=need, reverse=True)[: table.MOST_JOBS_SHOWN]


def _families(figures: FarmFigures) -> Iterator[GaugeMetricFamily]:
    yield from _queue_families(figures)
    if figures.worker_count is not None:
        yield _family(table.WORKERS, [((), figures.worker_count)])
    phases = Counter(dict.fromkeys(JobPhase, 0))
    phases.update(map(_phase_of, figures.standings))
    yield _family(table.JOBS, (((phase.value,), count) for phase, count in phases.items()))
    tonight = [standing for standing in figures.standings if _is_tonight(standing)]
    shows: Counter[tuple[str, str]] = Counter()
    for standing in tonight:
        for state, count in _frames_of(standing).items():
            shows[_show_of(standing), state.value] += count
    yield _family(table.SHOW_FRAMES, shows.items())
    yield _family(table.DEAD_LETTERS, figures.dead_letters.items())
    yield from _job_families(_shown(tonight))


def _queue_families(figures: FarmFigures) -> Iterator[GaugeMetricFamily]:
    queues = figures.queues
    yield _family(table.QUEUE_DEPTH, (((name,), count) for name, count in queues.depth.waiting.items()))
    ages = queues.oldest_seconds.items()
    yield _family(table.QUEUE_OLDEST_AGE_SECONDS, (((name,), seconds) for name, seconds in ages))
    waiting = dict.fromkeys(queues.depth.waiting.keys() - {QUARANTINE, Work.CPU.value}, 0)
    for standing in figures.standings:
        name = queue_name(standing.job.show, standing.job.priority)
        if standing.state is JobState.RUNNING and name in waiting:
            waiting[name] += standing.waiting
    yield _family(table.QUEUE_WAITING_FRAMES, (((name,), count) for name, count in waiting.items()))
    if queues.depth.claimed is not None:
        yield _family(table.CLAIMED_CHUNKS, [((), queues.depth.claimed)])
    memory = queues.memory_bytes.items()
    yield _family(table.BROKER_MEMORY_BYTES, (((kind,), size) for kind, size in memory))


def _job_families(shown: Iterable[Standing]) -> Iterator[GaugeMetricFamily]:
    by_job = {(standing.job.job_id, _show_of(standing)): standing for standing in shown}
    yield _family(
        table.JOB_FRAMES,
        (
            ((*job, state.value), count)
            for job, standing in by_job.items()
            for state, count in _frames_of(standing).items()
        ),
    )
    listed = ((job, float(standing.is_listed)) for job, standing in by_job.items())
    yield _family(table.JOB_LISTED, listed)
    began = ((job, standing.began_at) for job, standing in by_job.items() if standing.began_at)
    yield _family(table.JOB_BEGAN, began)
    moved = ((job, standing.moved_at) for job, standing in by_job.items() if standing.moved_at)
    yield _family(table.JOB_MOVED, moved)


def _family(metric: FarmMetric, samples: _Samples) -> GaugeMetricFamily:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family
