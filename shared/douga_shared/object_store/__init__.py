"""Where scans come from and drawings go: one protocol, one file per kind of store."""

from douga_shared.object_store.folder import FolderStore
from douga_shared.object_store.memory import MemoryStore
from douga_shared.object_store.protocol import FolderListing, ObjectInfo, ObjectStore

__all__ = ["FolderListing", "FolderStore", "MemoryStore", "ObjectInfo", "ObjectStore"]
