"""Frame names, their order, and the ranges that select them."""

from __future__ import annotations

import itertools
import pickle
import random
import tracemalloc
from contextlib import suppress

import pytest
from fileseq.frameset import FrameSet
from hypothesis import given
from hypothesis import strategies as st

from douga_shared.errors import ConfigurationError
from douga_shared.frames import FrameId, FrameRange

names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("scan", "expected"),
    [
        ("A0001.tga", FrameId("A", 1)),
        ("A.0001.tif", FrameId("A", 1)),
        ("A.0001", FrameId("A", 1)),
        ("A_0001.TIF", FrameId("A", 1)),
        ("A0003a.png", FrameId("A", 3, "a")),
        ("A0003B.png", FrameId("A", 3, "B")),
        ("0001.tga", FrameId("", 1)),
        ("0001a.tga", FrameId("", 1, "a")),
        ("cut012_A0012.png", FrameId("cut012_A", 12)),
        ("cut012_0003.png", FrameId("cut012", 3)),
        ("scans/cut012/A0003.png", FrameId("A", 3)),
        ("A-0005.png", FrameId("A", 5)),
        ("-0005.png", FrameId("", 5)),
        ("cover.png", FrameId("cover", None)),
        ("A0003ab.png", FrameId("A0003ab", None)),
        ("A0001 (2).png", FrameId("A0001 (2)", None)),
        ("原画0012.png", FrameId("原画", 12)),
        ("Ａ００１２.png", FrameId("Ａ", 12)),
        ("two\nlines 7.png", FrameId("two\nlines", 7)),
        ("20240131123456.png", FrameId("", 20240131123456)),
    ],
)
def test_a_name_gives_level_number_and_suffix(scan: str, expected: FrameId) -> None:
    """The number is the digits at the end of the name, with at most one letter after them."""
    assert expected == FrameId.parse(scan)


@given(names)
def test_every_name_is_some_frame(name: str) -> None:
    """No legal file name makes parsing fail, and a number is never negative."""
    frame_id = FrameId.parse(name)
    assert frame_id.number is None or frame_id.number >= 0


@given(
    st.from_regex(r"[A-Za-z_]{0,6}", fullmatch=True), st.integers(0, 10**9), st.sampled_from(["", "a", "B"])
)
def test_padding_does_not_change_the_frame(level: str, number: int, suffix: str) -> None:
    """A1, A01 and A0001 are the same drawing of the same level."""
    parsed = {FrameId.parse(f"{level}{number:0{width}}{suffix}.png") for width in range(1, 12)}
    assert {FrameId(level.rstrip("_"), number, suffix)} == parsed


def test_drawings_are_ordered_as_an_animator_counts() -> None:
    """Numbers count as numbers, inserted drawings follow theirs, an unnumbered sheet opens its level."""
    expected = ["A.png", "A2", "A3", "A3a", "A3B", "A4", "A10", "B1", "cut2_A1", "cut10_A1"]
    shuffled = random.Random(5).sample(expected, len(expected))
    assert expected == sorted(shuffled, key=FrameId.parse)


@given(st.lists(names.map(FrameId.parse), min_size=3, max_size=3))
def test_the_order_is_total(frame_ids: list[FrameId]) -> None:
    """Of two frames exactly one comes first unless they are equal, and the order never runs in a circle."""
    for a, b in itertools.combinations(frame_ids, 2):
        assert 1 == (a < b) + (a == b) + (a > b)
    a, b, c = sorted(frame_ids)
    assert a <= b <= c
    assert a <= c


@pytest.mark.parametrize(
    ("scan", "expected"),
    [("A0003a.png", "A3a"), ("0007.png", "7"), ("cut012_0003.png", "cut012 3"), ("cover.png", "cover")],
)
def test_the_label_is_what_people_say(scan: str, expected: str) -> None:
    """No padding; a gap only where level and number would run together."""
    assert expected == str(FrameId.parse(scan))


