"""Small plane geometry."""

from __future__ import annotations

import numpy as np
import pytest

from douga_worker.strokes.directions import (
    first_on_line,
    first_stretch,
    lengths_along,
    path_length,
    straight_direction,
)


@pytest.mark.parametrize("degrees", [0, 37, 90, 200, 359])
def test_a_row_of_points_runs_from_its_first_to_its_last(degrees: float) -> None:
    """Whatever the direction; noise to both sides does not turn it."""
    way = np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
    across = np.array([-way[1], way[0]])
    points = np.array([k * way + 0.2 * (-1) ** k * across for k in range(41)])
    assert pytest.approx(way, abs=0.01) == straight_direction(points)


def test_a_stretch_reaches_one_point_past_its_length() -> None:
    """Points at every px, ten px asked for: the points up to 11 px, for the path to there is not shorter."""
    points = np.stack([np.arange(30.0), np.zeros(30)], axis=1)
    assert list(range(4, 15)) == first_stretch(points, 4, 10.0)[:, 0].tolist()


def test_a_stretch_ends_where_the_path_ends() -> None:
    """Also one that starts at its last point."""
    points = np.stack([np.arange(5.0), np.zeros(5)], axis=1)
    assert [3.0, 4.0] == first_stretch(points, 3, 99.0)[:, 0].tolist()
    assert [4.0] == first_stretch(points, 4, 99.0)[:, 0].tolist()


def test_the_first_point_is_laid_onto_the_line_of_all() -> None:
    """Its own wobble would move an end."""
    points = np.array([[0.0, 0.4], [1.0, -0.1], [2.0, -0.1], [3.0, -0.1], [4.0, -0.1]])
    assert pytest.approx([0.0, 0.0]) == first_on_line(points, np.array([1.0, 0.0]))


def test_lengths_add_up_along_a_path() -> None:
    """Also of a reversed view of one."""
    points = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 6.0]])
    assert [0.0, 5.0, 7.0] == lengths_along(points).tolist()
    assert [0.0, 2.0, 7.0] == lengths_along(points[::-1]).tolist()
    assert 7.0 == path_length(points)
