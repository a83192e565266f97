"""Pencils that are not to be drawn are taken from the scan before the network sees it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_shared.palette import Palette, rgb_of
from douga_worker.steps.find_inks import FIRST_COLOUR, SHOW_THROUGH
from douga_worker.steps.flatten_paper import Darkness

HALO_PX = 7
"""Side of the square around a left-out mark in which its halo, and its part of a crossing, go too."""
SHOW_THROUGH_PALENESS = 0.5
"""Of shading on the back: its weakest channel's share of its strongest, a pale pencil's."""
PALENESS_MARGIN = 0.12
"""Pencils are less pure than their name: what is left of one that was hardly pressed must not be line."""
AVERAGED_PX = 5
"""As far as channels may lie apart, and as much again."""
PALEST = 0.85
"""A paler ink would take graphite along."""


def leave_out_inks(darkness: Darkness, inks: NDArray[np.uint8], palette: Palette) -> Darkness:
    """Take out what shines through the paper, and the palette's inks that are not kept.

    Around such a mark darkness is taken apart into the ink's own colour and grey, as if one pencil lay on
    the other; grey stays. So a black line that crosses construction comes out whole.

    Args:
        darkness: three channels, (H, W) uint8 each.
        inks: (H, W) labels; see ``find_inks``.
        palette: says which inks are kept.

    Returns:
        The channels, the very same ones where there is nothing to leave out.
    """
    paleness = {
        FIRST_COLOUR + i: _paleness(ink.recognised_colour) for i, ink in enumerate(palette) if not ink.is_kept
    }
    paleness[SHOW_THROUGH] = SHOW_THROUGH_PALENESS
    is_kept = np.zeros(256, np.uint8)
    is_kept[FIRST_COLOUR : FIRST_COLOUR + len(palette)] = [ink.is_kept for ink in palette]
    of_kept_colour = is_kept[inks]
    for label, share in paleness.items():
        marks = (inks == label).view(np.uint8)
        if marks.any():
            around = cv2.dilate(marks, np.ones((HALO_PX, HALO_PX), np.uint8)) > of_kept_colour
            darkness = _only_grey(darkness, around, marks > 0, min(share + PALENESS_MARGIN, PALEST))
    return darkness


def _paleness(colour: str) -> float:
    """Share that the channel which an ink hardly darkens has of its darkest one."""
    tones = [255 - tone for tone in rgb_of(colour)]
    return min(tones) / max(tones)


def _only_grey(
    darkness: Darkness, around: NDArray[np.bool_], marks: NDArray[np.bool_], paleness: float
) -> Darkness:
    """Take away the colour's part: its chroma tells how much of it lies there.

    A scanner's channels lie side by side, so that the rims of a black line have chroma too; averaged over
    the line they have none. Off the marks themselves the larger grey of the two holds.
    """
    grey = _grey_part(np.stack([channel[around] for channel in darkness]), paleness)
    window = (AVERAGED_PX, AVERAGED_PX)
    averaged = np.stack([np.asarray(cv2.blur(channel, window), np.uint8)[around] for channel in darkness])
    share = _grey_part(averaged, paleness) / np.maximum(averaged.max(axis=0), 1.0)
    strongest = np.maximum.reduce([channel[around] for channel in darkness])
    grey = np.where(marks[around], grey, np.maximum(grey, share * strongest))
    cleared = tuple(channel.copy() for channel in darkness)
    for channel in cleared:
        channel[around] = np.rint(grey)
    return cleared


def _grey_part(darkness: NDArray[np.uint8], paleness: float) -> NDArray[np.float32]:
    """Of (3, N) darknesses what is left without the colour: (N,), 0..255."""
    low = darkness.min(axis=0).astype(np.float32)
    colour = (darkness.max(axis=0) - low) / (1 - paleness)
    return np.asarray(np.maximum(low - colour * paleness, 0), np.float32)
