"""Every metric of the farm: name, kind, labels, meaning. One table, one place.

Labels are bounded: never a frame, an object key, a job or the text of an error. Loads prometheus-client,
so only workers import it.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, start_http_server

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 180.0)
"""From fetching a small scan to the frame that is given up."""
_WAIT_SECONDS = (0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0)

FRAMES = Counter("douga_frames_total", "Frames settled, by how they ended.", ["outcome"])
"""``done``, ``failed``, ``skipped`` (done before) or ``dropped`` (the job was stopped)."""
FRAME_FAILURES = Counter("douga_frame_failures_total", "Frames that failed for good, by reason.", ["reason"])
STAGE_SECONDS = Histogram(
    "douga_stage_seconds", "Wall seconds of one step of one frame.", ["stage"], buckets=_SECONDS
)
QUEUE_WAIT_SECONDS = Histogram(
    "douga_queue_wait_seconds",
    "From sending a chunk to its beginning, by two machines' clocks.",
    buckets=_WAIT_SECONDS,
)
CHUNKS = Counter("douga_chunks_total", "Messages, by what became of them.", ["outcome"])
"""``settled``, ``handed_back`` or ``rejected``."""
REDELIVERED_FRAMES = Counter(
    "douga_redelivered_frames_total", "Frames begun again because a worker died or stalled on them."
)
QUARANTINED_FRAMES = Counter("douga_quarantined_frames_total", "Frames sent into quarantine.")
RETRIES = Counter("douga_retries_total", "Waits for something that did not answer.", ["what"])
"""``store`` or ``queue``."""
LAST_PROGRESS = Gauge(
    "douga_last_progress_timestamp_seconds", "When this worker settled a frame last; seconds since 1970."
)
IN_FLIGHT_FRAMES = Gauge("douga_inflight_frames", "Frames that this worker has begun and not settled.")


def serve_metrics(port: int) -> None:
    """Answer ``GET /metrics`` on every interface, from a thread of its own; raises OSError if taken."""
    start_http_server(port)
