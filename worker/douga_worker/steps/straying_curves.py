"""Find the curves of an outline that leave the edge they should follow, and lay them back onto it.

vtracer fits one cubic between two splice points and does not look how well it fits: on long gentle
arcs it may pass tens of pixels beside the line (docs/vectorizing.md has figures).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Curves = Floats
"""(N, 4, 2) x, y of chained cubics: start, two handles, end."""

STRAY_PX = 1.5
"""Farther from the edge than this (traced pixels) is seen; the fit's own smoothing stays below."""
KNOT_SPACING_PX = 12
"""A repaired arc gets a node this often; near enough that no bend is lost, far enough to stay smooth."""
MOST_REPAIRS = 500
"""A drawing has some ten or fifty; noise has thousands, of which the worst are enough."""

_AT = np.array([1, 2, 3, 4, 5, 6, 7]) / 8
_BERNSTEIN = np.stack([(1 - _AT) ** 3, 3 * _AT * (1 - _AT) ** 2, 3 * _AT**2 * (1 - _AT), _AT**3], axis=1)


@dataclass(frozen=True, slots=True)
class Edge:
    """The border between line and paper that curves are held against."""

    distance: NDArray[np.float32]
    """(H, W) distance of every traced pixel to the border."""
    contours: tuple[Floats, ...]
    """(N, 2) x, y each, closed, half a pixel outside the line's own pixels."""
    nearest: cKDTree | None
    """Finds the nearest point of all contours, numbered through; None where there is no border."""
    starts: NDArray[np.intp]
    """Number of every contour's first point."""


def find_edge(is_ink: NDArray[np.bool_]) -> Edge:
    """Prepare the border of a black and white image, (H, W) bool."""
    ink = np.pad(is_ink.astype(np.uint8), 1)
    border = ink - cv2.erode(ink, np.ones((3, 3), np.uint8))
    distance = cv2.distanceTransform(1 - border, cv2.DIST_L2, 3)[1:-1, 1:-1]
    found, _ = cv2.findContours(ink, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    contours = tuple(_outside(contour[:, 0].astype(np.float64) - 0.5) for contour in found)
    sizes = [len(contour) for contour in contours]
    return Edge(
        distance=np.asarray(distance, np.float32),
        contours=contours,
        nearest=cKDTree(np.concatenate(contours)) if contours else None,
        starts=np.cumsum([0, *sizes[:-1]]).astype(np.intp),
    )


def find_straying(curves: Curves, edge: Edge) -> NDArray[np.bool_]:
    """Say of every curve, (N, 4, 2) in traced pixels, whether it leaves the edge: (N,) bool.

    Names at most about ``MOST_REPAIRS``, the worst.
    """
    samples = np.einsum("tk,nkd->ntd", _BERNSTEIN, curves)
    height, width = edge.distance.shape
    at = np.clip(np.floor(samples).astype(np.intp), 0, [width - 1, height - 1])
    astray = edge.distance[at[..., 1], at[..., 0]].max(axis=1)
    worst = np.sort(astray)[-MOST_REPAIRS:]
    return np.asarray(astray > max(STRAY_PX, float(worst[0]) if len(worst) == MOST_REPAIRS else 0.0))


def lay_onto_edge(curve: Floats, edge: Edge) -> Curves:
    """Replace one straying curve, (4, 2), by curves along the edge between its two ends.

    Returns the curve alone, unchanged, where its ends do not lie on one contour.
    """
    if edge.nearest is None:
        return curve[None]
    first, last = (int(place) for place in edge.nearest.query(curve[[0, 3]])[1])
    number = int(np.searchsorted(edge.starts, first, side="right")) - 1
    if number != int(np.searchsorted(edge.starts, last, side="right")) - 1:
        return curve[None]
    contour = edge.contours[number]
    arc = _shorter_arc(contour, first - int(edge.starts[number]), last - int(edge.starts[number]))
    if len(arc) < KNOT_SPACING_PX:
        return curve[None]
    knots = arc[np.linspace(0, len(arc) - 1, 1 + max(1, len(arc) // KNOT_SPACING_PX)).round().astype(np.intp)]
    knots[0], knots[-1] = curve[0], curve[3]
    return _through(knots)


def _outside(contour: Floats) -> Floats:
    """Smooth the staircase, and step from the centres of the line's outermost pixels to their rim."""
    size = len(contour)
    if size < 16:
        return contour
    around = np.concatenate([contour[-4:], contour, contour[:4]])
    sums = np.cumsum(np.concatenate([np.zeros((1, 2)), around]), axis=0)
    smooth = (sums[9:] - sums[:-9]) / 9
    along = np.roll(smooth, -2, axis=0) - np.roll(smooth, 2, axis=0)
    along /= np.hypot(along[:, :1], along[:, 1:]) + 1e-9
    # OpenCV walks outer borders and holes with the line on the same side.
    return np.asarray(smooth + 0.5 * np.stack([-along[:, 1], along[:, 0]], axis=1))


def _shorter_arc(contour: Floats, first: int, last: int) -> Floats:
    forward = np.arange(first, first + (last - first) % len(contour) + 1) % len(contour)
    backward = np.arange(first, first - (first - last) % len(contour) - 1, -1) % len(contour)
    return contour[forward if len(forward) <= len(backward) else backward].copy()


def _through(knots: Floats) -> Curves:
    """Join knots smoothly (Catmull-Rom, handles a third of each span so that nothing overshoots)."""
    chords = np.diff(knots, axis=0)
    directions = np.concatenate([chords[:1], knots[2:] - knots[:-2], chords[-1:]])
    directions /= np.hypot(directions[:, :1], directions[:, 1:]) + 1e-9
    reach = np.hypot(chords[:, :1], chords[:, 1:]) / 3
    starts, ends = knots[:-1], knots[1:]
    return np.stack([starts, starts + directions[:-1] * reach, ends - directions[1:] * reach, ends], axis=1)
