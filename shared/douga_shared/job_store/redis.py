"""What Douga remembers of jobs, in Redis or Valkey (6.2 or later): every change is one script on the server.

Keys, with the farm's name in front (``douga:`` unless ``DOUGA_FARM`` says otherwise)::

    douga:job:JOB            hash    record (JSON), seal, state, total, is_listed, sent, done, failed, times
    douga:job:JOB:done       bitmap  one bit a frame
    douga:job:JOB:failed     bitmap  one bit a frame, up to the last failed one
    douga:job:JOB:attempts   hash    index -> attempt; only frames in the works, so it stays small
    douga:job:JOB:dead       hash    index -> time and dead letter (JSON); only failed frames
    douga:jobs               zset    job id -> when it was submitted
    douga:rejected           list    the latest thousand messages that nobody could read
    douga:lock:NAME          string  who holds the lock; falls off by itself

All keys of a job expire together, ``DOUGA_JOB_DAYS`` after its last movement. A finished frame costs two
bits at most. All times are the server's own.

Beginning, settling, handing back, pausing and cancelling go on in a Redis that has reached its
``maxmemory``: they are how it gets empty again. Opening and extending jobs is refused then. Set
``maxmemory-policy noeviction``: what is evicted is forgotten.

Rights that the users of an ACL need for the jobs, beside those for the queue (Redis 7, Valkey)::

    ACL SETUSER NAME on >PASSWORD ~douga:job* ~douga:rejected ~douga:lock:*
        +ping +select +client|setinfo +evalsha +script|load +multi +exec +time +exists +expire +del +get +set
        +hget +hmget +hgetall +hset +hsetnx +hdel +hlen +hkeys +hincrby +getbit +setbit +getrange +bitop
        +bitcount +zadd +zrem +zrevrange +lpush +lrange +ltrim

Producers and workers need the same, because either rebuilds a job that Redis has lost; nobody needs
``KEYS``, ``SCAN``, ``CONFIG`` or ``FLUSHALL``.
"""

from __future__ import annotations

import logging
import math
import random
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from importlib.resources import files
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel

from douga_shared.errors import ConfigurationError, DougaError, QueueUnreachable
from douga_shared.job_store.protocol import (
    MOST_REJECTED,
    SETTLED,
    Beginning,
    DeadLetter,
    RejectedMessage,
    Standing,
)
from douga_shared.jobs import Job, JobState
from douga_shared.settings import Settings

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 30.0
"""Long enough for a Redis that is restarted, or for a replica that takes over."""
_SCRIPTS = (
    *("open_job", "extend", "mark_sent", "begin", "settle", "hand_back", "reopen", "amend", "rebuild"),
    *("job_ids", "reject_message", "take_lock", "drop_lock"),
)
_SCRIPTS_OF_ALL_JOBS = {"job_ids", "reject_message", "take_lock", "drop_lock"}
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0
# 65,536 frames of both bitmaps in one answer.
_WINDOW_BYTES = 8_192
_LETTERS_AT_ONCE = 1_000
_JOBS_AT_ONCE = 200
_SENTINEL_PORT = 26_379

T = TypeVar("T")


def open_job_store(settings: Settings, *, patience_seconds: float = PATIENCE_SECONDS) -> RedisJobStore:
    """Return the job store that the settings name; connects when it is first asked.

    Raises:
        ConfigurationError: the URL cannot be used.
    """
    return RedisJobStore(
        settings.job_store_url,
        settings.farm,
        job_days=settings.job_days,
        sentinel_master=settings.sentinel_master,
        patience_seconds=patience_seconds,
    )


