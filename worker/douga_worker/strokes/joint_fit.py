"""Cubics through a row of points, all of them moved at once until the whole curve lies best.

Fitting one cubic after the other follows every wobble of a hand or of a pixel grid; here the knots, the
tangents and the handles of a run are the unknowns of one least-squares problem (tangent distance
minimisation, after Wang, Pottmann and Liu, "Fitting B-spline curves to point clouds by curvature-based
squared distance minimization", 2006), solved by damped Gauss-Newton steps. A run of K cubics has K + 1
knots of five numbers each; only neighbours meet, so the equations are a band and a step costs O(K).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.compiled import compiled
from douga_worker.strokes.stroke_drawing import Floats

X, Y, ANGLE, BEFORE, AFTER = range(5)
"""A knot: where it is, the direction of the curve there (radians), the lengths of its two handles."""
WEIGHT = 2
"""Column of a sample, after x and y: how far it is trusted."""
HOLD_FIRST, HOLD_LAST = 1, 2
ROUGH, FINE = 0.1, 0.003
_MOST_STEPS = 14
_SIZE = 5
_BAND = 2 * _SIZE
_SHORTEST, _LONGEST, _LONGEST_BACK = 0.08, 0.75, 0.2
"""What a handle may be of its chord: two thirds make a half circle."""
_BACK_RAMP = 2.0
"""The bound falls from the longest to that of a handle turned back over 30 degrees past upright."""
_SLIDE = 0.02
"""How little a point counts along the curve: enough to keep knots from running away on a straight line."""
_EVEN = 0.2
"""Square px that a handle of twice a third of its chord costs: decides where the points do not care."""


@compiled("(float64[:, ::1], int64, float64, float64[::1])")
def curve_at(knots: Floats, segment: int, u: float, into: Floats) -> None:
    """Point, first and second derivative of one cubic, as x, y, x', y', x'', y''."""
    a, b = knots[segment], knots[segment + 1]
    x1, y1 = a[X] + a[AFTER] * math.cos(a[ANGLE]), a[Y] + a[AFTER] * math.sin(a[ANGLE])
    x2, y2 = b[X] - b[BEFORE] * math.cos(b[ANGLE]), b[Y] - b[BEFORE] * math.sin(b[ANGLE])
    v = 1.0 - u
    b0, b1, b2, b3 = v * v * v, 3 * v * v * u, 3 * v * u * u, u * u * u
    into[0] = b0 * a[X] + b1 * x1 + b2 * x2 + b3 * b[X]
    into[1] = b0 * a[Y] + b1 * y1 + b2 * y2 + b3 * b[Y]
    into[2] = 3 * (v * v * (x1 - a[X]) + 2 * v * u * (x2 - x1) + u * u * (b[X] - x2))
    into[3] = 3 * (v * v * (y1 - a[Y]) + 2 * v * u * (y2 - y1) + u * u * (b[Y] - y2))
    into[4] = 6 * (v * (x2 - 2 * x1 + a[X]) + u * (b[X] - 2 * x2 + x1))
    into[5] = 6 * (v * (y2 - 2 * y1 + a[Y]) + u * (b[Y] - 2 * y2 + y1))


@compiled("(float64[:, ::1], float64[:, ::1], float64[::1])")
def project(samples: Floats, knots: Floats, places: Floats) -> None:
    """Slide every sample's place (segment + share of it) to the foot of its perpendicular nearby."""
    last = len(knots) - 1
    at = np.empty(6)
    for i in range(1, len(samples) - 1):
        for _ in range(2):
            segment = min(int(places[i]), last - 1)
            u = places[i] - segment
            curve_at(knots, segment, u, at)
            ex, ey = at[0] - samples[i, 0], at[1] - samples[i, 1]
            speed = at[2] * at[2] + at[3] * at[3]
            slope = speed + max(ex * at[4] + ey * at[5], -0.5 * speed)
            if slope < 1e-12:
                break
            step = -(ex * at[2] + ey * at[3]) / slope
            moved = u + min(max(step, -0.3), 0.3)
            if (moved < 0.0 and u > 0.0) or (moved > 1.0 and u < 1.0):
                # Stop at the knot: the next cubic has another pace, and the next step goes on there.
                moved = 0.0 if moved < 0.0 else 1.0
            elif moved < 0.0 < segment:
                moved = -1e-9
            places[i] = min(max(segment + moved, 0.0), float(last))
    places[0] = 0.0
    places[-1] = float(last)


@compiled("(float64[:, ::1], float64[:, ::1], float64[::1], float64[::1])")
def offsets(samples: Floats, knots: Floats, places: Floats, into: Floats) -> None:
    """Signed distances of the points from the curve, across it."""
    last = len(knots) - 1
    at = np.empty(6)
    for i in range(len(samples)):
        segment = min(int(places[i]), last - 1)
        curve_at(knots, segment, places[i] - segment, at)
        ex, ey = samples[i, 0] - at[0], samples[i, 1] - at[1]
        speed = math.hypot(at[2], at[3]) + 1e-12
        side = (at[2] * ey - at[3] * ex) / speed
        into[i] = math.copysign(math.hypot(ex, ey), side)


