"""Objects as files below one folder, on a local disk or a mounted share.

What survives: a write is flushed to the disk under a hidden temporary name and then renamed, so
that a reader, a killed process and a power cut all meet the old content or the new, whole. A power
cut may take back the last renames (the folder itself is not flushed), never the order of two. A
killed process leaves its temporary file behind; no listing shows it and ``sweep`` removes it.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO

from douga_shared.errors import (
    ConfigurationError,
    DougaError,
    FrameRejected,
    InputMissing,
    Reason,
    StoreUnreachable,
)
from douga_shared.manifest import LeftOut
from douga_shared.object_keys import fault_of
from douga_shared.object_store.protocol import PAGE_ENTRIES, FolderListing, ObjectInfo

_TEMPORARY = re.compile(r"\.douga-[0-9a-f]{16}\.tmp")
"""Not made from the object's name, which may already be as long as the disk allows."""

_MISSING = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}
_PASSING = {
    errno.ESTALE,
    errno.ETIMEDOUT,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.ENOTCONN,
    errno.EMFILE,
    errno.ENFILE,
}
"""A share that is away, or a machine out of file handles: the same call may go through later."""

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""What file systems say that know no hard links."""

_WRITE_REMEDIES = {
    errno.ENOSPC: "the disk is full; make room and run again",
    errno.EDQUOT: "your quota of the disk is used up; make room and run again",
    errno.EFBIG: "the disk or the session's limits take no file this large",
    errno.EACCES: "this folder may not be written; change its permissions or choose another",
    errno.EPERM: "this folder may not be written; change its permissions or choose another",
    errno.EROFS: "the disk is mounted read-only; choose another folder",
    errno.ENAMETOOLONG: "the name is too long for the disk; rename the scan",
    errno.EISDIR: "a folder of that name is in the way; move it",
    errno.EEXIST: "a file is in the way where a folder is needed; move it",
    errno.ENOTDIR: "a file is in the way where a folder is needed; move it",
}


_Entries = list[tuple[str, "os.DirEntry[str]"]]
"""Object keys with what lies there; the key of a folder ends in ``/``."""


class FolderStore:
    """An object store in a folder; see ``ObjectStore`` for the promises.

    Links to files and folders are followed where a key names them, also out of the root: studios
    collect scans by links. Only ``list`` does not descend into linked folders, which may form loops.
    """

    def __init__(self, root: Path, *, create: bool = False) -> None:
        """Open the folder, or make it where ``create`` says so.

        Raises:
            InputMissing: the folder is not there, or is none (without ``create``).
            ConfigurationError: the folder cannot be made.
        """
        self._root = root.absolute()
        if create:
            _make_root(self._root)
        else:
            _check_root(self._root)

    def __str__(self) -> str:
        return _printable(str(self._root))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects whose key starts with ``prefix``, looking only into folders that may hold one.

        An object that cannot be looked at (a link to nothing) has size 0 and no etag; reading it gives
        the reason.
        """
        folder = prefix[: prefix.rfind("/") + 1]
        pending = self._entries(folder)
        while pending:
            object_key, entry = pending.pop()
            if not object_key.startswith(prefix) or fault_of(entry.name):
                continue
            if object_key.endswith("/"):
                if not entry.is_symlink():
                    pending += self._entries(object_key)
            elif (info := _info(object_key, entry)) is not None:
                yield info

    def list_folder(self, folder: str = "") -> FolderListing:
        """Return what lies directly in ``folder``; links to folders are folders."""
        return FolderListing.joined(self.folder_pages(folder))

    def folder_pages(self, folder: str = "", most: int = PAGE_ENTRIES) -> Iterator[FolderListing]:
        """Yield what lies directly in ``folder`` a page at a time.

        The names are read and sorted at once; the files are looked at page by page, which on a share
        takes far longer.
        """
        entries = self._entries(folder)[::-1]
        for start in range(0, len(entries), most):
            yield _page(entries[start : start + most])

    def stat(self, object_key: str) -> ObjectInfo | None:
        """Return what is known of an object, or None if there is no file of that name."""
        path = self._path(object_key, Reason.UNREADABLE)
        with self._faults(object_key, Reason.UNREADABLE):
            try:
                status = path.stat()
            except OSError as error:
                if error.errno in _MISSING and not self._is_away():
                    return None
                raise
        return _info_of(object_key, status) if S_ISREG(status.st_mode) else None

    def read(self, object_key: str) -> bytes:
        """Return the whole object."""
        path = self._path(object_key, Reason.UNREADABLE)
        with self._faults(object_key, Reason.UNREADABLE):
            # Opening a pipe would wait for a writer, perhaps forever.
            if not S_ISREG(path.stat().st_mode):
                raise FrameRejected(Reason.UNREADABLE, f"{object_key!r} is a folder or a device, not a file")
            return path.read_bytes()

    def write(self, object_key: str, data: bytes) -> None:
        """Store the object whole, making the folders above it; a link of that name is replaced."""
        path = self._path(object_key, Reason.WRITE_FAILED)
        with self._faults(object_key, Reason.WRITE_FAILED), self._written_aside(path, data) as temporary:
            temporary.replace(path)

    def create(self, object_key: str, data: bytes) -> bool:
        """Store the object whole if there is no file of that name; tell whether this call did.

        On a disk without hard links a reader may meet an empty object for a moment.
        """
        path = self._path(object_key, Reason.WRITE_FAILED)
        with self._faults(object_key, Reason.WRITE_FAILED):
            try:
                # Most calls come second: they need not write and flush what is thrown away.
                path.lstat()
            except OSError:
                with self._written_aside(path, data) as temporary:
                    return _link(temporary, path)
            return _yield_to(path)

    def delete(self, object_key: str) -> None:
        """Remove the object if it is there; the folders above it stay."""
        path = self._path(object_key, Reason.WRITE_FAILED)
        with self._faults(object_key, Reason.WRITE_FAILED):
            try:
                path.unlink()
            except OSError as error:
                if error.errno not in _MISSING or self._is_away():
                    raise

    def sweep(self, *, older_than_seconds: float = 600.0) -> int:
        """Remove what killed processes left behind; return the number of files removed.

        A write in progress is far younger than ten minutes. Whoever knows to be the only one writing
        here may pass 0.
        """
        swept_count = 0
        oldest_kept = time.time() - older_than_seconds
        for folder, _, names in os.walk(self._root):
            for name in filter(_TEMPORARY.fullmatch, names):
                path = Path(folder, name)
                with suppress(OSError):  # another process sweeps too, or the folder is read-only
                    if path.stat().st_mtime <= oldest_kept:
                        path.unlink()
                        swept_count += 1
        return swept_count

    def _path(self, object_key: str, reason: Reason) -> Path:
        fault = fault_of(object_key)
        if os.sep == "\\" and re.search(r"[\\:]", object_key):
            fault = "this system reads '\\' and ':' as part of a path"
        if _TEMPORARY.fullmatch(object_key.rpartition("/")[2]):
            fault = "such names are kept for files being written"
        if fault:
            raise FrameRejected(reason, f"{object_key!r} cannot name an object: {fault}")
        return self._root / object_key

    def _entries(self, folder: str) -> _Entries:
        """List one folder in reverse key order, ready to be popped."""
        if folder and (not folder.endswith("/") or fault_of(folder[:-1])):
            return []
        try:
            with os.scandir(self._root / folder) as entries:
                found = [entry for entry in entries if not _TEMPORARY.fullmatch(entry.name)]
        except OSError as error:
            if error.errno in _PASSING or self._is_away():
                raise self._unreachable(error) from error
            if error.errno in _MISSING:
                return []
            raise InputMissing(
                f"the folder '{self._root / folder}' cannot be read: {error.strerror}"
            ) from error
        # "/" sorts after "-" and ".", so a folder takes its place by its key and not by its name.
        return sorted(
            ((folder + entry.name + ("/" if _is_folder(entry) else ""), entry) for entry in found),
            key=lambda keyed: keyed[0],
            reverse=True,
        )

    @contextmanager
    def _written_aside(self, path: Path, data: bytes) -> Iterator[Path]:
        """Write the data beside ``path`` and flush it; what is still there afterwards is removed."""
        temporary = path.with_name(f".douga-{secrets.token_hex(8)}.tmp")
        try:
            with self._create(temporary) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            with suppress(OSError):  # after `write` it is gone, being renamed
                temporary.unlink()

    def _create(self, path: Path) -> BinaryIO:
        try:
            return path.open("xb")
        except FileNotFoundError:
            # Folders are made below the root only: a root that is gone is a share that is not mounted.
            if self._is_away():
                raise
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("xb")

    @contextmanager
    def _faults(self, object_key: str, reason: Reason) -> Iterator[None]:
        """Turn the system's errors into Douga's."""
        try:
            yield
        except OSError as error:
            raise self._rejection(error, object_key, reason) from error

    def _rejection(self, error: OSError, object_key: str, reason: Reason) -> DougaError:
        if error.errno in _PASSING or self._is_away():
            return self._unreachable(error)
        why = error.strerror or str(error)
        if reason is Reason.WRITE_FAILED:
            why = _WRITE_REMEDIES.get(error.errno or 0, why)
            return FrameRejected(reason, f"{object_key!r} cannot be written in '{self}': {why}")
        if error.errno in _MISSING:
            return FrameRejected(Reason.VANISHED, f"{object_key!r} is not there any more in '{self}'")
        if isinstance(error, PermissionError):
            why = "permission denied; allow reading it and run again"
        return FrameRejected(reason, f"{object_key!r} cannot be read: {why}")

    def _is_away(self) -> bool:
        """Tell whether the root itself is gone; then nothing can be said about the objects."""
        try:
            return not S_ISDIR(self._root.stat().st_mode)
        except OSError:
            return True

    def _unreachable(self, error: OSError) -> StoreUnreachable:
        return StoreUnreachable(f"'{self}' does not answer ({error.strerror}); check the disk or the mount")


