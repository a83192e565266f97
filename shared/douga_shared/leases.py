"""Messages that this process holds of one Redis queue server: claimed, kept, acked, put back.

A claimed message lies in the hash ``unacked`` and, with the time of its claim or last renewal by the server's
clock, in the sorted set ``unacked_index``: both as kombu's own transport writes them, so that stock workers
can drain what Douga's left. Every change is one Lua call, so no process dies between two halves of one.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import redis
from redis.exceptions import NoScriptError

_log = logging.getLogger(__name__)

RUBBISH_SUFFIX = ".rubbish"
"""Added to a queue's name: the list of what was found in it and is no message."""
MOST_RUBBISH = 1_000
"""Entries kept in such a list; the oldest go first."""
_RUBBISH_PER_CLAIM = 100
"""A million forged entries must not keep the server busy in a single call."""
_SWEPT_PER_CALL = 500
"""As above, for expired leases: a few milliseconds of the server's time."""

FAULTS = (redis.RedisError, OSError)
"""What a server that is down, full, loading or a replica makes of a call."""

_NOW = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
"""

# KEYS: unacked, unacked_index, the queues in the order in which they are served.
# ARGV: most rubbish kept, most rubbish moved by this call; for each queue its name as a JSON string, or
# nothing where no ack is awaited.
# The message is stored as it came: cjson would make {} of [] and lose digits.
_CLAIM = f"""{_NOW}
local patience = tonumber(ARGV[2])
for i = 3, #KEYS do
  while patience > 0 do
    local item = redis.call('RPOP', KEYS[i])
    if not item then break end
    local is_json, message = pcall(cjson.decode, item)
    local properties = is_json and type(message) == 'table' and message['properties']
    local tag = type(properties) == 'table' and properties['delivery_tag']
    if type(tag) == 'string' then
      if ARGV[i] ~= '' then
        redis.call('ZADD', KEYS[2], now, tag)
        redis.call('HSET', KEYS[1], tag, '[' .. item .. ',"",' .. ARGV[i] .. ']')
      end
      return {{i - 3, tag, item}}
    end
    redis.call('LPUSH', KEYS[i] .. '{RUBBISH_SUFFIX}', item)
    redis.call('LTRIM', KEYS[i] .. '{RUBBISH_SUFFIX}', 0, ARGV[1] - 1)
    patience = patience - 1
  end
end
return false
"""

# A record is [message,"exchange","queue"]. The removal comes first: after it a full server lets the rest
# pass.
_TAKE = """
local function take(tag)
  local record = redis.call('HGET', KEYS[1], tag)
  redis.call('ZREM', KEYS[2], tag)
  redis.call('HDEL', KEYS[1], tag)
  if not record then return false end
  local item, queue = string.match(record, '^%[(.*),%s*"[^"]*",%s*("[^"]*")%]$')
  if not item then return record, KEYS[1] end
  return item, ARGV[1] .. cjson.decode('[' .. queue .. ']')[1]
end
"""
_PUT_BACK = f"""{_TAKE}
local function put_back(tag)
  local item, list = take(tag)
  if not item then return 0 end
  if list == KEYS[1] then list = list .. '{RUBBISH_SUFFIX}' end
  redis.call('RPUSH', list, item)
  return 1
end
"""

# KEYS: unacked, unacked_index. ARGV: key prefix, tags.
_RESTORE = f"""{_PUT_BACK}
local count = 0
for i = 2, #ARGV do count = count + put_back(ARGV[i]) end
return count
"""

# KEYS: unacked, unacked_index, unacked_index_swept.
# ARGV: key prefix, seconds of a lease, most messages moved by this call, seconds of grace.
# Where nobody has looked for half a lease, the server was frozen or away and nobody could renew: with a
# grace, everybody may do so first. The oldest is put back last, so that it is the first to be served.
_SWEEP = f"""{_NOW}{_PUT_BACK}
local lease, grace = tonumber(ARGV[2]), tonumber(ARGV[4])
redis.call('ZREM', KEYS[2], '')
if grace > 0 then
  local swept, held_until = unpack(redis.call('HMGET', KEYS[3], 'swept', 'until'))
  if now - (swept or 0) > lease / 2 then held_until = now + grace end
  redis.call('HSET', KEYS[3], 'swept', now, 'until', held_until or 0)
  if now < tonumber(held_until or 0) then return 0 end
end
local tags = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - lease, 'LIMIT', 0, ARGV[3])
local count = 0
for i = #tags, 1, -1 do count = count + put_back(tags[i]) end
return count
"""

# KEYS: unacked, unacked_index. ARGV: key prefix, tag, most rubbish kept.
_DISCARD = f"""{_TAKE}
local item, list = take(ARGV[2])
if not item then return 0 end
redis.call('LPUSH', list .. '{RUBBISH_SUFFIX}', item)
redis.call('LTRIM', list .. '{RUBBISH_SUFFIX}', 0, ARGV[3] - 1)
return 1
"""

# KEYS: unacked, unacked_index. ARGV: tags.
_ACK = """
for i = 1, #ARGV do
  redis.call('ZREM', KEYS[2], ARGV[i])
  redis.call('HDEL', KEYS[1], ARGV[i])
