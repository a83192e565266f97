"""Where the scans of a job come from: a place that all workers see, or a list of names in one."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeVar

from douga_shared.discover import Page, Survey, order_of
from douga_shared.errors import FrameRejected, InputMissing, Reason
from douga_shared.object_keys import SCAN_SUFFIXES, file_suffix_of
from douga_shared.object_store.protocol import FolderListing, ObjectInfo, ObjectStore

_ASKED_AT_ONCE = 32
_PAGE_NAMES = 1_000
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Found:
    """A scan that a source offers."""

    scan: str
    """Its name, relative to the source."""
    etag: str
    size_bytes: int
    object_key: str = ""
    """Where it lies in the store, if not under its name."""
    rejection: FrameRejected | None = None
    """Why it cannot be a frame."""


class Source(Protocol):
    """Scans, page by page, as soon as they are known."""

    def pages(self, survey: Survey) -> Generator[list[Found]]:
        """Yield the scans that are selected, sorted and judged by ``survey``; safe to call again.

        Raises:
            InputMissing: the source is not there.
            StoreUnreachable: a store does not answer.
        """
        ...


class FolderSource:
    """All scans directly in one folder of a store."""

    def __init__(self, store: ObjectStore) -> None:
        """``store`` is the folder."""
        self._store = store

    def pages(self, survey: Survey) -> Generator[list[Found]]:
        """See ``Source``."""
        for listing in self._store.folder_pages():
            yield _found(survey.take(listing))


class SingleSource:
    """One scan of a store."""

    def __init__(self, store: ObjectStore, name: str) -> None:
        """``name`` is its object key."""
        self._store = store
        self._name = name

    def pages(self, survey: Survey) -> Generator[list[Found]]:
        """See ``Source``."""
        info = self._store.stat(self._name)
        if info is None:
            raise InputMissing(f"'{self._store}' holds no {self._name!r}; check the spelling")
        yield _found(survey.take(FolderListing((info,), ())))


class ListSource:
    """Scans that somebody named one by one; a name may hold folders."""

    def __init__(self, store: ObjectStore, names: Sequence[str]) -> None:
        """``names`` are object keys in ``store``; a name that comes twice counts once."""
        self._store = store
        self._names = tuple(dict.fromkeys(names))

    def pages(self, survey: Survey) -> Generator[list[Found]]:
        """See ``Source``; a name that leads nowhere is a rejected frame."""
        with ThreadPoolExecutor(_ASKED_AT_ONCE, thread_name_prefix="douga-stat") as askers:
            for names in in_groups(self._names, _PAGE_NAMES):
                looks = list(askers.map(self._look, names))
                page = survey.take_named(info for info, _ in looks)
                yield _found(page, {info.object_key: fault for info, fault in looks if fault})

    def _look(self, name: str) -> tuple[ObjectInfo, FrameRejected | None]:
        nothing = ObjectInfo(name, 0, "")
        if file_suffix_of(name) not in SCAN_SUFFIXES:
            return nothing, None
        try:
            info = self._store.stat(name)
        except FrameRejected as fault:
            return nothing, fault
        if info is None:
            why = f"{name!r} is in the list, but not in '{self._store}'; correct the list or bring the scan"
            return nothing, FrameRejected(Reason.VANISHED, why)
        return info, None


def in_groups(items: Iterable[_T], most: int) -> Generator[list[_T]]:
    """Yield the items in lists of at most ``most``, each as soon as it is full."""
    rest = iter(items)
    while group := list(islice(rest, most)):
        yield group


def _found(page: Page, faults: dict[str, FrameRejected] | None = None) -> list[Found]:
    """Join frames and rejected frames in the order of the drawings."""
    rejections = {frame.scan: rejection for frame, rejection in page.rejected}
    rejections |= faults or {}
    frames = page.frames
    if page.rejected:
        frames = tuple(sorted([*frames, *(frame for frame, _ in page.rejected)], key=order_of))
    return [
        Found(frame.scan, frame.info.etag, frame.info.size_bytes, rejection=rejections.get(frame.scan))
        for frame in frames
    ]
