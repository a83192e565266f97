"""Which pencil left which mark: black, or one of the palette's, as one label a pixel.

Colour is judged as darkness, by channel, relative to the paper: what a pencil takes from red, green and
blue light stays in proportion however hard it is pressed, while its colour on the screen fades to the
paper's. Marks are averaged over about a line's width first: a scanner whose channels lie side by side gives
a black line one red and one blue rim, and JPEG smears chroma, but neither changes the sum across the line.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_shared.palette import BLACK, Palette, rgb_of
from douga_worker.steps.flatten_paper import Darkness

NO_INK, BLACK_INK, FIRST_COLOUR = 0, 1, 2
"""Labels: nothing or undecided; black; and the palette's first ink, whose second is the next."""
SHOW_THROUGH = 255
"""Label of a mark that is on the back of the sheet, or anything else too pale for a line."""

SAMPLED_ROWS = 4
"""Every so many rows are looked at to see whether a sheet has any colour: any stroke crosses several."""
COLOURED_CHROMA = 32
"""Chroma of a pixel that counts as coloured there; grain and the rims of black lines seldom have it."""
COLOURED_SHARE = 0.4
"""And its chroma's least share of its darkness."""
FEWEST_COLOURED = 12
"""So many of the sampled pixels make a coloured sheet: a stroke of 20 px."""
FEWEST_MARKED = 100
"""So many pixels labelled with a colour make a coloured sheet: the same stroke, averaged."""

BLUR_WIDTHS = 1.0
"""Marks are averaged over so many line widths ..."""
BLUR_RANGE_PX = (5, 9)
"""... but at least and at most so many pixels: channels are up to a pixel apart at any resolution."""
LEAST_CHROMA = 10
"""After averaging: below this hue is noise."""
LEAST_DARKNESS = 14
"""After averaging: below this a mark is too pale to be called black."""
BLACK_DARKNESS = 165
"""A mark that takes this much of every channel is black: black by value, whatever its tint."""
CROSSING_DARKNESS = 150
"""The same without averaging: graphite on colour; no colour alone is so dark in every channel."""
GATE_SHARE = 0.5
"""Of the palette colour's own saturation: a purer mark is of that colour ..."""
GATE_RANGE = (0.22, 0.4)
"""... with the gate held in this range: graphite has up to 0.15 ..."""
UNDECIDED_SHARE = 0.75
"""... and a mark of less than this share of the gate is black. In between nothing is said."""
WIDEST_HUE = np.deg2rad(60)
"""A hue further than this from every ink of the palette is none of them."""

PALEST = 40
"""Darkness in the strongest channel that a line on this side of the paper has somewhere."""
PALE = 64
"""What is paler than this may lie on the back ..."""
FAINTEST = 10
"""... and is no pale end of a firm line unless it stands out by this much all the way there."""
SHADING_WIDTHS = 5
"""What is wider than so many lines is shading, which does not stand out."""

_LEVELS = 64
_SHIFT = 2


def find_inks(darkness: Darkness, palette: Palette, line_width_px: float) -> NDArray[np.uint8] | None:
    """Label every mark on a sheet with its pencil.

    Args:
        darkness: the scan's channels relative to the paper; see ``darkness_of``.
        palette: the pencils to be told apart.
        line_width_px: the usual line's width on the scan; 0 where there is none.

    Returns:
        (H, W) uint8: ``NO_INK``, ``BLACK_INK``, ``FIRST_COLOUR`` + index into the palette, or
        ``SHOW_THROUGH``; labels reach about a pixel beyond the marks. None where there is no colour to
        be told apart: a grey scan, an empty palette, a sheet in black pencil.
    """
    if len(darkness) != 3 or not palette or not _has_colour(darkness):
        return None
    smallest, largest = BLUR_RANGE_PX
    window = min(max(2 * round((BLUR_WIDTHS * line_width_px - 1) / 2) + 1, smallest), largest)
    blurred = tuple(np.asarray(cv2.blur(channel, (window, window)), np.uint8) for channel in darkness)
    inks = _labels(blurred, palette)
    # Black wins at crossings, where averaging would mix it with what it crosses.
    inks[cv2.blur(_weakest(darkness), (3, 3)) >= CROSSING_DARKNESS] = BLACK_INK
    strongest = np.asarray(cv2.blur(_strongest(darkness), (3, 3)), np.uint8)
    is_weaker = strongest < cv2.dilate(strongest, np.ones((window, window), np.uint8)) // 2
    inks[_is_rim(inks, is_weaker, window) | _is_shadowed(inks, is_weaker, window)] = NO_INK
    if np.count_nonzero(inks >= FIRST_COLOUR) < FEWEST_MARKED:
        return None
    inks[_is_pale(inks, strongest, max(line_width_px, 2.0))] = SHOW_THROUGH
    of_palette = (inks >= FIRST_COLOUR) & (inks != SHOW_THROUGH)
    return inks if np.count_nonzero(of_palette) >= FEWEST_MARKED else None


def ink_names(palette: Palette) -> dict[int, str]:
    """What the labels of inks are called: black, then the palette's."""
    names = {BLACK_INK: BLACK}
    return names | {FIRST_COLOUR + i: ink.name for i, ink in enumerate(palette)}


def _strongest(channels: Darkness) -> NDArray[np.uint8]:
    red, green, blue = channels
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)


def _has_colour(darkness: Darkness) -> bool:
    red, green, blue = (channel[::SAMPLED_ROWS] for channel in darkness)
    top = _strongest((red, green, blue))
    chroma = cv2.subtract(top, _weakest((red, green, blue)))
    candidates = chroma >= COLOURED_CHROMA
    if np.count_nonzero(candidates) < FEWEST_COLOURED:
        return False
    pure = np.asarray(chroma)[candidates] >= COLOURED_SHARE * np.asarray(top)[candidates]
    return int(np.count_nonzero(pure)) >= FEWEST_COLOURED


