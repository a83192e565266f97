"""A page cut into tiles, along one axis."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from douga_worker.network.tiling import Span, spans


@st.composite
def cuts(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Draw a length, a tile, a margin and a multiple that fit each other."""
    multiple = draw(st.sampled_from([1, 2, 8, 16, 32]))
    margin = draw(st.integers(0, 200))
    least = 2 * (margin + multiple) + multiple
    tile = draw(st.integers(least, least + 700))
    return draw(st.integers(1, 200)) * multiple, tile, margin, multiple


@given(cuts())
def test_every_pixel_is_written_exactly_once(cut: tuple[int, int, int, int]) -> None:
    """Tiles answer for neighbouring stretches, in order, from one end of the page to the other."""
    length, tile, margin, multiple = cut
    written = [range(length)[span.write] for span in spans(length, tile, margin, multiple)]
    assert list(range(length)) == [pixel for stretch in written for pixel in stretch]


@given(cuts())
def test_a_tile_reads_its_margin_wherever_the_page_has_one(cut: tuple[int, int, int, int]) -> None:
    """What counts is at least a margin away from each cut; only the page's own ends are nearer."""
    length, tile, margin, multiple = cut
    for span in spans(length, tile, margin, multiple):
        assert span.read.start == 0 or span.write.start - span.read.start >= margin
        assert span.read.stop == length or span.read.stop - span.write.stop >= margin


@given(cuts())
def test_a_tile_is_never_longer_than_allowed_and_stays_on_the_grid(cut: tuple[int, int, int, int]) -> None:
    """The network sees at most a tile, and its pooling grid lies as it does on the whole page."""
    length, tile, margin, multiple = cut
    for span in spans(length, tile, margin, multiple):
        assert 0 <= span.read.start < span.read.stop <= length
        assert span.read.stop - span.read.start <= tile
        assert 0 == span.read.start % multiple == span.read.stop % multiple


@given(cuts())
def test_the_part_that_counts_is_the_part_that_is_written(cut: tuple[int, int, int, int]) -> None:
    """`inner`, counted from where reading began, is `write`."""
    for span in spans(*cut):
        page = range(cut[0])
        assert page[span.write] == page[span.read][span.inner]


def test_a_short_page_is_one_tile() -> None:
    """Nothing is cut that fits."""
    whole = slice(0, 96)
    assert [Span(whole, whole, whole)] == list(spans(96, 96, 40, 8))


def test_a_tile_without_room_between_its_margins_is_refused() -> None:
    """Rather than never come to an end."""
    with pytest.raises(ValueError, match="no room"):
        list(spans(1000, 80, 40, 8))
