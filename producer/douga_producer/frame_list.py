"""The frames of a job as its store lists them, in parts; grows, and never gives an index to another frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from douga_shared.jobs import PART_FRAMES, JobFrame, read_parts, write_part
from douga_shared.object_store.protocol import ObjectStore


class FrameList:
    """All frames of one job; kept in memory, some 300 bytes a frame."""

    def __init__(self, store: ObjectStore, job_id: str) -> None:
        """Begin empty; see ``load``."""
        self._store = store
        self._job_id = job_id
        self._frames: list[JobFrame] = []
        self._indexes: dict[str, int] = {}
        self._is_ended = False

    def load(self) -> None:
        """Read what earlier submissions recorded.

        Raises:
            InputMissing: a part cannot be read.
            StoreUnreachable: the store does not answer.
        """
        self._frames = [frame for part in read_parts(self._store, self._job_id) for frame in part]
        self._indexes = {frame.scan: frame.index for frame in self._frames}
        self._is_ended = False

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[JobFrame]:
        return iter(self._frames)

    def __getitem__(self, index: int) -> JobFrame:
        return self._frames[index]

    def find(self, scan: str) -> JobFrame | None:
        """Return the frame of a scan, or None if it is not in the list."""
        index = self._indexes.get(scan)
        return None if index is None else self._frames[index]

    def append(self, frames: Sequence[JobFrame]) -> None:
        """Record further frames; their indexes follow on those of the list."""
        if not frames:
            return
        first = len(self._frames)
        self._frames += frames
        self._indexes.update((frame.scan, frame.index) for frame in frames)
        self._write(range(first // PART_FRAMES, (len(self._frames) - 1) // PART_FRAMES + 1))
        self._is_ended = len(self._frames) % PART_FRAMES > 0

    def replace(self, frames: Iterable[JobFrame]) -> None:
        """Record frames of the list anew: their scans have changed."""
        parts: set[int] = set()
        for frame in frames:
            self._frames[frame.index] = frame
            parts.add(frame.index // PART_FRAMES)
        self._write(sorted(parts))

    def end(self) -> None:
        """Record that there are no more frames, as far as is known: see ``jobs.write_part``."""
        if not self._is_ended and len(self._frames) % PART_FRAMES == 0:
            self._write([len(self._frames) // PART_FRAMES])
        self._is_ended = True

    def _write(self, parts: Iterable[int]) -> None:
        for part in parts:
            start = part * PART_FRAMES
            write_part(self._store, self._job_id, part, self._frames[start : start + PART_FRAMES])
