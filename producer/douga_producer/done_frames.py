"""Which frames are drawn already, whichever job drew them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from douga_shared import object_keys
from douga_shared.done_markers import read_done_marker
from douga_shared.errors import FrameRejected
from douga_shared.jobs import Job, JobFrame
from douga_shared.object_store.protocol import ObjectStore
from douga_shared.rebuild import is_done

_READERS = 32
"""Markers read at once: a bucket answers one in tens of milliseconds, but many side by side."""


class DoneFrames:
    """Looks for done markers beside the listing of the scans.

    The markers are listed once, as far as the frames asked about have come: an empty destination costs one
    request, and no frame one of its own unless it has a marker.
    """

    def __init__(self, drawings: ObjectStore, job: Job) -> None:
        self._drawings = drawings
        self._job = job
        self._markers = drawings.list(object_keys.DONE_MARKERS)
        self._seen: set[str] = set()
        self._last = ""

    def among(self, frames: Sequence[JobFrame]) -> list[JobFrame]:
        """Return those frames whose drawings, of this scan and by this recipe, are all there.

        Raises:
            StoreUnreachable: the store does not answer.
        """
        marked = [frame for frame in frames if self._has_marker(frame)]
        if not marked:
            return []
        with ThreadPoolExecutor(_READERS, thread_name_prefix="douga-done") as readers:
            return [
                frame
                for frame, is_whole in zip(marked, readers.map(self._is_whole, marked), strict=True)
                if is_whole
            ]

    def _has_marker(self, frame: JobFrame) -> bool:
        marker = object_keys.done_marker(frame.stem)
        while self._last < marker:
            info = next(self._markers, None)
            # Behind every object key there is.
            self._last = info.object_key if info else "\U0010ffff"
            self._seen.add(self._last)
        return marker in self._seen

    def _is_whole(self, frame: JobFrame) -> bool:
        record = read_done_marker(self._drawings, frame.stem, is_expected=True)
        if record is None or not is_done(record, frame, self._job):
            return False
        try:
            stored = [(output, self._drawings.stat(output.object_key)) for output in record.files]
        except FrameRejected:
            return False
        return all(info is not None and info.size_bytes == output.size_bytes for output, info in stored)
