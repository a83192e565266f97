"""What a farm costs its servers and this machine: read before, read after, and told by difference."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from tests.s3_server import SeaweedS3
from tests.servers import Valkey

_SCRIPTS = frozenset({"eval", "evalsha"})


@dataclass(frozen=True)
class Reading:
    """What was used up to a moment."""

    at: float
    commands: Counter[str]
    """That the queue server has run, those inside of scripts among them."""
    queue_cpu: float
    queue_bytes: int
    store_cpu: float
    machine_cpu: float
    """CPU seconds of all that runs on this machine."""


@dataclass(frozen=True)
class Used:
    """What was used between two moments."""

    seconds: float
    commands: Counter[str]
    queue_cpu: float
    queue_bytes: int
    store_cpu: float
    machine_cpu: float

    @property
    def script_calls(self) -> int:
        """Calls of scripts, each a round trip."""
        return sum(count for name, count in self.commands.items() if name in _SCRIPTS)

    @property
    def command_count(self) -> int:
        """Commands, inside of scripts and outside."""
        return sum(self.commands.values())


@dataclass
class Meters:
    """Reads the servers of one farm."""

    valkey: Valkey
    bucket: SeaweedS3 | None = None
    _client: redis.Redis = field(init=False)

    def __post_init__(self) -> None:
        self._client = self.valkey.client()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def read(self) -> Reading:
        """Look at everything."""
        stats: dict[str, Any] = self._client.info("commandstats")
        cpu: dict[str, Any] = self._client.info("cpu")
        commands = Counter({name.removeprefix("cmdstat_"): entry["calls"] for name, entry in stats.items()})
        # The looks of this meter.
        del commands["info"]
        return Reading(
            at=time.monotonic(),
            commands=commands,
            queue_cpu=cpu["used_cpu_sys"] + cpu["used_cpu_user"],
            queue_bytes=int(self._client.info("memory")["used_memory"]),
            store_cpu=self.bucket.cpu_seconds() if self.bucket else 0.0,
            machine_cpu=_machine_cpu(),
        )

    def since(self, before: Reading) -> Used:
        """What was used since a reading."""
        now = self.read()
        return Used(
            seconds=now.at - before.at,
            commands=now.commands - before.commands,
            queue_cpu=now.queue_cpu - before.queue_cpu,
            queue_bytes=now.queue_bytes - before.queue_bytes,
            store_cpu=now.store_cpu - before.store_cpu,
            machine_cpu=now.machine_cpu - before.machine_cpu,
        )

    def bytes_of(self, redis_key: str) -> int:
        """Memory that one key takes."""
        return int(self._client.memory_usage(redis_key, samples=0) or 0)


@dataclass(frozen=True)
class WorkerTimes:
    """What ``simulated_worker`` has counted up to a moment."""

    spent: dict[str, list[float]]
    """Of every step calls, seconds, CPU seconds."""
    requests: Counter[str]
    cpu: float

    @classmethod
    def read(cls, path: Path) -> WorkerTimes:
        """Read what a worker wrote last."""
        found = json.loads(path.read_text())
        return cls(found["spent"], Counter(found["requests"]), found["CPU seconds"])

    def since(self, before: WorkerTimes) -> WorkerTimes:
        """What was spent since."""
        spent = {
            step: [now - then for now, then in zip(entry, before.spent.get(step, [0, 0, 0]), strict=True)]
            for step, entry in self.spent.items()
        }
        return WorkerTimes(spent, self.requests - before.requests, self.cpu - before.cpu)


def _machine_cpu() -> float:
    user, nice, system, _, _, irq, softirq, *_ = Path("/proc/stat").read_text().split()[1:]
    return sum(map(int, (user, nice, system, irq, softirq))) / os.sysconf("SC_CLK_TCK")
