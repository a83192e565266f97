"""Lines that end at another ink and go on behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.close_pairs import close_pairs
from douga_worker.strokes.stroke_drawing import Floats

ARM_WIDTHS = 4.0
"""The direction of a line that ends at another ink is taken over so many widths."""
HIDDEN_SHARE = 0.8
"""Of the way from one end to the other so much lies under line."""
WIDEST_TURN = np.deg2rad(40)
"""Two ends belong together if the way from one to the other turns no further off either's direction."""
_NEIGHBOURS_PX = 1.5
"""From a pixel to its diagonal neighbour, and no further."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Arm:
    """Where a line ends at another ink."""

    end: Floats
    """(2,) x, y."""
    heading: Floats
    """(2,) unit vector, onwards."""


def hidden_pieces(is_ink: Mask, is_other: Mask, width_px: float, longest_px: float) -> Mask:
    """Find where lines of one ink go on under, or through, lines of others.

    Two ends at other inks belong together if they continue each other, and if there is line all the way
    from one to the other; the straightest pairs are made first.

    Args:
        is_ink: (H, W) the ink's lines.
        is_other: (H, W) lines of all other inks.
        width_px: the usual line's width.
        longest_px: between ends further apart nothing is assumed.

    Returns:
        (H, W): straight pieces of that width between ends, as far as other inks lie there.
    """
    arms = _arms(is_ink, is_other, ARM_WIDTHS * width_px)
    is_line = is_other | is_ink
    pieces = np.zeros(is_ink.shape, np.uint8)
    for start, end in _continuations(arms, longest_px):
        if _is_hidden(is_line, start, end):
            cv2.line(pieces, _pixel(start), _pixel(end), 1, max(1, round(width_px)))
    return np.asarray((pieces > 0) & is_other)


def _arms(is_ink: Mask, is_other: Mask, length_px: float) -> list[_Arm]:
    """Find where lines of an ink end at another's, with their directions."""
    at_other = cv2.dilate(is_other.view(np.uint8), np.ones((3, 3), np.uint8)) & is_ink.view(np.uint8)
    y, x = np.divmod(np.flatnonzero(at_other.view(np.bool_)), is_ink.shape[1])
    ends = _clusters(np.stack([x, y], axis=1).astype(np.float64))
    return [arm for end in ends if (arm := _arm(is_ink, end, length_px)) is not None]


def _clusters(places: Floats) -> Floats:
    """Centres of neighbouring pixels' clusters, (M, 2) of (N, 2): they are few, a page's pixels are many."""
    if not len(places):
        return places
    # Only coloured sheets need them, and loading SciPy takes as long as a drawing.
    from scipy.sparse import coo_array  # noqa: PLC0415
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    near = close_pairs(places, _NEIGHBOURS_PX)
    links = coo_array((np.ones(len(near), np.bool_), near.T), shape=(len(places),) * 2)
    count, cluster_of = connected_components(links, directed=False)
    sizes = np.bincount(cluster_of, minlength=count)
    sums = [np.bincount(cluster_of, weights=axis, minlength=count) for axis in places.T]
    return np.asarray(np.stack(sums, axis=1) / sizes[:, None])


def _arm(is_ink: Mask, end: Floats, length_px: float) -> _Arm | None:
    """The line that leads to a place, from so far away."""
    reach = int(length_px) + 1
    x, y = _pixel(end)
    left, top = max(0, x - reach), max(0, y - reach)
    around = is_ink[top : y + reach + 1, left : x + reach + 1].view(np.uint8)
    _, pieces = cv2.connectedComponents(around, connectivity=8)
    rows, columns = np.nonzero(around)
    if not len(rows):
        # Two inks side by side touch all along, maybe around a ring: that is no end.
        return None
    places = np.stack([columns + left, rows + top], axis=1).astype(np.float64)
    away = np.hypot(*(places - end).T)
    piece_of = pieces[rows, columns]
    line = places[(away <= length_px) & (piece_of == piece_of[away.argmin()])]
    heading = end - line.mean(axis=0)
    length = float(np.hypot(*heading))
    return _Arm(end=end, heading=heading / length) if length > 0 else None


def _is_hidden(is_line: Mask, start: Floats, end: Floats) -> bool:
    """Whether there is line all the way."""
    count = 2 + int(np.hypot(*(end - start)))
    x, y = np.rint(np.linspace(start, end, count)).astype(np.intp).T
    return float(is_line[y, x].mean()) >= HIDDEN_SHARE


def _continuations(arms: list[_Arm], longest_px: float) -> Iterator[tuple[Floats, Floats]]:
    """Pair the arms that continue each other, straightest first."""
    if len(arms) < 2:
        return
    pairs = close_pairs(np.stack([arm.end for arm in arms]), longest_px).tolist()
    turns = {(i, j): max(_turn(arms[i], arms[j]), _turn(arms[j], arms[i])) for i, j in pairs}
    taken: set[int] = set()
    for (i, j), turn in sorted(turns.items(), key=lambda item: (item[1], item[0])):
        if turn <= WIDEST_TURN and not taken & {i, j}:
            taken |= {i, j}
            yield arms[i].end, arms[j].end


def _turn(arm: _Arm, other: _Arm) -> float:
    """Angle between an arm's direction and the way to the other's end."""
    way = other.end - arm.end
    return float(np.arccos(np.clip(way @ arm.heading / max(float(np.hypot(*way)), 1e-9), -1, 1)))


def _pixel(place: Floats) -> tuple[int, int]:
    return round(float(place[0])), round(float(place[1]))
