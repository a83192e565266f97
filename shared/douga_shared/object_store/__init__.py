"""Where scans come from and drawings go: one protocol, one file per kind of store."""

from douga_shared.object_store.folder import FolderStore
from douga_shared.object_store.locate import StoreUrl, open_store
from douga_shared.object_store.memory import MemoryStore
from douga_shared.object_store.protocol import FolderListing, ObjectInfo, ObjectStore
from douga_shared.object_store.s3 import S3Options, S3Store

__all__ = [
    "FolderListing",
    "FolderStore",
    "MemoryStore",
    "ObjectInfo",
    "ObjectStore",
    "S3Options",
    "S3Store",
    "StoreUrl",
    "open_store",
]
