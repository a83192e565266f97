"""Sharp turns of a line, apart from tight bends: a circle has none, a square four."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.stroke_drawing import Floats

SHARPEST_BEND_DEG = 52.0
"""Turns up to this are bends."""
_BEND_SHARE = 2.2
"""A corner turns at least this many times what its two arms bend by themselves."""
_LEAST_CROSSING = 0.2
"""Sine of the angle below which two arms do not cross at one definite place."""


def find_corners(points: Floats, width: float, *, is_closed: bool) -> tuple[NDArray[np.int64], Floats]:
    """Find the corners of a row of samples and put each where its two arms meet.

    Thinning rounds a corner off within half a line's width, so the arms are taken from beyond that, and the
    samples in between are laid onto the arms again.

    Args:
        points: (N, 2) samples a pixel apart; a closed row repeats its first point at the end.
        width: the line's, px.
        is_closed: look across the seam too.

    Returns:
        The samples that are corners, ascending (for a closed row never the last one), and the points with
        the corners made sharp.
    """
    skip, arm = max(1, round(0.5 * width)), max(4, round(1.3 * width))
    reach = skip + arm
    count = len(points) - 1 if is_closed else len(points)
    if count < 2 * reach + 3:
        return np.empty(0, np.int64), points
    # Twice the reach, so that a corner at the seam has its neighbours on both sides.
    pad = 2 * reach if is_closed else 0
    padded = points[np.arange(-pad, count + pad) % count] if is_closed else points
    turns = _turns(padded, skip, arm)
    peaks = [i for i in _peaks(turns, reach) if pad <= i < pad + count]
    if is_closed and len(peaks) > 1 and peaks[0] + count - peaks[-1] <= reach:
        peaks.pop()
    sharp = [i for i in peaks if turns[i] > _BEND_SHARE * _own_bend(padded, i, skip, arm)]
    out = points[:count].copy()
    for i in sharp:
        _sharpen(out, padded, i, skip, arm, 1.2 * width + 1.0)
    corners = np.array(sharp, np.int64) - pad
    return corners, np.vstack([out, out[:1]]) if is_closed else out


def _turns(points: Floats, skip: int, arm: int) -> Floats:
    """(N,) degrees between the arms on both sides of every sample; 0 near the ends."""
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


def _own_bend(points: Floats, i: int, skip: int, arm: int) -> float:
    """Degrees by which the two arms at a sample bend within themselves."""
    half = arm // 2
    bend = 0.0
    for way in (-1, 1):
        near, middle, far = (points[i + way * d] for d in (skip, skip + half, skip + arm))
        bend += _angle(middle - near, far - middle)
    return bend


def _angle(a: Floats, b: Floats) -> float:
    """Degrees between two directions."""
    return float(np.degrees(abs(np.arctan2(a[0] * b[1] - a[1] * b[0], a @ b))))


def _sharpen(out: Floats, padded: Floats, i: int, skip: int, arm: int, furthest: float) -> None:
    """Move a corner to where its arms meet, and its neighbours onto the straight ways there.

    ``out`` is the row without padding, written to; ``i`` counts in the padded one.
    """
    back, ahead = padded[i - skip], padded[i + skip]
    a, b = back - padded[i - skip - arm], ahead - padded[i + skip + arm]
    cross = a[0] * b[1] - a[1] * b[0]
    if abs(cross) < _LEAST_CROSSING * np.hypot(*a) * np.hypot(*b):
        return
    between = ahead - back
    vertex = back + a * ((between[0] * b[1] - between[1] * b[0]) / cross)
    if np.hypot(*(vertex - padded[i])) > furthest:
        return
    share = np.linspace(0.0, 1.0, skip + 1)[:, None]
    here = i - (len(padded) - len(out)) // 2
    out[np.arange(here - skip, here + 1) % len(out)] = back + (vertex - back) * share
    out[np.arange(here, here + skip + 1) % len(out)] = vertex + (ahead - vertex) * share
