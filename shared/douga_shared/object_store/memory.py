"""Objects in a dictionary: for tests, and for jobs that live no longer than their process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from threading import Lock

from douga_shared.errors import FrameRejected, Reason
from douga_shared.object_keys import fault_of
from douga_shared.object_store.protocol import FolderListing, ObjectInfo


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
        objects = []
        folders = set()
        for info in self.list(folder):
            name, slash, _ = info.object_key.removeprefix(folder).partition("/")
            if slash:
                folders.add(name + slash)
            else:
                objects.append(info)
        return FolderListing(tuple(objects), tuple(sorted(folders)))

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
