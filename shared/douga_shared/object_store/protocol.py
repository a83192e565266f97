"""What Douga asks of a store; a folder, a bucket and a dictionary all give it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from douga_shared.manifest import LeftOut

PAGE_ENTRIES = 1_000
"""What S3 lists at once."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object without its bytes."""

    object_key: str
    """Relative to the store's root, ``/`` between parts, never starting with one."""
    size_bytes: int
    etag: str
    """Changes when the content changes; compare it only with etags of the same store."""


@dataclass(frozen=True, slots=True)
class FolderListing:
    """What lies directly in one folder of a store."""

    objects: tuple[ObjectInfo, ...]
    """In the order of their keys."""
    folders: tuple[str, ...]
    """Names of the sub-folders, ``/`` at the end, in order; a folder on disk may be empty."""
    unusable: tuple[LeftOut, ...] = ()
    """What lies there too but can be no object: a name that is not Unicode, a pipe, a device."""

    @classmethod
    def joined(cls, pages: Iterable[FolderListing]) -> FolderListing:
        """Return the listing that came in pages as one."""
        pages = tuple(pages)
        return cls(
            tuple(info for page in pages for info in page.objects),
            tuple(folder for page in pages for folder in page.folders),
            tuple(left_out for page in pages for left_out in page.unusable),
        )


class ObjectStore(Protocol):
    """Whole objects in, whole objects out. Every method may block; every one is safe to repeat.

    Common errors: ``StoreUnreachable`` (try again), ``FrameRejected`` with reason ``vanished``,
    ``unreadable`` or ``write_failed`` (this object only). A key that ``object_keys.fault_of`` finds
    fault with is rejected as ``unreadable`` or ``write_failed``; as a prefix it matches nothing.
    Implementations are thread-safe. ``str(store)`` names the store to a person.
    """

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects whose key starts with ``prefix``, in key order, a page at a time.

        A prefix may end inside a name. Key order is the order of code points, as in S3.

        Raises:
            InputMissing: a folder may not be read.
        """
        ...

    def list_folder(self, folder: str = "") -> FolderListing:
        """Return what lies directly in ``folder`` (empty, or ending in ``/``), not what lies deeper.

        A folder that does not exist is empty.

        Raises:
            InputMissing: the folder may not be read.
        """
        ...

    def folder_pages(self, folder: str = "", most: int = PAGE_ENTRIES) -> Iterator[FolderListing]:
        """Yield what ``list_folder`` returns in pages of at most ``most`` entries, for long folders.

        Objects and sub-folders come in one order, that of their keys. An empty folder may have no page.

        Raises:
            InputMissing: the folder may not be read.
        """
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

    def create(self, object_key: str, data: bytes) -> bool:
        """Store the object whole if there is none of that key; tell whether this call stored it.

        Of any number of callers at once exactly one is told True, and readers find what it wrote. To repeat
        a call that returned is safe, but tells False.
        """
        ...

    def delete(self, object_key: str) -> None:
        """Remove the object; an object that is not there is no error."""
        ...
