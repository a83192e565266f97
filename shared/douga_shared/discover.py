"""A folder of scans -> ordered frames; says what it left out and why."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from douga_shared.errors import FrameRejected, InputMissing, Reason
from douga_shared.frames import FrameId, FrameRange
from douga_shared.manifest import LeftOut
from douga_shared.object_keys import MANIFEST, REPORT_PAGE, SCAN_SUFFIXES, file_suffix_of, stem_of
from douga_shared.object_store.protocol import FolderListing, ObjectInfo, ObjectStore

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


def order_of(frame: Frame) -> tuple[object, ...]:
    """Sort frames by this, as an animator lays the drawings out."""
    return frame.frame_id.order, frame.scan


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a source holds."""

    frames: tuple[Frame, ...]
    """The frames to clean, in the order of the drawings."""
    left_out: tuple[LeftOut, ...]
    """What is no frame of this job; hidden files and Douga's own are not mentioned."""
    rejected: tuple[tuple[Frame, FrameRejected], ...]
    """Frames that cannot be cleaned whatever they hold, in order; not among ``frames``."""


@dataclass(frozen=True, slots=True)
class Page:
    """What one page of a listing holds; see ``Discovery``."""

    frames: tuple[Frame, ...]
    rejected: tuple[tuple[Frame, FrameRejected], ...]


