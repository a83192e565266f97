"""A chunk's way through a worker, with everything but the worker in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec
import pytest

from douga_shared import object_keys
from douga_shared.errors import (
    ConfigurationError,
    DougaError,
    FrameRejected,
    QueueUnreachable,
    Reason,
    StoreUnreachable,
)
from douga_shared.job_store import MemoryJobStore
from douga_shared.jobs import Job, JobFrame, JobState, write_job, write_part
from douga_shared.manifest import FrameRecord, FrameState
from douga_shared.messages import Chunk, chunk_of, encode_chunk
from douga_shared.object_store import MemoryStore
from douga_shared.recipe import Output, Recipe
from douga_worker import chunks
from douga_worker.chunks import MOST_ATTEMPTS, MOST_LONELY_ATTEMPTS, ChunkWorker
from douga_worker.outcome import Outcome
from douga_worker.patience import Patience
from douga_worker.pipeline import Dropped, Order, failed

Answer = Callable[[Order], FrameRecord]


class PipelineOfTests:
    """Answers every order at once, by what the test says."""

    def __init__(self) -> None:
        self.answer: Answer = done
        self.orders: list[Order] = []

    def submit(self, order: Order) -> Future[FrameRecord]:
        self.orders.append(order)
        future: Future[FrameRecord] = Future()
        try:
            future.set_result(self.answer(order))
        except Exception as fault:  # noqa: BLE001 - as an executor does
            future.set_exception(fault)
        return future


class SenderOfTests:
    """Remembers what was sent."""

    def __init__(self) -> None:
        self.quarantined: list[Chunk] = []
        self.accounts: list[str] = []

    def send_to_quarantine(self, chunk: Chunk) -> None:
        self.quarantined.append(chunk)

    def send_account(self, job_id: str, drawings: str) -> None:
        self.accounts.append(job_id)


class PatienceOfTests(Patience):
    """Never waits; says how often it would have."""

    def __init__(self) -> None:
        super().__init__(grace_seconds=60)
        self.pauses: list[int] = []

    def pause(self, count: int) -> None:
        self.pauses.append(count)


class Bench:
    """One worker and all it touches."""

    def __init__(self) -> None:
        self.scans, self.drawings = MemoryStore(), MemoryStore()
        self.jobs = MemoryJobStore()
        self.pipeline, self.sender, self.patience = PipelineOfTests(), SenderOfTests(), PatienceOfTests()
        self.frames = tuple(JobFrame(index, f"A{index}.png", f"etag{index}", 10) for index in range(3))
        self.job = Job(
            job_id="cut-1",
            source="s3://studio/scan/",
            scans="s3://studio/scan/",
            drawings="s3://studio/clean/",
            recipe=Recipe(network="ink", network_sha256="0" * 64),
            outputs=(Output.PNG,),
            submitted_at=1.0,
        )
        write_job(self.drawings, self.job)
        write_part(self.drawings, self.job.job_id, 0, self.frames)
        self.jobs.open_job(self.job)
        self.jobs.extend(self.job.job_id, len(self.frames), is_listed=True)
        self.worker = ChunkWorker(
            pipeline=self.pipeline,  # type: ignore[arg-type]
            jobs=self.jobs,
            open_store=self.open_store,
            sender=self.sender,  # type: ignore[arg-type]
            patience=self.patience,
        )

    def open_store(self, url: str) -> MemoryStore:
        stores = {self.job.scans: self.scans, self.job.drawings: self.drawings}
        if url not in stores:
            raise ConfigurationError(f"{url} is outside DOUGA_STORES")
        return stores[url]

    def message(self, *, is_quarantined: bool = False) -> dict[str, object]:
        chunk = chunk_of(self.job, self.frames, sent_at=0.0, is_quarantined=is_quarantined)
        return encode_chunk(chunk)

    @property
    def counts(self) -> tuple[int, int, int]:
        """Done, failed, running."""
        standing = self.jobs.standing(self.job.job_id)
        assert standing is not None
        return standing.done, standing.failed, standing.running

    def reasons(self) -> dict[str, Reason]:
        return {letter.scan: letter.reason for letter in self.jobs.dead_letters(self.job.job_id)}

    def begin(self, times: int) -> None:
        """As if workers had died on the chunk so often."""
        for _ in range(times):
            self.jobs.begin(self.job.job_id, self.job.seal, [frame.index for frame in self.frames])


@pytest.fixture
def bench() -> Bench:
    """A worker with an ordered job of three frames."""
    return Bench()


def record_of(order: Order) -> FrameRecord:
    """The record of a frame that is done."""
    return FrameRecord(
        scan=order.frame.scan,
        stem=order.frame.stem,
        state=FrameState.DONE,
        scan_etag=order.frame.info.etag,
        recipe_fingerprint=order.instructions.recipe.fingerprint,
        has_pictures=True,
    )


def done(order: Order) -> FrameRecord:
    """Every frame can be cleaned."""
    return record_of(order)


def damaged(order: Order) -> FrameRecord:
    """No frame can."""
    return failed(record_of(order), FrameRejected(Reason.DAMAGED, f"{order.frame.scan} is damaged"))


def test_a_chunk_is_acked_when_every_frame_is_counted(bench: Bench) -> None:
    """Three frames go in, three are done, and the job's account is asked for once."""
    assert bench.worker.work(bench.message()) is Outcome.SETTLED
    assert (3, 0, 0) == bench.counts
    assert ["cut-1"] == bench.sender.accounts


