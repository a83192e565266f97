"""From centre lines to a drawing of strokes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from douga_worker.strokes.chains import CentreLines, Chain
from douga_worker.strokes.stroke_drawing import Floats, Stroke
from douga_worker.strokes.trace_strokes import trace_strokes


def centre_lines(*chains: Chain, size: int = 200) -> CentreLines:
    """Chains, and the ink that a pen left along them, all of it theirs."""
    blank = np.zeros((size, size), np.bool_)
    ink = np.zeros((size, size), np.float32)
    for chain in chains:
        row = np.round((chain.points - 0.5) * 16).astype(np.int32)
        cv2.polylines(ink, [row], chain.is_closed, 1.0, round(chain.widths[0]), cv2.LINE_AA, shift=4)
    return CentreLines(ink, blank, blank, 2.0, chains, (), ())


def chain_of(points: Floats, *, width: float = 4.0, is_closed: bool = False) -> Chain:
    """A chain of one width, measured everywhere."""
    count = len(points)
    return Chain(np.asarray(points, float), np.full(count, width), np.ones(count, np.bool_), is_closed)


def only_stroke(*chains: Chain) -> Stroke:
    """The one stroke of a drawing of one chain."""
    (stroke,) = trace_strokes(centre_lines(*chains)).strokes
    return stroke


def test_a_straight_chain_is_one_cubic_of_its_width() -> None:
    """From end to end."""
    stroke = only_stroke(chain_of(np.linspace([10.0, 20.0], [150.0, 90.0], 160)))
    assert stroke.curves.shape == (1, 4, 2)
    assert np.allclose(stroke.widths, [[0.0, 4.0], [1.0, 4.0]])


def test_a_closed_square_keeps_four_corners() -> None:
    """Four straight cubics that close."""
    side = np.arange(20.0, 100.0)
    low, high = np.full(80, 20.0), np.full(80, 100.0)
    xs, ys = np.r_[side, high, 120.0 - side, low], np.r_[low, side, high, 120.0 - side]
    stroke = only_stroke(chain_of(np.stack([xs, ys], axis=1), is_closed=True))
    assert stroke.is_closed
    assert len(stroke.curves) == 4
    assert np.allclose(stroke.curves[-1, 3], stroke.curves[0, 0])
    assert sorted(np.round(stroke.curves[:, 0]).tolist()) == [[20, 20], [20, 100], [100, 20], [100, 100]]


def test_the_widths_of_a_loop_start_where_its_curve_starts() -> None:
    """At its first corner, though the chain's own start is its top."""
    points = np.vstack(
        [
            np.linspace([60.0, 20.0], [100.0, 80.0], 72, endpoint=False),
            np.linspace([100.0, 80.0], [20.0, 80.0], 80, endpoint=False),
            np.linspace([20.0, 80.0], [60.0, 20.0], 72, endpoint=False),
        ]
    )
    widths = np.where(points[:, 1] > 79.0, 6.0, 3.0)
    chain = Chain(points, widths, np.ones(len(points), np.bool_), is_closed=True)
    stroke = only_stroke(chain)
    start = stroke.curves[0, 0]
    middle = float(np.interp(0.5, stroke.widths[:, 0], stroke.widths[:, 1]))
    assert abs(middle - (6.0 if abs(start[0] - 60.0) < 5.0 else 3.0)) < 1.6


def test_a_t_ends_exactly_on_the_line_through() -> None:
    """Though its chain stopped half a pixel short."""
    through = chain_of(np.linspace([10.0, 50.0], [190.0, 50.0], 181))
    stem = chain_of(np.linspace([100.0, 50.5], [100.0, 150.0], 100))
    _, stroke = trace_strokes(centre_lines(through, stem)).strokes
    assert stroke.curves[0, 0].tolist() == pytest.approx([100.0, 50.0], abs=1e-6)


def test_a_chain_without_length_is_a_dot() -> None:
    """Small, but with a direction, so that readers draw it."""
    stroke = only_stroke(chain_of(np.full((3, 2), 30.0), width=6.0))
    assert 0.0 < float(np.hypot(*(stroke.curves[0, 3] - stroke.curves[0, 0]))) < 0.5
    assert stroke.width_px == 6.0


def test_blank_paper_gives_a_blank_drawing_of_its_size() -> None:
    """No strokes, no fills."""
    drawing = trace_strokes(centre_lines(size=50))
    assert (50, 50, (), ()) == (drawing.width_px, drawing.height_px, drawing.strokes, drawing.fills)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st_numpy.arrays(
                np.float64,
                st.tuples(st.integers(2, 25), st.just(2)),
                elements=st.one_of(st.integers(0, 6).map(float), st.floats(-5.0, 400.0)),
            ),
            st.booleans(),
        ),
        max_size=4,
    )
)
def test_any_chains_give_finite_strokes(chains: list[tuple[Floats, bool]]) -> None:
    """Two points, all in one place, loops of three: each has a stroke, or no length."""
    drawing = trace_strokes(centre_lines(*(chain_of(points, is_closed=closed) for points, closed in chains)))
    assert len(chains) == len(drawing.strokes)
    for stroke in drawing.strokes:
        assert np.isfinite(stroke.curves).all()
        assert np.isfinite(stroke.widths).all()
        assert np.array_equal(stroke.curves[1:, 0], stroke.curves[:-1, 3])
        if stroke.is_closed:
            assert np.allclose(stroke.curves[0, 0], stroke.curves[-1, 3])
