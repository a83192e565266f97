"""The record of a job: what became of every frame, as JSON.

A frame's record is written as a *done marker* the moment its drawings are whole; the manifest is
the sum of the markers. What remains of a job is therefore always: its scans minus its done markers.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from douga_shared.errors import Reason
from douga_shared.recipe import Output, Recipe

MANIFEST_VERSION = 2


MOST_PLACES = 200
"""So many places of one kind are recorded of a frame; how many there are is counted to the end."""


class FrameState(StrEnum):
    """Where a frame stands."""

    WAITING = "waiting"
    """Not finished yet."""
    DONE = "done"
    """All its outputs are written whole."""
    FAILED = "failed"
    """Rejected; ``failure`` says why."""


class OutputRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file written for a frame."""

    object_key: str
    sha256: str
    size_bytes: int
    layer: str = ""
    """The ink whose file it is, or ``outline``; empty where the whole drawing is in it."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a frame was rejected, for machines (reason) and people (message)."""

    reason: Reason
    message: str


class PlaceKind(StrEnum):
    """What is wrong at a place."""

    LOST = "lost"
    """Pencil with no line near it."""
    INVENTED = "invented"
    """Line with no pencil near it."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a person should look, in scan pixels."""

    kind: PlaceKind
    x: float
    y: float
    radius_px: float


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """What can be measured of a drawing without a person looking.

    Shares lie in 0..1. ``flags`` names the checks that a person should look into.
    """

    scan_ink_share: float
    """Share of the scan's pixels that carry pencil."""
    line_ink_share: float
    """Share of the drawing's pixels that are line."""
    uncovered_share: float
    """Share of the scan's ink with no clean line near it: lost drawing, or shading left out."""
    invented_share: float
    """Share of the clean lines with no scan ink near them."""
    speck_count: int
    """Connected pieces too small to be a stroke."""
    grey_share: float
    """Share of the drawing's ink pixels that are neither line nor paper: fog."""
    pencil_width_px: float
    """Median width of the pencil's lines on the scan, in scan pixels; 0 on blank paper."""
    region_count: int | None = None
    """Areas of paper that lines close off, the one around the drawing included; None where not counted."""
    open_end_count: int = 0
    """Ends of lines that meet nothing: where paint could leak, unless the line is meant to end there."""
    open_ends: tuple[tuple[float, float], ...] = ()
    """x, y of these in scan pixels, the first ``MOST_PLACES``."""
    closed_gap_count: int = 0
    """Ends joined though the scan shows paper between them."""
    closed_gaps: tuple[tuple[float, float, float, float], ...] = ()
    """x, y of both ends of these in scan pixels, the first ``MOST_PLACES``."""
    worst_places: tuple[Place, ...] = ()
    """Where the most pencil is lost, then where the most line is invented, the worst of each first."""
    inks: tuple[str, ...] = ()
    """Coloured pencils found on the sheet, by their names in the palette."""
    flags: tuple[str, ...] = ()

    @property
    def badness(self) -> float:
        """Sort order of the report: larger is worse."""
        return (
            10.0 * len(self.flags)
            + self.uncovered_share
            + self.invented_share
            + min(self.speck_count, 100) / 100.0
        )


class FrameRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that is known of one frame; also the content of its done marker."""

    scan: str
    """Object key of the scan, relative to the source."""
    stem: str
    """Name of the drawings, without suffix."""
    state: FrameState
    scan_sha256: str = ""
    scan_etag: str = ""
    """The store's cheap identity of the scan's content; equal etag, equal content."""
    recipe_fingerprint: str = ""
    width_px: int = 0
    height_px: int = 0
    dpi: float | None = None
    """Resolution the scan states, None when it states none."""
    outputs: dict[Output, tuple[OutputRecord, ...]] = {}
    """One file each, or one for every layer."""
    seconds: dict[str, float] = {}
    """Wall seconds of every step."""
    worker: str = ""
    """Host that did it; empty where that is the machine of whoever asked."""
    quality: Quality | None = None
    has_pictures: bool = False
    """The report's pictures of it are stored too."""
    failure: Failure | None = None

    @property
    def files(self) -> tuple[OutputRecord, ...]:
        """All files written for it."""
        return tuple(file for files in self.outputs.values() for file in files)


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the source that is no frame of the job, and why."""

    name: str
    why: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One job, whole: ``douga.json``."""

    version: int = MANIFEST_VERSION
    douga: str
    """Version of Douga that wrote it."""
    source: str
    recipe: Recipe
    recipe_fingerprint: str
    is_complete: bool
    """True when no frame is waiting."""
    frames: tuple[FrameRecord, ...]
    left_out: tuple[LeftOut, ...] = ()

    def count(self, state: FrameState) -> int:
        """Number of frames in ``state``."""
        return sum(frame.state is state for frame in self.frames)


# Two threads that meet a type for the first time at once crash msgspec 0.22: it is met here, in one.
msgspec.json.Decoder(Manifest)
