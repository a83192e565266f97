"""Frames of one job onto the queue: cut into chunks, held back while the queue is deep."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from douga_producer.client import Farm
from douga_producer.throttle import Throttle
from douga_shared.broker import queue_name
from douga_shared.errors import QueueUnreachable
from douga_shared.jobs import Job, JobFrame
from douga_shared.messages import Chunk, chunk_of

CHUNKS_AT_ONCE = 64
"""Sent together: a thousand frames, which is a page of a bucket's listing."""
PATIENCE_SECONDS = 30.0
"""Long enough for a broker that is restarted."""
_PAUSE_SECONDS = 1.0

T = TypeVar("T")
_log = logging.getLogger(__name__)


class ChunkSender:
    """Sends frames of one job."""

    def __init__(self, farm: Farm, job: Job, on_wait: Callable[[str], None]) -> None:
        """Send to the job's queue.

        Args:
            farm: where to.
            job: whose frames.
            on_wait: told why nothing is sent, at least twice a second as long as that lasts.
        """
        self._farm = farm
        self._job = job
        self._on_wait = on_wait
        self._chunk_frames = farm.settings.chunk_frames
        queue = queue_name(job.show, job.priority)
        self._throttle = Throttle(
            lambda: farm.sender.waiting_chunks(queue),
            chunk_frames=self._chunk_frames,
            most_frames=farm.settings.most_waiting_frames,
        )

    def send(self, frames: Sequence[JobFrame], on_sent: Callable[[int], None]) -> None:
        """Queue frames in order; ``on_sent`` is told how many, group by group.

        Raises:
            QueueUnreachable: the broker has not answered for a while; what ``on_sent`` was told is queued.
        """
        group_frames = CHUNKS_AT_ONCE * self._chunk_frames
        for start in range(0, len(frames), group_frames):
            group = frames[start : start + group_frames]
            self._insist(lambda: self._throttle.wait(len(group), self._say_deep))  # noqa: B023
            chunks = self._chunks(group)
            self._insist(lambda: self._farm.sender.send_chunks(chunks, self._job))  # noqa: B023
            on_sent(len(group))

    def _chunks(self, frames: Sequence[JobFrame]) -> list[Chunk]:
        now, size = time.time(), self._chunk_frames
        return [
            chunk_of(self._job, frames[start : start + size], sent_at=now)
            for start in range(0, len(frames), size)
        ]

    def _say_deep(self, queued_frames: int) -> None:
        self._on_wait(f"waiting: {queued_frames:,} frames are queued")

    def _insist(self, call: Callable[[], T]) -> T:
        """Outlast a broker's restart; a chunk that is sent twice is done once."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return call()
            except QueueUnreachable as fault:
                if time.monotonic() > end:
                    raise
                _log.warning("%s; trying again", fault)
                self._on_wait(f"waiting: {fault}")
                time.sleep(_PAUSE_SECONDS)
