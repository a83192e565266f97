"""A chunk's way through a worker: from a message off the queue to settled frames.

::

    message ─▶ read ─▶ begin ─▶ frames into the pipeline ─▶ settle as they come ─▶ ack
                │        │                  │
                │        │                  └ store away: wait, try again; worker stopping: hand back
                │        └ done before: skip; workers died on it: quarantine, then dead letter
                └ unreadable, forged, out of bounds: rejected messages

Every frame of a chunk ends in one of four ways, and only then is the chunk acked: done, failed, dropped
(its job was cancelled or paused), or handed back.
"""

from __future__ import annotations

import itertools
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from functools import partial

import msgspec

from douga_shared import metrics, object_keys
from douga_shared.broker import Sender
from douga_shared.discover import Frame
from douga_shared.done_markers import is_finished, read_done_marker
from douga_shared.errors import (
    ConfigurationError,
    FrameRejected,
    InputMissing,
    MessageRejected,
    QueueUnreachable,
    StoreUnreachable,
)
from douga_shared.frames import FrameId
from douga_shared.job_store.protocol import SETTLED, Beginning, JobStore
from douga_shared.jobs import JobFrame, JobState, read_job
from douga_shared.logs import about
from douga_shared.manifest import FrameRecord
from douga_shared.messages import decode_chunk
from douga_shared.object_store.protocol import ObjectInfo, ObjectStore
from douga_shared.rebuild import rebuild_job
from douga_shared.tracing import current_origin, span
from douga_worker.outcome import Outcome
from douga_worker.patience import Patience, Stopped
from douga_worker.pipeline import Dropped, Instructions, Order, Pipeline
from douga_worker.settlement import Place, Settlement, killed_workers, unreachable

MOST_ATTEMPTS = 2
"""A frame in the works when workers died this often goes into quarantine."""
MOST_LONELY_ATTEMPTS = 8
"""And so often more when tried alone: a frame that kills is found by the death of the process it is alone in,
so workers that still die were mostly killed by somebody else."""
MOST_STORE_ATTEMPTS = 4
"""For one frame, while the store answers for others."""
_LOOK_SECONDS = 0.5
"""How often a waiting chunk looks whether the worker is to stop."""
_STATE_SECONDS = 1.0
"""How old the knowledge may be whether a job still runs."""
_STORE_FAULTS = (StoreUnreachable, ConfigurationError, InputMissing)
"""The store is away, or cannot be used as this worker is set up (credentials that ran out, a bucket that is
gone). None of it is the frame's fault, so the frame waits."""

_log = logging.getLogger(__name__)


