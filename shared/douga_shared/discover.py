"""A folder of scans -> ordered frames; says what it left out and why."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from douga_shared.errors import FrameRejected, InputMissing, Reason
from douga_shared.frames import FrameId, FrameRange
from douga_shared.manifest import LeftOut
from douga_shared.object_keys import MANIFEST, REPORT_PAGE, SCAN_SUFFIXES, drawing, file_suffix_of, stem_of
from douga_shared.object_store.protocol import FolderListing, ObjectInfo, ObjectStore
from douga_shared.recipe import Output

_LEFT_OUT_BY_NAME = 10
"""So many files are named for each reason; the rest is a number, so that the report stays readable."""

_RIVALS_BY_NAME = 3
_FOLDERS_BY_NAME = 5
_KINDS_BY_NAME = 5
_SCANS_END_IN = "Scans end in " + ", ".join(sorted(SCAN_SUFFIXES))
_SYSTEM_FILES = {"thumbs.db", "desktop.ini"}
_REPORT_FOLDER = REPORT_PAGE.partition("/")[0] + "/"


@dataclass(frozen=True, slots=True)
class Frame:
    """One scan of a job."""

    frame_id: FrameId
    scan: str
    """Object key in the source's store."""
    stem: str
    """Name of the drawings, without folder and suffix."""
    info: ObjectInfo


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a source holds."""

    frames: tuple[Frame, ...]
    """The frames to clean, in the order of the drawings."""
    left_out: tuple[LeftOut, ...]
    """What is no frame of this job; hidden files and Douga's own are not mentioned."""
    rejected: tuple[tuple[Frame, FrameRejected], ...]
    """Frames that cannot be cleaned whatever they hold, in order; not among ``frames``."""


def discover(
    store: ObjectStore,
    prefix: str = "",
    frames: FrameRange | None = None,
    outputs: Collection[Output] = (),
) -> Discovery:
    """Find the scans directly in one folder of a store, or the one scan that ``prefix`` names.

    A file is a scan by its suffix alone: an empty or broken image is a frame, rejected when it is read.
    Sub-folders are levels or cuts of their own; they are left out.

    Args:
        store: holds the scans.
        prefix: a folder, with or without ``/`` at its end; empty for the root; or a scan's object key.
        frames: the drawings to take, or None for all.
        outputs: kinds of drawing that will be written. Two scans never share a stem, whatever is
            written; of these kinds they never share a file either (``A-alpha.tga`` draws to the
            ``A-alpha.png`` that ``A.tga`` gives with ``png-alpha``).

    Raises:
        InputMissing: there is no scan, or none is selected; the message says what there is instead.
        StoreUnreachable: the store does not answer.
    """
    if prefix and not prefix.endswith("/") and (info := store.stat(prefix)) is not None:
        listing = FolderListing((info,), ())
        if file_suffix_of(prefix) not in SCAN_SUFFIXES:
            raise InputMissing(f"{prefix!r} is no scan by its name. {_SCANS_END_IN}.")
    else:
        folder = prefix if not prefix or prefix.endswith("/") else prefix + "/"
        listing = store.list_folder(folder)

    place = f"{prefix!r} in '{store}'" if prefix else f"'{store}'"
    scans = sorted(
        map(_frame, filter(_is_scan, listing.objects)), key=lambda scan: (scan.frame_id, scan.scan)
    )
    if not scans:
        raise InputMissing(f"{place} holds no scan. {_holds_instead(listing)} {_SCANS_END_IN}.")

    selected = [frame for frame in scans if frames is None or frames.contains(frame.frame_id)]
    if not selected:
        first, last = scans[0].frame_id, scans[-1].frame_id
        raise InputMissing(
            f"--frames {frames} selects no scan of {place}; the first is {first}, the last {last}"
        )
    left_out = list(_left_out(listing))
    if unselected_count := len(scans) - len(selected):
        name = _counted(unselected_count, "scan")
        left_out.append(LeftOut(name=name, why=f"not selected by --frames {frames}"))

    # Among all scans: what an unselected one gives, or gave in an earlier run, must not be overwritten.
    collisions = _collisions(scans, outputs)
    return Discovery(
        frames=tuple(frame for frame in selected if frame.scan not in collisions),
        left_out=tuple(left_out),
        rejected=tuple((frame, collisions[frame.scan]) for frame in selected if frame.scan in collisions),
    )


