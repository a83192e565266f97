"""A line image becomes line or paper, nothing between: what was one line stays one, and paint stays in.

The flood fills of paint programs step to the four neighbours that share a side: OpenToonz row by row
(``fill.cpp``), GIMP and PaintMan unless told otherwise. A line whose pixels touch at corners only is tight
for them, so lines here are joined just so far (8-connected) and stay as thin as drawn. A fill that is told
to step diagonally leaks through any thin slanting line of any program, and is no aim.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

LINE_LEVEL = 128
"""At least half covered is line: so widths are kept."""
FAINT_LEVEL = 64
"""Paler than this joins nothing: between two pieces of line it is paper."""
REACH_SHARE = 1 / 500
"""Of the long edge: within so many px a faint bridge falls off to paper on both of its sides. The grey
between two lines side by side does not, and joins them nowhere."""
SHORTEST_REACH_PX = 3
LONGEST_GAP_PX = 3
"""The thickness of a thin line: two blunt ends of it face each other along so many pixels."""

_AROUND = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))
"""The neighbours of a pixel (y, x), once around; bit n of a pattern stands for the n-th."""

Mask = NDArray[np.bool_]
Places = NDArray[np.intp]
"""(N,) flat indices into an image with a margin of one pixel."""


def two_values(lines: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell line from paper, and lose no connection.

    Line is what is half covered. Where that alone would break a line whose faint part is there in grey, the
    darkest bridge of one pixel stays too: the faint pixels are taken away from the palest on, except those
    that hold something together (simple points of digital topology, as in homotopic thinning). A gap of
    one pixel between two ends is closed, and so is a hole of one pixel. Nothing else grows.

    Args:
        lines: (H, W) uint8 line image, 0 = paper, 255 = full line.

    Returns:
        (H, W), true = line; includes every pixel of at least ``LINE_LEVEL``.
    """
    is_line = lines >= LINE_LEVEL
    if not is_line.any():
        return is_line
    held = _with_bridges(np.ascontiguousarray(lines), is_line)
    return _without_pinholes(_without_pixel_gaps(held))


def _with_bridges(lines: NDArray[np.uint8], is_line: Mask) -> Mask:
    bridge = (lines >= FAINT_LEVEL) & ~is_line
    bridge[bridge] = _is_ridge(lines, *np.nonzero(bridge))
    grown = is_line | bridge
    _, labels = cv2.connectedComponents(grown.view(np.uint8), connectivity=8)
    is_held = np.zeros(int(labels.max()) + 1, np.bool_)
    is_held[labels[is_line]] = True
    bridge &= is_held[labels]
    return _thinned(lines, is_line | bridge, bridge)


def _is_ridge(lines: NDArray[np.uint8], y: Places, x: Places) -> Mask:
    """Whether a pixel is at least twice as dark as some pixel near it on both sides, in any direction."""
    reach = max(SHORTEST_REACH_PX, round(max(lines.shape) * REACH_SHARE))
    padded = np.pad(lines, reach, mode="edge")
    flat, row = padded.ravel(), padded.shape[1]
    places = (y + reach) * row + x + reach
    tones = lines[y, x]
    found = np.zeros(len(places), np.bool_)
    for dy, dx in _AROUND[:4]:
        step = dy * row + dx
        found |= _falls_off(flat, places, step, tones, reach) & _falls_off(flat, places, -step, tones, reach)
    return found


def _falls_off(
    flat: NDArray[np.uint8], places: Places, step: int, tones: NDArray[np.uint8], reach: int
) -> Mask:
    """Whether paper comes before another line on the way from each place."""
    is_free, falls = np.ones(len(places), np.bool_), np.zeros(len(places), np.bool_)
    for distance in range(1, reach + 1):
        met = flat[places + distance * step]
        falls |= is_free & (met <= tones >> 1)
        is_free &= met < LINE_LEVEL
    return falls


def _thinned(lines: NDArray[np.uint8], mask: Mask, removable: Mask) -> Mask:
    """Take removable pixels away, the palest first, as long as nothing comes apart and no hole opens."""
    padded = np.pad(mask, 1)
    flat = padded.ravel()
    places = np.flatnonzero(np.pad(removable, 1).ravel())
    tones = lines[removable]
    for tone in np.unique(tones):
        _peel(flat, places[tones <= tone], padded.shape[1])
    return np.ascontiguousarray(flat.reshape(padded.shape)[1:-1, 1:-1])