class RedisJobStore:
    """The state of a farm's jobs; see ``JobStore`` for the promises. Thread-safe.

    Besides ``QueueUnreachable``, every method raises ``ConfigurationError`` where the server refuses the
    user, the password or the command.
    """

    def __init__(
        self,
        url: str,
        farm: str,
        *,
        job_days: float = 14.0,
        sentinel_master: str = "mymaster",
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """Connects to nothing yet.

        Args:
            url: ``redis://``, ``rediss://``, ``unix://`` or, as Celery writes it,
                ``sentinel://USER:PASSWORD@host:port/db;sentinel://host:port``. Options may follow a
                question mark: ``rediss://host?ssl_ca_certs=ca.pem``.
            farm: name in front of every key.
            job_days: how long a job is remembered that does not move.
            sentinel_master: name of the server that the sentinels watch.
            patience_seconds: how long a server that does not answer is tried again; a request on its way
                may take its own time-out (15 s) on top.

        Raises:
            ConfigurationError: the URL cannot be used.
        """
        self._farm = farm
        self._seconds = max(1, round(job_days * 86_400))
        self._patience_seconds = patience_seconds
        self._servers = _servers_of(url)
        try:
            # Any: the library's types allow for asynchronous clients and for text instead of bytes.
            self._client: Any
            self._client, self._watchers = _connect(url, sentinel_master)
        except (ValueError, TypeError, redis.RedisError) as fault:
            raise ConfigurationError(
                f"the job store's URL for {self._servers} cannot be used: {fault}; "
                "check DOUGA_JOBS_URL or DOUGA_BROKER_URL"
            ) from None
        self._scripts = {name: self._load(name) for name in _SCRIPTS}

    def __str__(self) -> str:
        return f"Redis at {self._servers}"

    def open_job(self, job: Job) -> bool:
        """Record a job as running; a cancelled or superseded one runs again. False when it was known."""
        args = (job.job_id, msgspec.json.encode(job), job.seal, job.submitted_at)
        return bool(self._run("open_job", job.job_id, *args))

    def extend(self, job_id: str, total: int, *, is_listed: bool) -> bool:
        """Say that ``total`` frames are recorded by now; True when that completes the job."""
        return bool(self._run("extend", job_id, _new_call(), total, int(is_listed)))

    def mark_sent(self, job_id: str, until: int) -> None:
        """Say that every frame below index ``until`` has been put on the queue."""
        self._run("mark_sent", job_id, until)

    def begin(self, job_id: str, seal: str, indexes: Sequence[int]) -> Beginning | None:
        """Count an attempt of each frame that is not settled, in one round trip."""
        answer = self._run("begin", job_id, _new_call(), seal, *indexes)
        state = _state_of(job_id, answer[0]) if answer else None
        if state is None:
            return None
        attempts = tuple(answer[1:]) if state is JobState.RUNNING else (SETTLED,) * len(indexes)
        return Beginning(state=state, attempts=attempts)

    def settle(self, job_id: str, done: Collection[int], failed: Sequence[DeadLetter]) -> bool:
        """Count frames as done or failed, in one round trip; True for the call that completes the job."""
        letters = (part for letter in failed for part in (letter.index, msgspec.json.encode(letter)))
        return bool(self._run("settle", job_id, _new_call(), len(done), *done, *letters))

    def hand_back(self, job_id: str, indexes: Collection[int]) -> None:
        """Take the attempts back."""
        self._run("hand_back", job_id, *indexes)

    def reopen(self, job_id: str, indexes: Collection[int]) -> None:
        """Forget that frames are settled."""
        self._run("reopen", job_id, *indexes)

    def set_state(self, job_id: str, state: JobState) -> bool:
        """Pause, resume or cancel; False when there is no such job."""
        return bool(self._run("amend", job_id, "state", state.value))

    def state_of(self, job_id: str) -> JobState | None:
        """Return what the user wants with the job, in one short command."""
        answer = self._ask(lambda: self._client.hget(self._job_keys(job_id)[0], "state"))
        return None if answer is None else _state_of(job_id, answer)

    def mark_accounted(self, job_id: str) -> None:
        """Say that the job's manifest and report are written."""
        self._run("amend", job_id, "is_accounted", 1)

    def standing(self, job_id: str) -> Standing | None:
        """Return where a job stands, or None for an unknown one."""
        found = self.standings([job_id])
        return found[0] if found else None

    def standings(self, job_ids: Sequence[str]) -> tuple[Standing, ...]:
        """Return where many jobs stand, some hundred in one round trip; unknown ones are left out."""
        found: list[Standing] = []
        for start in range(0, len(job_ids), _JOBS_AT_ONCE):
            page = job_ids[start : start + _JOBS_AT_ONCE]
            *answers, (seconds, micros) = self._ask(partial(self._read_standings, page))
            for job_id, fields, begun in zip(page, answers[::2], answers[1::2], strict=True):
                standing = _standing_of(job_id, fields, begun, seconds + micros / 1e6) if fields else None
                if standing:
                    found.append(standing)
        return tuple(found)

    def _read_standings(self, job_ids: Sequence[str]) -> list[Any]:
        with self._client.pipeline(transaction=True) as pipeline:
            for job_id in job_ids:
                keys = self._job_keys(job_id)
                pipeline.hgetall(keys[0])
                pipeline.hlen(keys[3])
            pipeline.time()
            answers: list[Any] = pipeline.execute()
            return answers

    def unsettled(self, job_id: str) -> Iterator[int]:
        """Yield the indexes of frames that are neither done nor failed, in order, a window at a time."""
        for start, done, failed in self._windows(job_id):
            settled = int.from_bytes(done, "big") | int.from_bytes(failed, "big")
            length = len(done)
            yield from _indexes(start, (~settled & ((1 << 8 * length) - 1)).to_bytes(length, "big"))

    def dead_letters(self, job_id: str) -> Iterator[DeadLetter]:
        """Yield the frames that failed, in order."""
        dead = self._job_keys(job_id)[4]
        for start, _, failed in self._windows(job_id):
            indexes = list(_indexes(start, failed))
            for first in range(0, len(indexes), _LETTERS_AT_ONCE):
                wanted = [str(index) for index in indexes[first : first + _LETTERS_AT_ONCE]]
                texts = self._ask(partial(self._client.hmget, dead, wanted))
                for index, text in zip(wanted, texts, strict=True):
                    if letter := _letter_of(job_id, index, text):
                        yield letter

    def job_ids(self) -> tuple[str, ...]:
        """Return all known jobs, latest submission first."""
        ids = self._run_on("job_ids", [f"{self._farm}:jobs"], [self._job_keys("")[0]])
        return tuple(job_id.decode("utf-8", "replace") for job_id in ids)

    def forget(self, job_id: str) -> None:
        """Drop everything known of a job."""

        def drop() -> None:
            with self._client.pipeline(transaction=True) as pipeline:
                pipeline.delete(*self._job_keys(job_id))
                pipeline.zrem(f"{self._farm}:jobs", job_id)
                pipeline.execute()

        self._ask(drop)

    def rebuild(
        self, job: Job, total: int, *, is_listed: bool, done: Collection[int], failed: Sequence[DeadLetter]
    ) -> None:
        """Add what the object store says of a job to what is known of it."""
        letters = [letter for letter in failed if 0 <= letter.index < total]
        now = self._now() if letters else 0.0
        self._run(
            "rebuild",
            job.job_id,
            *(job.job_id, msgspec.json.encode(job), job.seal, job.submitted_at, total, int(is_listed)),
            _bits([index for index in done if 0 <= index < total]),
            *(part for letter in letters for part in (letter.index, _dated(letter, now))),
        )

    def reject_message(self, why: str, text: str) -> None:
        """Keep a message that nobody can read, among the latest thousand."""
        message = msgspec.json.encode(RejectedMessage.of(why, text))
        self._run_on("reject_message", [f"{self._farm}:rejected"], [self._seconds, MOST_REJECTED, message])

    def rejected_messages(self) -> tuple[RejectedMessage, ...]:
        """Return them, latest first."""
        texts = self._ask(lambda: self._client.lrange(f"{self._farm}:rejected", 0, -1))
        return tuple(message for text in texts if (message := _rejected_of(text)))

    def take_lock(self, name: str, holder: str, seconds: float) -> bool:
        """Take or renew a lock that falls off by itself; False when somebody else holds it."""
        milliseconds = max(1, math.ceil(seconds * 1000))
        return bool(self._run_on("take_lock", [f"{self._farm}:lock:{name}"], [holder, milliseconds]))

    def drop_lock(self, name: str, holder: str) -> None:
        """Give the lock back, if it is still the holder's."""
        self._run_on("drop_lock", [f"{self._farm}:lock:{name}"], [holder])

    def close(self) -> None:
        """Close the connections."""
        self._client.connection_pool.disconnect()
        for watcher in self._watchers:
            watcher.connection_pool.disconnect()

    def _job_keys(self, job_id: str) -> list[str]:
        job = f"{self._farm}:job:{job_id}"
        return [job, f"{job}:done", f"{job}:failed", f"{job}:attempts", f"{job}:dead"]

    def _load(self, name: str) -> Callable[..., Any]:
        folder = files("douga_shared.job_store")
        parts = [name] if name in _SCRIPTS_OF_ALL_JOBS else ["common", name]
        text = "\n".join(folder.joinpath(f"{part}.lua").read_text("utf-8") for part in parts)
        script: Callable[..., Any] = self._client.register_script(text)
        return script

    def _run(self, script: str, job_id: str, *args: object) -> Any:
        keys = [*self._job_keys(job_id), f"{self._farm}:jobs"]
        return self._run_on(script, keys, [self._seconds, *args])

    def _run_on(self, script: str, keys: Sequence[str], args: Sequence[object]) -> Any:
        return self._ask(lambda: self._scripts[script](keys=keys, args=args))

    def _now(self) -> float:
        seconds, micros = self._ask(self._client.time)
        return float(seconds + micros / 1e6)

    def _windows(self, job_id: str) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield index of the first frame, bits of the done and of the failed ones; settled past the end."""
        job, done, failed, _, _ = self._job_keys(job_id)
        total = _number(self._ask(lambda: self._client.hget(job, "total")))
        for start in range(0, total, 8 * _WINDOW_BYTES):
            first = start // 8
            length = min(_WINDOW_BYTES, (total - start + 7) // 8)

            read = partial(self._read_window, done, failed, first, first + length - 1)
            done_bits, failed_bits = (bits.ljust(length, b"\0") for bits in self._ask(read))
            spare = max(0, start + 8 * length - total)
            yield start, done_bits[:-1] + bytes([done_bits[-1] | ((1 << spare) - 1)]), failed_bits

    def _read_window(self, done: str, failed: str, first: int, last: int) -> list[bytes]:
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.getrange(done, first, last)
            pipeline.getrange(failed, first, last)
            answers: list[bytes] = pipeline.execute()
            return answers

    def _ask(self, question: Callable[[], T]) -> T:
        """Ask until the server answers or patience ends; every question may be asked twice."""
        pauses = _pauses(self._patience_seconds)
        is_told = False
        while True:
            try:
                return question()
            except redis.RedisError as fault:
                self._raise_if_lasting(fault)
                pause = next(pauses, None)
                if pause is None:
                    raise QueueUnreachable(
                        f"{self} does not answer ({fault}); start it, or check DOUGA_JOBS_URL or "
                        "DOUGA_BROKER_URL"
                    ) from fault
                if not is_told:
                    log.warning(
                        "%s does not answer (%s); trying for %.0f s", self, fault, self._patience_seconds
                    )
                    is_told = True
                time.sleep(pause)

    def _raise_if_lasting(self, fault: redis.RedisError) -> None:
        text = str(fault)
        # Servers wrap what a script was refused into an error of their own.
        if isinstance(fault, redis.exceptions.NoPermissionError) or "NOPERM" in text or "ACL failure" in text:
            raise ConfigurationError(
                f"{self} does not let this user do what Douga must ({text}); give the user the rights "
                "that the documentation lists for Redis ACLs"
            ) from fault
        if isinstance(fault, redis.AuthenticationError):
            raise ConfigurationError(
                f"{self} refuses the user or the password ({text}); check both in DOUGA_JOBS_URL or "
                "DOUGA_BROKER_URL"
            ) from fault
        if isinstance(fault, redis.exceptions.OutOfMemoryError) or "OOM command" in text:
            raise QueueUnreachable(
                f"{self} is full: it has reached its 'maxmemory'; wait until workers have emptied the "
                "queue, forget old jobs, or give it more memory"
            ) from fault
        is_passing = isinstance(fault, (redis.ConnectionError, redis.TimeoutError))
        if not is_passing and not text.startswith(("READONLY", "You can't write against a read only")):
            raise QueueUnreachable(f"{self} refuses a command: {text}") from fault


def _connect(url: str, sentinel_master: str) -> tuple[redis.Redis, tuple[Any, ...]]:
    """Return the client and those that only ask where the server is."""
    options = _patient_options()
    # The same answers from every version of server and client, whatever the URL says.
    fixed = {"protocol": 2, "decode_responses": False}
    if url.startswith("sentinel://"):
        places = [urlsplit(part) for part in url.split(";") if part]
        addresses = [(place.hostname or "", place.port or _SENTINEL_PORT) for place in places]
        options |= _parsed("redis" + places[0].geturl().removeprefix("sentinel")) | fixed
        of_server = {name: value for name, value in options.items() if name not in {"host", "port"}}
        # A sentinel that is down is passed over at once; the library would insist for seconds.
        of_sentinels = _patient_options() | fixed
        sentinel: Any = Sentinel(addresses, sentinel_kwargs=of_sentinels, **of_server)  # type: ignore[no-untyped-call]
        return sentinel.master_for(sentinel_master), tuple(sentinel.sentinels)
    options |= _parsed(url) | fixed
    kind = options.pop("connection_class", redis.Connection)
    if kind is redis.UnixDomainSocketConnection:
        del options["socket_keepalive"]
    # An option that nobody knows shows here, and not with the first command.
    kind(**options)
    return redis.Redis(connection_pool=redis.ConnectionPool(connection_class=kind, **options)), ()


def _patient_options() -> dict[str, Any]:
    return {
        "socket_connect_timeout": 5,
        "socket_timeout": 15,
        "socket_keepalive": True,
        "health_check_interval": 10,
        # One way of trying again is enough: ours knows which questions, and for how long.
        "retry": Retry(NoBackoff(), 0),
    }


def _parsed(url: str) -> dict[str, Any]:
    options: dict[str, Any] = dict(parse_url(url))  # type: ignore[no-untyped-call]
    if "ssl_cert_reqs" in options:
        # Celery's way to write it.
        options["ssl_cert_reqs"] = options["ssl_cert_reqs"].lower().removeprefix("cert_")
    return options


def _servers_of(url: str) -> str:
    """Name the servers without user, password and options."""
    return ", ".join(
        part.partition("://")[2].rpartition("@")[2].partition("?")[0] for part in url.split(";") if part
    )


def _pauses(patience_seconds: float) -> Iterator[float]:
    """Yield how long to wait before each further try, longer every time, until patience ends."""
    end = time.monotonic() + patience_seconds
    pause = _FIRST_PAUSE_SECONDS
    while (left := end - time.monotonic()) > 0:
        # A farm's machines must not all knock at the same moment.
        yield min(left, pause * random.uniform(0.5, 1.0))
        pause = min(_LONGEST_PAUSE_SECONDS, 2 * pause)


def _new_call() -> str:
    """Name one call, so that the server knows it when its answer was lost and it is made again."""
    return secrets.token_hex(4)


def _state_of(job_id: str, text: bytes) -> JobState | None:
    try:
        return JobState(text.decode())
    except ValueError:
        log.warning("job %s counts as unknown: its state %r in Redis is damaged", job_id, text)
        return None


def _standing_of(job_id: str, fields: dict[bytes, bytes], begun: int, now: float) -> Standing | None:
    try:
        return Standing(
            job=msgspec.json.decode(fields[b"record"], type=Job),
            state=JobState(fields[b"state"].decode()),
            total=int(fields[b"total"]),
            is_listed=fields[b"is_listed"] == b"1",
            sent=int(fields[b"sent"]),
            done=int(fields[b"done"]),
            failed=int(fields[b"failed"]),
            running=max(0, begun - int(fields.get(b"resting", 0))),
            began_at=_moment(fields.get(b"began_at")),
            moved_at=_moment(fields.get(b"moved_at")),
            completed_at=_moment(fields.get(b"completed_at")),
            is_accounted=fields.get(b"is_accounted") == b"1",
            now=now,
        )
    except (KeyError, ValueError, msgspec.MsgspecError, DougaError) as fault:
        log.warning("job %s counts as unknown: its record in Redis is damaged: %r", job_id, fault)
        return None


def _letter_of(job_id: str, index: str, text: bytes | None) -> DeadLetter | None:
    moment, _, encoded = (text or b"").partition(b" ")
    try:
        letter = msgspec.json.decode(encoded, type=DeadLetter)
        return msgspec.structs.replace(letter, failed_at=float(moment))
    except (ValueError, msgspec.MsgspecError) as fault:
        log.warning("the dead letter of frame %s of job %s in Redis is damaged: %r", index, job_id, fault)
        return None


def _rejected_of(text: bytes) -> RejectedMessage | None:
    moment, _, encoded = text.partition(b" ")
    try:
        message = msgspec.json.decode(encoded, type=RejectedMessage)
        return msgspec.structs.replace(message, rejected_at=float(moment))
    except (ValueError, msgspec.MsgspecError) as fault:
        log.warning("a rejected message in Redis is damaged: %r", fault)
        return None


def _dated(letter: DeadLetter, now: float) -> bytes:
    return f"{letter.failed_at or now:.6f} ".encode() + msgspec.json.encode(letter)


def _moment(text: bytes | None) -> float | None:
    return None if text is None else float(text)


def _number(text: bytes | None) -> int:
    return int(text) if text and text.isdigit() else 0


def _bits(indexes: Collection[int]) -> bytes:
    """Set the bits of a bitmap as Redis counts them: bit 0 is the highest of the first byte."""
    bits = bytearray(max(indexes, default=-1) // 8 + 1)
    for index in indexes:
        bits[index // 8] |= 0x80 >> index % 8
    return bytes(bits)


def _indexes(start: int, bits: bytes) -> Iterator[int]:
    """Yield the indexes of the bits that are set."""
    for place, byte in enumerate(bits):
        if byte:
            yield from (start + 8 * place + bit for bit in range(8) if byte & 0x80 >> bit)
