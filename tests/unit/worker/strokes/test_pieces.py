"""Connected pieces of a mask."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from douga_worker.strokes.pieces import find_pieces


def test_pixels_that_touch_at_a_corner_are_one_piece() -> None:
    """As in ink that runs aslant."""
    pieces = find_pieces(np.eye(5, dtype=np.bool_))
    assert 1 == len(pieces)
    assert [[0, 0, 5, 5]] == pieces.boxes.tolist()


def test_pieces_come_in_order_of_their_first_pixels() -> None:
    """Row by row: the order of fills does not hang on how they are found."""
    mask = np.zeros((6, 9), np.bool_)
    mask[4, 0], mask[1, 7], mask[1, 2:4] = True, True, True
    assert [[2, 1, 4, 2], [7, 1, 8, 2], [0, 4, 1, 5]] == find_pieces(mask).boxes.tolist()


def test_a_piece_is_seen_alone_in_a_window() -> None:
    """Another piece lies in the same window."""
    mask = np.zeros((6, 9), np.bool_)
    mask[1:3, 1:3], mask[4, 5] = True, True
    pieces = find_pieces(mask)
    window = pieces.mask(0, np.array([1, 0, 7, 6]))
    assert (6, 6) == window.shape
    assert [[1, 0], [1, 1], [2, 0], [2, 1]] == np.argwhere(window).tolist()
    assert [4, 1] == pieces.areas.tolist()


def test_paper_has_no_pieces() -> None:
    """Nor has a page without pixels."""
    assert 0 == len(find_pieces(np.zeros((4, 4), np.bool_)))
    assert 0 == len(find_pieces(np.zeros((0, 4), np.bool_)))


def test_the_mask_stays_as_it_is() -> None:
    """The search works on a copy."""
    mask = np.ones((3, 3), np.bool_)
    find_pieces(mask)
    assert mask.all()


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 0.4, 0.8]))
def test_pieces_are_those_of_opencv(seed: int, share: float) -> None:
    """In whatever order it has them."""
    mask = np.random.default_rng(seed).random((17, 23)) < share
    count, _, boxes, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    pieces = find_pieces(mask)
    expected = sorted(
        (int(x), int(y), int(x + width), int(y + height), int(area))
        for x, y, width, height, area in boxes[1:count]
    )
    found = zip(pieces.boxes.tolist(), pieces.areas.tolist(), strict=True)
    assert expected == sorted((*box, area) for box, area in found)
