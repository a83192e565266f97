"""Line art becomes strokes with true widths, and a library keeps them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from douga_worker.training.line_art import (
    RENDER_PX,
    Drawing,
    Points,
    Stroke,
    follow_drawing,
    rasterise,
    read_library,
    write_library,
)


def svg(body: str, attributes: str = 'viewBox="0 0 100 100"') -> str:
    """An SVG of 100 units."""
    return f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{body}</svg>'


def lines(path: str, width: float = 0.6) -> str:
    """Black lines with round ends along a path."""
    return f'<path d="{path}" fill="none" stroke="black" stroke-width="{width}" stroke-linecap="round"/>'


def follow(body: str) -> Drawing:
    """Follow a drawing that must be usable."""
    drawing = follow_drawing("test", svg(body))
    assert drawing is not None
    return drawing


def length(points: Points) -> float:
    """Length of a polyline."""
    return float(np.hypot(*np.diff(points, axis=0).T).sum())


def test_a_raster_is_ink_where_the_drawing_is_black() -> None:
    """255 where black, 0 on paper, half covered pixels between."""
    ink = rasterise(svg('<rect x="10" y="20" width="30.5" height="40"/>'), 100)
    expected = np.zeros((100, 100), np.uint8)
    expected[20:60, 10:40] = 255
    expected[20:60, 40] = 128
    assert np.abs(expected.astype(int) - ink).max() <= 1


@pytest.mark.parametrize(
    "attributes",
    [
        'viewBox="0 0 50 25"',
        "viewBox='0,0,50,25'",
        'viewBox = "0 0 5e1 25" width="100%" height="100%"',
        'width="200px" height="100px"',
        'stroke-width="99" height="100" width="200"',
    ],
)
def test_a_raster_has_the_proportions_that_the_root_states(attributes: str) -> None:
    """Neither a stroke's width nor a marker's viewBox is taken for the drawing's size."""
    body = '<marker viewBox="0 0 9 9" width="3" height="8"/>' + lines("M0 0L50 25")
    assert (60, 120) == rasterise(svg(body, attributes), 120).shape


@pytest.mark.parametrize("text", ["", "no drawing", "<svg", svg("", ""), svg("", 'viewBox="0 0 0 10"')])
def test_what_cannot_be_drawn_is_a_value_error(text: str) -> None:
    """Whoever reads thousands of files can leave one out."""
    with pytest.raises(ValueError, match=r".+"):
        rasterise(text, 100)


@pytest.mark.parametrize(
    ("path", "width", "expected"),
    [
        ("M10 50L90 50 M50 10L50 90", 2, [0.8, 0.8]),
        ("M10 15L90 85 M90 20L15 90", 0.6, [1.03, 1.06]),
    ],
)
def test_lines_run_on_through_a_crossing(path: str, width: float, expected: list[float]) -> None:
    """A cross is two strokes, not four arms."""
    found = sorted(length(s.points) for s in follow(lines(path, width)).strokes)
    assert expected == pytest.approx(found, abs=0.02)


def test_a_line_that_meets_another_ends_on_it() -> None:
    """A T is a bar that runs on and a stem that reaches the bar's middle."""
    drawing = follow(lines("M10 30L90 30 M50 30L50 90"))
    bar, stem = sorted(drawing.strokes, key=lambda s: -length(s.points))
    assert [0.8, 0.6] == [pytest.approx(length(s.points), abs=0.02) for s in (bar, stem)]
    assert 0.3 == pytest.approx(stem.points[:, 1].min(), abs=0.01)


@pytest.mark.parametrize("width", [0.15, 0.5, 1, 2, 4])
def test_widths_are_those_of_the_drawing(width: float) -> None:
    """Thin lines are followed on a larger raster; all are right within 15 %, or a pixel of the raster."""
    drawing = follow(lines("M10 12L92 40 M15 60C40 20 60 110 90 70", width))
    measured = np.concatenate([s.widths for s in drawing.strokes])
    assert width / 100 == pytest.approx(float(np.median(measured)), rel=0.15, abs=1.2 / RENDER_PX)


