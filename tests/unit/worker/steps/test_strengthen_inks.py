"""Pale pencils are seen as clearly as firm ones."""

from __future__ import annotations

import numpy as np
from tests.coloured_sheets import PALE_PENCILS, coloured_sheet

from douga_shared.palette import ANIMATION
from douga_worker.steps.find_inks import BLACK_INK, FIRST_COLOUR, NO_INK, SHOW_THROUGH, find_inks
from douga_worker.steps.flatten_paper import darkness_of, ink_of
from douga_worker.steps.strengthen_inks import FIRM, strengthen_inks


def test_pale_pencils_become_as_dark_as_graphite() -> None:
    """Each by its own measure."""
    sheet = coloured_sheet(1, height=400, width=500, stroke_count=12, spoiling=PALE_PENCILS)
    darkness = darkness_of(sheet.pixels)
    ink, inks = ink_of(darkness), find_inks(darkness, ANIMATION, sheet.width_px)
    assert inks is not None
    strengthened = strengthen_inks(ink, inks, 3.0)
    for label in range(FIRST_COLOUR, FIRST_COLOUR + 3):
        assert np.percentile(ink[inks == label], 85) < 140
        assert np.percentile(strengthened[inks == label], 85) > 200


def test_nothing_else_changes() -> None:
    """Black, paper, and what shines through stay; so does the image given."""
    ink = np.full((1, 6), 100, np.uint8)
    inks = np.array([[NO_INK, BLACK_INK, SHOW_THROUGH, FIRST_COLOUR, FIRST_COLOUR, NO_INK]], np.uint8)
    assert [100, 100, 100, FIRM, FIRM, 100] == strengthen_inks(ink, inks, 3.0)[0].tolist()
    assert {100} == set(ink[0].tolist())


def test_a_firm_pencil_is_not_made_paler() -> None:
    """Full ink stays full."""
    ink = np.full((3, 3), 250, np.uint8)
    np.testing.assert_array_equal(ink, strengthen_inks(ink, np.full((3, 3), FIRST_COLOUR, np.uint8), 3.0))


def test_coloured_areas_stay_pale() -> None:
    """Hatching inside a figure is no line."""
    ink, inks = np.full((90, 90), 60, np.uint8), np.zeros((90, 90), np.uint8)
    inks[20:70, 20:70] = FIRST_COLOUR
    inks[80:84] = FIRST_COLOUR
    strengthened = strengthen_inks(ink, inks, 3.0)
    assert {60} == set(np.unique(strengthened[:75]).tolist())
    assert 150 < strengthened[82].min()
