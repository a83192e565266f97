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
_SLIGHT = 1e-4
"""A sample that slides by less (in shares of a cubic) has found its place."""
_UNKNOWNS = (X, Y, ANGLE, AFTER, 5 + X, 5 + Y, 5 + ANGLE, 5 + BEFORE)
"""Of the two knots of a cubic, as they stand in the equations: what moves the cubic."""
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


@compiled("(float64[:, ::1])")
def powers_of(knots: Floats) -> Floats:
    """(K, 8) every cubic as x and y of 1, u, u**2 and u**3: to be read at many places, without angles."""
    powers = np.empty((len(knots) - 1, 8))
    for k in range(len(powers)):
        a, b, power = knots[k], knots[k + 1], powers[k]
        ax, ay = a[AFTER] * math.cos(a[ANGLE]), a[AFTER] * math.sin(a[ANGLE])
        bx, by = b[BEFORE] * math.cos(b[ANGLE]), b[BEFORE] * math.sin(b[ANGLE])
        dx, dy = b[X] - a[X], b[Y] - a[Y]
        power[0], power[1] = a[X], a[Y]
        power[2], power[3] = 3.0 * ax, 3.0 * ay
        power[4], power[5] = 3.0 * (dx - bx - 2.0 * ax), 3.0 * (dy - by - 2.0 * ay)
        power[6], power[7] = 3.0 * (ax + bx) - 2.0 * dx, 3.0 * (ay + by) - 2.0 * dy
    return powers


@compiled("(float64[:, ::1], float64[:, ::1], float64[::1])")
def project(samples: Floats, knots: Floats, places: Floats) -> None:
    """Slide every sample's place (segment + share of it) to the foot of its perpendicular nearby."""
    last = len(knots) - 1
    powers = powers_of(knots)
    for i in range(1, len(samples) - 1):
        place = places[i]
        for _ in range(2):
            segment = min(int(place), last - 1)
            u = place - segment
            c = powers[segment]
            ex = c[0] + u * (c[2] + u * (c[4] + u * c[6])) - samples[i, 0]
            ey = c[1] + u * (c[3] + u * (c[5] + u * c[7])) - samples[i, 1]
            dx = c[2] + u * (2.0 * c[4] + u * 3.0 * c[6])
            dy = c[3] + u * (2.0 * c[5] + u * 3.0 * c[7])
            speed = dx * dx + dy * dy
            bend = ex * (2.0 * c[4] + u * 6.0 * c[6]) + ey * (2.0 * c[5] + u * 6.0 * c[7])
            slope = speed + max(bend, -0.5 * speed)
            if slope < 1e-12:
                break
            step = -(ex * dx + ey * dy) / slope
            moved = u + min(max(step, -0.3), 0.3)
            if (moved < 0.0 and u > 0.0) or (moved > 1.0 and u < 1.0):
                # Stop at the knot: the next cubic has another pace, and the next step goes on there.
                moved = 0.0 if moved < 0.0 else 1.0
            elif moved < 0.0 < segment:
                moved = -1e-9
            place = min(max(segment + moved, 0.0), float(last))
            if abs(step) < _SLIGHT:
                break
        places[i] = place
    places[0] = 0.0
    places[-1] = float(last)


@compiled("(float64[:, ::1], float64[:, ::1], float64[::1], float64[::1])")
def offsets(samples: Floats, knots: Floats, places: Floats, into: Floats) -> None:
    """Signed distances of the points from the curve, across it."""
    last = len(knots) - 1
    powers = powers_of(knots)
    for i in range(len(samples)):
        segment = min(int(places[i]), last - 1)
        u = places[i] - segment
        c = powers[segment]
        ex = samples[i, 0] - c[0] - u * (c[2] + u * (c[4] + u * c[6]))
        ey = samples[i, 1] - c[1] - u * (c[3] + u * (c[5] + u * c[7]))
        dx = c[2] + u * (2.0 * c[4] + u * 3.0 * c[6])
        dy = c[3] + u * (2.0 * c[5] + u * 3.0 * c[7])
        into[i] = math.copysign(math.sqrt(ex * ex + ey * ey), dx * ey - dy * ex)