def test_points_lie_on_the_line() -> None:
    """The long edge is 1; a straight line's points lie on it within a fifth of its width."""
    (stroke,) = follow(lines("M10 20L90 60", 1)).strokes
    x, y = stroke.points.T
    assert np.abs(y - (0.2 + (x - 0.1) / 2)).max() < 0.002


def test_solid_blacks_are_set_apart_from_lines() -> None:
    """A filled disc is an outline of its size; its line runs up to it, not into it."""
    drawing = follow('<circle cx="30" cy="50" r="15"/>' + lines("M45 50L95 50 M30 34L30 5"))
    (outline,) = drawing.solids
    assert np.pi * 0.15**2 == pytest.approx(cv2.contourArea(outline), rel=0.1)
    reach = np.concatenate([s.points for s in drawing.strokes]) - np.array([0.3, 0.5])
    assert 0.13 < float(np.hypot(*reach.T).min()) < 0.17


def test_a_hole_in_a_solid_is_an_outline_of_its_own() -> None:
    """White inside black stays white: outlines are filled even-odd."""
    ring = '<path fill-rule="evenodd" d="M20 20H80V80H20Z M40 40H60V60H40Z"/>'
    many = lines("".join(f"M2 {y}H98" for y in (3, 6, 9, 12, 88, 91, 94, 97)))
    areas = sorted(cv2.contourArea(o) for o in follow(ring + many).solids)
    assert [pytest.approx(0.04, rel=0.15), pytest.approx(0.36, rel=0.1)] == areas


@pytest.mark.parametrize("body", ["", '<rect width="100" height="100"/>', '<circle cx="5" cy="5" r="1"/>'])
def test_blank_black_and_speck_are_no_drawings(body: str) -> None:
    """There is nothing to learn from them."""
    assert follow_drawing("test", svg(body)) is None


def test_following_twice_gives_the_same_strokes() -> None:
    """A library made again is the same library."""
    body = lines("M10 15L90 85 M90 20L15 90 M50 10A40 40 0 1 1 49 10")
    first, second = follow(body), follow(body)
    assert len(first.strokes) == len(second.strokes)
    for one, other in zip(first.strokes, second.strokes, strict=True):
        np.testing.assert_allclose(one.points, other.points, atol=1e-6)


@given(
    arrays(np.float32, (7, 2), elements=st.floats(-0.25, 1.25, width=32)),
    arrays(np.float32, 7, elements=st.floats(0, 1, width=32)),
)
def test_a_library_keeps_drawings_within_its_step(
    tmp_path_factory: pytest.TempPathFactory, points: Points, widths: Points
) -> None:
    """What was written comes back within 1/40,000 of the long edge."""
    path = tmp_path_factory.mktemp("library") / "library.npz"
    written = [
        Drawing("one", (Stroke(points[:3], widths[:3]), Stroke(points[3:], widths[3:])), (points[2:6],)),
        Drawing("two", (Stroke(points, widths),), ()),
    ]
    assert 2 == write_library(path, written)
    read = read_library(path)
    assert ["one", "two"] == [d.name for d in read]
    for before, after in zip(written, read, strict=True):
        assert [len(s.points) for s in before.strokes] == [len(s.points) for s in after.strokes]
        for old, new in zip(before.strokes, after.strokes, strict=True):
            np.testing.assert_allclose(old.points, new.points, atol=1 / 40_000)
            np.testing.assert_allclose(old.widths, new.widths, atol=1 / 40_000)
        for outline, again in zip(before.solids, after.solids, strict=True):
            np.testing.assert_allclose(outline, again, atol=1 / 40_000)


def test_a_library_of_nothing_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    """An empty library would end a training much later, with a worse message."""
    with pytest.raises(ValueError, match="no drawing"):
        write_library(tmp_path / "library.npz", [])
    assert [] == list(tmp_path.iterdir())
