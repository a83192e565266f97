"""Find the frames whose scan differs in size or resolution from the rest of their level."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence

import msgspec

from douga_shared.frames import FrameId
from douga_shared.manifest import FrameRecord

ODD_SIZE = "odd_size"
ODD_DPI = "odd_dpi"

_FEWEST_NEIGHBOURS = 3
"""Below this nobody can say which of the frames is the odd one."""


def level_of(stem: str) -> str:
    """Return what the frames of one level in one folder share: ``cut012/A0003a`` gives ``cut012/A``."""
    folder, slash, _ = stem.rpartition("/")
    return folder + slash + FrameId.parse(stem).level


def flag_odd_frames(frames: Iterable[FrameRecord]) -> tuple[FrameRecord, ...]:
    """Return the frames in their order, with ``odd_size`` and ``odd_dpi`` among the flags where due.

    A frame is odd when more than half of its level agree on another value. Frames without quality
    figures come back as they are. Safe to repeat.
    """
    frames = tuple(frames)
    levels: dict[str, list[FrameRecord]] = defaultdict(list)
    for frame in frames:
        if frame.width_px:
            levels[level_of(frame.stem)].append(frame)
    usual = {level: (_usual_size(members), _usual_dpi(members)) for level, members in levels.items()}
    return tuple(_flagged(frame, *usual.get(level_of(frame.stem), (None, None))) for frame in frames)


def _flagged(frame: FrameRecord, usual_size: Hashable, usual_dpi: Hashable) -> FrameRecord:
    if frame.quality is None or not frame.width_px:
        return frame
    flags = dict.fromkeys(frame.quality.flags)
    if usual_size not in (None, _size(frame)):
        flags[ODD_SIZE] = None
    if usual_dpi not in (None, _dpi(frame)):
        flags[ODD_DPI] = None
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
