"""An object store that counts what passes: bytes each way, and calls that failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from douga_shared import metrics
from douga_shared.errors import ConfigurationError, FrameRejected, InputMissing, Reason, StoreUnreachable
from douga_shared.object_store.protocol import PAGE_ENTRIES, FolderListing, ObjectInfo, ObjectStore


class CountedStore:
    """Another store, watched; see ``ObjectStore`` for the promises."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def __str__(self) -> str:
        return str(self._store)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects whose key starts with ``prefix``."""
        with _counted("list"):
            yield from self._store.list(prefix)

    def list_folder(self, folder: str = "") -> FolderListing:
        """Return what lies directly in ``folder``."""
        with _counted("list"):
            return self._store.list_folder(folder)

    def folder_pages(self, folder: str = "", most: int = PAGE_ENTRIES) -> Iterator[FolderListing]:
        """Yield what ``list_folder`` returns in pages."""
        with _counted("list"):
            yield from self._store.folder_pages(folder, most)

    def stat(self, object_key: str) -> ObjectInfo | None:
        """Return what is known of an object without reading it."""
        with _counted("stat"):
            return self._store.stat(object_key)

    def read(self, object_key: str) -> bytes:
        """Return the whole object."""
        with _counted("read"):
            data = self._store.read(object_key)
        metrics.BYTES.labels("read").inc(len(data))
        return data

    def write(self, object_key: str, data: bytes) -> None:
        """Store the object whole."""
        with _counted("write"):
            self._store.write(object_key, data)
        metrics.BYTES.labels("written").inc(len(data))

    def create(self, object_key: str, data: bytes) -> bool:
        """Store the object whole if there is none of that key."""
        with _counted("create"):
            is_stored = self._store.create(object_key, data)
        metrics.BYTES.labels("written").inc(len(data))
        return is_stored

    def delete(self, object_key: str) -> None:
        """Remove the object."""
        with _counted("delete"):
            self._store.delete(object_key)


@contextmanager
def _counted(operation: str) -> Iterator[None]:
    try:
        yield
    except (StoreUnreachable, ConfigurationError, InputMissing):
        metrics.STORE_ERRORS.labels(operation, "unreachable").inc()
        raise
    except FrameRejected as rejection:
        # What is not there any more is the job's affair, not the store's fault.
        if rejection.reason is not Reason.VANISHED:
            metrics.STORE_ERRORS.labels(operation, "refused").inc()
        raise
