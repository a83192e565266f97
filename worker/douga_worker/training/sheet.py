"""The sheet that a sample is drawn on: where a drawing lies on it, and what of it is clean line."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_worker.training.roughen import SUPERSAMPLE, Points


class Sheet:
    """What is being drawn: graphite and clean target, both at ``SUPERSAMPLE`` times the size."""

    def __init__(self, rng: np.random.Generator, size: int, strength: float) -> None:
        self.rng = rng
        """The one source of chance for everything on this sheet."""
        self.size = size
        """Edge in px, before supersampling."""
        self.strength = strength
        self.graphite = np.zeros((size * SUPERSAMPLE,) * 2, np.float32)
        """0 = bare paper, 1 = black."""
        self.clean = np.zeros((size * SUPERSAMPLE,) * 2, np.uint8)
        """0 = paper, 255 = line."""
        self.drawn = np.zeros_like(self.clean)
        """Every line that was meant, whether or not this strength keeps it: 0 = paper, 255 = line."""

    def keeps(self, salience: float) -> bool:
        """Tell whether a stroke of this salience, 0..1, belongs to the clean drawing."""
        return salience >= self.strength

    def regions(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Find the areas between the drawn lines, at half the size of the sheet.

        Returns:
            Labels (size / 2, size / 2), 0 = line; and the area in px of every label, that of 0 being 0.
        """
        half = (self.size // 2, self.size // 2)
        small = cv2.resize(self.drawn, half, interpolation=cv2.INTER_AREA)
        _, labels, stats, _ = cv2.connectedComponentsWithStats((small < 40).astype(np.uint8), connectivity=4)
        areas = stats[:, cv2.CC_STAT_AREA].copy()
        areas[0] = 0
        return np.asarray(labels, dtype=np.int32), np.asarray(areas, dtype=np.int32)

    def mask(self, chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Bring an area found by ``regions`` to the shape of ``graphite``, grown into the lines around it."""
        grown = cv2.dilate(chosen.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
        return np.asarray(cv2.resize(grown, self.graphite.shape, interpolation=cv2.INTER_LINEAR), np.float32)

    def add_tone(self, tone: NDArray[np.float32]) -> None:
        """Lay tone in 0..1, of the shape of ``graphite``, over what is there."""
        np.copyto(self.graphite, 1 - (1 - self.graphite) * (1 - tone))


class Placement:
    """Where a drawing of long edge 1 lies on a sheet: turned, flipped, scaled, gently bent."""

    def __init__(self, rng: np.random.Generator, focus: Points, size: int, zoom: float) -> None:
        """Draw a placement.

        Args:
            rng: source of chance.
            focus: (N, 2) points of the drawing; one of them comes to lie near the sheet's middle.
            size: edge of the sheet in px.
            zoom: long edge of the drawing relative to the sheet's.
        """
        angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.25 else rng.normal(0, 0.25)
        flip = np.array([[rng.choice([-1.0, 1.0]), 0], [0, 1]])
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        self._matrix = flip @ turn * size * zoom * np.array([1, rng.uniform(0.85, 1.18)])
        self._bend = rng.uniform(0, 0.025, 2) / max(zoom, 1)
        self._waves = rng.uniform(2, 8, 2)
        middle = focus[rng.integers(len(focus))]
        self._offset = size * rng.uniform(0.3, 0.7, 2) - self._bent(middle[None])[0] @ self._matrix

    def __call__(self, points: Points) -> Points:
        """(N, 2) points of the drawing to (N, 2) px of the sheet."""
        return np.asarray(self._bent(points) @ self._matrix + self._offset, dtype=np.float32)

    def _bent(self, points: Points) -> NDArray[np.float64]:
        x, y = points[:, 0].astype(np.float64), points[:, 1].astype(np.float64)
        bent_x = x + self._bend[0] * np.sin(self._waves[0] * y)
        return np.stack([bent_x, y + self._bend[1] * np.sin(self._waves[1] * x)], 1)


def is_visible(points: Points, size: int) -> bool:
    """Tell whether (N, 2) points in px come near a sheet of this size, judged by their bounding box."""
    return bool((points.max(0) > -10).all() and (points.min(0) < size + 10).all())


def smooth_curve(knots: Points, count: int = 40) -> Points:
    """A smooth curve through (K, 2) knots (Catmull and Rom 1974, ends doubled); (count, 2)."""
    padded = np.concatenate([knots[:1], knots, knots[-1:]])
    t = np.linspace(0, len(knots) - 1 - 1e-6, count)
    i, u = t.astype(int), (t % 1)[:, None]
    a, b, c, d = (padded[i + k] for k in range(4))
    curve = b + 0.5 * u * (c - a + u * (2 * a - 5 * b + 4 * c - d + u * (3 * (b - c) + d - a)))
    return np.asarray(curve, dtype=np.float32)


def scribble(rng: np.random.Generator, size: int, sigma: float) -> NDArray[np.float32]:
    """Tone laid with a pencil: (size, size) noise of unit spread, drawn out in one direction.

    ``sigma`` is its fineness across that direction in px; along it is eight times coarser.
    """
    field = cv2.GaussianBlur(
        rng.standard_normal((size, size), dtype=np.float32), (0, 0), sigmaX=8 * sigma, sigmaY=sigma
    )
    turn = cv2.getRotationMatrix2D((size / 2, size / 2), rng.uniform(0, 180), 1.45)
    field = cv2.warpAffine(field, turn, (size, size), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(field / (field.std() + 1e-6), dtype=np.float32)
