"""Look into the queues without touching them: what waits, what is in the works, what was rubbish."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from douga_shared.leases import RUBBISH_SUFFIX
from douga_shared.messages import inflate

_PAGE = 200
"""Messages in one answer of the server: a chunk is some kilobytes."""
_FORGED = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What comes of reading what is no message."""


@dataclass(frozen=True)
class QueuedMessage:
    """A Celery message in Redis."""

    queue: str
    """Where it waits, or waited before it was claimed."""
    is_claimed: bool
    """A worker holds it, or held it when it died."""
    task: str
    args: list[Any]
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class QueueDepth:
    """How many messages there are."""

    waiting: dict[str, int]
    """By queue."""
    claimed: int | None
    """Held by workers, of all queues of this prefix; None if nobody can tell."""


@dataclass(frozen=True)
class QueueFigures:
    """What there is to say of some queues at one moment."""

    depth: QueueDepth
    oldest_seconds: dict[str, float]
    """By queue: how long ago the message was sent that is served next; 0 where none waits, left out where the
    message does not say."""
    memory_bytes: dict[str, int]
    """``used`` by the server, and its ``max`` if it has one; empty where it does not say."""


def queue_figures(client: redis.Redis, queue_names: Sequence[str], prefix: str = "") -> QueueFigures:
    """Look at the length of each queue and at its next message.

    Raises:
        redis.RedisError: the server does not answer.
    """
    depth = queue_depth(client, queue_names, prefix)
    with client.pipeline(transaction=False) as pipeline:
        for name in queue_names:
            pipeline.lindex(prefix + name, -1)
        pipeline.time()
        *tails, (seconds, micros) = pipeline.execute()
    now = seconds + micros / 1e6
    oldest = {}
    for name, tail in zip(queue_names, tails, strict=True):
        sent_at = now if tail is None else _sent_at(name, tail)
        if sent_at:
            oldest[name] = max(0.0, now - sent_at)
    return QueueFigures(depth, oldest, _memory_bytes(client))


def queue_depth(client: redis.Redis, queue_names: Sequence[str], prefix: str = "") -> QueueDepth:
    """Count the messages that wait and those in the works.

    Raises:
        redis.RedisError: the server does not answer.
    """
    with client.pipeline(transaction=False) as pipeline:
        for name in queue_names:
            pipeline.llen(prefix + name)
        pipeline.zcard(f"{prefix}unacked_index")
        *waiting, claimed = pipeline.execute()
    return QueueDepth(dict(zip(queue_names, map(int, waiting), strict=True)), int(claimed))


def waiting_messages(
    client: redis.Redis, queue_names: Sequence[str], prefix: str = ""
) -> Iterator[QueuedMessage]:
    """Yield each message that waits in these queues or is in the works, once; skips what it cannot read.

    Messages move while this looks. None that is there all the time is missed: what is claimed is read before
    and after the queues, and a queue from the end at which it grows.

    Args:
        client: one that answers in bytes.
        queue_names: without the prefix.
        prefix: what stands before every key, ``global_keyprefix``.

    Raises:
        redis.RedisError: the server does not answer.
    """
    seen: set[str] = set()
    for queue, is_claimed, raw in _raw_messages(client, queue_names, prefix):
        try:
            tag, message = _decode(queue, is_claimed, raw)
        except _FORGED:
            continue
        if tag not in seen:
            seen.add(tag)
            yield message


def read_rubbish(client: redis.Redis, queue_name: str, prefix: str = "", most: int = 1_000) -> list[bytes]:
    """Return what was found in a queue and was no message, newest first.

    Raises:
        redis.RedisError: the server does not answer.
    """
    items: list[Any] = client.lrange(f"{prefix}{queue_name}{RUBBISH_SUFFIX}", 0, most - 1)
    return items


def _raw_messages(
    client: redis.Redis, queue_names: Sequence[str], prefix: str
) -> Iterator[tuple[str, bool, Any]]:
    wanted = set(queue_names)
    yield from _claimed(client, wanted, prefix)
    for name in queue_names:
        start = 0
        while page := client.lrange(prefix + name, start, start + _PAGE - 1):
            yield from ((name, False, _json_of(item)) for item in page)
            start += len(page)
    yield from _claimed(client, wanted, prefix)


def _claimed(client: redis.Redis, wanted: set[str], prefix: str) -> Iterator[tuple[str, bool, Any]]:
    for _, record in client.hscan_iter(f"{prefix}unacked", count=_PAGE):
        fields = _json_of(record)
        match fields:
            case [raw, _, str(queue)] if queue in wanted:
                yield queue, True, raw


def _json_of(item: bytes | str) -> Any:
    try:
        return json.loads(item)
    except (ValueError, RecursionError):
        return None


def _sent_at(queue: str, item: bytes | str) -> float | None:
    """Return when a message says that it was sent."""
    try:
        _, message = _decode(queue, False, _json_of(item))
        sent_at = message.args[0]["sent_at"]
    except (*_FORGED, IndexError):
        return None
    return float(sent_at) if isinstance(sent_at, int | float) else None


def _memory_bytes(client: redis.Redis) -> dict[str, int]:
    try:
        memory: dict[str, Any] = client.info("memory")
    except redis.ResponseError:
        # A user with few rights; the rest is known all the same.
        return {}
    found = {"used": int(memory.get("used_memory", 0)), "max": int(memory.get("maxmemory", 0))}
    return {kind: size for kind, size in found.items() if size}


def _decode(queue: str, is_claimed: bool, raw: Any) -> tuple[str, QueuedMessage]:
    properties = raw["properties"]
    body = raw["body"]
    if properties.get("body_encoding") == "base64":
        body = base64.b64decode(body)
    if "compression" in raw["headers"]:
        body = inflate(body)
    args, kwargs, *_ = json.loads(body)
    task = str(raw["headers"]["task"])
    if not isinstance(args, list):
        raise TypeError("the arguments are no list")
    return str(properties["delivery_tag"]), QueuedMessage(queue, is_claimed, task, args, kwargs)
