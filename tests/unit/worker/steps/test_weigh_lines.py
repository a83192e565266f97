"""One width for every line: exact, without bumps, and solid blacks left alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.line_images import Lines, Pen, character, overlap, ring, straight, wave

from douga_worker.steps.weigh_lines import weigh_lines


def _ink(lines: Lines) -> float:
    return float(lines.sum(dtype=np.int64)) / 255


@pytest.mark.parametrize("before_px", [1.5, 3.0, 5.0, 9.0])
@pytest.mark.parametrize("width_px", [2.0, 4.0, 8.0])
def test_ring_of_any_width_gets_the_width_asked_for(before_px: float, width_px: float) -> None:
    """Ink by length is the width, in every direction a line can run."""
    pen = Pen(260, 260)
    pen.stroke(ring((130.4, 129.7), 90), before_px)
    measured = _ink(weigh_lines(pen.page(), width_px)) / (2 * np.pi * 90)
    assert measured == pytest.approx(width_px, rel=0.1)


def test_taper_becomes_constant() -> None:
    """A line from 6 px to 2 px has one width along all of its length."""
    pen = Pen(120, 420)
    line = straight((20.0, 40.0), (400.0, 75.0))
    pen.stroke(line, np.linspace(6.0, 2.0, len(line)))
    columns = weigh_lines(pen.page(), 4.0)[:, 40:380].sum(axis=0) / 255 * np.cos(np.arctan2(35, 380))
    assert columns.min() > 3.6
    assert columns.max() < 4.4


def test_line_thinner_than_a_pixel_is_paler() -> None:
    """Half a pixel wide means half as dark, not gone and not a pixel wide."""
    pen = Pen(60, 200)
    pen.stroke(straight((20.0, 30.5), (180.0, 30.5)), 3.0)
    thin = weigh_lines(pen.page(), 0.5)[:, 50:150]
    assert (thin.sum(axis=0) / 255).mean() == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("width_px", [2.0, 6.0])
def test_line_ends_where_it_ended(width_px: float) -> None:
    """Thinning draws ends in; they are pushed out again, and thicker lines hardly overshoot."""
    pen = Pen(80, 300)
    pen.stroke(straight((50.0, 40.0), (250.0, 40.0)), 8.0)
    drawn = np.flatnonzero(weigh_lines(pen.page(), width_px).max(axis=0) > 127)
    assert 46 == pytest.approx(drawn.min(), abs=2)
    assert 253 == pytest.approx(drawn.max(), abs=2)


def test_line_leaves_the_page_straight() -> None:
    """At the page's border a line does not turn towards a corner."""
    pen = Pen(100, 200)
    pen.stroke(straight((-20.0, 50.0), (220.0, 50.0)), 8.0)
    drawn = weigh_lines(pen.page(), 3.0)
    rows = np.flatnonzero(drawn.max(axis=1) > 20)
    assert rows.min() >= 47
    assert rows.max() <= 52
    assert drawn[:, 0].max() > 200
    assert drawn[:, -1].max() > 200


def test_bumpy_line_grows_no_spurs() -> None:
    """Bumps on a thick line are no side strokes: no ink far from its centre."""
    pen = Pen(100, 400)
    pen.stroke(straight((20.0, 50.0), (380.0, 50.0)), 8.0)
    for x in range(40, 380, 30):
        pen.stroke(np.array([[x, 46.0 + 8 * (x % 60 == 40)]]), 6.0)
    rows = np.flatnonzero(weigh_lines(pen.page(), 2.0).max(axis=1) > 60)
    assert rows.min() >= 46
    assert rows.max() <= 53


def test_crossing_stays_connected() -> None:
    """Four arms meet in one piece, and no arm is lost."""
    pen = Pen(200, 200)
    pen.stroke(straight((20.0, 20.0), (180.0, 180.0)), 6.0)
    pen.stroke(straight((180.0, 20.0), (20.0, 180.0)), 6.0)
    drawn = weigh_lines(pen.page(), 3.0)
    for y, x in ((30, 30), (30, 170), (170, 30), (170, 170), (100, 100)):
        assert drawn[y - 3 : y + 4, x - 3 : x + 4].max() > 200
    assert _ink(drawn) == pytest.approx(2 * 160 * np.sqrt(2) * 3, rel=0.08)


@pytest.mark.parametrize("width_px", [2.0, 4.0, 8.0])
def test_solid_black_stays_solid(width_px: float) -> None:
    """Hair and pupils are no lines: 95 % of a solid's pixels stay, corners too, though lines touch it."""
    pen = Pen(400, 400)
    corners = np.array([[120.0, 110], [300, 140], [260, 290], [140, 250]])
    pen.solid(corners)
    solid = pen.page()
    pen.stroke(wave((10.0, 200.0), 380.0, 20.0), 5.0)
    pen.stroke(ring((330.0, 330.0), 40), 4.0)
    drawn = weigh_lines(pen.page(), width_px)
    around = np.zeros_like(solid)
    around[112:286, 142:258] = 255
    kept = overlap(np.minimum(drawn, solid), solid)
    assert kept >= 0.95
    assert overlap(np.minimum(drawn, around), np.minimum(solid, around)) >= 0.93


def test_page_of_nothing_but_solids_is_left_alone() -> None:
    """Without a single line the usual width is not that of the solids."""
    lines = np.zeros((300, 300), np.uint8)
    lines[50:250, 80:220] = 255
    assert overlap(weigh_lines(lines, 3.0), lines) >= 0.98


def test_dots_stay_dots() -> None:
    """An eye drawn as a dot is neither stretched into a dash nor lost."""
    pen = Pen(300, 300)
    pen.stroke(ring((150.0, 150.0), 100), 6.0)
    outline = pen.page()
    pen.stroke(np.array([[150.0, 150.0]]), 10.0)
    lines = pen.page()
    dot = np.s_[140:160, 140:160]
    assert overlap(weigh_lines(lines, 2.0)[dot], (lines - outline)[dot]) > 0.95


@pytest.mark.parametrize("value", [0, 40])
def test_blank_stays_blank(value: int) -> None:
    """No line, or nothing but the faintest fog, gives an empty page."""
    assert 0 == weigh_lines(np.full((60, 90), value, np.uint8), 3.0).max()


def test_weighing_changes_nothing_it_was_given() -> None:
    """The same drawing gives the same result twice, and is not touched."""
    lines = character(300)
    before = lines.copy()
    once = weigh_lines(lines, 3.0)
    np.testing.assert_array_equal(before, lines)
    np.testing.assert_array_equal(once, weigh_lines(lines, 3.0))
    np.testing.assert_array_equal(once, weigh_lines(np.asfortranarray(lines), 3.0))


@settings(max_examples=25)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 2**32 - 1),
    width_px=st.floats(0.5, 64),
)
def test_noise_of_any_size_comes_back_at_its_size(shape: tuple[int, int], seed: int, width_px: float) -> None:
    """Whatever the network may draw, the shape and type hold."""
    drawn = weigh_lines(np.random.default_rng(seed).integers(0, 256, shape, np.uint8), width_px)
    assert (shape, np.dtype(np.uint8)) == (drawn.shape, drawn.dtype)