end
"""

# KEYS: unacked, unacked_index. ARGV: tags.
# A full server refuses a script whose first write could grow it: the removal of nothing opens the door.
_RENEW = f"""{_NOW}
redis.call('ZREM', KEYS[2], '')
for i = 1, #ARGV do redis.call('ZADD', KEYS[2], 'XX', now, ARGV[i]) end
"""


class Script:
    """A Lua script and its hash."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    def run(
        self, client: redis.Redis, redis_keys: Sequence[str], values: Iterable[str | bytes | int | float]
    ) -> Any:
        """Run it by its hash, or whole where the server does not know it (any more)."""
        arguments: tuple[Any, ...] = (len(redis_keys), *redis_keys, *values)
        try:
            return client.evalsha(self.sha, *arguments)
        except NoScriptError:
            return client.eval(self.source, *arguments)


CLAIM = Script(_CLAIM)
_RESTORE_SCRIPT, _SWEEP_SCRIPT, _DISCARD_SCRIPT = Script(_RESTORE), Script(_SWEEP), Script(_DISCARD)
_ACK_SCRIPT, _RENEW_SCRIPT = Script(_ACK), Script(_RENEW)


class Claimed(NamedTuple):
    """A message off a queue, still as it lay there."""

    queue: str
    tag: str
    item: bytes


class Place(NamedTuple):
    """Where a server keeps what is claimed; names without the prefix that stands before every key."""

    prefix: str
    unacked: str
    unacked_index: str

    def claim_call(self, queues: Sequence[str], unrecorded: Iterable[str] = ()) -> tuple[str | int, ...]:
        """Return the arguments of ``CLAIM``, from the count of keys on; ``unrecorded`` await no ack."""
        names = ["" if queue in unrecorded else json.dumps(queue) for queue in queues]
        redis_keys = (*self.redis_keys, *(self.prefix + queue for queue in queues))
        return (len(redis_keys), *redis_keys, MOST_RUBBISH, _RUBBISH_PER_CLAIM, *names)

    @property
    def redis_keys(self) -> tuple[str, str]:
        """The hash and the sorted set."""
        return self.prefix + self.unacked, self.prefix + self.unacked_index


def read_claim(answer: Sequence[Any] | None, queues: Sequence[str]) -> Claimed | None:
    """Read what ``CLAIM`` returned for these queues."""
    if not answer:
        return None
    index, tag, item = answer
    return Claimed(queues[int(index)], bytes(tag).decode("utf-8", "surrogateescape"), bytes(item))


class LeaseOptions(NamedTuple):
    """How leases are kept; see ``douga_shared.transport`` for the options they are read from."""

    lease_seconds: float
    sweep_seconds: float
    is_moving: Callable[[], bool]
    on_redelivery: Callable[[int], None]
    on_turn: Callable[[], None] = lambda: None
    """Called every few seconds by the thread that keeps the leases, whatever the server does."""


