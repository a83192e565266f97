"""Every metric of Douga: name, kind, labels, buckets, meaning. One table, one place.

Each worker shows its own of the first half; ``douga exporter`` shows the second half, once for the farm.

- Labels are bounded: never a frame, an object key, a worker or the text of an error. ``show`` is bounded by
  the shows in production; ``job_id`` is in the exporter's metrics only, for 50 jobs at most at a time. (It is
  not ``job``: that label is Prometheus' own, for what it scrapes.)
- Every counter whose labels are known beforehand begins at 0, so that ``rate()`` sees the first event too.
- A worker that is started again counts from 0: use ``rate()`` and ``increase()``, which see that;
  ``process_start_time_seconds`` shows when it was.
- A worker's processes beside the network send their timings along with what they made, and the worker itself
  observes them. So one process keeps all of a worker's metrics, and prometheus-client's multiprocess mode,
  with its files that outlive whoever wrote them, is not needed.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from douga_shared import __version__
from douga_shared.errors import Reason
from douga_shared.recipe import Output

# One more series for each that says when it began; process_start_time_seconds says it once.
disable_created_metrics()  # type: ignore[no-untyped-call]

WORKER = CollectorRegistry()
"""What a worker shows: everything below down to the farm's, and ``process_*`` and ``python_*``."""
ProcessCollector(registry=WORKER)
PlatformCollector(registry=WORKER)
GCCollector(registry=WORKER)

_STEP_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 180.0)
"""From fetching a small scan to the frame that is given up (``DOUGA_FRAME_SECONDS``)."""
_WAIT_SECONDS = (0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 43_200.0)
"""From an idle farm to a batch that takes the whole night."""
_SHEETS = (1, 2, 4, 8, 16, 32, 64, 128)
"""A GPU takes some 60 sheets of A4 at its working size, a CPU four."""
_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
"""Dense where an honest drawing ends and a flag begins: fog 0.25, invented 0.1, lost 0.7."""
_FILL = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
"""A batch less than half full wastes a GPU; one that is nearly full does not."""
_FILE_BYTES = (1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000, 4_000_000, 16_000_000)
"""From a blank page to an A3 page of hatching."""

FRAME_OUTCOMES = ("done", "failed", "skipped", "dropped")
"""``skipped``: done before, by a worker that died before saying so; ``dropped``: its job was stopped."""
CHUNK_OUTCOMES = ("settled", "handed_back", "rejected")
"""``handed_back``: the worker was told to stop; ``rejected``: nobody can read it, or it is forged."""
STAGES = (
    *("fetch", "decode", "flatten", "network", "redraw", "inks", "trace", "check", "fit", "vectorise"),
    *(f"encode {output.value}" for output in Output),
    *("picture", "write"),
)
"""In the order in which a frame passes them. ``network`` is the frame's share of its batch's time."""
CHECKS = (
    *("blank", "blank_scan", "nearly_blank", "lost_ink", "invented_ink", "specks", "fog"),
    "mostly_black",
)
"""Flags of a drawing that a person should look at; see ``Quality``."""
QUALITY_MEASURES = ("uncovered", "invented", "fog")
STORE_OPERATIONS = ("list", "stat", "read", "write", "create", "delete")
STORE_FAULTS = ("unreachable", "refused")
"""``unreachable``: it does not answer or cannot be used at all; ``refused``: it refuses this object."""
WAITED_FOR = ("store", "queue", "batch")
DIRECTIONS = ("read", "written")
MEMORY_KINDS = ("used", "reserved", "total")
"""``used`` by anybody, ``reserved`` by this worker, ``total`` of the device."""

# --- A worker's -------------------------------------------------------------------------------------------