def _frame(info: ObjectInfo) -> Frame:
    scan = info.object_key
    return Frame(FrameId.parse(scan), scan, stem_of(_name(scan)), info)


def _name(object_key: str) -> str:
    return object_key.rpartition("/")[2]


def _is_scan(info: ObjectInfo) -> bool:
    return file_suffix_of(info.object_key) in SCAN_SUFFIXES and not _is_unspoken(info.object_key)


def _kind(info: ObjectInfo) -> str:
    return file_suffix_of(info.object_key) or "no suffix"


def _is_unspoken(object_key: str) -> bool:
    """Tell what nobody put there as a scan: hidden files, the system's and Douga's own."""
    name = _name(object_key)
    return not name or name.startswith(".") or name.casefold() in _SYSTEM_FILES or name == MANIFEST


def _left_out(listing: FolderListing) -> Iterator[LeftOut]:
    """Say of every file and folder why it is no frame, in few lines."""
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for info in listing.objects:
        if not _is_scan(info) and not _is_unspoken(info.object_key):
            reasons[f"not a scan: {_kind(info)}"].append(_name(info.object_key))
    for folder in _sub_folders(listing):
        reasons["a sub-folder; clean it by itself"].append(folder)
    for unusable in listing.unusable:
        reasons[unusable.why].append(unusable.name)
    for why, names in reasons.items():
        yield from (LeftOut(name=name, why=why) for name in names[:_LEFT_OUT_BY_NAME])
        if len(names) > _LEFT_OUT_BY_NAME:
            yield LeftOut(name=f"{len(names) - _LEFT_OUT_BY_NAME:,} more", why=why)


def _sub_folders(listing: FolderListing) -> list[str]:
    """Name the folders that may hold scans; beside a manifest, the report's is Douga's own."""
    has_manifest = any(_name(info.object_key) == MANIFEST for info in listing.objects)
    own = {_REPORT_FOLDER} if has_manifest else set()
    return [name for name in listing.folders if not name.startswith(".") and name not in own]


def _collisions(scans: Iterable[Frame], outputs: Collection[Output]) -> dict[str, FrameRejected]:
    """Find the scans whose drawings would overwrite each other; rejections by object key.

    Upper and lower case count as equal, and so do the ways to write an accent: on the disks of
    Windows and macOS such names are one file.
    """
    claims: defaultdict[str, list[Frame]] = defaultdict(list)
    for frame in scans:
        for name in {frame.stem, *(drawing(frame.stem, output) for output in outputs)}:
            claims[_folded(name)].append(frame)
    rivals: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for frames in claims.values():
        for frame in frames:
            rivals[frame.scan].update((rival.scan, None) for rival in frames if rival is not frame)
    return {scan: _collision(scan, list(others)) for scan, others in rivals.items() if others}


def _collision(scan: str, rivals: list[str]) -> FrameRejected:
    named = " and ".join(repr(_name(rival)) for rival in rivals[:_RIVALS_BY_NAME])
    if len(rivals) > _RIVALS_BY_NAME:
        named += f" and {len(rivals) - _RIVALS_BY_NAME} more"
    message = f"{_name(scan)!r} would give drawings of the same name as {named}; rename or move all but one"
    return FrameRejected(Reason.NAME_COLLISION, message)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _holds_instead(listing: FolderListing) -> str:
    """Say what lies where no scan lies, and what to do about it."""
    folders = _sub_folders(listing)
    others = Counter(_kind(info) for info in listing.objects if not _is_unspoken(info.object_key))
    if not folders and not others and not listing.unusable:
        return "It is empty."
    found = [f"{count:,} {kind}" for kind, count in others.most_common(_KINDS_BY_NAME)]
    if listing.unusable:
        found.append(_counted(len(listing.unusable), "unusable file"))
    if not folders:
        return f"It holds {', '.join(found)}."
    named = folders[:_FOLDERS_BY_NAME] + ["..."] * (len(folders) > _FOLDERS_BY_NAME)
    found.append(f"{_counted(len(folders), 'folder')} ({', '.join(named)})")
    return f"It holds {', '.join(found)}; name one of these folders as the source."


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