def _check_root(root: Path) -> None:
    try:
        is_folder = S_ISDIR(root.stat().st_mode)
    except OSError as error:
        why = f"cannot be opened ({error.strerror}); check the spelling, the mount and the permissions"
        raise InputMissing(f"the folder '{root}' {why}") from error
    if not is_folder:
        raise InputMissing(f"'{root}' is a file; a folder is needed")


def _make_root(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = "a file is in the way" if error.errno in {errno.EEXIST, errno.ENOTDIR} else error.strerror
        raise ConfigurationError(f"the folder '{root}' cannot be made: {why}; choose another") from error


def _link(temporary: Path, path: Path) -> bool:
    """Give a whole file its name unless there is one; tell whether it got it."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return _yield_to(path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _claim(temporary, path)
    return True


def _claim(temporary: Path, path: Path) -> bool:
    """Do as ``_link`` does, for disks that know no links: the name is taken by an empty file first."""
    try:
        path.open("xb").close()
    except FileExistsError:
        return _yield_to(path)
    temporary.replace(path)
    return True


def _yield_to(path: Path) -> bool:
    """Return False, for another was first; unless that is a folder, which is no object."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads round in a circle
        return False


def _page(entries: _Entries) -> FolderListing:
    """Look at some entries of one folder."""
    objects: list[ObjectInfo] = []
    folders: list[str] = []
    unusable: list[LeftOut] = []
    for object_key, entry in entries:
        if fault := fault_of(entry.name):
            unusable.append(LeftOut(name=_printable(entry.name), why=f"its name cannot be used: {fault}"))
        elif object_key.endswith("/"):
            folders.append(entry.name + "/")
        elif (info := _info(object_key, entry)) is not None:
            objects.append(info)
        else:
            unusable.append(LeftOut(name=entry.name, why="not a file (a pipe, socket or device)"))
    return FolderListing(tuple(objects), tuple(folders), tuple(unusable))


def _info(object_key: str, entry: os.DirEntry[str]) -> ObjectInfo | None:
    """Look at a listed file; None for what is no file."""
    try:
        status = entry.stat()
    except OSError:
        return ObjectInfo(object_key, 0, "")
    return _info_of(object_key, status) if S_ISREG(status.st_mode) else None


def _info_of(object_key: str, status: os.stat_result) -> ObjectInfo:
    # The inode tells apart two contents of one size written within a tick of the file system's clock.
    etag = f"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}"
    return ObjectInfo(object_key, status.st_size, etag)


def _printable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")
