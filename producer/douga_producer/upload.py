"""Scans of this machine into the staging place, by content: nothing is sent that is there already."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from douga_producer.sources import Found, Source, in_groups
from douga_shared.discover import Survey
from douga_shared.errors import ConfigurationError, FrameRejected
from douga_shared.object_keys import file_suffix_of
from douga_shared.object_store.protocol import ObjectStore

FOLDER = "scans/"
_UPLOADS_AT_ONCE = 8
"""Scans in memory at once are twice as many at most, some 20 MB each."""
_FRAMES_AT_ONCE = 64
"""Sent on to the queue together: workers begin while the next are on their way."""
_ETAG_DIGITS = 32


class UploadedSource:
    """The scans of another source, copied to where workers see them."""

    def __init__(
        self,
        source: Source,
        local: ObjectStore,
        staging: ObjectStore,
        on_scan: Callable[[int], None],
    ) -> None:
        """Copy when asked for pages.

        Args:
            source: what to copy.
            local: the store that its names lead to.
            staging: where to.
            on_scan: told of each scan how many bytes were sent; 0 where nothing had to be.
        """
        self._source = source
        self._local = local
        self._staging = staging
        self._on_scan = on_scan

    def pages(self, survey: Survey) -> Generator[list[Found]]:
        """See ``Source``; the etag is the content's own, wherever it lies."""
        return in_groups(self._uploaded(survey), _FRAMES_AT_ONCE)

    def _uploaded(self, survey: Survey) -> Iterator[Found]:
        pending: deque[Future[tuple[Found, int]]] = deque()
        with ThreadPoolExecutor(_UPLOADS_AT_ONCE, thread_name_prefix="douga-upload") as uploaders:
            try:
                for page in self._source.pages(survey):
                    for found in page:
                        pending.append(uploaders.submit(self._upload, found))
                        if len(pending) > 2 * _UPLOADS_AT_ONCE:
                            yield self._next(pending)
                while pending:
                    yield self._next(pending)
            finally:
                for future in pending:
                    future.cancel()

    def _next(self, pending: deque[Future[tuple[Found, int]]]) -> Found:
        found, sent_bytes = pending.popleft().result()
        self._on_scan(sent_bytes)
        return found

    def _upload(self, found: Found) -> tuple[Found, int]:
        """Bring one scan over; returns it as it lies there, and how many bytes that took."""
        if found.rejection is not None:
            return found, 0
        try:
            data = self._local.read(found.scan)
        except FrameRejected as rejection:
            return replace(found, rejection=rejection), 0
        digest = hashlib.sha256(data).hexdigest()
        object_key = f"{FOLDER}{digest[:2]}/{digest}{file_suffix_of(found.scan)}"
        staged = replace(found, etag=digest[:_ETAG_DIGITS], size_bytes=len(data), object_key=object_key)
        try:
            if self._staging.stat(object_key) is not None:
                return staged, 0
            self._staging.write(object_key, data)
        except FrameRejected as refusal:
            raise ConfigurationError(f"DOUGA_STAGING cannot be used: {refusal}") from refusal
        return staged, len(data)