def test_the_same_chunk_again_cleans_nothing(bench: Bench) -> None:
    """A redelivered chunk of settled frames costs one question."""
    bench.worker.work(bench.message())
    assert bench.worker.work(bench.message()) is Outcome.SETTLED
    assert 3 == len(bench.pipeline.orders)


def test_a_chunk_that_comes_back_done_asks_for_the_account_until_it_is_written(bench: Bench) -> None:
    """Whoever counted the last frame may have died before it could ask."""
    bench.worker.work(bench.message())
    bench.worker.work(bench.message())
    assert ["cut-1", "cut-1"] == bench.sender.accounts
    bench.jobs.mark_accounted("cut-1")
    bench.worker.work(bench.message())
    assert ["cut-1", "cut-1"] == bench.sender.accounts


def test_a_failed_frame_is_a_dead_letter_in_store_and_job_store(bench: Bench) -> None:
    """Its neighbours are done; the record of its failure outlives Redis; an old done marker goes."""
    bench.drawings.write(object_keys.done_marker("A1"), b"old")
    bench.pipeline.answer = lambda order: (damaged if order.frame.scan == "A1.png" else done)(order)
    assert bench.worker.work(bench.message()) is Outcome.SETTLED
    assert (2, 1, 0) == bench.counts
    assert {"A1.png": Reason.DAMAGED} == bench.reasons()
    marker = bench.drawings.read(object_keys.failed_marker("cut-1", 1))
    record = msgspec.json.decode(marker, type=FrameRecord)
    assert record.failure is not None
    assert Reason.DAMAGED is record.failure.reason
    assert bench.drawings.stat(object_keys.done_marker("A1")) is None


@pytest.mark.parametrize("state", [JobState.PAUSED, JobState.CANCELLED, JobState.SUPERSEDED])
def test_a_chunk_of_a_job_that_does_not_run_is_let_go(bench: Bench, state: JobState) -> None:
    """Nothing begins; what is left of a paused job is sent again when it goes on."""
    bench.jobs.set_state("cut-1", state)
    assert bench.worker.work(bench.message()) is Outcome.SETTLED
    assert [] == bench.pipeline.orders
    assert (0, 0, 0) == bench.counts