@compiled("(float64[:, ::1], float64[:, ::1], float64[::1], float64, float64[:, :, ::1], float64[:, :, ::1])")
def gather(
    samples: Floats, knots: Floats, places: Floats, loose: float, masses: Floats, pulls: Floats
) -> float:
    """Sum up how the samples of each cubic pull at its four points; return the cost of the curve as it is.

    Points further off than ``loose`` count less and less (Huber), so that one bad stretch bends nothing.

    Args:
        samples: As ``relax`` has them.
        knots: The curve.
        places: Of the samples on it.
        loose: px from which on a point counts as an outlier.
        masses: (K, 10, 3) becomes, for each pair of a cubic's points, xx, xy and yy of the equations between.
        pulls: (K, 4, 2) becomes their right sides.
    """
    last = len(knots) - 1
    powers = powers_of(knots)
    masses[:] = 0.0
    pulls[:] = 0.0
    cost = 0.0
    for i in range(len(samples)):
        segment = min(int(places[i]), last - 1)
        u = places[i] - segment
        c = powers[segment]
        ex = c[0] + u * (c[2] + u * (c[4] + u * c[6])) - samples[i, 0]
        ey = c[1] + u * (c[3] + u * (c[5] + u * c[7])) - samples[i, 1]
        dx = c[2] + u * (2.0 * c[4] + u * 3.0 * c[6])
        dy = c[3] + u * (2.0 * c[5] + u * 3.0 * c[7])
        speed = math.sqrt(dx * dx + dy * dy) + 1e-12
        tx, ty = dx / speed, dy / speed
        off = tx * ey - ty * ex
        far = abs(off)
        weight = samples[i, WEIGHT]
        along = weight * _SLIDE
        if far <= loose:
            cost += weight * 0.5 * off * off
        else:
            cost += weight * loose * (far - 0.5 * loose)
            weight *= loose / far
        # Across the curve a point counts in full, along it hardly.
        xx = weight * ty * ty + along * tx * tx
        xy = (along - weight) * tx * ty
        yy = weight * tx * tx + along * ty * ty
        fx, fy = xx * ex + xy * ey, xy * ex + yy * ey
        v = 1.0 - u
        b0, b1, b2, b3 = v * v * v, 3.0 * v * v * u, 3.0 * v * u * u, u * u * u
        mass, pull = masses[segment], pulls[segment]
        pull[0, 0] -= b0 * fx
        pull[0, 1] -= b0 * fy
        pull[1, 0] -= b1 * fx
        pull[1, 1] -= b1 * fy
        pull[2, 0] -= b2 * fx
        pull[2, 1] -= b2 * fy
        pull[3, 0] -= b3 * fx
        pull[3, 1] -= b3 * fy
        shares = (b0, b1, b2, b3)
        pair = 0
        for p in range(4):
            for q in range(p, 4):
                both = shares[p] * shares[q]
                mass[pair, 0] += both * xx
                mass[pair, 1] += both * xy
                mass[pair, 2] += both * yy
                pair += 1
    for segment in range(last):
        a, b = knots[segment], knots[segment + 1]
        third = _third_of_chord(a, b)
        stiffness = _EVEN / (third * third + 1e-3)
        cost += 0.5 * stiffness * ((a[AFTER] - third) ** 2 + (b[BEFORE] - third) ** 2)
    return cost


@compiled("(float64[::1], float64[::1])")
def _third_of_chord(a: Floats, b: Floats) -> float:
    """What a handle is by itself."""
    dx, dy = b[X] - a[X], b[Y] - a[Y]
    return math.sqrt(dx * dx + dy * dy) / 3.0


