"""A farm in memory for the producer's tests: stores by URL, a job store, a queue that can fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from douga_producer.client import Farm
from douga_shared import object_keys
from douga_shared.done_markers import write_done_marker
from douga_shared.errors import QueueUnreachable
from douga_shared.job_store import MemoryJobStore
from douga_shared.jobs import Job, JobFrame, read_job, read_parts
from douga_shared.manifest import FrameRecord, FrameState, OutputRecord
from douga_shared.messages import Chunk
from douga_shared.object_store import FolderStore, MemoryStore, ObjectStore
from douga_shared.object_store.locate import StoreUrl
from douga_shared.recipe import Output
from douga_shared.settings import Settings

SCANS = "s3://studio/cut012/scan/"
CLEAN = "s3://studio/cut012/clean/"
STAGING = "s3://studio/staging/"


class MemorySender:
    """A queue in a list; stands in for ``Sender``."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.accounts: list[str] = []
        self.fault: Exception | None = None
        self.fails_after: int | None = None
        """So many chunks are taken, then the broker is gone."""
        self.on_send: Callable[[], None] = lambda: None
        self.can_be_inspected = True

    def send_chunks(self, chunks: Sequence[Chunk], job: Job) -> None:
        """Take chunks until it is to fail."""
        for chunk in chunks:
            if self.fails_after is not None and len(self.chunks) >= self.fails_after:
                raise QueueUnreachable("the broker at nowhere takes no message")
            self.chunks.append(chunk)
        self.on_send()

    def send_account(self, job_id: str, drawings: str) -> None:
        """Note it."""
        self.accounts.append(job_id)

    def waiting_chunks(self, queue: str) -> int:
        """All that were sent wait."""
        return len(self.chunks)

    def queued_frames(self, job: Job) -> frozenset[int] | None:
        """All that were sent are queued."""
        if not self.can_be_inspected:
            return None
        return frozenset(
            frame.index for chunk in self.chunks for frame in chunk.frames if chunk.job_id == job.job_id
        )

    @property
    def frames(self) -> list[JobFrame]:
        """Every frame that was sent, in order."""
        return [frame for chunk in self.chunks for frame in chunk.frames]

    @property
    def scans(self) -> list[str]:
        """Their names."""
        return [frame.scan for frame in self.frames]


class ProducerFarm:
    """Everything a producer talks to, in memory."""

    def __init__(self, **settings: Any) -> None:
        self.stores: dict[str, MemoryStore] = {}
        self.jobs = MemoryJobStore()
        self.queue = MemorySender()
        self.settings = Settings(**{"staging": STAGING, **settings})
        self.farm = Farm(self.settings, self.queue, self.jobs, self._open)  # type: ignore[arg-type]

    def _open(self, url: str, create: bool) -> ObjectStore:
        place = StoreUrl.parse(url)
        if not place.bucket:
            return FolderStore(Path(place.path), create=create)
        return self.store(str(place))

    def store(self, url: str) -> MemoryStore:
        """The store of a URL, empty at first."""
        return self.stores.setdefault(url, MemoryStore())

    def scan(self, *names: str, data: bytes = b"pencil", url: str = SCANS) -> None:
        """Put scans into the source."""
        for name in names:
            self.store(url).write(name, data)

    def listed(self, job_id: str, url: str = CLEAN) -> list[JobFrame]:
        """The frames that the store lists."""
        return [frame for part in read_parts(self.store(url), job_id) for frame in part]

    def draw(self, frames: Sequence[JobFrame], job_id: str, url: str = CLEAN) -> None:
        """Do what workers do: drawings, markers, settled."""
        store = self.store(url)
        job = read_job(store, job_id)
        for frame in frames:
            outputs: dict[Output, tuple[OutputRecord, ...]] = {
                output: (
                    OutputRecord(object_key=object_keys.drawing(frame.stem, output), sha256="", size_bytes=4),
                )
                for output in job.outputs
            }
            for file in chain.from_iterable(outputs.values()):
                store.write(file.object_key, b"line")
            write_done_marker(
                store,
                FrameRecord(
                    scan=frame.scan,
                    stem=frame.stem,
                    state=FrameState.DONE,
                    scan_etag=frame.etag,
                    recipe_fingerprint=job.recipe.fingerprint,
                    outputs=outputs,
                    has_pictures=job.has_pictures,
                ),
            )
        self.jobs.settle(job_id, [frame.index for frame in frames], [])

    def work(self, job_id: str, url: str = CLEAN) -> None:
        """Draw everything that is queued for a job."""
        mine = [chunk for chunk in self.queue.chunks if chunk.job_id == job_id]
        self.draw([frame for chunk in mine for frame in chunk.frames], job_id, url)
        for chunk in mine:
            with suppress(ValueError):
                self.queue.chunks.remove(chunk)
