"""Strokes know their ink."""

from __future__ import annotations

import numpy as np
from tests.line_images import Pen, straight

from douga_worker.strokes.trace_inks import trace_inks


def test_each_ink_is_traced_alone() -> None:
    """A red line that crosses a black one is one stroke, and so is the black one."""
    pens = {"black": Pen(120, 160), "red": Pen(120, 160)}
    pens["black"].stroke(straight((80, 10), (84, 110)), 4.0)
    pens["red"].stroke(straight((10, 50), (150, 70)), 4.0)
    drawing = trace_inks({ink: pen.page() for ink, pen in pens.items()})
    assert ["black", "red"] == [stroke.ink for stroke in drawing.strokes]
    assert (160, 120) == (drawing.width_px, drawing.height_px)
    ends = drawing.strokes[1].curves[[0, -1], [0, -1]]
    np.testing.assert_allclose(np.sort(ends[:, 0]), [10, 150], atol=2.5)


def test_an_ink_without_lines_has_no_strokes() -> None:
    """A sheet without black is no error."""
    pen = Pen(60, 80)
    pen.stroke(straight((10, 30), (70, 30)), 3.0)
    drawing = trace_inks({"black": np.zeros((60, 80), np.uint8), "blue": pen.page()})
    assert ["blue"] == [stroke.ink for stroke in drawing.strokes]