FRAMES = Counter("douga_frames", "Frames settled, by how they ended.", ["outcome"], registry=WORKER)
"""``douga_frames_total{outcome}``: see ``FRAME_OUTCOMES``."""
FRAME_FAILURES = Counter(
    "douga_frame_failures", "Frames that failed for good, by reason.", ["reason"], registry=WORKER
)
"""``douga_frame_failures_total{reason}``: see ``errors.Reason``."""
FLAGGED_FRAMES = Counter(
    "douga_flagged_frames",
    "Frames done with at least one flag that a person should look at.",
    registry=WORKER,
)
"""``douga_flagged_frames_total``"""
QC_FLAGS = Counter("douga_qc_flags", "Flags raised on drawings, by check.", ["check"], registry=WORKER)
"""``douga_qc_flags_total{check}``: see ``CHECKS``."""
QUALITY_SHARE = Histogram(
    "douga_quality_share",
    "Figures of quality of each drawing: lost (uncovered) or invented ink, fog; 0 is best.",
    ["measure"],
    buckets=_SHARES,
    registry=WORKER,
)
"""``douga_quality_share{measure}``: see ``QUALITY_MEASURES``."""
OUTPUT_BYTES = Histogram(
    "douga_output_bytes", "Size of each drawing's file.", ["output"], buckets=_FILE_BYTES, registry=WORKER
)
"""``douga_output_bytes{output}``: see ``recipe.Output``; ``svg`` grows with the nodes of its paths."""
STAGE_SECONDS = Histogram(
    "douga_stage_seconds",
    "Wall seconds of one step of one frame.",
    ["stage"],
    buckets=_STEP_SECONDS,
    registry=WORKER,
)
"""``douga_stage_seconds{stage}``: see ``STAGES``."""
QUEUE_WAIT_SECONDS = Histogram(
    "douga_queue_wait_seconds",
    "From sending a chunk to its beginning, by two machines' clocks.",
    buckets=_WAIT_SECONDS,
    registry=WORKER,
)
"""``douga_queue_wait_seconds``"""
FRAME_AGE_SECONDS = Histogram(
    "douga_frame_age_seconds",
    "From sending a frame to its drawings being stored, by two machines' clocks.",
    buckets=_WAIT_SECONDS,
    registry=WORKER,
)
"""``douga_frame_age_seconds``: of done frames."""
BATCH_FRAMES = Histogram(
    "douga_batch_frames", "Sheets in one pass of the network.", buckets=_SHEETS, registry=WORKER
)
"""``douga_batch_frames``; its ``_count`` counts the batches."""
BATCH_FILL_RATIO = Histogram(
    "douga_batch_fill_ratio",
    "Pixels of a batch as a share of what one pass may hold.",
    buckets=_FILL,
    registry=WORKER,
)
"""``douga_batch_fill_ratio``"""
NETWORK_SECONDS = Counter(
    "douga_gpu_seconds",
    "Seconds that the network was at work, on a GPU or a CPU.",
    ["device"],
    registry=WORKER,
)
"""``douga_gpu_seconds_total{device}``: ``cuda`` or ``cpu``. Its rate is the share of time that it is busy."""
NETWORK_WAITING_SHEETS = Gauge(
    "douga_network_waiting_sheets",
    "Sheets that wait for the network; 0: it waits for sheets.",
    registry=WORKER,
)
"""``douga_network_waiting_sheets``"""
NETWORK_INFO = Gauge(
    "douga_network_info",
    "1 for every network that this worker has used; version is the beginning of the weights' SHA-256.",
    ["network", "version", "precision", "device"],
    registry=WORKER,
)
"""``douga_network_info{network,version,precision,device}``: a worker refuses what it was not shipped with."""
GPU_MEMORY_BYTES = "douga_gpu_memory_bytes"
"""``douga_gpu_memory_bytes{kind}``: see ``MEMORY_KINDS``; absent where the network does not run on a GPU."""
GPU_MEMORY_HELP = "Memory of the GPU."
IN_FLIGHT_FRAMES = Gauge(
    "douga_inflight_frames", "Frames that this worker has begun and not settled.", registry=WORKER
)
"""``douga_inflight_frames``"""
CHUNKS = Counter("douga_chunks", "Messages, by what became of them.", ["outcome"], registry=WORKER)
"""``douga_chunks_total{outcome}``: see ``CHUNK_OUTCOMES``."""
REDELIVERED_FRAMES = Counter(
    "douga_redelivered_frames",
    "Frames begun again because a worker died or stalled on them.",
    registry=WORKER,
)
"""``douga_redelivered_frames_total``"""
QUARANTINED_FRAMES = Counter(
    "douga_quarantined_frames", "Frames sent into quarantine, to be tried alone.", registry=WORKER
)
"""``douga_quarantined_frames_total``"""
REJECTED_MESSAGES = Counter(
    "douga_rejected_messages",
    "Messages that nobody can read, or forged; 'douga jobs --rejected' shows them.",
    registry=WORKER,
)
"""``douga_rejected_messages_total``"""
RETRIES = Counter(
    "douga_retries",
    "What was tried again: a store or queue that did not answer, a batch that failed.",
    ["what"],
    registry=WORKER,
)
"""``douga_retries_total{what}``: see ``WAITED_FOR``."""
BYTES = Counter("douga_bytes", "Bytes from and to object stores.", ["direction"], registry=WORKER)
"""``douga_bytes_total{direction}``: see ``DIRECTIONS``; scans, drawings, pictures and records."""
STORE_ERRORS = Counter(
    "douga_store_errors",
    "Calls to an object store that failed, after the client's own retries.",
    ["operation", "fault"],
    registry=WORKER,
)
"""``douga_store_errors_total{operation,fault}``: see ``STORE_OPERATIONS`` and ``STORE_FAULTS``."""
LAST_PROGRESS = Gauge(
    "douga_last_progress_timestamp_seconds",
    "When this worker settled a frame last; seconds since 1970, 0 for never.",
    registry=WORKER,
)
"""``douga_last_progress_timestamp_seconds``"""
READY = Gauge("douga_worker_ready", "1 while this worker is ready: what /readyz says.", registry=WORKER)
"""``douga_worker_ready``"""
BUILD_INFO = Info("douga_build", "Versions.", registry=WORKER)
"""``douga_build_info{version,python}`` = 1"""
BUILD_INFO.info({"version": __version__, "python": platform.python_version()})


