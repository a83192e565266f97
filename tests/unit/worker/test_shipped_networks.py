"""Every network that is shipped keeps what a clean-up must keep; its card tells by how much."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
import torch
from tests import network_properties as properties

from douga_shared.shipped_networks import SHIPPED_SHA256
from douga_worker.network.weights import Weights, load_weights
from douga_worker.wiring import open_single_cleaner

NETWORKS = sorted(SHIPPED_SHA256)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """On a busy machine, threads that wait for each other take longer than one alone."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def weights_of(network: str) -> Weights:
    """Load once."""
    return load_weights(network)


@cache
def cleaner_of(network: str) -> properties.Clean:
    """Load once."""
    return open_single_cleaner(network, 0.5, "cpu")


@pytest.mark.parametrize("network", NETWORKS)
def test_what_is_drawn_at_a_strength_is_drawn_at_every_lower_one(network: str) -> None:
    """On synthetic roughs; less than three thousandths of a line appear as the strength rises."""
    assert properties.gained_with_strength(weights_of(network), 16) < 0.003


@pytest.mark.parametrize("network", NETWORKS)
def test_strength_takes_lines_away(network: str) -> None:
    """From the first step of the scale to the last."""
    shares = properties.ink_by_strength(weights_of(network), 4)
    assert sorted(shares, reverse=True) == shares
    assert shares[-1] < 0.9 * shares[0]


@pytest.mark.parametrize("network", NETWORKS)
def test_a_clean_drawing_goes_through_unchanged(network: str) -> None:
    """The same lines, ends and widths."""
    same = properties.identity(cleaner_of(network))
    assert same.f_2px > 0.97
    assert same.ink_iou > 0.9
    assert 1.0 == pytest.approx(same.line_ends, abs=0.2)
    assert 1.0 == pytest.approx(same.width, abs=0.08)


@pytest.mark.parametrize("network", NETWORKS)
def test_blank_paper_of_any_brightness_gives_a_blank_drawing(network: str) -> None:
    """White, grey or nearly black; grainy and unevenly lit."""
    assert 0.0 == properties.most_line_on_blank_paper(cleaner_of(network))


@pytest.mark.parametrize("network", NETWORKS)
def test_the_same_drawing_comes_out_of_every_resolution(network: str) -> None:
    """72, 150, 300 and 600 dpi: nearly all of the lines are the same within 2 px of 1000."""
    found = properties.least_agreement_over_dpi(cleaner_of(network), [0])
    assert 6 == len(found)
    assert min(found.values()) > 0.95


@pytest.mark.parametrize("network", NETWORKS)
def test_solid_blacks_stay_solid_and_their_gaps_open(network: str) -> None:
    """From dots of 12 px to areas of 200."""
    black, gap = properties.solids(cleaner_of(network))
    assert black > 0.93
    assert gap > 0.95


@pytest.mark.parametrize("network", NETWORKS)
def test_a_page_in_tiles_equals_the_whole_page(network: str) -> None:
    """To less than a tone of 255, which is what rounding may change."""
    assert properties.largest_seam(weights_of(network)) <= 1


@pytest.mark.parametrize("network", NETWORKS)
def test_bf16_on_the_cpu_draws_what_fp32_draws(network: str) -> None:
    """Less than a tone apart on average, and no line more or less.

    2 px of 1000 are two thirds of a pixel of the small sheet that is compared.
    """
    mean, agreement, changed = properties.precision_difference(weights_of(network), 1)
    assert 0 < mean < 1
    assert agreement > 0.95
    assert 0 == changed
