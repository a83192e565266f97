"""Sharp turns of a line, apart from tight bends: a circle has none, a square four."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.ink_profiles import ink_at
from douga_worker.strokes.stroke_drawing import Floats

SHARPEST_BEND_DEG = 52.0
"""Turns up to this are bends."""
_BEND_SHARE = 2.2
"""A corner turns at least this many times what its two arms bend by themselves."""
_LEAST_CROSSING = 0.2
"""Sine of the angle below which two arms do not cross at one definite place."""

_PEN_SHARE, _PEN_INK = 0.3, 0.4
"""A corner has this much ink this share of a width beyond its vertex; the pen left half a width."""


def find_corners(
    points: Floats, width: float, *, is_closed: bool, ink: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.int64], Floats]:
    """Find the corners of a row of samples and put each where its two arms meet.

    Thinning rounds a corner off within half a line's width, so the arms are taken from beyond that, and the
    samples in between are laid onto the arms again.

    Args:
        points: (N, 2) samples a pixel apart; a closed row repeats its first point at the end.
        width: the line's, px.
        is_closed: look across the seam too.
        ink: (H, W) 0..1 to tell a corner from a bend as tight as the line is wide: a pen that turned in the
            vertex left ink beyond it. None where the row is no line's centre.

    Returns:
        The samples that are corners, ascending (for a closed row never the last one), and the points with
        the corners made sharp.
    """
    arms = _Arms(max(1, round(0.5 * width)), max(4, round(1.3 * width)))
    count = len(points) - 1 if is_closed else len(points)
    if count < 2 * arms.reach + 3:
        return np.empty(0, np.int64), points
    # Twice the reach, so that a corner at the seam has its neighbours on both sides.
    pad = 2 * arms.reach if is_closed else 0
    padded = points[np.arange(-pad, count + pad) % count] if is_closed else points
    turns = _turns(padded, arms)
    peaks = [i for i in _peaks(turns, arms.reach) if pad <= i < pad + count]
    if is_closed and len(peaks) > 1 and peaks[0] + count - peaks[-1] <= arms.reach:
        peaks.pop()
    out = points[:count].copy()
    sharp = []
    for i in peaks:
        if turns[i] <= _BEND_SHARE * _own_bend(padded, i, arms):
            continue
        vertex = _vertex(padded, i, arms, 1.2 * width + 1.0)
        if vertex is None:
            sharp.append(i)
            continue
        outward = vertex - 0.5 * (padded[i - arms.skip] + padded[i + arms.skip])
        if ink is None or _is_drawn_beyond(ink, vertex, outward, width):
            sharp.append(i)
            _sharpen(out, i - pad, vertex, arms.skip)
    corners = np.array(sharp, np.int64) - pad
    return corners, np.vstack([out, out[:1]]) if is_closed else out


@dataclass(frozen=True, slots=True)
class _Arms:
    """Which samples at both sides of one make up its arms."""

    skip: int
    """Samples next to it that do not."""
    length: int

    @property
    def reach(self) -> int:
        """Samples that are looked at to either side."""
        return self.skip + self.length


def _turns(points: Floats, arms: _Arms) -> Floats:
    """(N,) degrees between the arms on both sides of every sample; 0 near the ends."""
    skip, arm = arms.skip, arms.length
    turns = np.zeros(len(points))
    i = np.arange(skip + arm, len(points) - skip - arm)
    back = points[i - skip] - points[i - skip - arm]
    ahead = points[i + skip + arm] - points[i + skip]
    cross = back[:, 0] * ahead[:, 1] - back[:, 1] * ahead[:, 0]
    turns[i] = np.degrees(np.abs(np.arctan2(cross, (back * ahead).sum(axis=1))))
    return turns


def _peaks(turns: Floats, reach: int) -> list[int]:
    """Samples that turn most within their reach, the first of equals, sharp enough to be corners."""
    peaks: list[int] = []
    for i in np.flatnonzero(turns > SHARPEST_BEND_DEG):
        if turns[i] >= turns[max(0, i - reach) : i + reach + 1].max() and (
            not peaks or i - peaks[-1] > reach
        ):
            peaks.append(int(i))
    return peaks


def _own_bend(points: Floats, i: int, arms: _Arms) -> float:
    """Degrees by which the two arms at a sample bend within themselves."""
    skip, half = arms.skip, arms.length // 2
    bend = 0.0
    for way in (-1, 1):
        near, middle, far = (points[i + way * d] for d in (skip, skip + half, arms.reach))
        bend += _angle(middle - near, far - middle)
    return bend


def _angle(a: Floats, b: Floats) -> float:
    """Degrees between two directions."""
    return float(np.degrees(abs(np.arctan2(a[0] * b[1] - a[1] * b[0], a @ b))))


def _vertex(points: Floats, i: int, arms: _Arms, furthest: float) -> Floats | None:
    """Where the arms of a sample meet; None where that is nowhere near, as in a narrow fold."""
    back, ahead = points[i - arms.skip], points[i + arms.skip]
    a, b = back - points[i - arms.reach], ahead - points[i + arms.reach]
    cross = a[0] * b[1] - a[1] * b[0]
    if abs(cross) < _LEAST_CROSSING * np.hypot(*a) * np.hypot(*b):
        return None
    between = ahead - back
    vertex: Floats = back + a * ((between[0] * b[1] - between[1] * b[0]) / cross)
    return vertex if np.hypot(*(vertex - points[i])) <= furthest else None


def _is_drawn_beyond(ink: NDArray[np.float32], vertex: Floats, outward: Floats, width: float) -> bool:
    """Whether there is ink outside the vertex, as a round pen that turned there leaves it."""
    probe = vertex + outward * (_PEN_SHARE * width / (np.hypot(*outward) + 1e-9))
    return ink_at(ink, float(probe[0]), float(probe[1])) > _PEN_INK


def _sharpen(row: Floats, i: int, vertex: Floats, skip: int) -> None:
    """Move sample ``i`` to the vertex, and its neighbours onto the straight ways there; indices wrap."""
    count = len(row)
    back, ahead = row[(i - skip) % count].copy(), row[(i + skip) % count].copy()
    share = np.linspace(0.0, 1.0, skip + 1)[:, None]
    row[np.arange(i - skip, i + 1) % count] = back + (vertex - back) * share
    row[np.arange(i, i + skip + 1) % count] = vertex + (ahead - vertex) * share