def _begin_at_zero() -> None:
    known = (
        (FRAMES, FRAME_OUTCOMES),
        (FRAME_FAILURES, tuple(reason.value for reason in Reason)),
        (QC_FLAGS, CHECKS),
        (CHUNKS, CHUNK_OUTCOMES),
        (RETRIES, WAITED_FOR),
        (BYTES, DIRECTIONS),
    )
    for counter, values in known:
        for value in values:
            counter.labels(value)
    for operation in STORE_OPERATIONS:
        for fault in STORE_FAULTS:
            STORE_ERRORS.labels(operation, fault)


_begin_at_zero()


# --- The farm's, shown by `douga exporter` ----------------------------------------------------------------


class FrameStanding(StrEnum):
    """Where the frames of a job stand; they add up to all that are listed."""

    UNSENT = "unsent"
    """Listed and not on the queue yet: its producer waits until the queue is shorter."""
    WAITING = "waiting"
    """On the queue, not begun."""
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class JobPhase(StrEnum):
    """What becomes of a job."""

    RUNNING = "running"
    PAUSED = "paused"
    UNACCOUNTED = "unaccounted"
    """All frames are settled, manifest and report are not written yet."""
    FINISHED = "finished"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class FarmMetric:
    """A gauge of the whole farm: absent, not zero, where what it is read from does not answer."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


BROKER_UP = FarmMetric("douga_broker_up", "1 if the queue and the job store answer, 0 if not. Never absent.")
STORE_UP = FarmMetric(
    "douga_store_up",
    "1 if the staging place (DOUGA_STAGING) is there and answers, else 0; absent where none is set.",
)
QUEUE_DEPTH = FarmMetric("douga_queue_depth", "Chunks that wait in a queue.", ("queue",))
"""Queues: ``gpu.high``, ``gpu.normal``, ``gpu.low``, ``gpu.quarantine``, ``cpu``, and ``gpu.SHOW.PRIORITY``
of every show with a job that is not over."""
QUEUE_WAITING_FRAMES = FarmMetric(
    "douga_queue_waiting_frames",
    "Frames of running jobs that nobody has begun, sent or not, by the queue that they go through.",
    ("queue",),
)
"""From the job store; ``cpu`` has none. What is in quarantine counts with the queue that it came through."""
QUEUE_OLDEST_AGE_SECONDS = FarmMetric(
    "douga_queue_oldest_age_seconds",
    "How long ago the next chunk of a queue was sent, by its sender's clock; 0 for an empty queue.",
    ("queue",),
)
"""Absent for a queue whose next message does not say it (``cpu``), and with RabbitMQ."""
CLAIMED_CHUNKS = FarmMetric("douga_claimed_chunks", "Chunks that workers hold; absent with RabbitMQ.")
WORKERS = FarmMetric("douga_workers", "Workers in touch with the queue; absent with RabbitMQ.")
BROKER_MEMORY_BYTES = FarmMetric(
    "douga_broker_memory_bytes",
    "Memory of the Redis that holds the queue: used, and max where 'maxmemory' is set.",
    ("kind",),
)
"""Absent with RabbitMQ, or where the user may not ask."""
JOBS = FarmMetric("douga_jobs", "Jobs that are remembered, by what becomes of them.", ("state",))
"""See ``JobPhase``."""
SHOW_FRAMES = FarmMetric(
    "douga_show_frames",
    "Frames of tonight's jobs, by show and by where they stand.",
    ("show", "state"),
)
"""See ``FrameStanding``. Tonight's jobs run, or were completed within the last 12 hours. A job without a show
has ``show="-"``, which no show can be called."""
JOB_FRAMES = FarmMetric(
    "douga_job_frames",
    "Frames of each of tonight's jobs by where they stand, for the 50 that run or moved last.",
    ("job_id", "show", "state"),
)
JOB_BEGAN = FarmMetric(
    "douga_job_began_timestamp_seconds", "When the job's first frame began; same jobs.", ("job_id", "show")
)
JOB_MOVED = FarmMetric(
    "douga_job_moved_timestamp_seconds",
    "When a frame of the job was settled last; same jobs.",
    ("job_id", "show"),
)
JOB_LISTED = FarmMetric(
    "douga_job_listed",
    "1 if all frames of the job are listed; until then its total grows.",
    ("job_id", "show"),
)
DEAD_LETTERS = FarmMetric(
    "douga_dead_letters", "Frames of tonight's jobs that failed for good, by reason.", ("show", "reason")
)
"""See ``errors.Reason``; ``unread`` counts what is beyond the 20,000 that are looked at."""
EXPORTER_SECONDS = FarmMetric(
    "douga_exporter_read_seconds", "How long it took to read the figures of the farm."
)

FARM_METRICS = (
    *(BROKER_UP, STORE_UP, QUEUE_DEPTH, QUEUE_WAITING_FRAMES, QUEUE_OLDEST_AGE_SECONDS, CLAIMED_CHUNKS),
    *(WORKERS, BROKER_MEMORY_BYTES, JOBS, SHOW_FRAMES, JOB_FRAMES, JOB_BEGAN, JOB_MOVED, JOB_LISTED),
    *(DEAD_LETTERS, EXPORTER_SECONDS),
)
MOST_JOBS_SHOWN = 50
"""``job_id`` is a label whose values never end; at any moment no more than so many are shown, and a job
that is over leaves after ``TONIGHT_SECONDS``. Prometheus keeps some 400 series for them."""
TONIGHT_SECONDS = 12 * 3600.0
"""A job that is complete is still looked at in the morning."""