def test_frames_dropped_on_their_way_are_not_running_any_more(bench: Bench) -> None:
    """A job cancelled in the middle has no frames hanging in the balance."""

    def drop(order: Order) -> FrameRecord:
        raise Dropped(order.frame.scan)

    bench.pipeline.answer = drop
    assert bench.worker.work(bench.message()) is Outcome.SETTLED
    assert (0, 0, 0) == bench.counts


def test_frames_do_not_wait_for_a_silent_job_store_to_learn_whether_they_are_wanted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One asks; the others are wanted as long as nobody says otherwise."""
    assert bench.worker.work(bench.message()) is Outcome.SETTLED
    # The worker has just learnt that the job runs and would ask nobody for a second.
    monkeypatch.setattr(chunks, "_STATE_SECONDS", 0)
    first, second, _ = bench.pipeline.orders
    is_asked, answer = threading.Event(), threading.Event()

    def state_of(job_id: str) -> JobState:
        is_asked.set()
        answer.wait(60)
        return JobState.CANCELLED

    monkeypatch.setattr(bench.jobs, "state_of", state_of)
    with ThreadPoolExecutor(1) as threads:
        asking = threads.submit(first.is_wanted)
        assert is_asked.wait(60)
        assert second.is_wanted()
        answer.set()
        assert not asking.result(60)
    assert not second.is_wanted()


@pytest.mark.parametrize(
    "fault", [QueueUnreachable("Redis is away"), ConfigurationError("Redis refuses the password")]
)
def test_a_frame_is_wanted_while_the_job_store_does_not_say(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, fault: DougaError
) -> None:
    """Its fault must not count as the store's, which would be the frame's end after a few tries."""
    assert bench.worker.work(bench.message()) is Outcome.SETTLED
    monkeypatch.setattr(chunks, "_STATE_SECONDS", 0)

    def state_of(job_id: str) -> JobState:
        raise fault

    monkeypatch.setattr(bench.jobs, "state_of", state_of)
    assert bench.pipeline.orders[0].is_wanted()


def test_a_frame_that_workers_died_on_goes_into_quarantine_alone(bench: Bench) -> None:
    """After two deaths each frame of the chunk gets a message of its own; the chunk is acked."""
    bench.begin(MOST_ATTEMPTS)
    assert bench.worker.work(bench.message()) is Outcome.SETTLED
    assert [] == bench.pipeline.orders
    assert [("A0.png",), ("A1.png",), ("A2.png",)] == [
        tuple(frame.scan for frame in chunk.frames) for chunk in bench.sender.quarantined
    ]
    assert all(chunk.is_quarantined for chunk in bench.sender.quarantined)


def test_on_its_way_into_quarantine_a_frame_is_not_tried(bench: Bench) -> None:
    """It neither runs nor counts as an attempt: all three that it has alone are still to come."""
    bench.begin(MOST_ATTEMPTS)
    assert bench.worker.work(bench.message()) is Outcome.SETTLED
    assert (0, 0, 0) == bench.counts
    beginning = bench.jobs.begin(bench.job.job_id, bench.job.seal, [0])
    assert beginning is not None
    assert (MOST_ATTEMPTS + 1,) == beginning.attempts


def test_a_frame_in_quarantine_is_cleaned_in_a_process_of_its_own(bench: Bench) -> None:
    """The pipeline is told, and the innocent are done after all."""
    bench.begin(MOST_ATTEMPTS)
    assert bench.worker.work(bench.message(is_quarantined=True)) is Outcome.SETTLED
    assert [True, True, True] == [order.is_alone for order in bench.pipeline.orders]
    assert (3, 0, 0) == bench.counts


def test_a_frame_that_waits_for_its_turn_in_quarantine_has_not_begun(bench: Bench) -> None:
    """Were it counted before, it would become a dead letter by the deaths of those before it."""
    may_go_on = threading.Event()
    waits = threading.Event()

    def decode_and_wait(order: Order) -> FrameRecord:
        waits.set()
        may_go_on.wait()
        return done(order)

    bench.pipeline.answer = decode_and_wait
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(bench.worker.work, bench.message(is_quarantined=True))
        waits.wait()
        begun = bench.counts
        second = threads.submit(bench.worker.work, bench.message(is_quarantined=True))
        may_go_on.set()
        assert [Outcome.SETTLED, Outcome.SETTLED] == [first.result(), second.result()]
    assert (0, 0, 3) == begun
    assert 3 == len(bench.pipeline.orders)


def test_a_frame_that_kills_even_alone_is_a_dead_letter(bench: Bench) -> None:
    """After five deaths the job goes on without it."""
    bench.begin(MOST_ATTEMPTS + MOST_LONELY_ATTEMPTS)
    assert bench.worker.work(bench.message(is_quarantined=True)) is Outcome.SETTLED
    assert {Reason.KILLED_WORKERS} == set(bench.reasons().values())
    assert (0, 3, 0) == bench.counts


def test_a_frame_finished_by_a_worker_that_died_before_the_ack_is_not_cleaned_again(bench: Bench) -> None:
    """Kill between upload and ack: the done marker speaks."""
    bench.begin(1)
    for frame in bench.frames[:2]:
        record = FrameRecord(
            scan=frame.scan,
            stem=frame.stem,
            state=FrameState.DONE,
            scan_etag=frame.etag,
            recipe_fingerprint=bench.job.recipe.fingerprint,
            has_pictures=True,
            outputs={},
        )
        bench.drawings.write(object_keys.done_marker(frame.stem), msgspec.json.encode(record))
    message = bench.message()
    bench.worker.work(message)
    # Without its PNG a frame is not finished, whatever its marker says.
    assert ["A0.png", "A1.png", "A2.png"] == [order.frame.scan for order in bench.pipeline.orders]


def test_a_store_that_is_gone_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it takes; nothing becomes a dead letter."""
    answers = iter([StoreUnreachable("gone")] * 8)

    def unreachable_at_first(order: Order) -> FrameRecord:
        if fault := next(answers, None):
            raise fault
        return record_of(order)

    def gone(object_key: str) -> None:
        raise StoreUnreachable("gone")

    bench.pipeline.answer = unreachable_at_first
    monkeypatch.setattr(bench.drawings, "stat", gone)
    assert bench.worker.work(bench.message()) is Outcome.SETTLED
    assert (3, 0, 0) == bench.counts
    assert [0, 1, 2] == bench.patience.pauses