def _weakest(channels: Darkness) -> NDArray[np.uint8]:
    red, green, blue = channels
    return np.asarray(cv2.min(cv2.min(red, green), blue), np.uint8)


def _labels(blurred: Darkness, palette: Palette) -> NDArray[np.uint8]:
    red, green, blue = blurred
    labels = np.zeros(red.shape, np.uint8)
    marks = np.flatnonzero(_strongest(blurred) >= LEAST_CHROMA)
    cell = (red.ravel()[marks] >> _SHIFT).astype(np.int32)
    for channel in (green, blue):
        cell = cell * _LEVELS + (channel.ravel()[marks] >> _SHIFT)
    labels.ravel()[marks] = _table(palette)[cell]
    return labels


@lru_cache(maxsize=4)
def _table(palette: Palette) -> NDArray[np.uint8]:
    """The label of every colour, for each of 64 darknesses of red, green and blue."""
    steps = (np.arange(_LEVELS) + 0.5) * (256 / _LEVELS)
    colours = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    top, low = colours.max(axis=1), colours.min(axis=1)
    chroma, saturation, hue = top - low, _saturation(colours), _hue(colours)
    inks = np.array([[255.0 - tone for tone in rgb_of(ink.recognised_colour)] for ink in palette])
    away = np.abs((hue[:, None] - _hue(inks) + np.pi) % (2 * np.pi) - np.pi)
    nearest = away.argmin(axis=1)
    gate = (GATE_SHARE * _saturation(inks)).clip(*GATE_RANGE)[nearest]
    is_palette = (away.min(axis=1) <= WIDEST_HUE) & (low < BLACK_DARKNESS)
    labels = np.where(top >= LEAST_DARKNESS, BLACK_INK, NO_INK)
    labels[is_palette & (saturation >= UNDECIDED_SHARE * gate)] = NO_INK
    is_colour = is_palette & (saturation >= gate) & (chroma >= LEAST_CHROMA)
    labels[is_colour] = FIRST_COLOUR + nearest[is_colour]
    return labels.astype(np.uint8)


def _saturation(darkness: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 - darkness.min(axis=-1) / darkness.max(axis=-1))


def _hue(darkness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angle around the grey axis."""
    red, green, blue = darkness[..., 0], darkness[..., 1], darkness[..., 2]
    return np.asarray(np.arctan2(np.sqrt(3) / 2 * (green - blue), red - (green + blue) / 2))


def _is_rim(inks: NDArray[np.uint8], is_weaker: NDArray[np.bool_], window: int) -> NDArray[np.bool_]:
    """Find the coloured rims that lens and scanner give to black lines: weaker, or nowhere but there."""
    is_coloured = inks >= FIRST_COLOUR
    is_black = inks == BLACK_INK
    # Averaging took a black line half a window outwards; its rim lies within as much again.
    near_black = _grown(is_black, 2 * window - 1)
    is_suspect = is_coloured & near_black
    if not is_suspect.any():
        return is_suspect
    count, pieces = cv2.connectedComponents(_apart(inks * is_coloured), connectivity=4)
    has_own_place = np.zeros(count, np.bool_)
    has_own_place[pieces[is_coloured & ~near_black]] = True
    is_rim = is_suspect & is_weaker & _grown(is_black, window)
    places = np.flatnonzero(is_suspect)
    is_rim.ravel()[places] |= ~has_own_place[pieces.ravel()[places]]
    return np.asarray(is_rim)


def _is_shadowed(inks: NDArray[np.uint8], is_weaker: NDArray[np.bool_], window: int) -> NDArray[np.bool_]:
    """Find pale coloured marks that averaging with the black line beside them made black."""
    return np.asarray((inks == BLACK_INK) & is_weaker & _grown(inks >= FIRST_COLOUR, window))


def _grown(mask: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    return np.asarray(cv2.dilate(mask.view(np.uint8), np.ones((side, side), np.uint8)) > 0)


def _apart(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """1 on every label, but 0 on the last pixels before a higher one: pieces of one label each."""
    return np.asarray((labels > 0) & (cv2.dilate(labels, np.ones((3, 3), np.uint8)) == labels), np.uint8)


def _is_pale(
    inks: NDArray[np.uint8], strongest: NDArray[np.uint8], line_width_px: float
) -> NDArray[np.bool_]:
    """Find coloured marks that are no line on the front: pale, and leading into nothing firm.

    Studios shade the back of the sheet, up to a line on the front: shading that surrounds a line counts
    for nothing, only what stands out of it holds a fading end and its line together.
    """
    is_coloured = inks >= FIRST_COLOUR
    if not (is_coloured & (strongest < PALE)).any():
        return np.zeros_like(is_coloured)
    side = 2 * round(SHADING_WIDTHS * line_width_px / 2) + 1
    shading = cv2.morphologyEx(strongest, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    above = cv2.subtract(strongest, shading)
    is_line = (above >= FAINTEST) & is_coloured
    count, pieces = cv2.connectedComponents(is_line.view(np.uint8), connectivity=8)
    is_firm = np.zeros(count, np.bool_)
    is_firm[pieces[is_line & (above >= PALEST)]] = True
    places = np.flatnonzero(is_line)
    is_kept = np.zeros_like(is_coloured)
    is_kept.ravel()[places] = is_firm[pieces.ravel()[places]]
    return np.asarray(is_coloured & (strongest < PALE) & ~_grown(is_kept, 3))
