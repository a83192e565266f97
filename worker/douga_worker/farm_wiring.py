"""Composition root of the farm: settings -> stores, queue, job store, and a worker on top of the pipeline."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from douga_shared import metrics, object_keys
from douga_shared.broker import Sender, make_app, queue_name
from douga_shared.errors import ConfigurationError, FrameRejected
from douga_shared.job_store.protocol import JobStore
from douga_shared.job_store.redis import open_job_store
from douga_shared.object_store.locate import StoreUrl, open_store, parse_stores
from douga_shared.object_store.protocol import ObjectStore
from douga_shared.object_store.s3 import S3Options
from douga_shared.recipe import Recipe
from douga_shared.settings import Settings
from douga_shared.shipped_networks import SHIPPED_SHA256
from douga_worker.accounts import AccountWorker
from douga_worker.chunks import ChunkWorker
from douga_worker.counted_store import CountedStore
from douga_worker.network.batching import CleanerFor
from douga_worker.observation import NetworkObserver
from douga_worker.outcome import Outcome
from douga_worker.patience import Patience
from douga_worker.pipeline import Pipeline
from douga_worker.wiring import find_device, open_pipeline

_NO_JOB = "none"
"""An id that no job has: ids end in ten hexadecimal digits."""
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
    warm_up: Callable[[], None]
    """Loads the networks that the worker was shipped with and tries them; ConfigurationError if it cannot."""
    questions: dict[str, Callable[[], object]]
    """To servers, by name; each raises what is wrong."""

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
    # Whoever asks how we are does not want to wait for a Redis that may come back.
    asked_jobs = open_job_store(settings, patience_seconds=0)
    app = make_app(settings)

    @lru_cache(maxsize=_STORES_OPEN)
    def open_allowed(url: str) -> ObjectStore:
        place = StoreUrl.parse(url)
        if not place.is_within(allowed):
            raise ConfigurationError(f"{url} is outside DOUGA_STORES ({settings.stores})")
        return CountedStore(open_store(url, options))

    device = find_device(device)
    with (
        closing(jobs),
        closing(asked_jobs),
        open_pipeline(
            device=device,
            process_count=process_count,
            frame_seconds=settings.frame_seconds,
            worker_name=worker_name,
            cleaner_for=cleaner_for,
            on_batch=NetworkObserver(device),
        ) as pipeline,
    ):
        sender = Sender(app, settings)
        metrics.NETWORK_WAITING_SHEETS.set_function(lambda: pipeline.waiting_sheet_count)
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
            warm_up=lambda: _warm_up(pipeline),
            questions={
                "queue": lambda: sender.waiting_chunks(queue_name()),
                "job store": lambda: asked_jobs.state_of(_NO_JOB),
                "object store": lambda: _ask_stores(allowed, options),
            },
        )


def _warm_up(pipeline: Pipeline) -> None:
    for network, sha256 in SHIPPED_SHA256.items():
        try:
            pipeline.warm_up(Recipe(network=network, network_sha256=sha256))
        except FrameRejected as rejection:
            raise ConfigurationError(
                f"the network '{network}' does not work here: {rejection}"
            ) from rejection


def _ask_stores(places: Iterable[StoreUrl], options: S3Options) -> None:
    # Whoever asks does not want to wait for what another attempt may bring.
    quick = msgspec.structs.replace(options, attempts=1)
    for place in places:
        try:
            open_store(place, quick).stat(object_keys.MANIFEST)
        except FrameRejected:
            # An answer: a worker need not see all of a bucket.
            continue


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
