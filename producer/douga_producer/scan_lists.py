"""Lists of scans, as text or JSON: what a pipeline's own tools write."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import msgspec

from douga_shared.errors import ConfigurationError, InputMissing
from douga_shared.object_keys import fault_of
from douga_shared.object_store.locate import StoreUrl

STDIN = "-"
SUFFIXES = {".txt", ".json"}
_REMEDY = "write s3://bucket/key, file:///path, /path, or name the place that all lie below with --base"


@dataclass(frozen=True, slots=True)
class ScanList:
    """Scans that all lie below one place."""

    place: StoreUrl
    is_local: bool
    """Paths of this machine: workers may not see them."""
    names: tuple[str, ...]
    """Relative to the place, in the order of the list; folders in them name the drawings too."""


def read_scan_list(path: str, base: str = "") -> ScanList:
    """Read a list of URLs, of paths, or of names below ``base``.

    Args:
        path: a text file with a scan a line (``#`` begins a comment), a JSON file with an array of
            strings, or ``-`` for either on standard input.
        base: the place that names are relative to.

    Raises:
        InputMissing: there is no such file.
        ConfigurationError: it cannot be read, is empty, or its scans do not lie below one place.
    """
    entries = _entries(path, _text(path))
    if not entries:
        raise ConfigurationError(f"the list '{path}' names no scan")
    if base:
        _check_names(path, entries)
        return ScanList(StoreUrl.parse(base), "://" not in base, tuple(entries))
    return _below_one_place(path, entries)


def _text(path: str) -> str:
    try:
        data = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as fault:
        raise InputMissing(f"the list '{path}' cannot be read: {fault.strerror}") from fault
    except UnicodeDecodeError as fault:
        raise ConfigurationError(f"the list '{path}' is no UTF-8 text ({fault}); save it as UTF-8") from fault


def _entries(path: str, text: str) -> list[str]:
    if not (path.endswith(".json") or (path == STDIN and text.lstrip().startswith("["))):
        lines = (line.strip("\r\n\t ") for line in text.split("\n"))
        return [line for line in lines if line and not line.startswith("#")]
    try:
        return msgspec.json.decode(text, type=list[str])
    except msgspec.MsgspecError as fault:
        raise ConfigurationError(
            f"the list '{path}' is no JSON array of strings: {fault}; "
            'write ["s3://bucket/A0001.tga", "s3://bucket/A0002.tga"]'
        ) from fault


def _check_names(path: str, names: Iterable[str]) -> None:
    for name in names:
        if "://" in name:
            raise ConfigurationError(
                f"the list '{path}': {name!r} is a URL, but --base is given; leave out one"
            )
        if fault := fault_of(name):
            raise ConfigurationError(f"the list '{path}': {name!r} cannot name a scan below --base: {fault}")


def _below_one_place(path: str, entries: Sequence[str]) -> ScanList:
    kinds: dict[tuple[str, bool], str] = {}
    keys: list[str] = []
    for entry in entries:
        is_local = "://" not in entry
        if is_local and not entry.startswith("/"):
            raise ConfigurationError(f"the list '{path}': where does {entry!r} lie? {_REMEDY}")
        url = StoreUrl.parse(entry)
        kinds.setdefault((url.bucket, is_local), entry)
        keys.append(url.path.removesuffix("/"))
    if len(kinds) > 1:
        first, second = list(kinds.values())[:2]
        raise ConfigurationError(
            f"the list '{path}' mixes places: {first!r} and {second!r}; submit one list for each"
        )
    (bucket, is_local), _ = kinds.popitem()
    folder = _common_folder(keys)
    place = StoreUrl(bucket, folder)
    return ScanList(place, is_local, tuple(key.removeprefix(folder) for key in keys))


def _common_folder(keys: Sequence[str]) -> str:
    folders = [key.rpartition("/")[0].split("/") for key in keys]
    # What the first and the last in order share, all between them share.
    pairs = zip(min(folders), max(folders), strict=False)
    common = [first for first, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    return "".join(f"{part}/" for part in common if part or keys[0].startswith("/"))
