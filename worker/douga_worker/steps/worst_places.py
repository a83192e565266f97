"""Where to look first: the places of a sheet with the most that is wrong."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_shared.manifest import Place, PlaceKind

MOST_OF_A_KIND = 3
SMALLEST_WIDTHS = 8.0
"""A place has at least so many squares of the pencil's width of wrong ink: less is the end of a stroke."""
TOGETHER_WIDTHS = 6.0
"""What lies this near to each other, in widths of the pencil, is one place."""


def worst_places(
    is_wrong: NDArray[np.bool_], kind: PlaceKind, *, pencil_width_px: float, scale: float = 1.0
) -> tuple[Place, ...]:
    """Find where the most of what is wrong lies together, the worst first, at most ``MOST_OF_A_KIND``.

    Args:
        is_wrong: (h, w) ink of one image that the other one has nothing of.
        kind: what is wrong.
        pencil_width_px: in px of ``is_wrong``.
        scale: pixels of the scan for one of ``is_wrong``.

    Returns:
        Places in px of the scan.
    """
    if not is_wrong.any():
        return ()
    width = max(pencil_width_px, 1.0)
    apart = 2 * round(TOGETHER_WIDTHS * width / 2) + 1
    together = cv2.dilate(is_wrong.view(np.uint8), np.ones((apart, apart), np.uint8))
    count, labels = cv2.connectedComponents(together, connectivity=8)
    areas = np.bincount(labels[is_wrong], minlength=count)
    worst = np.argsort(-areas, kind="stable")[:MOST_OF_A_KIND]
    return tuple(
        _place((labels == n) & is_wrong, kind, scale) for n in worst if areas[n] >= SMALLEST_WIDTHS * width**2
    )


def _place(piece: NDArray[np.bool_], kind: PlaceKind, scale: float) -> Place:
    x, y, width, height = cv2.boundingRect(piece.view(np.uint8))
    return Place(
        kind=kind,
        x=round((x + width / 2) * scale, 1),
        y=round((y + height / 2) * scale, 1),
        radius_px=round(max(width, height) / 2 * scale, 1),
    )
