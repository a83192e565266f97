"""Celery workers on our transport while workers and the broker are killed, stopped and frozen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from tests.queue_app import QueueWorker, make_producer
from tests.servers import Valkey, wait_until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Valkey]:
    """The queue server that gets hurt."""
    with Valkey(tmp_path / "broker") as server:
        yield server


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Valkey]:
    """Remembers what was done, and never fails."""
    with Valkey(tmp_path / "ledger") as server:
        yield server


@pytest.fixture
def book(ledger: Valkey) -> Iterator[redis.Redis]:
    """Reads the ledger."""
    with ledger.client() as client:
        yield client


def send(broker: Valkey, task: str, *arguments: tuple[object, ...], queue: str = "frames") -> None:
    """Put tasks on the queue."""
    app = make_producer(broker.url)
    with app.connection_for_write() as connection:
        for given in arguments:
            app.send_task(task, given, queue=queue, connection=connection)


def done(book: redis.Redis) -> dict[str, str]:
    """How often each frame was done."""
    answer: Any = book.hgetall("done")
    return dict(answer)


def starts(book: redis.Redis) -> dict[str, str]:
    """How often each frame was begun."""
    answer: Any = book.hgetall("starts")
    return dict(answer)


def is_settled(broker: Valkey) -> bool:
    """Nothing waits and nothing is in the works."""
    with broker.client() as client:
        return not client.llen("frames") and not client.hlen("unacked")


def test_worker_consumes_again_after_all_its_work_was_finished_in_an_outage(
    broker: Valkey, ledger: Valkey, book: redis.Redis, tmp_path: Path
) -> None:
    """Stock keeps every place taken then, watches no socket, and is silent for ever."""
    send(broker, "wait", ("a", "gate"), ("b", "gate"))
    with QueueWorker(broker, ledger, tmp_path / "worker.log") as worker:
        wait_until(lambda: len(starts(book)) == 2, "both places are taken")
        broker.kill()
        book.set("gate", 1)
        wait_until(lambda: len(done(book)) == 2, "all is finished while the broker is away")
        wait_until(lambda: "when the queue server answers" in worker.log.read_text(), "an ack fails")
        broker.start()
        send(broker, "work", ("c",))
        wait_until(lambda: "c" in done(book), "the worker consumes again", 10)
        wait_until(lambda: is_settled(broker), "late acks arrive", 10)
        assert not worker.has_died
    assert {"a": "1", "b": "1", "c": "1"} == starts(book)


def test_work_that_outlasts_the_outage_and_the_lease_is_done_once(
    broker: Valkey, ledger: Valkey, book: redis.Redis, tmp_path: Path
) -> None:
    """The connection is another by then, and the lease ran out in the meantime."""
    send(broker, "wait", ("a", "gate"))
    with QueueWorker(broker, ledger, tmp_path / "worker.log", lease_seconds=4, threads=1) as worker:
        wait_until(lambda: len(starts(book)) == 1, "the frame is begun")
        broker.kill()
        broker.start()
        with broker.client() as client:
            first = float(client.time()[0])
            wait_until(lambda: float(client.time()[0]) > first + 6, "more than a lease has passed")
        book.set("gate", 1)
        wait_until(lambda: is_settled(broker), "the ack arrives")
        assert not worker.has_died
    assert {"a": "1"} == starts(book)


def test_killed_workers_frames_are_done_by_the_other(
    broker: Valkey, ledger: Valkey, book: redis.Redis, tmp_path: Path
) -> None:
    """SIGKILL in the middle of the work; the lease brings it back."""
    send(broker, "wait", ("a", "gate"), ("b", "gate"))
    with QueueWorker(broker, ledger, tmp_path / "one.log", lease_seconds=2) as one:
        wait_until(lambda: len(starts(book)) == 2, "both frames are begun")
        with QueueWorker(broker, ledger, tmp_path / "two.log", lease_seconds=2):
            one.kill()
            book.set("gate", 1)
            wait_until(lambda: len(done(book)) == 2, "the other does both")
            wait_until(lambda: is_settled(broker), "the queue is empty")
    assert {"a": "2", "b": "2"} == starts(book)


def test_terminated_worker_finishes_its_work_and_keeps_the_lease_meanwhile(
    broker: Valkey, ledger: Valkey, book: redis.Redis, tmp_path: Path
) -> None:
    """Celery's loop turns no more while the pool drains; leases are renewed all the same."""
    send(broker, "wait", ("a", "gate"), ("b", "other gate"))
    with QueueWorker(broker, ledger, tmp_path / "one.log", lease_seconds=1.5, threads=1) as one:
        wait_until(lambda: len(starts(book)) == 1, "the frame is begun")
        one.process.terminate()
        with QueueWorker(broker, ledger, tmp_path / "two.log", lease_seconds=1.5):
            wait_until(lambda: "b" in starts(book), "the other worker is up")
            with broker.client() as client:
                first = float(client.time()[0])
                wait_until(lambda: float(client.time()[0]) > first + 3, "two leases have passed")
            book.set("gate", 1)
            assert 0 == one.process.wait(30)
            book.set("other gate", 1)
            wait_until(lambda: is_settled(broker), "the queue is empty")
    assert {"a": "1", "b": "1"} == starts(book)


