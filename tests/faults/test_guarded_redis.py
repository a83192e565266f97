"""A Redis with users of few rights, and one behind TLS: the farm works there, and nobody can do more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis
from tests.farm import FarmOfTests, assert_all_done_once
from tests.farm_corners import corner, folder_farm, names_of, order
from tests.servers import wait_until

from douga_producer.reconcile import resume
from douga_shared.errors import ConfigurationError, ExitCode

JOBS = (
    "+ping +select +client|setinfo +evalsha +script|load +multi +exec +time +exists +expire +del +get +set "
    "+hget +hmget +hgetall +hset +hsetnx +hdel +hlen +hkeys +hincrby +getbit +setbit +getrange +bitop "
    "+bitcount +zadd +zrem +zrevrange +lpush +lrange +ltrim"
)
"""As listed in ``douga_shared.job_store.redis``."""
CONSUMING = (
    "+evalsha +eval +time +rpop +lpush +rpush +ltrim +llen +zadd +zrem +zrangebyscore +hget +hmget +hset "
    "+hdel +sadd +srem +smembers +exists +ping +hello +client +select +info +multi +exec "
    "+script|exists +script|load +subscribe +psubscribe +unsubscribe +punsubscribe +publish"
)
"""As listed in ``douga_shared.transport``, remote control included."""
PRODUCING = (
    "+lpush +llen +zcard +hscan +lrange +sadd +smembers +exists "
    "+ping +hello +client +select +info +multi +exec"
)
"""As listed there."""
JOB_KEYS = "~test:job* ~test:rejected ~test:lock:*"
QUEUE_KEYS = (
    "~test:gpu* ~test:cpu* ~test:unacked* ~test:_kombu.* ~test:*.celery.pidbox &test:/0.celery.pidbox"
)


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarmOfTests]:
    """A farm as its administrator sees it; ``worker`` and ``producer`` are users of their own."""
    with folder_farm(tmp_path_factory.mktemp("farm")) as farm:
        with farm.valkey.client() as client:
            _user(client, "worker", f"{JOB_KEYS} {QUEUE_KEYS} {JOBS} {CONSUMING}")
            _user(client, "producer", f"{JOB_KEYS} {QUEUE_KEYS} {JOBS} {PRODUCING}")
        worker = farm.start_worker(DOUGA_BROKER_URL=_url(farm, "worker"))
        farm.wait_ready(worker)
        yield farm


def test_users_of_few_rights_are_enough_for_a_whole_job(farm: FarmOfTests) -> None:
    """Submit, clean, account, status, resume; nobody was refused anything."""
    own = _as_producer(corner(farm, 12))
    job_id = order(own)
    own.wait_complete(job_id)
    assert_all_done_once(own, job_id, names_of(own))
    with own.opened() as client:
        assert resume(client, job_id).is_idle
        assert () == client.jobs.rejected_messages()
    with farm.valkey.client() as client:
        denied = [entry for entry in client.acl_log() if entry["reason"] != "auth"]
    assert [] == denied


@pytest.mark.parametrize("command", ["FLUSHALL", "CONFIG GET maxmemory", "KEYS *", "ACL LIST"])
@pytest.mark.parametrize("user", ["producer", "worker"])
def test_neither_can_hurt_the_server(farm: FarmOfTests, user: str, command: str) -> None:
    """What nobody needs, nobody may."""
    with redis.Redis.from_url(_url(farm, user)) as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command.split())
    with farm.valkey.client() as client:
        client.acl_log_reset()


def test_a_wrong_password_is_named(farm: FarmOfTests) -> None:
    """Exit code 2: no waiting helps."""
    own = replace(farm, environment=farm.environment | {"DOUGA_BROKER_URL": _url(farm, "nobody")})
    refusal = pytest.raises(ConfigurationError, match="refuses the user or the password")
    with own.opened() as client, refusal as caught:
        client.jobs.job_ids()
    assert ExitCode.USAGE == caught.value.exit_code


def test_a_worker_whose_rights_are_taken_waits_until_it_has_them_again(farm: FarmOfTests) -> None:
    """No message is lost or rejected, and its log says what is missing."""
    own = _as_producer(corner(farm, 4))
    with farm.valkey.client() as client:
        client.execute_command("ACL", "SETUSER", "worker", "-hincrby", "-setbit")
        job_id = order(own)
        wait_until(lambda: "does not let this user" in farm.log_of(farm.workers[-1]), "it says so")
        client.execute_command("ACL", "SETUSER", "worker", "+hincrby", "+setbit")
        client.acl_log_reset()
    own.wait_complete(job_id)
    assert_all_done_once(own, job_id, names_of(own))


def _user(client: redis.Redis, name: str, rights: str) -> None:
    client.execute_command(  # type: ignore[no-untyped-call]
        "ACL", "SETUSER", name, "reset", "on", f">{name}-secret", *rights.split()
    )


def _url(farm: FarmOfTests, user: str) -> str:
    return f"redis://{user}:{user}-secret@127.0.0.1:{farm.valkey.port}/0"


def _as_producer(farm: FarmOfTests) -> FarmOfTests:
    return replace(farm, environment=farm.environment | {"DOUGA_BROKER_URL": _url(farm, "producer")})