@compiled("(float64[:, ::1], float64[:, :, ::1], float64[:, :, ::1], float64[:, ::1], float64[::1])")
def assemble(knots: Floats, masses: Floats, pulls: Floats, band: Floats, right: Floats) -> None:
    """Turn what ``gather`` found for the points of the cubics into equations for the knots.

    Args:
        knots: The curve.
        masses: By ``gather``.
        pulls: By ``gather``.
        band: (5 (K + 1), 10) becomes the upper half of the normal equations, from the diagonal on.
        right: (5 (K + 1),) becomes their right side.
    """
    band[:] = 0.0
    right[:] = 0.0
    points, half, whole = np.empty((8, 8)), np.empty((8, 8)), np.empty((8, 8))
    pull, turned, column = np.empty(8), np.empty(8), np.empty(8)
    for segment in range(len(knots) - 1):
        a, b = knots[segment], knots[segment + 1]
        pair = 0
        for p in range(4):
            pull[2 * p], pull[2 * p + 1] = pulls[segment, p, 0], pulls[segment, p, 1]
            for q in range(p, 4):
                xx, xy, yy = masses[segment, pair, 0], masses[segment, pair, 1], masses[segment, pair, 2]
                points[2 * p, 2 * q] = points[2 * q, 2 * p] = xx
                points[2 * p, 2 * q + 1] = points[2 * p + 1, 2 * q] = xy
                points[2 * q + 1, 2 * p] = points[2 * q, 2 * p + 1] = xy
                points[2 * p + 1, 2 * q + 1] = points[2 * q + 1, 2 * p + 1] = yy
                pair += 1
        for n in range(8):
            _to_knots(points[n], a, b, half[n])
        for n in range(8):
            # Symmetric: the columns of what has its rows turned are rows of the whole.
            column[:] = half[:, n]
            _to_knots(column, a, b, whole[n])
        _to_knots(pull, a, b, turned)
        third = _third_of_chord(a, b)
        stiffness = _EVEN / (third * third + 1e-3)
        whole[3, 3] += stiffness
        whole[7, 7] += stiffness
        turned[3] -= stiffness * (a[AFTER] - third)
        turned[7] -= stiffness * (b[BEFORE] - third)
        base = _SIZE * segment
        for p in range(8):
            row = base + _UNKNOWNS[p]
            right[row] += turned[p]
            for q in range(p, 8):
                band[min(row, base + _UNKNOWNS[q]), abs(_UNKNOWNS[q] - _UNKNOWNS[p])] += whole[p, q]


@compiled("(float64[::1], float64[::1], float64[::1], float64[::1])")
def _to_knots(of_points: Floats, a: Floats, b: Floats, into: Floats) -> None:
    """A row over x, y of a cubic's points as one over x, y, angle and handle of its two knots."""
    after, ca, sa = a[AFTER], math.cos(a[ANGLE]), math.sin(a[ANGLE])
    before, cb, sb = b[BEFORE], math.cos(b[ANGLE]), math.sin(b[ANGLE])
    into[0] = of_points[0] + of_points[2]
    into[1] = of_points[1] + of_points[3]
    into[2] = after * (of_points[3] * ca - of_points[2] * sa)
    into[3] = of_points[2] * ca + of_points[3] * sa
    into[4] = of_points[4] + of_points[6]
    into[5] = of_points[5] + of_points[7]
    into[6] = -before * (of_points[5] * cb - of_points[4] * sb)
    into[7] = -(of_points[4] * cb + of_points[5] * sb)


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
    masses, pulls = np.empty((len(knots) - 1, 10, 3)), np.empty((len(knots) - 1, 4, 2))
    best_band, best_right = band.copy(), right.copy()
    best = np.inf
    damping = 1e-3
    for _ in range(_MOST_STEPS):
        project(samples, knots, places)
        cost = gather(samples, knots, places, loose, masses, pulls)
        if cost < best:
            gain = best - cost
            best = cost
            best_knots[:] = knots
            best_places[:] = places
            damping = max(damping * 0.3, 1e-5)
            if gain < accuracy * cost + 1e-7:
                break
            assemble(knots, masses, pulls, best_band, best_right)
        else:
            damping *= 10.0
            if damping > 1e4:
                break
            knots[:] = best_knots
            places[:] = best_places
        band[:] = best_band
        right[:] = best_right
        hold_and_damp(band, right, damping, is_fixed)
        if not solve(band, right):
            break
        take_step(knots, right)
        bound_handles(knots)
    project(samples, knots, places)
    if not gather(samples, knots, places, loose, masses, pulls) <= best:
        knots[:] = best_knots
        places[:] = best_places
