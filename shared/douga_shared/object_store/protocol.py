"""What Douga asks of a store; a folder, a bucket and a dictionary all give it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object without its bytes."""

    object_key: str
    """Relative to the store's root, ``/`` between parts, never starting with one."""
    size_bytes: int
    etag: str
    """Changes when the content changes; compare it only with etags of the same store."""


class ObjectStore(Protocol):
    """Whole objects in, whole objects out. Every method may block; every one is safe to repeat.

    Common errors: ``StoreUnreachable`` (try again), ``FrameRejected`` with reason ``vanished``,
    ``unreadable`` or ``write_failed`` (this object only). Implementations are thread-safe.
    """

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects whose key starts with ``prefix``, in key order, a page at a time."""
        ...

    def stat(self, object_key: str) -> ObjectInfo | None:
        """Return what is known of an object without reading it, or None if there is none."""
        ...

    def read(self, object_key: str) -> bytes:
        """Return the whole object; reason ``vanished`` if there is none."""
        ...

    def write(self, object_key: str, data: bytes) -> None:
        """Store the object whole: a reader sees the old content or the new, never a part."""
        ...

    def delete(self, object_key: str) -> None:
        """Remove the object; an object that is not there is no error."""
        ...
