"""Reading the ink between pixels, and cutting across a line to find its centre and its width."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from douga_worker.strokes.compiled import compiled
from douga_worker.strokes.stroke_drawing import Floats

STEP_PX = 0.25
"""Between the samples of a profile."""
FAINTEST_PEAK = 0.12
"""A profile paler than this shows no line."""
WALL_SHARE = 0.08
"""The line's edge is reached where less than this share of its peak is left ..."""
VALLEY_SHARE, VALLEY_RISE = 0.6, 0.06
"""... or where it grows darker again below this share: the next line begins."""
LONGEST_SLIDE, SLIDE_SLACK_PX = 0.7, 0.8
"""A centre that lies further off (in half widths) is another line's."""
USUAL_BLUR_PX = 0.8
"""Blur (sigma) of a line image: how far it lowers the peak of a narrow line is known from this."""


@compiled("(float32[:, ::1], float64, float64)")
def ink_at(ink: NDArray[np.float32], x: float, y: float) -> float:
    """Ink between pixels, bilinear; -1 beyond the page."""
    height, width = ink.shape
    if x < 0.0 or y < 0.0 or x > width or y > height:
        return -1.0
    # Within half a pixel of the rim the outermost pixels count on.
    x = min(max(x - 0.5, 0.0), width - 1.0)
    y = min(max(y - 0.5, 0.0), height - 1.0)
    i, j = int(x), int(y)
    i2, j2 = min(i + 1, width - 1), min(j + 1, height - 1)
    u, v = x - i, y - j
    top = (1.0 - u) * ink[j, i] + u * ink[j, i2]
    bottom = (1.0 - u) * ink[j2, i] + u * ink[j2, i2]
    return float((1.0 - v) * top + v * bottom)


@compiled("(float64[:, ::1], int64, boolean, float64[::1], float64[:, ::1])")
def smooth_path(points: Floats, reach: int, is_closed: bool, weights: Floats, out: Floats) -> None:
    """Average every point with its neighbours; the ends of an open path stay."""
    count = len(points)
    for i in range(count):
        span = min(reach, count // 3) if is_closed else min(i, count - 1 - i, reach)
        x = y = total = 0.0
        for k in range(-span, span + 1):
            weight = weights[abs(k)]
            j = (i + k) % count
            x += weight * points[j, 0]
            y += weight * points[j, 1]
            total += weight
        out[i, 0], out[i, 1] = x / total, y / total


@compiled("(float32[:, ::1], float64[::1], float64, float64[::1])")
def cut_across(ink: NDArray[np.float32], normal: Floats, half_width: float, out: Floats) -> bool:
    """Cut across a line: how far its centre lies off along the normal, its mass and its peak.

    Args:
        ink: (H, W) 0..1.
        normal: (4,) where to cut, x and y, and the unit vector along which.
        half_width: About half the line's width.
        out: (3,) offset of the centre, mass, peak.

    Returns:
        Whether the profile shows one line with paper, or a valley, on both sides.
    """
    x, y, nx, ny = normal[0], normal[1], normal[2], normal[3]
    peak = 0.0
    for k in range(-2, 3):
        peak = max(peak, ink_at(ink, x + nx * k * half_width * 0.3, y + ny * k * half_width * 0.3))
    mass, moment, walls = 1e-6, 0.0, 0
    for side in (-1.0, 1.0):
        off, lowest = STEP_PX / 2, 9.0
        while off < half_width * 1.25 + 2.5:
            value = ink_at(ink, x + nx * side * off, y + ny * side * off)
            if value < 0.0:
                break
            if value < WALL_SHARE * peak or (lowest < VALLEY_SHARE * peak and value > lowest + VALLEY_RISE):
                walls += 1
                break
            lowest = min(lowest, value)
            mass += value * STEP_PX
            moment += value * STEP_PX * side * off
            off += STEP_PX
    out[0], out[1], out[2] = moment / mass, mass, peak
    return peak >= FAINTEST_PEAK and walls == 2 and abs(out[0]) <= half_width * LONGEST_SLIDE + SLIDE_SLACK_PX


@compiled("(float32[:, ::1], float64[:, ::1], int64[::1], float64[::1], boolean[::1], int64)")
def slide_to_centres(
    ink: NDArray[np.float32],
    paths: Floats,
    starts: NDArray[np.int64],
    half_widths: Floats,
    is_closed: NDArray[np.bool_],
    rounds: int,
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Slide every point of every path to the middle of the line's profile.

    Args:
        ink: (H, W) 0..1.
        paths: (N, 2) all paths, one after the other, pixel by pixel.
        starts: (E + 1,) where each path starts.
        half_widths: (N,) about half the line's width there.
        is_closed: (E,) paths that run back into their start.
        rounds: How often to smooth and slide.

    Returns:
        Centres (N, 2), widths (N,), and where the profile shows one line alone (N,).
    """
    centres, widths = paths.copy(), 2.0 * half_widths
    is_alone = np.ones(len(paths), np.bool_)
    before = np.empty_like(paths)
    profile, normal = np.empty(3), np.empty(4)
    # A Gaussian of 2 px: the length of the staircase that pixels make of a line.
    weights = np.array([math.exp(-k * k / 8.0) for k in range(6)])
    for edge in range(len(starts) - 1):
        first, last = starts[edge], starts[edge + 1]
        count = last - first
        now, old, closed = centres[first:last], before[first:last], is_closed[edge]
        for _ in range(rounds):
            old[:] = now
            smooth_path(old, 5, closed, weights, now)
            old[:] = now
            for i in range(count):
                i0, i1 = max(i - 4, 0), min(i + 4, count - 1)
                if closed:
                    i0, i1 = (i - 4) % count, (i + 4) % count
                tx, ty = old[i1, 0] - old[i0, 0], old[i1, 1] - old[i0, 1]
                length = math.hypot(tx, ty) + 1e-9
                nx, ny = -ty / length, tx / length
                n = first + i
                normal[0], normal[1], normal[2], normal[3] = old[i, 0], old[i, 1], nx, ny
                is_alone[n] = cut_across(ink, normal, half_widths[n], profile)
                if not is_alone[n]:
                    continue
                now[i, 0], now[i, 1] = old[i, 0] + nx * profile[0], old[i, 1] + ny * profile[0]
                mass, peak = profile[1], profile[2]
                # A line as wide as its blur never reaches full ink: its mass alone tells its width.
                if mass > 3.0:
                    lowered = math.erf(mass / peak / (2.0 * math.sqrt(2.0) * USUAL_BLUR_PX))
                    widths[n] = mass / min(peak / lowered, 1.0)
                elif mass > 1.5:
                    widths[n] = mass / max(peak, 0.97)
                else:
                    widths[n] = mass
    return centres, widths, is_alone
