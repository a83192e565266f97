"""Find the frames that differ from the rest of their level: in size, in resolution, in areas to paint."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence

import msgspec

from douga_shared.frames import FrameId
from douga_shared.manifest import FrameRecord

ODD_SIZE = "odd_size"
ODD_DPI = "odd_dpi"

ODD_REGIONS = "odd_regions"
REGIONS_FACTOR = 2.0
"""In true motion 5 of 195 frames had 1.3 times as many areas as the usual of their neighbours, none twice."""
LEAST_REGIONS_APART = 8
"""Between few areas a factor says nothing."""
_NEAREST = 2
"""Frames on either side that are compared ..."""
_FARTHEST = 4
"""... unless their numbers are further apart: a report of the worst frames only has holes."""
_FEWEST_NEIGHBOURS = 3
"""Below this nobody can say which of the frames is the odd one."""


def level_of(stem: str) -> str:
    """Return what the frames of one level in one folder share: ``cut012/A0003a`` gives ``cut012/A``."""
    folder, slash, _ = stem.rpartition("/")
    return folder + slash + FrameId.parse(stem).level


def flag_odd_frames(frames: Iterable[FrameRecord]) -> tuple[FrameRecord, ...]:
    """Return the frames in their order, with what is odd about them among the flags.

    A size or resolution is odd (``odd_size``, ``odd_dpi``) when more than half of the level agree on
    another one; a count of areas (``odd_regions``) when it is far from that of the frames before and
    after. Frames without quality figures come back as they are. Safe to repeat.
    """
    frames = tuple(frames)
    levels: dict[str, list[FrameRecord]] = defaultdict(list)
    for frame in frames:
        if frame.width_px:
            levels[level_of(frame.stem)].append(frame)
    usual = {level: (_usual_size(members), _usual_dpi(members)) for level, members in levels.items()}
    has_odd_regions = {member.stem for members in levels.values() for member in _with_odd_regions(members)}
    return tuple(
        _flagged(frame, *usual.get(level_of(frame.stem), (None, None)), frame.stem in has_odd_regions)
        for frame in frames
    )


def _with_odd_regions(members: Sequence[FrameRecord]) -> Iterator[FrameRecord]:
    counts = [
        (number, member, member.quality.region_count)
        for member in members
        if member.quality
        and member.quality.region_count is not None
        and (number := FrameId.parse(member.stem).number) is not None
    ]
    for n, (number, member, count) in enumerate(counts):
        nearest = [*counts[max(0, n - _NEAREST) : n], *counts[n + 1 : n + 1 + _NEAREST]]
        around = [regions for other, _, regions in nearest if abs(other - number) <= _FARTHEST]
        # Most of them, not half: where the drawing changes for good, nobody is odd.
        if len(around) >= _FEWEST_NEIGHBOURS and 2 * sum(_is_far(count, other) for other in around) > len(
            around
        ):
            yield member


def _is_far(count: int, other: int) -> bool:
    low, high = sorted((count, other))
    return high - low >= LEAST_REGIONS_APART and high + 1 > REGIONS_FACTOR * (low + 1)


def _flagged(
    frame: FrameRecord, usual_size: Hashable, usual_dpi: Hashable, has_odd_regions: bool
) -> FrameRecord:
    if frame.quality is None or not frame.width_px:
        return frame
    flags = dict.fromkeys(frame.quality.flags)
    if usual_size not in (None, _size(frame)):
        flags[ODD_SIZE] = None
    if usual_dpi not in (None, _dpi(frame)):
        flags[ODD_DPI] = None
    if has_odd_regions:
        flags[ODD_REGIONS] = None
    return msgspec.structs.replace(frame, quality=msgspec.structs.replace(frame.quality, flags=tuple(flags)))


def _usual_size(members: Sequence[FrameRecord]) -> Hashable:
    return _majority([_size(frame) for frame in members])


def _usual_dpi(members: Sequence[FrameRecord]) -> Hashable:
    return _majority([_dpi(frame) for frame in members])


def _size(frame: FrameRecord) -> tuple[int, int]:
    return frame.width_px, frame.height_px


def _dpi(frame: FrameRecord) -> int:
    """Whole dots per inch, as files round them differently; 0 when the scan states none."""
    return round(frame.dpi or 0)


def _majority(values: Sequence[Hashable]) -> Hashable:
    value, count = Counter(values).most_common(1)[0]
    return value if len(values) >= _FEWEST_NEIGHBOURS and 2 * count > len(values) else None