def test_a_frame_that_the_store_refuses_again_and_again_is_a_dead_letter(bench: Bench) -> None:
    """The store answers, only not for this one; its neighbours are done."""

    def refuse(order: Order) -> FrameRecord:
        if order.frame.scan == "A1.png":
            raise StoreUnreachable("500")
        return record_of(order)

    bench.pipeline.answer = refuse
    assert bench.worker.work(bench.message()) is Outcome.SETTLED
    assert {"A1.png": Reason.STORE_UNREACHABLE} == bench.reasons()
    assert (2, 1, 0) == bench.counts


def test_a_worker_that_is_to_stop_hands_back_what_it_has_not_begun(bench: Bench) -> None:
    """What was finished is counted, the rest is nobody's attempt."""

    def stop_after_the_first(order: Order) -> FrameRecord:
        if order.frame.scan == "A0.png":
            bench.patience.end()
            return record_of(order)
        raise StoreUnreachable("gone")

    bench.pipeline.answer = stop_after_the_first
    assert bench.worker.work(bench.message()) is Outcome.HANDED_BACK
    assert (1, 0, 0) == bench.counts
    beginning = bench.jobs.begin("cut-1", bench.job.seal, [1, 2])
    assert beginning is not None
    assert (1, 1) == beginning.attempts


