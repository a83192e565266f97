"""From a line image to the centre of every drawn line."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.worker.strokes.drawn_lines import draw

from douga_worker.strokes.centre_lines import trace_centre_lines
from douga_worker.strokes.chains import CentreLines


def _ends(drawn: CentreLines) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    return [(tuple(chain.points[0]), tuple(chain.points[-1])) for chain in drawn.chains]


def test_a_line_is_one_chain_from_end_to_end() -> None:
    """Its ends are the drawn ones within a pixel, its centre within a tenth, its width within half."""
    drawn = trace_centre_lines(draw([(20, 40.3), (140, 40.3)]))
    (chain,) = drawn.chains
    assert np.abs(chain.points[0] - [20, 40.3]).max() < 1
    assert np.abs(chain.points[-1] - [140, 40.3]).max() < 1
    assert np.abs(chain.points[:, 1] - 40.3).max() < 0.1
    assert abs(np.median(chain.widths) - 5) < 0.5


@pytest.mark.parametrize("degrees", [25, 45, 90])
def test_crossing_lines_stay_two(degrees: float) -> None:
    """Both run straight through, at any angle."""
    turn = np.radians(degrees) / 2
    away = 65 * np.array([np.cos(turn), np.sin(turn)])
    mirrored = away * [1, -1]
    middle = np.array([80.0, 80.0])
    drawn = trace_centre_lines(
        draw(
            [tuple(middle - away), tuple(middle + away)], [tuple(middle - mirrored), tuple(middle + mirrored)]
        )
    )
    assert len(drawn.chains) == 2
    lengths = [float(np.hypot(*(chain.points[-1] - chain.points[0]))) for chain in drawn.chains]
    assert np.abs(np.array(lengths) - 130).max() < 3


def test_a_line_that_ends_on_another_reaches_its_centre() -> None:
    """The region beside it is closed."""
    drawn = trace_centre_lines(draw([(20, 80.5), (140, 80.5)], [(80.5, 20), (80.5, 80)]))
    assert len(drawn.chains) == 2
    ends = [end for pair in _ends(drawn) for end in pair]
    assert min(np.hypot(end[0] - 80.5, end[1] - 80.5) for end in ends) < 0.5
    assert len(drawn.open_ends) == 3


def test_a_circle_is_closed_and_starts_at_its_top() -> None:
    """And runs clockwise."""
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    circle = [(80 + 40 * np.cos(t), 80 + 40 * np.sin(t)) for t in turn]
    (chain,) = trace_centre_lines(draw(circle, is_closed=True)).chains
    assert chain.is_closed
    assert np.hypot(*(chain.points[0] - [80, 40])) < 4
    assert chain.points[15, 0] > chain.points[0, 0]


def test_a_sharp_corner_is_one_line() -> None:
    """It runs into its point, not around it."""
    (chain,) = trace_centre_lines(draw([(20, 20), (50, 130), (80, 20)])).chains
    assert np.hypot(*(chain.points - [50, 130]).T).min() < 3


def test_a_narrow_gap_is_closed_on_demand_and_told() -> None:
    """Zero leaves it open."""
    picture = draw([(20, 80), (70, 80)], [(85, 80), (140, 80)])
    closed = trace_centre_lines(picture, close_gaps_px=14)
    assert len(closed.chains) == 1
    assert len(closed.closed_gaps) == 1
    assert len(trace_centre_lines(picture, close_gaps_px=0).chains) == 2


def test_a_line_that_leaves_the_page_keeps_its_direction() -> None:
    """Slanted lines do not bend at the rim."""
    (chain,) = trace_centre_lines(draw([(30, 30), (170, 110)], size=(160, 120))).chains
    slope = np.array([140.0, 80.0]) / np.hypot(140, 80)
    off = (chain.points - [30, 30]) @ [-slope[1], slope[0]]
    assert np.abs(off).max() < 0.6
    assert chain.points[-1, 0] > 118


def test_a_solid_black_is_no_line() -> None:
    """It is told apart, and the line that runs into it ends at it."""
    picture = draw([(20, 80), (100, 80)])
    picture[50:110, 100:150] = 255
    drawn = trace_centre_lines(picture)
    assert drawn.is_solid[60:100, 110:140].all()
    assert len(drawn.chains) == 1


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_hard_edged_upright_lines_keep_their_length(width: int) -> None:
    """Two-value scans have lines an even number of pixels wide."""
    picture = np.zeros((100, 60), np.uint8)
    picture[10:90, 30 : 30 + width] = 255
    (chain,) = trace_centre_lines(picture).chains
    assert abs(chain.points[-1, 1] - chain.points[0, 1] - (80 - width)) < 3
    assert np.abs(chain.points[:, 0] - (30 + width / 2)).max() < 0.3


def _odd_pictures() -> dict[str, NDArray[np.uint8]]:
    noise = np.random.default_rng(5).integers(0, 256, (80, 90)).astype(np.uint8)
    return {
        "nothing": np.zeros((0, 0), np.uint8),
        "blank": np.zeros((40, 50), np.uint8),
        "black": np.full((40, 50), 255, np.uint8),
        "pixel": np.full((1, 1), 255, np.uint8),
        "row": np.full((1, 30), 255, np.uint8),
        "column": np.full((30, 1), 255, np.uint8),
        "noise": noise,
        "specks": ((noise > 245) * 255).astype(np.uint8),
    }


@pytest.mark.parametrize("name", _odd_pictures())
def test_any_picture_is_valid(name: str) -> None:
    """Chains have at least two points, all finite and on the page or beside it."""
    picture = _odd_pictures()[name]
    drawn = trace_centre_lines(picture)
    for chain in drawn.chains:
        assert len(chain.points) == len(chain.widths) == len(chain.is_measured) >= 2
        assert np.isfinite(chain.points).all()
        assert np.isfinite(chain.widths).all()
        assert (chain.widths > 0).all()
        assert (chain.points > -1).all()
        assert (chain.points < np.array(picture.shape[::-1]) + 1).all()


def test_the_same_picture_gives_the_same_chains() -> None:
    """Bit for bit."""
    noise = np.random.default_rng(6).integers(0, 256, (60, 60)).astype(np.uint8)
    first, second = trace_centre_lines(noise), trace_centre_lines(noise)
    assert len(first.chains) == len(second.chains)
    for one, other in zip(first.chains, second.chains, strict=True):
        assert np.array_equal(one.points, other.points)
