"""As few cubics as a row of points needs: split where they miss, take back what is not needed."""

from __future__ import annotations

import math

import numpy as np

from douga_worker.strokes.compiled import compiled
from douga_worker.strokes.joint_fit import (
    AFTER,
    ANGLE,
    BEFORE,
    FINE,
    HOLD_FIRST,
    HOLD_LAST,
    ROUGH,
    WEIGHT,
    X,
    Y,
    curve_at,
    offsets,
    relax,
)
from douga_worker.strokes.stroke_drawing import Curves, Floats

_STRIDE = 2
"""Samples to either side that give a direction before there is a curve: fewer follow the pixel grid."""
_TURN_OF_ONE = math.radians(100)
"""What one cubic can turn through without being visibly off a circle."""
_FEWEST_SAMPLES = 4
"""A cubic over fewer samples would be made of noise."""
_OUTLIER = 3.0
"""Times the error allowed: samples further off are outliers."""
_LEAST_OUTLIER_PX = 1.0
_HOPELESS = 1.8
"""Times the error allowed: what a rough fit misses by so much no fine one will reach."""
_SAMPLE_SHARE = 0.4
"""What a lone sample's distance counts beside the local mean: far off is more than noise explains."""


def fit_curves(samples: Floats, *, error_px: float, reach: int, is_loop: bool) -> Curves:
    """Fit chained cubics, smooth at every knot, to one run without corners.

    Args:
        samples: (N, 3) N >= 2, evenly spaced x, y and how far each is trusted, 0..1; the curve starts and
            ends exactly at the first and the last. A loop repeats its first one at the end.
        error_px: most that the curve may stay off the samples' local mean.
        reach: samples to either side that make up this local mean, so that noise asks for no knots.
        is_loop: the curve goes on smoothly from its end to its start.

    Returns:
        (K, 4, 2) cubics, K >= 1, finite for finite samples.
    """
    samples = np.ascontiguousarray(samples, np.float64)
    knots, places = fit_run(samples, float(error_px), int(reach), bool(is_loop))
    if is_loop and len(knots) > 2:
        knots = _without_seam(samples, knots, places, error_px, int(reach))
    return curves_of(knots)


@compiled("(float64[:, ::1])")
def curves_of(knots: Floats) -> Curves:
    """(K, 4, 2) cubics between K + 1 knots."""
    curves = np.empty((len(knots) - 1, 4, 2))
    for k in range(len(curves)):
        a, b = knots[k], knots[k + 1]
        curves[k, 0, 0], curves[k, 0, 1] = a[X], a[Y]
        curves[k, 1, 0] = a[X] + a[AFTER] * math.cos(a[ANGLE])
        curves[k, 1, 1] = a[Y] + a[AFTER] * math.sin(a[ANGLE])
        curves[k, 2, 0] = b[X] - b[BEFORE] * math.cos(b[ANGLE])
        curves[k, 2, 1] = b[Y] - b[BEFORE] * math.sin(b[ANGLE])
        curves[k, 3, 0], curves[k, 3, 1] = b[X], b[Y]
    return curves


def _without_seam(samples: Floats, knots: Floats, places: Floats, error_px: float, reach: int) -> Floats:
    """Let the seam of a loop move too: fit once more, opened at the opposite knot, if that is better."""
    opposite = (len(knots) - 1) // 2
    seam = len(knots) - 1 - opposite
    turned = np.vstack([knots[opposite:], knots[1 : opposite + 1]])
    turned[seam, AFTER] = knots[0, AFTER]
    turned[-1, ANGLE] = turned[0, ANGLE]
    split = int(np.searchsorted(places, opposite))
    end = np.array([[knots[opposite, X], knots[opposite, Y], 1.0]])
    rows = np.vstack([end, samples[split:-1], samples[:split], end])
    where = np.r_[0.0, places[split:-1] - opposite, places[:split] + seam, len(knots) - 1.0]
    before = misses(samples, knots, places, reach).max()
    relax(rows, turned, where, _OUTLIER * error_px, FINE, HOLD_FIRST | HOLD_LAST)
    # Of few and long cubics a step may lead far away.
    is_better = misses(rows, turned, where, reach).max() <= max(before, error_px)
    return turned if is_better else knots


@compiled("(float64[:, ::1])")
def _directions(samples: Floats) -> Floats:
    """(N,) directions between the neighbours to either side, nearer ones at the ends."""
    last = len(samples) - 1
    angles = np.empty(last + 1)
    for i in range(last + 1):
        a, b = samples[max(i - _STRIDE, 0)], samples[min(i + _STRIDE, last)]
        angles[i] = math.atan2(b[1] - a[1], b[0] - a[0])
    return angles


