"""Which gaps are closed, and which are meant."""

from __future__ import annotations

import pytest
from tests.unit.worker.strokes.drawn_lines import draw

from douga_worker.strokes.centre_lines import trace_centre_lines
from douga_worker.strokes.chains import CentreLines

Line = list[tuple[float, float]]


def traced(*lines: Line, limit: float | None = 14.0) -> CentreLines:
    """Lines of 4 px, drawn and traced."""
    return trace_centre_lines(draw(*lines, width=4), close_gaps_px=limit)


def test_an_interrupted_line_is_one_line() -> None:
    """And the place is told."""
    found = traced([(10, 80), (70, 80)], [(82, 80), (150, 80)])
    assert (1, 1) == (len(found.chains), len(found.closed_gaps))
    assert [(70, 80), (82, 80)] == [
        pytest.approx(point, abs=1.0)
        for point in sorted((found.closed_gaps[0].start, found.closed_gaps[0].end))
    ]


def test_a_bend_left_open_is_closed() -> None:
    """Both ends look more or less at each other."""
    assert 1 == len(traced([(20, 60), (90, 60)], [(99, 64), (140, 105)]).closed_gaps)


@pytest.mark.parametrize("limit", [0.0, 6.0])
def test_no_gap_wider_than_the_limit_is_closed(limit: float) -> None:
    """Eight px of paper; with 0 none is."""
    assert () == traced([(10, 80), (70, 80)], [(82, 80), (150, 80)], limit=limit).closed_gaps


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param([(10, 80), (70, 80)], [(80, 92), (150, 92)], id="beside each other"),
        pytest.param([(10, 80), (70, 80)], [(82, 80), (82, 150)], id="a line that only passes"),
        pytest.param([(60, 20), (60, 70)], [(70, 20), (70, 70)], id="hatching"),
    ],
)
def test_ends_that_do_not_look_at_each_other_stay_apart(first: Line, second: Line) -> None:
    """However near they are."""
    assert () == traced(first, second).closed_gaps


def test_dashes_stay_dashes() -> None:
    """A mark that is hardly longer than the gap after it is no interrupted line."""
    assert () == traced(*([(float(x), 80.0), (x + 12.0, 80.0)] for x in range(10, 150, 24))).closed_gaps


def test_a_ring_that_is_nearly_closed_becomes_one() -> None:
    """Paint stays in."""
    found = traced([(40, 75), (40, 40), (120, 40), (120, 120), (40, 120), (40, 85)])
    assert 1 == len(found.closed_gaps)
    assert found.chains[0].is_closed


def test_a_short_mark_does_not_close_on_itself() -> None:
    """A bent lash is no ring."""
    assert () == traced([(60, 60), (60, 74), (70, 78), (78, 70), (72, 62)]).closed_gaps


def test_the_nearest_end_wins() -> None:
    """One end of two that lie on the way is joined; the other keeps its own."""
    found = traced([(10, 80), (60, 80)], [(70, 80), (120, 80)], [(74, 70), (120, 40)])
    assert 1 == len(found.closed_gaps)
    assert max(found.closed_gaps[0].start[0], found.closed_gaps[0].end[0]) == pytest.approx(70, abs=1)