class ChunkWorker:
    """Works on chunks; one object for all threads of a worker."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        jobs: JobStore,
        open_store: Callable[[str], ObjectStore],
        sender: Sender,
        patience: Patience,
    ) -> None:
        """Put together what a worker needs.

        Args:
            pipeline: cleans frames; shared by all chunks.
            jobs: remembers what became of them.
            open_store: opens a store by URL; raises ``ConfigurationError`` outside the allowed places.
            sender: for frames that go into quarantine, and for the account of a complete job.
            patience: knows when the worker is to stop.
        """
        self._pipeline = pipeline
        self._jobs = jobs
        self._open_store = open_store
        self._sender = sender
        self._patience = patience
        self._states = _JobStates(jobs)
        self._quarantine = threading.Lock()

    def work(self, message: object) -> Outcome:
        """Do what a message asks for; returns when its frames are settled or handed back.

        Raises nothing that a message could cause.
        """
        try:
            outcome = self._work(message)
        except MessageRejected as fault:
            outcome = self._reject(message, str(fault))
        except Stopped:
            outcome = Outcome.HANDED_BACK
        metrics.CHUNKS.labels(outcome.value).inc()
        return outcome

    def _work(self, message: object) -> Outcome:
        place = self._read(message)
        job_id, first = place.chunk.job_id, place.chunk.frames[0].index
        frames = len(place.chunk.frames)
        spanned = span("chunk", {"douga.job": job_id, "douga.chunk": first, "douga.frames": frames})
        with about(job=job_id, chunk=first), spanned:
            return self._wait_and_work(place)

    def _wait_and_work(self, place: Place) -> Outcome:
        if not place.chunk.is_quarantined:
            return self._begin_and_work(place)
        with self._quarantine:
            # One at a time: what dies here must be the frame's own fault. A frame that waits for its turn has
            # not begun: the death of this worker is no attempt of it.
            return self._begin_and_work(place)

    def _begin_and_work(self, place: Place) -> Outcome:
        beginning = self._patience.insist(lambda: self._begin(place))
        if beginning.state is not JobState.RUNNING:
            # What a paused job has left is sent again by 'douga resume'.
            _log.info("job %s is %s: a chunk is dropped", place.chunk.job_id, beginning.state.value)
            return Outcome.SETTLED
        self._states.learn_that_it_runs(place.chunk.job_id)
        return self._work_on(place, beginning)

    def _read(self, message: object) -> Place:
        chunk = decode_chunk(message)
        if chunk.sent_at:
            metrics.QUEUE_WAIT_SECONDS.observe(max(0.0, time.time() - chunk.sent_at))
        try:
            return Place(chunk, self._open_store(chunk.scans), self._open_store(chunk.drawings))
        except (ConfigurationError, InputMissing) as fault:
            raise MessageRejected(f"job {chunk.job_id}: {fault}") from fault

    def _begin(self, place: Place) -> Beginning:
        chunk = place.chunk
        indexes = [frame.index for frame in chunk.frames]
        beginning = self._jobs.begin(chunk.job_id, chunk.seal, indexes)
        if beginning is None:
            # Redis may have lost the job, or a stranger made it up: the store knows.
            self._check_ordered(place)
            rebuild_job(place.drawings, self._jobs, chunk.job_id)
            beginning = self._jobs.begin(chunk.job_id, chunk.seal, indexes)
        if beginning is None:
            raise MessageRejected(f"a forged message: job {chunk.job_id} has no such frames")
        return beginning

    def _check_ordered(self, place: Place) -> None:
        """Read the job's record: a rebuild is too much work to be had for a forged message."""
        job_id = place.chunk.job_id
        try:
            seal = read_job(place.drawings, job_id).seal
        except (InputMissing, FrameRejected) as fault:
            raise MessageRejected(f"a message of a job that nobody ordered: {fault}") from fault
        if seal != place.chunk.seal:
            raise MessageRejected(f"a forged message: job {job_id} did not order this")

    def _work_on(self, place: Place, beginning: Beginning) -> Outcome:
        settlement = Settlement(place, self._jobs, self._sender, self._patience)
        limit = MOST_ATTEMPTS + (MOST_LONELY_ATTEMPTS if place.chunk.is_quarantined else 0)
        attempts: dict[JobFrame, int] = {}
        for frame, attempt in zip(place.chunk.frames, beginning.attempts, strict=True):
            if attempt > limit:
                self._give_up(place, frame, attempt - 1, settlement)
            elif attempt != SETTLED:
                attempts[frame] = attempt
        metrics.REDELIVERED_FRAMES.inc(sum(attempt > 1 for attempt in attempts.values()))
        unsettled = self._clean(place, attempts, settlement)
        settlement.tell()
        if not unsettled:
            if SETTLED in beginning.attempts:
                self._patience.insist(lambda: self._ask_for_account(place))
            return Outcome.SETTLED
        indexes = [frame.index for frame in unsettled]
        self._patience.insist(lambda: self._jobs.hand_back(place.chunk.job_id, indexes))
        return Outcome.HANDED_BACK

    def _ask_for_account(self, place: Place) -> None:
        """Whoever completed the job may have died before it could ask; asking twice does no harm."""
        standing = self._jobs.standing(place.chunk.job_id)
        if standing is not None and standing.is_complete and not standing.is_accounted:
            self._sender.send_account(place.chunk.job_id, place.chunk.drawings)

    def _give_up(self, place: Place, frame: JobFrame, deaths: int, settlement: Settlement) -> None:
        """Workers died on it too often: out of the crowd, and if it is alone already, out of the job."""
        if place.chunk.is_quarantined:
            self._patience.insist(lambda: settlement.fail(frame, killed_workers(frame, deaths), deaths))
            return
        why = "%s: in the works when %d workers died; now tried alone"
        _log.warning(why, frame.scan, deaths, extra={"frame": frame.scan})
        # Nobody has tried it this time: it does not count.
        self._patience.insist(lambda: self._jobs.hand_back(place.chunk.job_id, [frame.index]))
        lonely = msgspec.structs.replace(place.chunk, frames=(frame,), is_quarantined=True)
        self._patience.insist(lambda: self._sender.send_to_quarantine(lonely))
        metrics.QUARANTINED_FRAMES.inc()

    def _clean(self, place: Place, attempts: dict[JobFrame, int], settlement: Settlement) -> list[JobFrame]:
        """Clean frames until each is settled; returns those to hand back because the worker stops."""
        left, refusals = list(attempts), 0
        for tries in itertools.count():
            left = self._pass(place, left, attempts, settlement)
            if not left or self._patience.is_ending:
                return left
            # A store that is gone is waited for; one that answers, only not for these frames, is not.
            refusals += _is_answering(place)
            if refusals >= MOST_STORE_ATTEMPTS:
                for frame in left:
                    rejection = unreachable(frame, refusals)
                    self._patience.insist(partial(settlement.fail, frame, rejection, attempts[frame]))
                return []
            _log.warning("%d frames wait for the store", len(left))
            metrics.RETRIES.labels("store").inc()
            self._patience.pause(tries)
        return []

    def _pass(
        self, place: Place, frames: Iterable[JobFrame], attempts: dict[JobFrame, int], settlement: Settlement
    ) -> list[JobFrame]:
        """Run frames through the pipeline once; returns those that came out unsettled."""
        running: dict[Future[FrameRecord], JobFrame] = {}
        for frame in frames:
            if attempts[frame] > 1 and _was_done(place, frame):
                settlement.done(frame)
            else:
                future = self._pipeline.submit(self._order(place, frame))
                running[future] = frame
                metrics.IN_FLIGHT_FRAMES.inc()
                future.add_done_callback(_leave_works)
        try:
            return self._await(running, attempts, settlement)
        finally:
            # After a fault the chunk is tried again as a whole: nobody waits any more for what is not begun.
            for future in running:
                future.cancel()

    def _await(
        self,
        running: dict[Future[FrameRecord], JobFrame],
        attempts: dict[JobFrame, int],
        settlement: Settlement,
    ) -> list[JobFrame]:
        """Settle frames as they come out, taking them from ``running``; returns those left unsettled."""
        away: list[JobFrame] = []
        while running:
            finished, _ = wait(running, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
            if self._patience.is_ending:
                # What has begun is finished; what has not goes back.
                away += [running.pop(future) for future in list(running) if future.cancel()]
            for future in finished & running.keys():
                frame = running.pop(future)
                if not _is_settled(future, frame, attempts[frame], settlement):
                    away.append(frame)
            settlement.tell_now_and_then()
            if self._patience.is_over:
                _log.warning("%d frames did not finish in the grace period", len(running))
                return [*away, *running.values()]
        return away

    def _order(self, place: Place, frame: JobFrame) -> Order:
        chunk = place.chunk
        return Order(
            frame=_frame(frame),
            scans=place.scans,
            drawings=place.drawings,
            instructions=Instructions(chunk.recipe, chunk.outputs, chunk.has_pictures, chunk.max_megapixels),
            object_key=frame.object_key,
            is_wanted=lambda: self._states.is_running(chunk.job_id),
            is_alone=chunk.is_quarantined,
            origin=current_origin(),
        )

    def _reject(self, message: object, why: str) -> Outcome:
        _log.warning("a message is rejected: %s", why)
        metrics.REJECTED_MESSAGES.inc()
        try:
            self._patience.insist(lambda: self._jobs.reject_message(why, repr(message)[:500]))
        except Stopped:
            return Outcome.HANDED_BACK
        return Outcome.REJECTED


class _JobStates:
    """Whether jobs still run, asked once a second at most however many frames want to know.

    One frame asks, the others do not wait for the answer: a queue server that is silent must not stop them.
    """

    def __init__(self, jobs: JobStore) -> None:
        self._jobs = jobs
        self._known: dict[str, tuple[float, bool]] = {}
        self._lock = threading.Lock()

    def is_running(self, job_id: str) -> bool:
        """Tell whether frames of the job are still wanted; in doubt they are."""
        with self._lock:
            now = time.monotonic()
            self._known = {name: seen for name, seen in self._known.items() if now - seen[0] < _STATE_SECONDS}
            if job_id in self._known:
                return self._known[job_id][1]
            self._known[job_id] = (math.inf, True)
        is_running = True
        try:
            is_running = self._ask(job_id)
        finally:
            with self._lock:
                self._known[job_id] = (time.monotonic(), is_running)
        return is_running

    def learn_that_it_runs(self, job_id: str) -> None:
        """The job store has just said so: a job resumed within the second is not taken for paused."""
        with self._lock:
            self._known[job_id] = (time.monotonic(), True)

    def _ask(self, job_id: str) -> bool:
        try:
            return self._jobs.state_of(job_id) in (None, JobState.RUNNING)
        except (QueueUnreachable, ConfigurationError):
            # It is away, or does not let this worker in: no fault of the frame that happened to ask.
            return True


def _leave_works(_: object) -> None:
    metrics.IN_FLIGHT_FRAMES.dec()


def _is_settled(future: Future[FrameRecord], frame: JobFrame, attempt: int, settlement: Settlement) -> bool:
    """Take what came out of the pipeline; False when the frame has to be tried again."""
    try:
        record = future.result()
        if record.failure is None:
            settlement.done(frame, record)
        else:
            rejection = FrameRejected(record.failure.reason, record.failure.message)
            settlement.fail(frame, rejection, attempt, record)
    except Dropped:
        settlement.drop(frame)
    except CancelledError:
        return False
    except _STORE_FAULTS as fault:
        _log.warning("%s: %s", frame.scan, fault, extra={"frame": frame.scan})
        return False
    return True


def _was_done(place: Place, frame: JobFrame) -> bool:
    """Tell whether another worker finished the frame and died before it could say so."""
    chunk = place.chunk
    try:
        record = read_done_marker(place.drawings, frame.stem)
        return record is not None and is_finished(
            record,
            _frame(frame),
            scans=place.scans,
            drawings=place.drawings,
            fingerprint=chunk.recipe.fingerprint,
            outputs=chunk.outputs,
            needs_pictures=chunk.has_pictures,
        )
    except _STORE_FAULTS:
        # Then the pipeline will find out as well, and wait.
        return False


def _is_answering(place: Place) -> bool:
    try:
        for store in (place.scans, place.drawings):
            store.stat(object_keys.MANIFEST)
    except _STORE_FAULTS:
        return False
    except FrameRejected:
        # An answer, if not a kind one.
        return True
    return True


def _frame(frame: JobFrame) -> Frame:
    info = ObjectInfo(frame.scan_key, frame.size_bytes, frame.etag)
    return Frame(frame_id=FrameId.parse(frame.scan), scan=frame.scan, stem=frame.stem, info=info)