def _selected(text: str, scans: str) -> str:
    frame_range = FrameRange.parse(text)
    return " ".join(scan for scan in scans.split() if frame_range.contains(FrameId.parse(scan)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1-3", "A1 A2 A3 A3a B3"),
        ("1-10x2", "A1 A3 A3a B3 A7"),
        ("10-1x3", "A1 A7 A10"),
        ("3", "A3 A3a B3"),
        ("3a", "A3a"),
        ("0003A", "A3a"),
        (" 2 , 10 ", "A2 A10"),
        ("1-2,2-3,2", "A1 A2 A3 A3a B3"),
        ("11-20", ""),
    ],
)
def test_a_range_selects_by_number_and_a_letter_selects_one_drawing(text: str, expected: str) -> None:
    """Numbers and ranges take the inserted drawings along; unnumbered ones are never selected."""
    assert expected == _selected(text, "A1 A2 A3 A3a B3 A7 A10 cover")


def test_the_case_of_a_suffix_does_not_matter_to_a_range() -> None:
    """Both ways of writing occur, in names and on command lines."""
    assert "A3A A3a" == _selected("3a", "A3A A3a A3b")
    assert "A3A A3a" == _selected("3A", "A3A A3a A3b")


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 9), st.integers(0, 70))
def test_steps_mean_what_fileseq_and_opencue_mean(first: int, last: int, step: int, number: int) -> None:
    """`1-20x4` is 1, 5, 9, 13, 17, forwards or backwards."""
    text = f"{first}-{last}x{step}"
    assert (number in FrameSet(text)) == FrameRange.parse(text).contains(FrameId("A", number))


@pytest.mark.parametrize(
    ("text", "token", "remedy"),
    [
        ("", "''", "before or after a comma"),
        ("1-5,,7", "''", "before or after a comma"),
        ("1-20:4", "'1-20:4'", "1-20x4"),
        ("1-20y4", "'1-20y4'", "1-100x2,107,12a"),
        ("5,1-20x0", "'1-20x0'", "at least 1"),
        ("-5", "'-5'", "negative"),
        ("1--5", "'1--5'", "negative"),
        ("3a-7", "'3a-7'", "one by one"),
        ("1-", "'1-'", "1-100x2,107,12a"),
        ("1 - 5", "'1 - 5'", "1-100x2,107,12a"),
        ("1.5", "'1.5'", "1-100x2,107,12a"),
        ("1-10x-2", "'1-10x-2'", "1-100x2,107,12a"),
        ("12ab", "'12ab'", "1-100x2,107,12a"),
        ("A12", "'A12'", "1-100x2,107,12a"),
        ("#1", "'#1'", "1-100x2,107,12a"),
        ("9" * 40, "'999", "1-100x2,107,12a"),
        ("1-100000000", "'1-100000000'", "shorter range"),
    ],
)
def test_an_unreadable_range_names_the_token_and_the_remedy(text: str, token: str, remedy: str) -> None:
    """Nothing is guessed: a range that other tools would read differently is an error."""
    with pytest.raises(ConfigurationError) as caught:
        FrameRange.parse(text)
    assert f"--frames: cannot read {token}" in str(caught.value)
    assert remedy in str(caught.value)


@given(st.text(st.sampled_from("0123456789-x,:ay .#"), max_size=12))
def test_any_other_text_is_a_configuration_error(text: str) -> None:
    """No text makes parsing fail in another way."""
    with suppress(ConfigurationError):
        assert text == str(FrameRange.parse(text))


def test_a_long_range_is_never_spelled_out() -> None:
    """Nine million numbers, thrice and overlapping, cost no memory, neither to read nor to ask."""
    FrameRange.parse("1-2")  # fileseq is imported now
    tracemalloc.start()
    try:
        frame_range = FrameRange.parse("1-9000000x3,2-9000000x3,1-9000000")
        assert frame_range.contains(FrameId("A", 8_999_999))
        assert not frame_range.contains(FrameId("A", 9_000_001))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_range_travels_between_processes() -> None:
    """A range is a value: equal by its text, and whole after pickling."""
    frame_range = FrameRange.parse("1-9x2,12a")
    copy = pickle.loads(pickle.dumps(frame_range))
    assert frame_range == copy
    assert copy.contains(FrameId("A", 12, "a"))
    assert not copy.contains(FrameId("A", 2))