def test_after_a_fault_of_the_network_what_is_not_begun_is_taken_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chunk goes back to the queue: its frames must not be drawn twice at the same time."""
    submit = bench.pipeline.submit
    futures: list[Future[FrameRecord]] = []

    def submit_first_only(order: Order) -> Future[FrameRecord]:
        futures.append(Future() if futures else submit(order))
        return futures[-1]

    def fail(order: Order) -> FrameRecord:
        raise RuntimeError("an illegal memory access was encountered")

    bench.pipeline.answer = fail
    monkeypatch.setattr(bench.pipeline, "submit", submit_first_only)
    with pytest.raises(RuntimeError, match="illegal"):
        bench.worker.work(bench.message())
    assert [False, True, True] == [future.cancelled() for future in futures]


def test_a_job_store_that_is_gone_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The drawings are safe meanwhile; they are counted when it is back."""
    settle = bench.jobs.settle
    faults = [QueueUnreachable("gone"), QueueUnreachable("gone")]

    def away_at_first(*arguments: object) -> bool:
        if faults:
            raise faults.pop()
        return settle(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.jobs, "settle", away_at_first)
    assert bench.worker.work(bench.message()) is Outcome.SETTLED
    assert (3, 0, 0) == bench.counts
    assert [0, 1] == bench.patience.pauses


def test_a_job_that_redis_lost_is_rebuilt_from_the_store(bench: Bench) -> None:
    """A message of a recorded job is as good after FLUSHALL as before."""
    bench.jobs.forget("cut-1")
    assert bench.worker.work(bench.message()) is Outcome.SETTLED
    assert (3, 0, 0) == bench.counts


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"job_id": "cut-2"}, "forged"),
        ({"seal": "0" * 16}, "forged"),
        ({"drawings": "s3://elsewhere/"}, "forged"),
        ({"has_pictures": False}, "forged"),
        ({"version": 1}, "version 1"),
        ({"version": "1"}, "malformed"),
        ({"frames": []}, "malformed"),
        ({"frames": [[0, "../../etc/passwd", "", 1]]}, "cannot name an object"),
        ({"frames": [[0, "A0.png", "", 1, "/etc/passwd"]]}, "cannot name an object"),
        ({"frames": [[-1, "A0.png", "", 1]]}, "negative"),
        ({"frames": [[0, "A" * 2000, "", 1]]}, "letters"),
        ({"recipe": {"network": "ink", "network_sha256": "0", "strength": 7}}, "strength"),
        ({"shell": "rm -rf /"}, "malformed"),
    ],
)
def test_a_forged_or_malformed_message_is_rejected_with_its_reason(
    bench: Bench, change: dict[str, object], why: str
) -> None:
    """Nothing of it is done, and the worker lives."""
    assert bench.worker.work(bench.message() | change) is Outcome.REJECTED
    assert [] == bench.pipeline.orders
    (rejected,) = bench.jobs.rejected_messages()
    assert why in rejected.why


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"job_id": "cut-2"}, "nobody ordered"),
        ({"outputs": (Output.SVG,)}, "did not order this"),
        ({"drawings": "s3://elsewhere/"}, "outside DOUGA_STORES"),
        ({"scans": "file:///etc/"}, "outside DOUGA_STORES"),
    ],
)
def test_a_forged_message_with_a_right_seal_is_rejected_too(
    bench: Bench, change: dict[str, object], why: str
) -> None:
    """Anybody can work out a seal; the job's record has another."""
    forged = chunk_of(msgspec.structs.replace(bench.job, **change), bench.frames, sent_at=0.0)
    assert bench.worker.work(encode_chunk(forged)) is Outcome.REJECTED
    assert [] == bench.pipeline.orders
    (rejected,) = bench.jobs.rejected_messages()
    assert why in rejected.why


@pytest.mark.parametrize("message", [None, "text", 7, [], {}, {"version": 1}, b"\xff"])
def test_rubbish_is_rejected(bench: Bench, message: object) -> None:
    """Whatever lies in the queue, the worker goes on to the next message."""
    assert bench.worker.work(message) is Outcome.REJECTED
    assert 1 == len(bench.jobs.rejected_messages())