@compiled("(float64[:, ::1], float64[:, ::1], float64[::1], float64, float64[:, ::1], float64[::1])")
def assemble(
    samples: Floats,
    knots: Floats,
    places: Floats,
    loose: float,
    band: Floats,
    right: Floats,
) -> float:
    """Write the normal equations into ``band`` and ``right``; return the cost of the curve as it is.

    Points further off than ``loose`` count less and less (Huber), so that one bad stretch bends nothing.
    """
    last = len(knots) - 1
    at = np.empty(6)
    row = np.empty((2, _BAND))
    band[:] = 0.0
    right[:] = 0.0
    cost = 0.0
    for i in range(len(samples)):
        segment = min(int(places[i]), last - 1)
        u = places[i] - segment
        curve_at(knots, segment, u, at)
        speed = math.hypot(at[2], at[3]) + 1e-12
        tx, ty = at[2] / speed, at[3] / speed
        ex, ey = at[0] - samples[i, 0], at[1] - samples[i, 1]
        v = 1.0 - u
        b0, b1, b2, b3 = v * v * v, 3 * v * v * u, 3 * v * u * u, u * u * u
        a, b = knots[segment], knots[segment + 1]
        ca, sa = math.cos(a[ANGLE]), math.sin(a[ANGLE])
        cb, sb = math.cos(b[ANGLE]), math.sin(b[ANGLE])
        for k in range(2):
            nx, ny = (-ty, tx) if k == 0 else (tx, ty)
            row[k, X], row[k, Y] = (b0 + b1) * nx, (b0 + b1) * ny
            row[k, ANGLE] = b1 * a[AFTER] * (ny * ca - nx * sa)
            row[k, BEFORE] = 0.0
            row[k, AFTER] = b1 * (nx * ca + ny * sa)
            row[k, 5 + X], row[k, 5 + Y] = (b2 + b3) * nx, (b2 + b3) * ny
            row[k, 5 + ANGLE] = -b2 * b[BEFORE] * (ny * cb - nx * sb)
            row[k, 5 + BEFORE] = -b2 * (nx * cb + ny * sb)
            row[k, 5 + AFTER] = 0.0
        off = -ty * ex + tx * ey
        far = abs(off)
        weight = samples[i, WEIGHT] * (1.0 if far <= loose else loose / far)
        cost += samples[i, WEIGHT] * (0.5 * off * off if far <= loose else loose * (far - 0.5 * loose))
        along = samples[i, WEIGHT] * _SLIDE
        slip = tx * ex + ty * ey
        base = _SIZE * segment
        for p in range(_BAND):
            wp, sp = weight * row[0, p], along * row[1, p]
            right[base + p] -= wp * off + sp * slip
            for q in range(p, _BAND):
                band[base + p, q - p] += wp * row[0, q] + sp * row[1, q]
    for segment in range(last):
        a, b = knots[segment], knots[segment + 1]
        third = math.hypot(b[X] - a[X], b[Y] - a[Y]) / 3.0
        for which, have in (
            (_SIZE * segment + AFTER, a[AFTER]),
            (_SIZE * segment + _SIZE + BEFORE, b[BEFORE]),
        ):
            stiffness = _EVEN / (third * third + 1e-3)
            band[which, 0] += stiffness
            right[which] -= stiffness * (have - third)
            cost += 0.5 * stiffness * (have - third) ** 2
    return cost


@compiled("(float64[:, ::1], float64[::1], float64, boolean[::1])")
def hold_and_damp(band: Floats, right: Floats, damping: float, is_fixed: NDArray[np.bool_]) -> None:
    """Take the fixed unknowns out of the equations and make steps shorter (Levenberg and Marquardt)."""
    for i in range(len(right)):
        band[i, 0] += damping * band[i, 0] + 1e-3
        if is_fixed[i]:
            right[i] = 0.0
        for q in range(1, _BAND):
            if i + q >= len(right) or is_fixed[i] or is_fixed[i + q]:
                band[i, q] = 0.0


@compiled("(float64[:, ::1], float64[::1])")
def solve(band: Floats, right: Floats) -> bool:
    """Solve the banded equations in place (Cholesky); ``right`` becomes the step. False if that fails."""
    count = len(right)
    for i in range(count):
        for back in range(1, min(i, _BAND - 1) + 1):
            share = band[i - back, back]
            right[i] -= share * right[i - back]
            for q in range(_BAND - back):
                band[i, q] -= share * band[i - back, back + q]
        if not band[i, 0] > 1e-12:
            return False
        root = math.sqrt(band[i, 0])
        right[i] /= root
        for q in range(_BAND):
            band[i, q] /= root
    for i in range(count - 1, -1, -1):
        for q in range(1, min(_BAND, count - i)):
            right[i] -= band[i, q] * right[i + q]
        right[i] /= band[i, 0]
    return True


