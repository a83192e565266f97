"""What tracers are judged by judges rightly."""

from __future__ import annotations

import numpy as np
import pytest
from tests.bench.known_drawings.drawing import KnownDrawing, KnownStroke
from tests.bench.known_drawings.render import as_lines, draw_ink
from tests.bench.stroke_scores.drawn_strokes import DrawnStroke, read_svg, strokes_of
from tests.bench.stroke_scores.ink_figures import compare_ink
from tests.bench.stroke_scores.path_data import read_path
from tests.bench.stroke_scores.stroke_figures import StrokeTruth, compare_strokes, same_strokes
from tests.golden.small_drawings import SMALL_DRAWINGS, crossings

SHARES = ("drawn / true", "recovered", "junction recall", "junction precision", "ends", "cover", "purity")
HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape">'


@pytest.mark.parametrize("name", list(SMALL_DRAWINGS))
def test_the_truth_itself_scores_one(name: str) -> None:
    """A perfect tracer would reach every aim."""
    drawing = SMALL_DRAWINGS[name]()
    figures = compare_strokes(StrokeTruth(drawing), strokes_of(drawing))
    assert dict.fromkeys(SHARES, 1.0) == {name: figures[name] for name in SHARES}
    assert 0 == pytest.approx(figures["centre error px"], abs=1e-6)
    assert 0 == pytest.approx(figures["width error px"], abs=1e-2)


def test_the_truth_as_an_svg_has_the_ink_of_the_truth() -> None:
    """The ink figures agree with the drawing that the SVG was made of."""
    drawing = KnownDrawing(100, 60, (KnownStroke(np.array([[10.0, 30], [90, 30]]), np.array([4.0, 4])),))
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="60">'
        '<path d="M10 30H90" stroke="#000" stroke-width="4" stroke-linecap="round" fill="none"/></svg>'
    )
    figures = compare_ink(svg.encode(), as_lines(draw_ink(drawing)))
    assert 0.97 < figures["ink IoU"]
    assert 1 == figures["ink within 1 px"]


def test_a_stroke_cut_at_a_junction_is_not_recovered() -> None:
    """One true stroke under two drawn ones costs a stroke and adds one."""
    drawing = crossings()
    strokes = strokes_of(drawing)
    half = len(strokes[0].points) // 2
    cut = [DrawnStroke(strokes[0].points[:half], False), DrawnStroke(strokes[0].points[half:], False)]
    figures = compare_strokes(StrokeTruth(drawing), [*cut, *strokes[1:]])
    assert (len(strokes) + 1) / len(strokes) == pytest.approx(figures["drawn / true"])
    assert (len(strokes) - 1) / len(strokes) == pytest.approx(figures["recovered"])


def test_strokes_beside_the_line_count_by_how_far() -> None:
    """A drawing moved by half a pixel is half a pixel off where its lines run across the move."""
    line = KnownStroke(np.array([[10.0, 30], [90, 30]]), np.array([5.0, 5]))
    truth = KnownDrawing(100, 60, (line,))
    moved = strokes_of(truth.moved(0, 0.5))
    assert 0.5 == pytest.approx(compare_strokes(StrokeTruth(truth), moved)["centre error px"])


def test_a_missing_stroke_takes_its_junctions_along() -> None:
    """Where nothing crosses any more there is no junction to find."""
    drawing = crossings()
    figures = compare_strokes(StrokeTruth(drawing), strokes_of(drawing)[1:])
    assert figures["junction recall"] < 1 == figures["junction precision"]
    assert 0.05 < figures["missing length"]


def test_nothing_drawn_scores_nothing() -> None:
    """No strokes are no error of the scorer's."""
    assert {"drawn / true": 0.0} == compare_strokes(StrokeTruth(crossings()), [])


def test_the_same_strokes_are_found_in_the_next_frame_in_either_direction() -> None:
    """What runs the other way is the same stroke; what became longer is not."""
    strokes = strokes_of(crossings())
    following = strokes_of(crossings().moved(0.4, 0.6))
    turned = [DrawnStroke(s.points[::-1], s.is_closed) for s in following]
    longer = [DrawnStroke(s.points * [1.2, 1.2, 1], s.is_closed) for s in following]
    assert 1 == same_strokes(strokes, turned, (0.4, 0.6))
    assert 0 == same_strokes(strokes, longer, (0.4, 0.6))


def test_path_data_mean_the_same_in_every_spelling() -> None:
    """Relative and absolute, short and long, quadratic and cubic."""
    spelled = (
        "M10,10L30,10 30 30C35 30 40 35 40 40",
        "m10 10h20v20c5 0 10 5 10 10",
        "M10 10H30V30C35,30,40,35,40,40",
    )
    first, *others = (read_path(data)[0] for data in spelled)
    for other in others:
        np.testing.assert_allclose(first.points, other.points)
        assert first.segment_count == other.segment_count == 3


def test_arcs_are_round_and_their_flags_need_no_space() -> None:
    """A half circle written as tightly as SVG allows."""
    points = read_path("M0 0a10 10 0 0120,0")[0].points
    radius = np.hypot(points[:, 0] - 10, points[:, 1])
    np.testing.assert_allclose(radius, 10, atol=0.01)
    assert points[:, 1].min() == pytest.approx(-10, abs=0.05)


def test_unknown_path_data_are_an_error() -> None:
    """What cannot be read is not silently left out of a comparison."""
    with pytest.raises(ValueError, match="no path data"):
        read_path("M0 0T5 5")


def test_strokes_lie_where_their_groups_are_moved_to() -> None:
    """Potrace's upside-down groups and translations are followed."""
    svg = (
        f'{HEAD}<g transform="translate(0,100) scale(0.1,-0.1)" fill="none" stroke="#000">'
        '<path stroke-width="2" d="M0 0 L100 0"/></g></svg>'
    )
    (stroke,) = read_svg(svg.encode()).strokes
    np.testing.assert_allclose([[0, 100], [10, 100]], stroke.points[[0, -1], :2])


def test_a_power_stroke_is_its_centre_with_its_widths() -> None:
    """An outline that Inkscape made of a centre line is a stroke; a plain outline is none."""
    svg = (
        f'{HEAD}<path d="M0 0L10 0L10 4L0 4Z" inkscape:original-d="M0 2L10 2" data-w="0,1 1,3"/>'
        '<path d="M0 0L10 0L10 4L0 4Z"/></svg>'
    )
    (stroke,) = read_svg(svg.encode()).strokes
    np.testing.assert_allclose([[0, 2, 1], [10, 2, 3]], stroke.points[[0, -1]])
