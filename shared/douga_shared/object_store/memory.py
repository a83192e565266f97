"""Objects in a dictionary: for tests, and for jobs that live no longer than their process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from threading import Lock

from douga_shared.errors import FrameRejected, Reason
from douga_shared.object_keys import fault_of
from douga_shared.object_store.protocol import PAGE_ENTRIES, FolderListing, ObjectInfo


class MemoryStore:
    """An object store that forgets everything with its process; see ``ObjectStore`` for the promises."""

    def __init__(self, objects: Mapping[str, bytes] | None = None) -> None:
        """Start with ``objects``: content by object key."""
        self._lock = Lock()
        self._objects: dict[str, bytes] = {}
        for object_key, data in (objects or {}).items():
            self.write(object_key, data)

    def __str__(self) -> str:
        return "memory"

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects whose key starts with ``prefix``, as they were when listing began."""
        with self._lock:
            found = sorted(item for item in self._objects.items() if item[0].startswith(prefix))
        return (_info(object_key, data) for object_key, data in found)

    def list_folder(self, folder: str = "") -> FolderListing:
        """Return what lies directly in ``folder``."""
        return FolderListing.joined(self.folder_pages(folder))

    def folder_pages(self, folder: str = "", most: int = PAGE_ENTRIES) -> Iterator[FolderListing]:
        """Yield what lies directly in ``folder``, as it was when listing began, a page at a time."""
        entries: dict[str, ObjectInfo | None] = {}
        for info in self.list(folder):
            name, slash, _ = info.object_key.removeprefix(folder).partition("/")
            entries[name + slash] = None if slash else info
        names = list(entries)
        for start in range(0, len(names), most):
            page = names[start : start + most]
            objects = (entries[name] for name in page)
            yield FolderListing(
                tuple(info for info in objects if info is not None),
                tuple(name for name in page if name.endswith("/")),
            )

    def stat(self, object_key: str) -> ObjectInfo | None:
        """Return what is known of an object, or None if there is none."""
        _check(object_key, Reason.UNREADABLE)
        with self._lock:
            data = self._objects.get(object_key)
        return None if data is None else _info(object_key, data)

    def read(self, object_key: str) -> bytes:
        """Return the whole object."""
        _check(object_key, Reason.UNREADABLE)
        with self._lock:
            data = self._objects.get(object_key)
        if data is None:
            raise FrameRejected(Reason.VANISHED, f"{object_key!r} is not there any more")
        return data

    def write(self, object_key: str, data: bytes) -> None:
        """Store a copy of ``data``."""
        _check(object_key, Reason.WRITE_FAILED)
        with self._lock:
            self._objects[object_key] = bytes(data)

    def create(self, object_key: str, data: bytes) -> bool:
        """Store a copy of ``data`` if there is no such object; tell whether it was stored."""
        _check(object_key, Reason.WRITE_FAILED)
        with self._lock:
            is_new = object_key not in self._objects
            if is_new:
                self._objects[object_key] = bytes(data)
            return is_new

    def delete(self, object_key: str) -> None:
        """Remove the object if it is there."""
        _check(object_key, Reason.WRITE_FAILED)
        with self._lock:
            self._objects.pop(object_key, None)


def _check(object_key: str, reason: Reason) -> None:
    if fault := fault_of(object_key):
        raise FrameRejected(reason, f"{object_key!r} cannot name an object: {fault}")


def _info(object_key: str, data: bytes) -> ObjectInfo:
    return ObjectInfo(object_key, len(data), hashlib.sha256(data).hexdigest()[:32])