@compiled("(float64[:, ::1], float64[::1])")
def take_step(knots: Floats, step: Floats) -> None:
    """Move the knots, no further than their neighbours make sensible."""
    last = len(knots) - 1
    chords = np.empty(last)
    for k in range(last):
        chords[k] = math.hypot(knots[k + 1, X] - knots[k, X], knots[k + 1, Y] - knots[k, Y])
    for k in range(last + 1):
        room = min(chords[max(k - 1, 0)], chords[min(k, last - 1)])
        s = step[_SIZE * k : _SIZE * (k + 1)]
        length = math.hypot(s[X], s[Y])
        share = min(1.0, (0.3 * room + 0.1) / (length + 1e-12))
        knots[k, X] += share * s[X]
        knots[k, Y] += share * s[Y]
        knots[k, ANGLE] += min(max(s[ANGLE], -0.4), 0.4)
        knots[k, BEFORE] += s[BEFORE]
        knots[k, AFTER] += s[AFTER]


@compiled("(float64[:, ::1])")
def bound_handles(knots: Floats) -> None:
    """Keep every handle within what its chord makes sensible."""
    for k in range(len(knots) - 1):
        a, b = knots[k], knots[k + 1]
        chord = math.hypot(b[X] - a[X], b[Y] - a[Y])
        bearing = math.atan2(b[Y] - a[Y], b[X] - a[X])
        # A handle that points back is part of a tight turn: long, it would run far off. But those of a half
        # circle stand upright on the chord, so the bound must not jump there.
        ahead = min(max(1.0 + _BACK_RAMP * math.cos(a[ANGLE] - bearing), 0.0), 1.0)
        longest = (_LONGEST_BACK + (_LONGEST - _LONGEST_BACK) * ahead) * chord + 0.5
        a[AFTER] = min(max(a[AFTER], _SHORTEST * chord), longest)
        ahead = min(max(1.0 + _BACK_RAMP * math.cos(b[ANGLE] - bearing), 0.0), 1.0)
        longest = (_LONGEST_BACK + (_LONGEST - _LONGEST_BACK) * ahead) * chord + 0.5
        b[BEFORE] = min(max(b[BEFORE], _SHORTEST * chord), longest)


@compiled("(float64[:, ::1], float64[:, ::1], float64[::1], float64, float64, int64)")
def relax(
    samples: Floats,
    knots: Floats,
    places: Floats,
    loose: float,
    accuracy: float,
    held: int,
) -> None:
    """Move ``knots`` and ``places`` (in place) to where the curve lies best; the two ends stay.

    Args:
        samples: (N, 3) x, y and how much the point counts; the first and the last are the curve's ends.
        knots: (K + 1, 5) as in ``X, Y, ANGLE, BEFORE, AFTER``.
        places: (N,) where on the curve each point belongs: number of the cubic plus its parameter.
        loose: px from which on a point counts as an outlier.
        accuracy: stop where a step gains less than this share of the cost: ROUGH or FINE.
        held: HOLD_FIRST, HOLD_LAST or both: the direction at that end stays as well.
    """
    count = _SIZE * len(knots)
    band = np.empty((count, _BAND))
    right = np.empty(count)
    is_fixed = np.zeros(count, np.bool_)
    tail = count - _SIZE
    is_fixed[X] = is_fixed[Y] = is_fixed[tail + X] = is_fixed[tail + Y] = True
    is_fixed[BEFORE] = is_fixed[tail + AFTER] = True
    is_fixed[ANGLE] = held & HOLD_FIRST
    is_fixed[tail + ANGLE] = held & HOLD_LAST
    bound_handles(knots)
    best_knots = knots.copy()
    best_places = places.copy()
    best = np.inf
    damping = 1e-3
    for _ in range(_MOST_STEPS):
        project(samples, knots, places)
        cost = assemble(samples, knots, places, loose, band, right)
        if cost < best:
            gain = best - cost
            best = cost
            best_knots[:] = knots
            best_places[:] = places
            damping = max(damping * 0.3, 1e-5)
            if gain < accuracy * cost + 1e-7:
                break
        else:
            damping *= 10.0
            if damping > 1e4:
                break
            knots[:] = best_knots
            places[:] = best_places
            assemble(samples, knots, places, loose, band, right)
        hold_and_damp(band, right, damping, is_fixed)
        if not solve(band, right):
            break
        take_step(knots, right)
        bound_handles(knots)
    project(samples, knots, places)
    if not assemble(samples, knots, places, loose, band, right) <= best:
        knots[:] = best_knots
        places[:] = best_places