def test_frozen_broker_is_borne(broker: Valkey, ledger: Valkey, book: redis.Redis, tmp_path: Path) -> None:
    """SIGSTOP: connections stay open and nothing answers, longer than every time-out."""
    with QueueWorker(broker, ledger, tmp_path / "worker.log") as worker:
        send(broker, "work", ("a",))
        wait_until(lambda: "a" in done(book), "the worker consumes")
        broker.pause()
        log = worker.log
        wait_until(lambda: "onnect" in log.read_text().rpartition("ready")[2], "the worker notices", 60)
        broker.resume()
        send(broker, "work", ("b",))
        wait_until(lambda: "b" in done(book), "the worker consumes again", 10)
        assert not worker.has_died


def test_forged_messages_stop_no_worker(
    broker: Valkey, ledger: Valkey, book: redis.Redis, tmp_path: Path
) -> None:
    """Celery dies of some of these, and reconnects for ever because of others."""
    send(broker, "work", ("a",), ("b",))
    with broker.client() as client, QueueWorker(broker, ledger, tmp_path / "worker.log") as worker:
        wait_until(lambda: len(done(book)) == 2, "the worker consumes")
        envelope = (
            '{"body": %s, "content-type": "%s", "content-encoding": "utf-8", "headers": %s, "properties": '
        )
        properties = '{"delivery_tag": "%d", "delivery_info": %s}}'
        whole = '{"task": "work", "id": "1", "root_id": "1"}'
        forged = [
            ('"[]"', "application/json", whole, "{}"),
            ('"[1]"', "application/json", whole, "{}"),
            ('"7"', "application/json", whole, "{}"),
            ('"[[], {}, {}]"', "application/json", '{"task": "work"}', "{}"),
            ('"[[], {}, {}]"', "application/json", '{"task": "nobody\'s", "id": "1"}', "{}"),
            ('"[[], {}, {}]"', "application/json", '{"task": ["x"], "id": "1"}', "{}"),
            ('"[[], {}, {}]"', "application/json", '{"task": "work", "id": "1", "eta": "when?"}', "{}"),
            ('"[[], {}, {}]"', "application/json", '{"task": "work", "id": [], "expires": 1e99}', "{}"),
            ('"[[], {}, {}]"', "application/json", '{"task": "work", "id": "1", "timelimit": 3}', "{}"),
            ('"[[], {}, {}]"', "application/json", "{}", "{}"),
            ('"[[], {}, {}]"', "application/json", whole, "[1]"),
            ('"cos"', "application/x-python-serialize", whole, "{}"),
            ("null", "application/json", whole, "{}"),
            ('{"a": 1}', "application/json", whole, "{}"),
        ]
        for number, (body, kind, headers, delivery) in enumerate(forged):
            client.lpush("frames", envelope % (body, kind, headers) + properties % (number, delivery))
        send(broker, "work", ("c",))
        wait_until(lambda: "c" in done(book), "the worker goes on")
        wait_until(lambda: is_settled(broker), "nothing is left")
        assert not worker.has_died
        assert client.llen("frames.rubbish") >= 10