def discover(
    store: ObjectStore,
    prefix: str = "",
    frames: FrameRange | None = None,
    suffixes: Collection[str] = (),
) -> Discovery:
    """Find the scans directly in one folder of a store, or the one scan that ``prefix`` names.

    A file is a scan by its suffix alone: an empty or broken image is a frame, rejected when it is read.
    Sub-folders are levels or cuts of their own; they are left out.

    Args:
        store: holds the scans.
        prefix: a folder, with or without ``/`` at its end; empty for the root; or a scan's object key.
        frames: the drawings to take, or None for all.
        suffixes: what follows the stem in the names of the drawings, see ``recipe.file_suffixes``. Two
            scans never share a stem, whatever is written; with these they never share a file either
            (``A-alpha.tga`` draws to the ``A-alpha.png`` that ``A.tga`` gives with ``png-alpha``).

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

    survey = Survey(frames, suffixes)
    page = survey.take(listing)
    survey.check(f"{prefix!r} in '{store}'" if prefix else f"'{store}'")
    return Discovery(page.frames, survey.left_out, page.rejected)


class Survey:
    """Sorts what is listed, page by page, into frames, rejected frames and what is left out.

    Within a page frames are ordered as the drawings are. Scans of one page whose drawings would overwrite
    each other are all rejected; a rival of something in an earlier page, which may be done by now, is
    rejected alone.
    """

    def __init__(self, frames: FrameRange | None = None, suffixes: Collection[str] = ()) -> None:
        """Look for these drawings (None for all), of which files with these suffixes will be written."""
        self._range = frames
        self._suffixes = suffixes
        self._endings = _endings(suffixes)
        self._claimed: dict[str, str] = {}
        self._taken: set[str] = set()
        self._scan_count = self._selected_count = 0
        self._ends: tuple[FrameId, FrameId] | None = None
        self._others: defaultdict[str, _Names] = defaultdict(_Names)
        self._unusable: defaultdict[str, _Names] = defaultdict(_Names)
        self._folders: list[str] = []
        self._has_manifest = False

    def claim(self, scan: str) -> None:
        """Say that a scan gives drawings already: whatever collides with it is rejected, it never is."""
        self._taken.add(scan)
        self._claimed.setdefault(_folded(stem_of(scan)), scan)

    def take(self, listing: FolderListing) -> Page:
        """Sort the next page of one folder's listing."""
        scans = []
        for info in listing.objects:
            name = _name(info.object_key)
            self._has_manifest |= name == MANIFEST
            if _is_unspoken(name):
                continue
            if file_suffix_of(name) in SCAN_SUFFIXES:
                scans.append(_frame(info))
            else:
                self._others[_kind(name)].add(name)
        for unusable in listing.unusable:
            self._unusable[unusable.why].add(unusable.name)
        self._folders += listing.folders
        return self.take_frames(scans)

    def take_named(self, infos: Iterable[ObjectInfo]) -> Page:
        """Sort some of the objects that somebody listed by name; their folders name the drawings too."""
        scans = []
        for info in infos:
            scan = info.object_key
            if file_suffix_of(scan) in SCAN_SUFFIXES:
                scans.append(Frame(FrameId.parse(scan), scan, stem_of(scan), info))
            else:
                self._others[_kind(scan)].add(scan)
        return self.take_frames(scans)

    def take_frames(self, found: Iterable[Frame]) -> Page:
        """Sort the next scans."""
        scans = sorted(found, key=order_of)
        selected = [frame for frame in scans if self._range is None or self._range.contains(frame.frame_id)]
        self._scan_count += len(scans)
        self._selected_count += len(selected)
        if scans:
            first, last = self._ends or (scans[0].frame_id, scans[-1].frame_id)
            self._ends = min(first, scans[0].frame_id), max(last, scans[-1].frame_id)

        # Among all scans: what an unselected one gives, or gave in an earlier run, must not be overwritten.
        collisions = self._collisions([frame for frame in scans if frame.scan not in self._taken])
        for frame in scans:
            self._claimed.setdefault(_folded(frame.stem), frame.scan)
        return Page(
            frames=tuple(frame for frame in selected if frame.scan not in collisions),
            rejected=tuple((frame, collisions[frame.scan]) for frame in selected if frame.scan in collisions),
        )

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What so far was no frame of this job; hidden files and Douga's own are not mentioned."""
        reasons = {f"not a scan: {kind}": names for kind, names in self._others.items()}
        if folders := self._sub_folders():
            reasons["a sub-folder; clean it by itself"] = _Names(folders, len(folders))
        reasons |= self._unusable
        left_out = [entry for why, names in reasons.items() for entry in names.left_out(why)]
        if unselected_count := self._scan_count - self._selected_count:
            why = f"not selected by --frames {self._range}"
            left_out.append(LeftOut(name=_counted(unselected_count, "scan"), why=why))
        return tuple(left_out)

    def check(self, place: str) -> None:
        """Make sure that there was something to do; ``place`` names the source to a person.

        Raises:
            InputMissing: there was no scan, or none was selected.
        """
        if self._ends is None:
            raise InputMissing(f"{place} holds no scan. {self._holds_instead()} {_SCANS_END_IN}.")
        if not self._selected_count:
            first, last = self._ends
            raise InputMissing(
                f"--frames {self._range} selects no scan of {place}; the first is {first}, the last {last}"
            )

    def _sub_folders(self) -> list[str]:
        """Name the folders that may hold scans; beside a manifest, the report's is Douga's own."""
        own = {_REPORT_FOLDER} if self._has_manifest else set()
        return [name for name in self._folders if not name.startswith(".") and name not in own]

    def _collisions(self, scans: Collection[Frame]) -> dict[str, FrameRejected]:
        """Find the scans whose drawings would overwrite each other, or those of earlier pages."""
        rivals = _rivals(scans, self._suffixes) if self._may_collide(scans) else defaultdict(dict)
        for frame in scans:
            for earlier in self._earlier_rivals(frame):
                rivals[frame.scan].setdefault(earlier)
        return {scan: _collision(scan, list(others)) for scan, others in rivals.items() if others}

    def _may_collide(self, scans: Collection[Frame]) -> bool:
        """Tell quickly whether two of these share a drawing; as a rule none do."""
        stems = {_folded(frame.stem) for frame in scans}
        return len(stems) < len(scans) or any(
            stem + ending in stems for ending in self._endings if ending for stem in stems
        )

    def _earlier_rivals(self, frame: Frame) -> Iterator[str]:
        """Yield scans of earlier pages with which this one shares a drawing.

        Two names are one where one stem is the other and what one output's ending has more than another's:
        so no drawing has to be remembered, only stems.
        """
        stem = _folded(frame.stem)
        for ending in self._endings:
            if (scan := self._claimed.get(stem + ending, frame.scan)) != frame.scan:
                yield scan
            if stem.endswith(ending):
                scan = self._claimed.get(stem.removesuffix(ending), frame.scan)
                if scan != frame.scan:
                    yield scan

    def _holds_instead(self) -> str:
        """Say what lies where no scan lies, and what to do about it."""
        folders = self._sub_folders()
        kinds = Counter({kind: names.count for kind, names in self._others.items()})
        unusable_count = sum(names.count for names in self._unusable.values())
        if not folders and not kinds and not unusable_count:
            return "It is empty."
        found = [f"{count:,} {kind}" for kind, count in kinds.most_common(_KINDS_BY_NAME)]
        if unusable_count:
            found.append(_counted(unusable_count, "unusable file"))
        if not folders:
            return f"It holds {', '.join(found)}."
        named = folders[:_FOLDERS_BY_NAME] + ["..."] * (len(folders) > _FOLDERS_BY_NAME)
        found.append(f"{_counted(len(folders), 'folder')} ({', '.join(named)})")
        return f"It holds {', '.join(found)}; name one of these folders as the source."


