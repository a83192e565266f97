"""What became of a chunk's frames: recorded in the store, then counted in the job store, many at once."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import msgspec

from douga_shared import metrics, object_keys
from douga_shared.broker import Sender
from douga_shared.errors import FrameRejected, Reason
from douga_shared.job_store.protocol import DeadLetter, JobStore
from douga_shared.jobs import JobFrame
from douga_shared.manifest import FrameRecord, FrameState
from douga_shared.messages import Chunk
from douga_shared.object_store.protocol import ObjectStore
from douga_worker.patience import Patience
from douga_worker.pipeline import failed

TELL_SECONDS = 2.0
"""How long a settled frame may wait to be counted: one call to the job store tells of several."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """One chunk, and its stores open."""

    chunk: Chunk
    scans: ObjectStore
    drawings: ObjectStore


class Settlement:
    """Collects how the frames of one chunk end. For one thread."""

    def __init__(self, place: Place, jobs: JobStore, sender: Sender, patience: Patience) -> None:
        self._place = place
        self._jobs = jobs
        self._sender = sender
        self._patience = patience
        self._done: list[int] = []
        self._failed: list[DeadLetter] = []
        self._dropped: list[int] = []
        self._told_at = time.monotonic()

    def done(self, frame: JobFrame, record: FrameRecord | None = None) -> None:
        """The frame's drawings and its done marker are stored; no record: by somebody before."""
        self._done.append(frame.index)
        metrics.FRAMES.labels("done" if record else "skipped").inc()
        metrics.LAST_PROGRESS.set_to_current_time()
        if record:
            self._observe(record)

    def drop(self, frame: JobFrame) -> None:
        """The frame's job does not run any more."""
        self._dropped.append(frame.index)
        metrics.FRAMES.labels("dropped").inc()

    def fail(
        self, frame: JobFrame, rejection: FrameRejected, attempts: int, record: FrameRecord | None = None
    ) -> None:
        """The frame failed for good: recorded in the store first, which is the truth.

        Raises:
            StoreUnreachable: nothing is recorded, the frame is not settled.
        """
        self._record(frame, rejection, record)
        self._failed.append(_dead_letter(frame, rejection, attempts))
        job_id = self._place.chunk.job_id
        _log.warning("job %s: failed: %s", job_id, rejection, extra={"frame": frame.scan})
        metrics.FRAMES.labels("failed").inc()
        metrics.FRAME_FAILURES.labels(rejection.reason.value).inc()

    def _observe(self, record: FrameRecord) -> None:
        sent_at = self._place.chunk.sent_at
        if sent_at:
            metrics.FRAME_AGE_SECONDS.observe(max(0.0, time.time() - sent_at))
        for stage, seconds in record.seconds.items():
            metrics.STAGE_SECONDS.labels(stage).observe(seconds)
        for output in self._place.chunk.outputs:
            if output in record.outputs:
                size_bytes = sum(file.size_bytes for file in record.outputs[output])
                metrics.OUTPUT_BYTES.labels(output.value).observe(size_bytes)
        if quality := record.quality:
            metrics.FLAGGED_FRAMES.inc(bool(quality.flags))
            for flag in quality.flags:
                metrics.QC_FLAGS.labels(flag).inc()
            metrics.QUALITY_SHARE.labels("uncovered").observe(quality.uncovered_share)
            metrics.QUALITY_SHARE.labels("invented").observe(quality.invented_share)
            metrics.QUALITY_SHARE.labels("fog").observe(quality.grey_share)

    def tell_now_and_then(self) -> None:
        """Count what is settled, if the last time was a while ago."""
        if time.monotonic() - self._told_at > TELL_SECONDS:
            self.tell()

    def tell(self) -> None:
        """Count what is settled; whoever completes the job asks for its account.

        Raises:
            Stopped: the job store does not answer and the worker is to stop.
        """
        self._told_at = time.monotonic()
        chunk = self._place.chunk
        if self._dropped:
            _log.info("job %s does not run any more: %d frames dropped", chunk.job_id, len(self._dropped))
            self._patience.insist(lambda: self._jobs.hand_back(chunk.job_id, self._dropped))
            self._dropped = []
        if self._done or self._failed:
            is_complete = self._patience.insist(
                lambda: self._jobs.settle(chunk.job_id, self._done, self._failed)
            )
            self._done, self._failed = [], []
            if is_complete:
                _log.info("job %s is complete", chunk.job_id)
                self._patience.insist(lambda: self._sender.send_account(chunk.job_id, chunk.drawings))

    def _record(self, frame: JobFrame, rejection: FrameRejected, record: FrameRecord | None) -> None:
        chunk, drawings = self._place.chunk, self._place.drawings
        record = record or _failed_record(chunk, frame, rejection)
        try:
            drawings.write(object_keys.failed_marker(chunk.job_id, frame.index), msgspec.json.encode(record))
            # An older drawing of a scan that is broken now must not pass for its drawing.
            drawings.delete(object_keys.done_marker(frame.stem))
        except FrameRejected as refusal:
            why = "%s: why it failed could not be recorded: %s"
            _log.warning(why, frame.scan, refusal, extra={"frame": frame.scan})


def _dead_letter(frame: JobFrame, rejection: FrameRejected, attempts: int) -> DeadLetter:
    return DeadLetter(
        index=frame.index,
        scan=frame.scan,
        reason=rejection.reason,
        message=rejection.message,
        attempts=attempts,
    )


def _failed_record(chunk: Chunk, frame: JobFrame, rejection: FrameRejected) -> FrameRecord:
    record = FrameRecord(
        scan=frame.scan,
        stem=frame.stem,
        state=FrameState.FAILED,
        scan_etag=frame.etag,
        recipe_fingerprint=chunk.recipe.fingerprint,
    )
    return failed(record, rejection)


def killed_workers(frame: JobFrame, deaths: int) -> FrameRejected:
    """Why a frame is given up that never got an answer."""
    return FrameRejected(
        Reason.KILLED_WORKERS,
        f"{frame.scan}: {deaths} times a worker died or failed over it, in the end over it alone; "
        "look at the workers' logs, save the scan again in another program, then 'douga retry' the job",
    )


def unreachable(frame: JobFrame, tries: int) -> FrameRejected:
    """Why a frame is given up that the store does not give or take."""
    return FrameRejected(
        Reason.STORE_UNREACHABLE,
        f"{frame.scan}: the store answers, but not for this frame, {tries} times; look at the store's log, "
        "then 'douga retry' the job",
    )