class Leases:
    """All messages that this process holds of one server. Thread-safe.

    Outlives channels and connections: what is in the works when a connection breaks stays held, and is acked
    when it is finished, late if need be. While somebody consumes, a thread of its own sends late acks, renews
    leases and looks for expired ones, whatever the event loop is waiting for.

    A message is held as long as somebody in this process keeps the message object, so that what Celery drops
    (a retry that was waiting when the connection broke) goes back to the queue with its lease.
    """

    def __init__(self, pool: redis.ConnectionPool, place: Place) -> None:
        """``pool`` belongs to this object, which closes it."""
        self._place = place
        self._pool = pool
        self._client = redis.Redis(connection_pool=pool)
        self._lock = threading.RLock()
        self._held: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
        self._late: dict[str, None] = {}
        self._is_answering = True
        self._is_moving = True
        self._keepers = 0
        self._stop: threading.Event | None = None
        self._thread: threading.Thread | None = None

    def claim(self, queue: str) -> Claimed | None:
        """Take a message off this queue; blocks until the server answers.

        Raises:
            redis.RedisError: it does not.
        """
        count, *arguments = self._place.claim_call([queue])
        redis_keys = [str(name) for name in arguments[: int(count)]]
        return read_claim(CLAIM.run(self._client, redis_keys, arguments[int(count) :]), [queue])

    def hold(self, tag: str, message: object) -> None:
        """Renew the lease of this claimed message as long as the object lives or until it is acked."""
        with self._lock:
            self._held[tag] = message

    def ack(self, tag: str) -> None:
        """The message is settled: forget it, now or, where the server does not answer, as soon as it does."""
        with self._lock:
            self._held.pop(tag, None)
            self._late[tag] = None
            is_answering = self._is_answering
        # One silent server must not cost every ack a time-out: after the first, the thread asks alone.
        if is_answering or not self._thread:
            self._try(self._send_acks, "an ack follows when the queue server answers")

    def put_back(self, tags: Iterable[str]) -> None:
        """Return messages to the served end of their queues; if that fails, their leases expire."""
        given = list(tags)
        with self._lock:
            for tag in given:
                self._held.pop(tag, None)
        # A silent server must not cost every message a time-out.
        if given and (self._is_answering or not self._thread):
            restore = partial(self._run, _RESTORE_SCRIPT, self._place.prefix, *given)
            self._try(restore, f"{len(given)} messages go back to the queue when their leases expire")

    def discard(self, tag: str) -> None:
        """Move a claimed message to its queue's rubbish."""
        with self._lock:
            self._held.pop(tag, None)
        move = partial(self._run, _DISCARD_SCRIPT, self._place.prefix, tag, MOST_RUBBISH)
        self._try(move, "rubbish comes back when its lease expires")

    def sweep(self, lease_seconds: float, grace_seconds: float = 0.0) -> int:
        """Put back what nobody has renewed for so long; return how many messages.

        With a grace, nothing for so long after an outage, so that all workers can renew what they hold.

        Raises:
            redis.RedisError: the server does not answer, or refuses.
        """
        redis_keys = (*self._place.redis_keys, f"{self._place.redis_keys[1]}_swept")
        values = (self._place.prefix, lease_seconds, _SWEPT_PER_CALL, grace_seconds)
        count = int(_SWEEP_SCRIPT.run(self._client, redis_keys, values))
        if count:
            _log.warning("%d messages go back to the queue: their leases were not renewed", count)
        return count

    def renew(self) -> None:
        """Renew the leases of all that is held.

        Raises:
            redis.RedisError: the server does not answer, or refuses.
        """
        if tags := self.held:
            self._run(_RENEW_SCRIPT, *tags)

    @property
    def held(self) -> list[str]:
        """Tags of the messages that this process holds."""
        with self._lock:
            return list(self._held)

    def start(self, options: LeaseOptions) -> None:
        """Somebody consumes: keep leases from now on. Each start wants a ``release``."""
        with self._lock:
            self._keepers += 1
            if self._thread is None:
                self._stop = threading.Event()
                self._thread = threading.Thread(
                    target=self._keep, args=[options, self._stop], name="douga-leases", daemon=True
                )
                self._thread.start()

    def release(self, *, is_final: bool) -> None:
        """Somebody has stopped to consume; the last one, finally, puts back what is held and closes all."""
        with self._lock:
            self._keepers -= 1
            if self._keepers > 0 or not is_final:
                return
            thread, stop = self._thread, self._stop
            self._thread = self._stop = None
        if stop:
            stop.set()
        self.put_back(self.held)
        self._try(self._send_acks, "acks are lost; what they stood for will be found to be done")
        # The thread itself gets here when it is the one that collects a forgotten channel.
        if thread and thread is not threading.current_thread():
            thread.join(5)
        self.close()

    def close(self) -> None:
        """Close all connections; they are opened again where needed."""
        self._pool.disconnect()

    def _keep(self, options: LeaseOptions, stop: threading.Event) -> None:
        renewal_seconds = options.lease_seconds / 4
        beat = min(renewal_seconds, options.sweep_seconds)
        renewed_at = 0.0
        while not stop.wait(beat):
            was_answering = self._is_answering
            options.on_turn()
            try:
                self._send_acks()
                if not was_answering or time.monotonic() >= renewed_at + renewal_seconds - beat / 2:
                    self._renew_if_moving(options.is_moving)
                    renewed_at = time.monotonic()
                if count := self.sweep(options.lease_seconds, renewal_seconds + beat):
                    options.on_redelivery(count)
                self._is_answering = True
            except FAULTS as fault:
                self._note(fault, "leases are renewed and acks sent when the queue server answers")
            except Exception:  # noqa: BLE001
                # This thread's entry: a fault in a callback must not let every lease of the worker expire.
                _log.exception("a fault of Douga's own while keeping leases")

    def _renew_if_moving(self, is_moving: Callable[[], bool]) -> None:
        was_moving, self._is_moving = self._is_moving, is_moving()
        if self._is_moving:
            self.renew()
        elif was_moving:
            _log.error("the work does not move: its leases are not renewed any more")

    def _send_acks(self) -> None:
        with self._lock:
            tags = list(self._late)
        if tags:
            self._run(_ACK_SCRIPT, *tags)
        with self._lock:
            for tag in tags:
                self._late.pop(tag, None)

    def _run(self, script: Script, *values: str | float) -> Any:
        # A forged tag need not be Unicode; it goes back as it came.
        plain = [
            value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value for value in values
        ]
        return script.run(self._client, self._place.redis_keys, plain)

    def _try(self, call: Callable[[], object], otherwise: str) -> None:
        try:
            call()
        except FAULTS as fault:
            self._note(fault, otherwise)

    def _note(self, fault: Exception, otherwise: str) -> None:
        level = logging.WARNING if self._is_answering else logging.DEBUG
        _log.log(level, "%s: %s", otherwise, fault)
        self._is_answering = False
