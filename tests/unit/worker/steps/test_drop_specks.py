"""Dust and fluff go; what a pencil drew stays, however small."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from douga_worker.steps.drop_specks import drop_specks

PENCIL_PX = 4.0
Lines = NDArray[np.uint8]


def blank() -> Lines:
    """A small sheet."""
    return np.zeros((80, 100), np.uint8)


def stroke(
    lines: Lines, start: tuple[float, float], end: tuple[float, float], width: float = PENCIL_PX
) -> Lines:
    """The same with a line more, anti-aliased; x before y."""
    (x0, y0), (x1, y1) = start, end
    y, x = np.mgrid[: lines.shape[0], : lines.shape[1]].astype(float)
    dx, dy = x1 - x0, y1 - y0
    along = np.clip(((x - x0) * dx + (y - y0) * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
    away = np.hypot(x - x0 - along * dx, y - y0 - along * dy)
    covered = np.clip(width / 2 + 0.5 - away, 0, min(1.0, width))
    return np.asarray(np.maximum(lines, np.rint(255 * covered).astype(np.uint8)))


def dropped(lines: Lines, longest_px: float | None = None) -> Lines:
    """What is left where the pencil is as wide as that of ``stroke``."""
    return drop_specks(lines, longest_px, pencil_width_px=PENCIL_PX)


def test_a_speck_goes_with_its_rim() -> None:
    """Nothing of it is left, not the palest grey."""
    line = stroke(blank(), (10, 60), (90, 60))
    dirty = np.maximum(line, cv2.GaussianBlur(stroke(blank(), (30, 20), (30, 20), 1.6), (0, 0), 0.6))
    assert dropped(dirty).tolist() == line.tolist()


@pytest.mark.parametrize("width", [PENCIL_PX, 1.2 * PENCIL_PX, 3 * PENCIL_PX])
def test_a_dot_of_the_pencil_stays(width: float) -> None:
    """Freckles and eyes are at least as wide as a line."""
    drawing = stroke(stroke(blank(), (10, 60), (90, 60)), (30, 20), (30, 20), width)
    assert dropped(drawing).tolist() == drawing.tolist()


def test_a_short_thin_stroke_stays() -> None:
    """It is longer than a speck in one direction."""
    drawing = stroke(blank(), (30, 20), (38, 22), 1.5)
    assert dropped(drawing).tolist() == drawing.tolist()


def test_the_crumbs_of_a_tapers_tip_stay() -> None:
    """One near the tip, and the next near that one."""
    drawing = stroke(blank(), (10, 40), (60, 40))
    for x in (65, 69):
        drawing[39:41, x : x + 2] = 200
    assert dropped(drawing).tolist() == drawing.tolist()


def test_a_crumb_beside_a_line_goes() -> None:
    """Just as near, but the line runs past it."""
    line = stroke(blank(), (10, 40), (90, 40))
    dirty = line.copy()
    dirty[44:46, 50:52] = 200
    assert dropped(dirty).tolist() == line.tolist()


def test_a_hair_is_shaved_off() -> None:
    """A thin short offshoot in the middle of a line; what remains is as smooth as the line, to a pixel."""
    line = stroke(blank(), (10, 60), (90, 60))
    hairy = stroke(line, (50, 60), (51, 55), 1.2)
    shaved = dropped(hairy, 5.0)
    assert int(hairy[:57].max()) > 150
    assert (0, True) == (int(shaved[:57].max()), bool((shaved[58:] >= line[58:]).all()))


def test_a_taper_is_no_hair() -> None:
    """The thin end of a line leaves it onwards, not sideways."""
    taper = np.maximum(stroke(blank(), (10, 40), (50, 40)), stroke(blank(), (50, 40), (57, 40), 1.2))
    assert dropped(taper, 8.0).tolist() == taper.tolist()


def test_a_thin_line_between_two_lines_is_no_hair() -> None:
    """However short: it leads somewhere."""
    ladder = stroke(stroke(blank(), (10, 30), (90, 30)), (10, 38), (90, 38))
    ladder = stroke(ladder, (50, 30), (50, 38), 1.2)
    assert dropped(ladder, 8.0).tolist() == ladder.tolist()


def test_a_branch_longer_than_asked_stays() -> None:
    """An eyelash is drawn."""
    lash = stroke(stroke(blank(), (10, 60), (90, 60)), (50, 60), (56, 44), 1.5)
    assert dropped(lash, 5.0).tolist() == lash.tolist()


def test_the_size_asked_for_decides() -> None:
    """Larger dirt goes where somebody asks for it; nothing at all at 0."""
    dirty = stroke(blank(), (30, 20), (30, 20), 9.0)
    assert [True, True, False] == [bool(dropped(dirty, px).any()) for px in (0.0, 5.0, 10.0)]


def test_without_a_pencil_that_of_most_studios_is_assumed() -> None:
    """On a sheet with little on it nobody can measure one."""
    for width, stays in ((1.5, False), (3.5, True)):
        dot = stroke(blank(), (30, 20), (30, 20), width)
        assert stays == bool(drop_specks(dot, None, pencil_width_px=0.0).any())


def test_ten_thousand_specks_go_and_a_dot_among_them_stays() -> None:
    """A sheet of dust."""
    dirty = np.zeros((1000, 1000), np.uint8)
    dirty[5::10, 5::10] = 255
    dirty[498:502, 508:512] = 255
    assert 16 == np.count_nonzero(dropped(dirty))


def test_fog_gets_no_holes() -> None:
    """A dark spot in grey is not alone."""
    fog = np.full((40, 40), 60, np.uint8)
    fog[20:22, 20:22] = 200
    assert dropped(fog).tolist() == fog.tolist()


@settings(deadline=None)
@given(
    arrays.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20))),
    st.none() | st.floats(0, 64),
    st.floats(0, 12),
)
def test_nothing_is_ever_added(lines: Lines, longest_px: float | None, pencil_width_px: float) -> None:
    """Whatever the image."""
    cleaned = drop_specks(lines, longest_px, pencil_width_px=pencil_width_px)
    assert ((cleaned == lines) | (cleaned == 0)).all()
