"""Following pieces that are linked end to end, until the row ends or runs back into itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

PieceEnd: TypeAlias = tuple[int, int]
"""(number of the piece, side): side 0 its start, 1 its end."""


def follow_links(
    pieces: Iterable[int], mates: Mapping[PieceEnd, PieceEnd]
) -> list[tuple[list[PieceEnd], bool]]:
    """Line up pieces.

    Args:
        pieces: Every piece by number, in the order in which rows should begin.
        mates: Ends linked to each other, each under the other.

    Returns:
        Rows of (piece, side by which it is entered), and whether the row closes on itself.
    """
    pieces = list(pieces)
    open_ends = [(piece, side) for piece in pieces for side in (0, 1) if (piece, side) not in mates]
    done: set[int] = set()
    rows = []
    for end in [*open_ends, *((piece, 0) for piece in pieces)]:
        if end[0] in done:
            continue
        row: list[PieceEnd] = []
        onward: PieceEnd | None = end
        while onward is not None and onward[0] not in done:
            done.add(onward[0])
            row.append(onward)
            onward = mates.get((onward[0], 1 - onward[1]))
        rows.append((row, onward is not None))
    return rows
