"""Pages too large for one pass are cut into overlapping tiles; the overlap hides every seam (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """One tile along one axis, in px."""

    read: slice
    """What the network sees."""
    inner: slice
    """Which part of its answer counts, relative to ``read``."""
    write: slice
    """Where that part belongs on the page."""


def spans(length: int, tile: int, margin: int, multiple: int) -> Iterator[Span]:
    """Cut one axis of a page.

    Args:
        length: of the page; a multiple of ``multiple``.
        tile: longest stretch to read at once.
        margin: what each tile reads beyond the part it answers for; at least the network's reach,
            so that the answer equals the whole page's.
        multiple: tiles begin and end at multiples of it, or the network's grid would shift.

    Raises:
        ValueError: the tile has no room between its margins.
    """
    if length <= tile:
        yield Span(slice(0, length), slice(0, length), slice(0, length))
        return
    margin = -(-margin // multiple) * multiple
    step = (tile - 2 * margin) // multiple * multiple
    if step <= 0:
        raise ValueError(f"a tile of {tile} px has no room between margins of {margin} px")
    for begin in range(0, length, step):
        end = min(length, begin + step)
        low, high = max(0, begin - margin), min(length, end + margin)
        yield Span(slice(low, high), slice(begin - low, end - low), slice(begin, end))
