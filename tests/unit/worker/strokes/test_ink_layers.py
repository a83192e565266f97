"""Every ink's lines are whole, and no line is in two inks but where one lies on the other."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from douga_worker.strokes.ink_layers import ink_layers

Pixels = NDArray[np.uint8]
BLACK, RED = 1, 2


def page(*strokes: tuple[int, tuple[int, int], tuple[int, int]], width: int = 3) -> Pixels:
    """Labels of straight strokes on a page of 120 x 120; a later one lies on top."""
    inks = np.zeros((120, 120), np.uint8)
    for ink, start, end in strokes:
        cv2.line(inks, start, end, ink, width)
    return inks


def layers_of(inks: Pixels) -> dict[int, Pixels]:
    """Layers of full lines 3 px wide."""
    return ink_layers(np.where(inks > 0, np.uint8(255), np.uint8(0)), inks, 3.0)


def piece_count(layer: Pixels) -> int:
    """Connected pieces of line."""
    return int(cv2.connectedComponents((layer > 0).astype(np.uint8))[0]) - 1


@pytest.mark.parametrize("across", [((10, 60), (110, 60)), ((10, 30), (110, 90)), ((10, 50), (110, 70))])
def test_a_line_under_another_is_joined(across: tuple[tuple[int, int], tuple[int, int]]) -> None:
    """Whatever the angle."""
    layers = layers_of(page((RED, *across), (BLACK, (60, 10), (60, 110))))
    assert [1, 1] == [piece_count(layers[ink]) for ink in (BLACK, RED)]


def test_two_lines_under_a_third_are_not_joined_along_it() -> None:
    """Each goes on straight; between them lies black alone."""
    inks = page((RED, (50, 10), (50, 110)), (RED, (62, 10), (62, 110)), (BLACK, (10, 60), (110, 60)))
    red = layers_of(inks)[RED]
    assert 2 == piece_count(red)
    assert 0 == red[60, 56]


def test_a_gap_that_shows_paper_stays() -> None:
    """Only what another ink hides is joined."""
    inks = page((RED, (10, 60), (50, 60)), (RED, (62, 60), (110, 60)), (BLACK, (60, 10), (60, 40)))
    assert 2 == piece_count(layers_of(inks)[RED])


def test_lines_that_end_at_another_stay_ends() -> None:
    """A line from the left and one from the right, at different heights, are two."""
    inks = page((RED, (10, 40), (58, 40)), (RED, (62, 70), (110, 70)), (BLACK, (60, 10), (60, 110)))
    assert 2 == piece_count(layers_of(inks)[RED])


def test_a_drawing_in_one_ink_is_one_layer() -> None:
    """All of it, as it is."""
    inks = page((RED, (10, 60), (110, 60)))
    lines = np.where(inks > 0, np.uint8(200), np.uint8(0))
    layers = ink_layers(lines, inks, 3.0)
    assert [RED] == list(layers)
    np.testing.assert_array_equal(lines, layers[RED])


@settings(max_examples=40, deadline=None)
@given(inks=arrays(np.uint8, (14, 15), elements=st.sampled_from([0, 0, 1, 2, 5])))
def test_together_the_layers_are_the_drawing(inks: Pixels) -> None:
    """No line is lost, none is made up, and soft edges stay soft."""
    lines = np.where(inks > 0, np.uint8(90), np.uint8(0))
    layers = ink_layers(lines, inks, 2.0)
    assert sorted({int(ink) for ink in np.unique(inks)} - {0}) == list(layers)
    together = np.max([np.zeros_like(lines), *layers.values()], axis=0)
    np.testing.assert_array_equal(lines, together)
    for ink, layer in layers.items():
        np.testing.assert_array_equal(lines[inks == ink], layer[inks == ink])
