"""From what a user or a message calls a place to the store that is there."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, unquote, unquote_to_bytes

from douga_shared.errors import ConfigurationError
from douga_shared.object_keys import fault_of
from douga_shared.object_store.folder import FolderStore
from douga_shared.object_store.protocol import ObjectStore
from douga_shared.object_store.s3 import S3Options, S3Store

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"[0-9]+(\.[0-9]+){3}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_FORMS = "write s3://bucket/prefix/, file:///folder/ or the path of a folder"
_AMAZON = S3Options()


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """A place that can hold objects: a prefix in a bucket, or a folder.

    ``str`` gives its one normal form, which ``parse`` reads back to an equal value.
    """

    bucket: str
    """Empty for a folder."""
    path: str
    """In a bucket the prefix, empty or ending in ``/``; else the folder's absolute path, ending in ``/``."""

    @classmethod
    def parse(cls, text: str) -> StoreUrl:
        """Read a URL or a path. A path may be relative and hold ``..``, a URL may not.

        In ``s3://`` URLs every letter is meant, as in S3's own tools; in ``file://`` URLs ``%20`` is a space.

        Raises:
            ConfigurationError: it is neither, or holds what has no place in one: ``..``, control
                characters, credentials, a query, a bucket's name that no server allows.
        """
        match = _SCHEME.fullmatch(text)
        if match is None:
            return cls("", _folder(text))
        scheme, rest = match[1].lower(), match[2]
        authority, slash, path = rest.partition("/")
        if "@" in authority:
            # Not repeated to the user: it would be repeated into a log.
            raise ConfigurationError(
                f"'{scheme}://***@...' holds credentials, which do not belong in a URL: name a profile "
                "(DOUGA_S3_PROFILE) or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        if scheme == "s3":
            return cls(_bucket(text, authority), _prefix(text, path))
        if scheme == "file":
            return cls("", _file_path(text, authority, slash + path))
        raise ConfigurationError(f"{text!r}: Douga knows no stores of the kind '{scheme}://'; {_FORMS}")

    def __str__(self) -> str:
        if self.bucket:
            return f"s3://{self.bucket}/{self.path}"
        return "file://" + quote(os.fsencode(self.path))

    def is_within(self, allowed: Sequence[StoreUrl]) -> bool:
        """Tell whether this place is one of the allowed ones or lies in one, by whole parts of the path.

        Folders are compared by where they really are: a link inside an allowed folder that leads out of
        it is not allowed. What lies in a folder may still be links; who may put links there is trusted.
        """
        real = self._real()
        return any(
            real.bucket == place.bucket and real.path.startswith(place._real().path) for place in allowed
        )

    def _real(self) -> StoreUrl:
        return self if self.bucket else StoreUrl("", _as_folder(os.path.realpath(self.path)))


def parse_stores(text: str) -> tuple[StoreUrl, ...]:
    """Read the URLs of a setting, separated by spaces.

    Raises:
        ConfigurationError: names the first that is none, or is a relative path: a setting holds wherever
            the program is started.
    """
    for word in text.split():
        if not _SCHEME.fullmatch(word) and not Path(word).is_absolute():
            raise ConfigurationError(f"{word!r} is neither a URL nor an absolute path; {_FORMS}")
    return tuple(StoreUrl.parse(word) for word in text.split())


def open_store(url: str | StoreUrl, options: S3Options = _AMAZON, *, create: bool = False) -> ObjectStore:
    """Open the store at a place.

    Args:
        url: what names it, see ``StoreUrl.parse``.
        options: how buckets are reached.
        create: make the folder if there is none; buckets are never made.

    Raises:
        ConfigurationError: the place cannot be named like that, or the folder not be made.
        InputMissing: there is no such folder (without ``create``). Whether a bucket is there shows with
            the first request.
    """
    place = StoreUrl.parse(url) if isinstance(url, str) else url
    if place.bucket:
        return S3Store(place.bucket, place.path, options)
    return FolderStore(Path(place.path), create=create)


def _bucket(text: str, name: str) -> str:
    if not _BUCKET.fullmatch(name) or ".." in name or _ADDRESS.fullmatch(name):
        raise ConfigurationError(
            f"{text!r}: {name!r} is no bucket; its name has 3 to 63 small letters, digits, '-' and '.', "
            "such as s3://studio/cut012/"
        )
    return name


def _prefix(text: str, path: str) -> str:
    if "?" in path:
        _refuse(text, "a URL of a store takes no '?'")
    path = path.removesuffix("/")
    if not path:
        return ""
    if fault := fault_of(path):
        _refuse(text, fault)
    # What some proxy or tool on the way may make of it counts too.
    _check_path(text, unquote(path))
    return path + "/"


def _file_path(text: str, host: str, path: str) -> str:
    if host not in {"", "localhost"}:
        _refuse(text, f"a folder of another machine ('{host}') must be mounted and named by its path")
    if "?" in path or "#" in path:
        _refuse(text, "in a file:// URL '?' is written %3F and '#' is written %23")
    # Names on a disk need not be Unicode; the system's way of reading them keeps every byte.
    path = os.fsdecode(unquote_to_bytes(path))
    if not path.startswith("/"):
        _refuse(text, "a file:// URL names a folder by its whole path, file:///folder/")
    inside = path.strip("/")
    if inside:
        _check_path(text, inside)
    return _as_folder("/" + inside)


def _folder(text: str) -> str:
    if not text or _CONTROL.search(text):
        _refuse(text, "a path may not be empty or hold control characters")
    path = Path(text).absolute()
    # ".." after a link means the link's parent, which only the disk can tell.
    return _as_folder(str(path.resolve() if ".." in path.parts else path))


def _check_path(text: str, path: str) -> None:
    if any(part in {"", ".", ".."} for part in path.split("/")):
        _refuse(text, "a part of it is empty, '.' or '..'")
    if _CONTROL.search(path):
        _refuse(text, "it holds control characters")


def _refuse(text: str, why: str) -> NoReturn:
    raise ConfigurationError(f"{text!r} names no store: {why}; {_FORMS}")


def _as_folder(path: str) -> str:
    return path if path.endswith("/") else path + "/"