def _peel(flat: Mask, places: Places, row: int) -> None:
    """Take away simple points until none is left, in place."""
    places = places[flat[places]]
    # Pixels of one group never touch, so each group can go at once.
    groups = [places[(places // row % 2 == y) & (places % row % 2 == x)] for y in (0, 1) for x in (0, 1)]
    while True:
        taken = 0
        for n, group in enumerate(groups):
            is_simple = _SIMPLE[_patterns(flat, group, row)]
            flat[group[is_simple]] = False
            taken += int(np.count_nonzero(is_simple))
            groups[n] = group[~is_simple]
        if not taken:
            return


def _patterns(flat: Mask, places: Places, row: int) -> NDArray[np.uint8]:
    found = np.zeros(len(places), np.uint8)
    for bit, (dy, dx) in enumerate(_AROUND):
        found |= flat[places + dy * row + dx].astype(np.uint8) << np.uint8(bit)
    return found


def _without_pixel_gaps(is_line: Mask) -> Mask:
    """Close what is one pixel wide and no longer than a line is thick: two ends almost touching.

    A channel of one pixel between two lines side by side is longer and stays open, and so does the last
    pixel of an acute corner, which leads nowhere.
    """
    padded = np.pad(is_line, 1)
    flat, row = padded.ravel(), padded.shape[1]
    between = np.zeros_like(padded)
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        back = (-shift[0], -shift[1])
        between |= np.roll(padded, shift, (0, 1)) & np.roll(padded, back, (0, 1))
    places = np.flatnonzero(between & ~padded)
    channel = np.zeros_like(padded)
    _fill_blind_ends(flat, places, row)
    places = places[~flat[places]]
    channel.ravel()[places[_JOINED[_patterns(flat, places, row)] > 1]] = True
    _, labels, stats, _ = cv2.connectedComponentsWithStats(channel.view(np.uint8), connectivity=8)
    is_short = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) <= LONGEST_GAP_PX
    is_short[0] = False
    return np.asarray(is_line | is_short[labels][1:-1, 1:-1])


def _fill_blind_ends(flat: Mask, places: Places, row: int) -> None:
    """Make paper line, in place, where it leads nowhere, from the ends of one-pixel channels inwards."""
    while len(places):
        is_blind = _SIDES[_patterns(flat, places, row)] >= 3
        if not is_blind.any():
            return
        flat[places[is_blind]] = True
        places = places[~is_blind]


def _without_pinholes(is_line: Mask) -> Mask:
    """Fill paper pixels whose four sides are all line."""
    cross = np.asarray(cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)), np.uint8)
    cross[1, 1] = 0
    # What lies beyond the sheet counts as paper there.
    padded = np.pad(is_line, 1).view(np.uint8)
    return np.asarray(is_line | (cv2.erode(padded, cross)[1:-1, 1:-1] > 0))


@dataclass(frozen=True, slots=True)
class _Around:
    """The eight neighbours of a pixel, once around."""

    is_line: tuple[bool, ...]
    """Those of odd index are the corners."""

    @property
    def line_pieces(self) -> int:
        """Pieces of line around the pixel that would touch each other only through it (corners touch)."""
        # A side of paper parts two pieces; a corner of paper between two sides of line does not.
        is_on = [on or (n % 2 == 1 and self._sides(n)) for n, on in enumerate(self.is_line)]
        starts = sum(on and not is_on[n - 1] for n, on in enumerate(is_on))
        return starts if starts or not all(is_on) else 1

    @property
    def paper_pieces(self) -> int:
        """Pieces of paper at its four sides that would touch each other only through it."""
        is_off = [not on for on in self.is_line]
        if all(is_off):
            return 1
        starts = [n for n, off in enumerate(is_off) if off and not is_off[n - 1]]
        return sum(self._has_side(start, is_off) for start in starts)

    def _sides(self, corner: int) -> bool:
        return self.is_line[corner - 1] and self.is_line[(corner + 1) % 8]

    @staticmethod
    def _has_side(start: int, is_off: list[bool]) -> bool:
        run = start
        while is_off[run % 8]:
            if run % 2 == 0:
                return True
            run += 1
        return False


_ALL_AROUND = [_Around(tuple(bool(pattern >> bit & 1) for bit in range(8))) for pattern in range(256)]
_SIDES = np.array([sum(around.is_line[::2]) for around in _ALL_AROUND])
"""By pattern: how many of the pixel's four sides are line."""
_JOINED = np.array([around.line_pieces for around in _ALL_AROUND])
"""By pattern: how many pieces of line the pixel would join."""
_SIMPLE = np.array([around.line_pieces == 1 and around.paper_pieces == 1 for around in _ALL_AROUND])
"""By pattern: the pixel can go and neither line nor paper changes its pieces or its holes."""
