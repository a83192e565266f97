"""Composition root of the farm: settings -> stores, queue, job store, and a worker on top of the pipeline."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache

from douga_shared.broker import Sender, make_app
from douga_shared.errors import ConfigurationError
from douga_shared.job_store.protocol import JobStore
from douga_shared.job_store.redis import open_job_store
from douga_shared.object_store.locate import StoreUrl, open_store, parse_stores
from douga_shared.object_store.protocol import ObjectStore
from douga_shared.object_store.s3 import S3Options
from douga_shared.settings import Settings
from douga_worker.accounts import AccountWorker
from douga_worker.chunks import ChunkWorker
from douga_worker.network.batching import CleanerFor
from douga_worker.outcome import Outcome
from douga_worker.patience import Patience
from douga_worker.wiring import open_pipeline

_STORES_OPEN = 256
"""More than the jobs that any worker meets in an hour; an open store is an address, not a connection."""


@dataclass(frozen=True, slots=True)
class FarmWorker:
    """What a worker of the farm can do with messages."""

    clean_chunk: Callable[[object], Outcome]
    account_job: Callable[[object], Outcome]
    is_moving: Callable[[], bool]
    """Asked before leases are renewed."""
    frames_in_flight: int
    jobs: JobStore

    def chunks_in_flight(self, chunk_frames: int) -> int:
        """Chunks at once that keep the pipeline full, one of them being nearly done."""
        return math.ceil(self.frames_in_flight / chunk_frames) + 1


@contextmanager
def open_farm_worker(
    settings: Settings,
    patience: Patience,
    *,
    device: str = "auto",
    process_count: int | None = None,
    worker_name: str = "",
    cleaner_for: CleanerFor | None = None,
) -> Iterator[FarmWorker]:
    """Connect stores, queue, network and processes; whatever a message wants outside them is refused.

    Args:
        settings: where everything is.
        patience: knows when the worker is to stop.
        device: ``auto``, ``cpu`` or ``cuda``.
        process_count: processes beside the network; None takes one a core, eight at most.
        worker_name: goes into every record.
        cleaner_for: gives the network of a recipe, must be picklable; None loads those that are shipped.

    Raises:
        ConfigurationError: a setting is missing or cannot be used.
    """
    allowed = _allowed_places(settings)
    options = S3Options.of(settings)
    jobs = open_job_store(settings)
    app = make_app(settings)

    @lru_cache(maxsize=_STORES_OPEN)
    def open_allowed(url: str) -> ObjectStore:
        place = StoreUrl.parse(url)
        if not place.is_within(allowed):
            raise ConfigurationError(f"{url} is outside DOUGA_STORES ({settings.stores})")
        return open_store(url, options)

    with (
        closing(jobs),
        open_pipeline(
            device=device,
            process_count=process_count,
            frame_seconds=settings.frame_seconds,
            worker_name=worker_name,
            cleaner_for=cleaner_for,
        ) as pipeline,
    ):
        sender = Sender(app, settings)
        chunks = ChunkWorker(
            pipeline=pipeline,
            jobs=jobs,
            open_store=open_allowed,
            sender=sender,
            patience=patience,
        )
        accounts = AccountWorker(jobs=jobs, open_store=open_allowed, sender=sender, patience=patience)
        yield FarmWorker(
            clean_chunk=chunks.work,
            account_job=accounts.work,
            is_moving=lambda: pipeline.is_moving(settings.stall_seconds),
            frames_in_flight=pipeline.frames_in_flight,
            jobs=jobs,
        )


def _allowed_places(settings: Settings) -> tuple[StoreUrl, ...]:
    """Where this worker may read and write.

    Raises:
        ConfigurationError: nowhere.
    """
    places = parse_stores(settings.stores)
    if not places:
        raise ConfigurationError(
            "DOUGA_STORES is empty: name the places where this worker may read and write, "
            "such as DOUGA_STORES='s3://studio/ file:///mnt/scans/'"
        )
    return places