@dataclass(slots=True)
class _Names:
    """Some names, of which the first few are kept and the others counted."""

    first: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, name: str) -> None:
        self.count += 1
        if len(self.first) < _LEFT_OUT_BY_NAME:
            self.first.append(name)

    def left_out(self, why: str) -> Iterator[LeftOut]:
        """Say in few lines why they are no frames."""
        named = self.first[:_LEFT_OUT_BY_NAME]
        yield from (LeftOut(name=name, why=why) for name in named)
        if self.count > len(named):
            yield LeftOut(name=f"{self.count - len(named):,} more", why=why)


def _frame(info: ObjectInfo) -> Frame:
    scan = info.object_key
    return Frame(FrameId.parse(scan), scan, stem_of(_name(scan)), info)


def _name(object_key: str) -> str:
    return object_key.rpartition("/")[2]


def _kind(object_key: str) -> str:
    return file_suffix_of(object_key) or "no suffix"


def _is_unspoken(name: str) -> bool:
    """Tell what nobody put there as a scan: hidden files, the system's and Douga's own."""
    return not name or name.startswith(".") or name == MANIFEST or name.casefold() in _SYSTEM_FILES


def _rivals(scans: Iterable[Frame], suffixes: Collection[str]) -> defaultdict[str, dict[str, None]]:
    """Find for each scan those whose drawings it would overwrite.

    Upper and lower case count as equal, and so do the ways to write an accent: on the disks of
    Windows and macOS such names are one file.
    """
    claims: defaultdict[str, list[Frame]] = defaultdict(list)
    for frame in scans:
        for name in {frame.stem, *(frame.stem + suffix for suffix in suffixes)}:
            claims[_folded(name)].append(frame)
    rivals: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for frames in claims.values():
        for frame in frames:
            rivals[frame.scan].update((rival.scan, None) for rival in frames if rival is not frame)
    return rivals


def _endings(suffixes: Collection[str]) -> frozenset[str]:
    """What one name of a drawing may have more at its end than another, nothing included."""
    known = {"", *suffixes}
    return frozenset(a.removesuffix(b) for a in known for b in known if a.endswith(b))


def _collision(scan: str, rivals: list[str]) -> FrameRejected:
    named = " and ".join(repr(_name(rival)) for rival in rivals[:_RIVALS_BY_NAME])
    if len(rivals) > _RIVALS_BY_NAME:
        named += f" and {len(rivals) - _RIVALS_BY_NAME} more"
    message = f"{_name(scan)!r} would give drawings of the same name as {named}; rename or move all but one"
    return FrameRejected(Reason.NAME_COLLISION, message)


def _folded(name: str) -> str:
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
