"""Corners of one farm for tests: each has scans and drawings of its own, all share queue and workers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.farm import FarmOfTests, farm_environment
from tests.servers import Valkey, wait_until

from douga_producer import submit
from douga_shared.job_store.protocol import Standing
from douga_shared.object_keys import DONE_MARKERS

CHUNK_FRAMES = 4
"""Small, so that a job of a few frames is several messages."""
SLOTS = 3
"""Chunks of that size that a worker of the tests has at once."""
_numbers = itertools.count(1)


@contextmanager
def folder_farm(folder: Path, **environment: str) -> Iterator[FarmOfTests]:
    """A farm whose stores are folders, with a Valkey of its own that may be hurt; no worker yet."""
    data = folder / "data"
    data.mkdir()
    root = f"file://{data}/"
    with Valkey(folder / "valkey") as valkey:
        own = {"DOUGA_CHUNK_FRAMES": str(CHUNK_FRAMES), **environment}
        farm = FarmOfTests(valkey, root, folder, farm_environment(valkey, root, own, "test"))
        try:
            yield farm
        finally:
            farm.stop_all()


def corner(farm: FarmOfTests, count: int = 0) -> FarmOfTests:
    """The same farm and its workers with scans and drawings that no other test uses, and so many scans."""
    own = replace(farm, root=f"{farm.root}corner-{next(_numbers)}/")
    with own.opened() as client:
        for url in (own.scans, own.drawings):
            client.open_store(url, create=True)
    own.add_scans(count)
    return own


def lively(farm: FarmOfTests) -> FarmOfTests:
    """The farm with server and worker up: the worker is the one that lived through the tests before."""
    if not farm.valkey.is_answering():
        farm.valkey.start()
    if not farm.workers or farm.workers[-1].poll() is not None:
        farm.wait_ready(farm.start_worker())
    return farm


def order(farm: FarmOfTests, **options: Any) -> str:
    """Submit all scans of a corner; returns the job's id."""
    with farm.opened() as client:
        return submit(farm.scans, farm.drawings, farm=client, **options).job_id


def names_of(farm: FarmOfTests) -> list[str]:
    """The scans of a corner."""
    with farm.opened() as client:
        return [info.object_key for info in client.open_store(farm.scans).list()]


def standing(farm: FarmOfTests, job_id: str) -> Standing:
    """Where a job stands."""
    with farm.opened() as client:
        found = client.jobs.standing(job_id)
        assert found is not None
        return found


def marked(farm: FarmOfTests) -> int:
    """How many done markers lie in the destination, whatever Redis says."""
    with farm.opened() as client:
        return sum(1 for _ in client.open_store(farm.drawings).list(DONE_MARKERS))


def wait_marked(farm: FarmOfTests, count: int, seconds: float = 60) -> None:
    """Wait until so many frames are done."""
    wait_until(lambda: marked(farm) >= count, f"{count} frames are done", seconds)


def claimed(farm: FarmOfTests) -> int:
    """Messages that workers hold."""
    with farm.valkey.client() as client:
        return int(client.zcard("test:unacked_index"))


def waiting(farm: FarmOfTests, queue: str = "gpu.normal") -> int:
    """Messages that nobody has claimed."""
    with farm.valkey.client() as client:
        return int(client.llen(f"test:{queue}"))


def assert_queue_is_empty(farm: FarmOfTests) -> None:
    """Nothing waits in the common queues and nothing is held, soon."""
    queues = ("cpu", "gpu.high", "gpu.normal", "gpu.low", "gpu.quarantine")
    wait_until(
        lambda: not claimed(farm) and not any(waiting(farm, queue) for queue in queues), "the queue is empty"
    )