@compiled("(float64[::1], boolean)")
def _first_splits(angles: Floats, is_loop: bool) -> Floats:
    """Samples at which the first knots go, so that every cubic turns through about the same angle."""
    count = len(angles)
    turned = np.zeros(count)
    for i in range(1, count):
        turned[i] = turned[i - 1] + 1e-4
        if i % (2 * _STRIDE) == 0:
            turn = abs(angles[i] - angles[i - 2 * _STRIDE]) % (2 * math.pi)
            turned[i] += min(turn, 2 * math.pi - turn)
    pieces = max(1 + int(turned[-1] / _TURN_OF_ONE), 4 if is_loop else 1)
    pieces = max(1, min(pieces, (count - 1) // _FEWEST_SAMPLES))
    splits = np.zeros(pieces + 1)
    splits[pieces] = count - 1
    for k in range(1, pieces):
        at = np.searchsorted(turned, turned[-1] * k / pieces)
        splits[k] = min(max(at, splits[k - 1] + 1), count - 1 - (pieces - k))
    return splits


@compiled("(float64[:, ::1], boolean)")
def _first_guess(samples: Floats, is_loop: bool) -> tuple[Floats, Floats]:
    """Knots on the samples, handles a third of their chords, and every sample's place on them."""
    angles = _directions(samples)
    splits = _first_splits(angles, is_loop)
    pieces = len(splits) - 1
    knots = np.zeros((pieces + 1, 5))
    places = np.zeros(len(samples))
    for k in range(pieces + 1):
        i = int(splits[k])
        knots[k, X], knots[k, Y], knots[k, ANGLE] = samples[i, 0], samples[i, 1], angles[i]
    if is_loop:
        turn = (angles[0] - angles[-1] + math.pi) % (2 * math.pi) - math.pi
        knots[0, ANGLE] = knots[pieces, ANGLE] = angles[-1] + 0.5 * turn
    for k in range(pieces):
        first, last = int(splits[k]), int(splits[k + 1])
        third = math.hypot(knots[k + 1, X] - knots[k, X], knots[k + 1, Y] - knots[k, Y]) / 3.0
        knots[k, AFTER] = knots[k + 1, BEFORE] = third
        for i in range(first, last + 1):
            places[i] = k + (i - first) / max(last - first, 1)
    return knots, places


@compiled("(float64[:, ::1], float64[:, ::1], float64[::1], int64)")
def misses(samples: Floats, knots: Floats, places: Floats, reach: int) -> Floats:
    """How far each cubic is off at its worst, px: the local mean of the distances of trusted samples."""
    count = len(samples)
    off = np.empty(count)
    offsets(samples, knots, places, off)
    worst = np.zeros(len(knots) - 1)
    for i in range(count):
        if samples[i, WEIGHT] < 0.5:
            continue
        total = mass = 0.0
        for j in range(max(i - reach, 0), min(i + reach, count - 1) + 1):
            total += samples[j, WEIGHT] * off[j]
            mass += samples[j, WEIGHT]
        k = min(int(places[i]), len(worst) - 1)
        worst[k] = max(worst[k], abs(total / mass), _SAMPLE_SHARE * abs(off[i]))
    return worst


@compiled("(float64[:, ::1], float64[:, ::1], float64[::1], float64, int64)")
def _split_missing(
    samples: Floats, knots: Floats, places: Floats, error_px: float, reach: int
) -> tuple[Floats, Floats]:
    """Cut every cubic that misses its samples in two, without changing its shape."""
    worst = misses(samples, knots, places, reach)
    pieces = len(worst)
    held = np.zeros(pieces, np.int64)
    for i in range(len(samples)):
        held[min(int(places[i]), pieces - 1)] += 1
    out = np.empty((2 * pieces + 1, 5))
    start = np.zeros(pieces, np.int64)
    is_cut = np.zeros(pieces, np.bool_)
    at = np.empty(6)
    count = 0
    out[0] = knots[0]
    for k in range(pieces):
        start[k] = count
        if worst[k] > error_px and held[k] >= 2 * _FEWEST_SAMPLES:
            is_cut[k] = True
            curve_at(knots, k, 0.5, at)
            out[count, AFTER] *= 0.5
            count += 1
            out[count, X], out[count, Y] = at[0], at[1]
            out[count, ANGLE] = math.atan2(at[3], at[2])
            out[count, BEFORE] = out[count, AFTER] = math.hypot(at[2], at[3]) / 6.0
        count += 1
        out[count] = knots[k + 1]
        if is_cut[k]:
            out[count, BEFORE] *= 0.5
    moved = np.empty(len(places))
    for i in range(len(places)):
        k = min(int(places[i]), pieces - 1)
        u = places[i] - k
        moved[i] = start[k] + (2.0 * u if is_cut[k] else u)
    return out[: count + 1].copy(), moved


@compiled("(float64[:, ::1], int64)")
def _chord(knots: Floats, segment: int) -> float:
    """Distance between two neighbouring knots, never quite 0."""
    a, b = knots[segment], knots[segment + 1]
    return math.hypot(b[X] - a[X], b[Y] - a[Y]) + 1e-9


@compiled("(float64[:, ::1], int64, int64, int64)")
def _without_knot(knots: Floats, gone: int, first: int, last: int) -> Floats:
    """Copy knots ``first`` to ``last`` but for one, the handles around it stretched over the gap."""
    window = np.empty((last - first, 5))
    window[: gone - first] = knots[first:gone]
    window[gone - first :] = knots[gone + 1 : last + 1]
    one, two = _chord(knots, gone - 1), _chord(knots, gone)
    window[gone - 1 - first, AFTER] *= (one + two) / one
    window[gone - first, BEFORE] *= (one + two) / two
    return window


@compiled("(float64[:, ::1], float64[:, ::1], float64[::1], int64, float64, int64)")
def _try_without(
    samples: Floats, knots: Floats, places: Floats, gone: int, error_px: float, reach: int
) -> bool:
    """Refit the neighbourhood of a knot without it; keep that in the arrays if it is still good enough.

    Knot ``gone`` is then left in the array, to be dropped by the caller together with its places.
    """
    last = len(knots) - 1
    first_knot, last_knot = max(gone - 2, 0), min(gone + 2, last)
    first = np.searchsorted(places, float(first_knot))
    end = np.searchsorted(places, float(last_knot), side="right")
    if end - first < 3:
        return True
    window = _without_knot(knots, gone, first_knot, last_knot)
    share = _chord(knots, gone - 1) / (_chord(knots, gone - 1) + _chord(knots, gone))
    where = np.empty(end - first)
    for i in range(first, end):
        place = places[i]
        if place >= gone + 1:
            place -= 1.0
        elif place >= gone:
            place = gone - 1 + share + (1.0 - share) * (place - gone)
        elif place >= gone - 1:
            place = gone - 1 + share * (place - gone + 1)
        where[i - first] = place - first_knot
    rows = samples[first:end]
    held = (HOLD_FIRST if first_knot > 0 else 0) | (HOLD_LAST if last_knot < last else 0)
    relax(rows, window, where, _OUTLIER * error_px, ROUGH, held)
    if misses(rows, window, where, reach).max() > _HOPELESS * error_px:
        return False
    relax(rows, window, where, _OUTLIER * error_px, FINE, held)
    if misses(rows, window, where, reach).max() > error_px:
        return False
    knots[first_knot:gone] = window[: gone - first_knot]
    knots[gone + 1 : last_knot + 1] = window[gone - first_knot :]
    for i in range(first, end):
        place = where[i - first] + first_knot
        # The cubic over the dropped knot is written as [gone - 1, gone) and stretched again by the caller.
        places[i] = place if place < gone else place + 1.0
    return True


@compiled("(float64[:, ::1], float64[:, ::1], float64[::1], float64, int64)")
def _drop_needless(
    samples: Floats, knots: Floats, places: Floats, error_px: float, reach: int
) -> tuple[Floats, Floats]:
    """Take knots out, one after the other, as long as the curve stays within the error."""
    # Numba compiles once more for a constant: this is none.
    gone = min(1, len(knots))
    while gone < len(knots) - 1:
        if not _try_without(samples, knots, places, gone, error_px, reach):
            gone += 1
            continue
        kept = np.empty((len(knots) - 1, 5))
        kept[:gone] = knots[:gone]
        kept[gone:] = knots[gone + 1 :]
        knots = kept
        for i in range(len(places)):
            if places[i] >= gone + 1:
                places[i] -= 1.0
    return knots, places


@compiled("(float64[:, ::1], float64, int64, boolean)")
def fit_run(samples: Floats, error_px: float, reach: int, is_loop: bool) -> tuple[Floats, Floats]:
    """Knots (K + 1, 5) of the fitted curve and the place (N,) of every sample on it; see ``fit_curves``."""
    loose = max(_OUTLIER * error_px, _LEAST_OUTLIER_PX)
    held = HOLD_FIRST | HOLD_LAST if is_loop else 0
    knots, places = _first_guess(samples, is_loop)
    relax(samples, knots, places, loose, ROUGH, held)
    for _ in range(7):
        before = len(knots)
        knots, places = _split_missing(samples, knots, places, error_px, reach)
        if len(knots) == before:
            break
        relax(samples, knots, places, loose, ROUGH, held)
    if len(knots) > 2:
        knots, places = _drop_needless(samples, knots, places, error_px, reach)
    relax(samples, knots, places, loose, FINE, held)
    return knots, places
