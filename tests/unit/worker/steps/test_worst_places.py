"""The largest clusters are found, in pixels of the scan."""

from __future__ import annotations

import numpy as np
import pytest

from douga_shared.manifest import Place, PlaceKind
from douga_worker.steps.worst_places import MOST_OF_A_KIND, worst_places


def test_the_largest_cluster_comes_first() -> None:
    """By area, with its middle and half its longer side."""
    wrong = np.zeros((100, 200), np.bool_)
    wrong[10:20, 10:30] = True
    wrong[50:90, 100:120] = True
    lost = PlaceKind.LOST
    expected = (
        Place(kind=lost, x=110.0, y=70.0, radius_px=20.0),
        Place(kind=lost, x=20.0, y=15.0, radius_px=10.0),
    )
    assert expected == worst_places(wrong, lost, pencil_width_px=3.0)


def test_pieces_near_each_other_are_one_place() -> None:
    """A hatching is one thing to look at, not thirty."""
    wrong = np.zeros((100, 200), np.bool_)
    wrong[20:60, 20:100:8] = True
    assert 1 == len(worst_places(wrong, PlaceKind.LOST, pencil_width_px=3.0))


def test_scraps_are_no_place() -> None:
    """Every stroke's end differs a little."""
    wrong = np.zeros((100, 200), np.bool_)
    wrong[20:24, 20:24] = True
    assert () == worst_places(wrong, PlaceKind.LOST, pencil_width_px=3.0)


def test_a_page_of_wrong_gives_a_few_places() -> None:
    """Nobody looks at hundreds."""
    wrong = np.zeros((400, 400), np.bool_)
    wrong[::40, :] = wrong[1::40, :] = True
    assert MOST_OF_A_KIND == len(worst_places(wrong, PlaceKind.INVENTED, pencil_width_px=2.0))


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_places_are_given_in_pixels_of_the_scan(scale: float) -> None:
    """Large scans are looked at smaller than they are."""
    wrong = np.zeros((50, 50), np.bool_)
    wrong[10:30, 20:40] = True
    (place,) = worst_places(wrong, PlaceKind.LOST, pencil_width_px=2.0, scale=scale)
    assert (30 * scale, 20 * scale, 10 * scale) == (place.x, place.y, place.radius_px)
