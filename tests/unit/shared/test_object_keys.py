"""Names of drawings and records, and which keys no store takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from douga_shared import object_keys
from douga_shared.recipe import Output


@pytest.mark.parametrize(
    ("scan", "expected"),
    [
        ("A0001.tga", "A0001"),
        ("sub/A0001.TGA", "sub/A0001"),
        ("A.0001.tif", "A.0001"),
        ("A.0001", "A.0001"),
        ("A.0001.tif.png", "A.0001.tif"),
        ("-rf.png", "-rf"),
        ('it\'s "it".jpeg', 'it\'s "it"'),
        ("two\nlines.png", "two\nlines"),
        ("cut.png/A0001", "cut.png/A0001"),
        (".png", ".png"),
        ("A0001.", "A0001."),
        ("原画.webp", "原画"),
    ],
)
def test_only_the_suffix_of_an_image_is_taken_off(scan: str, expected: str) -> None:
    """The drawing bears the scan's name, however many dots it has."""
    assert expected == object_keys.stem_of(scan)


@given(st.text(min_size=1, max_size=20))
def test_a_stem_is_its_own_stem_unless_it_looks_like_a_scan(name: str) -> None:
    """A stem may be handed on where a scan is expected."""
    stem = object_keys.stem_of(name + "~.png")
    assert name + "~" == stem == object_keys.stem_of(stem)


def test_drawings_bear_the_name_of_the_scan() -> None:
    """Each output has its own file, beside the others."""
    drawings = {object_keys.drawing(object_keys.stem_of("A.0001.tif"), output) for output in Output}
    endings = (".png", "-alpha.png", ".tga", ".tif", ".svg", ".pdf", ".json")
    assert {f"A.0001{ending}" for ending in endings} == drawings


def test_every_layer_is_a_file_of_its_own() -> None:
    """Named by its ink, before the suffix, so that it still opens by a click."""
    assert "A0001.red.svg" == object_keys.drawing("A0001", Output.SVG_LAYERS, "red")
    assert "A0001.black.png" == object_keys.drawing("A0001", Output.PNG_LAYERS, "black")
    assert "A0001.outline.svg" == object_keys.drawing("A0001", Output.SVG, "outline")


@pytest.mark.parametrize(
    "object_key", ["A0001.png", "-rf", " ", "a b/c'd\"e.png", "a\\b.png", "a\nb", "..png", "原/画"]
)
def test_a_strange_but_legal_key_has_no_fault(object_key: str) -> None:
    """Spaces, quotes, line breaks, dashes and backslashes are parts of names."""
    assert object_keys.fault_of(object_key) is None


@pytest.mark.parametrize(
    ("object_key", "fault"),
    [
        ("", "empty"),
        ("/etc/passwd", "empty"),
        ("a//b", "empty"),
        ("a/", "empty"),
        ("..", "'..'"),
        ("a/../../b", "'..'"),
        ("./a", "'.'"),
        ("a\0b", "NUL"),
        ("A\udce9.png", "Unicode"),
    ],
)
def test_a_key_that_no_store_takes_is_told_why(object_key: str, fault: str) -> None:
    """No key names anything outside the root, or anything that a manifest cannot record."""
    assert fault in (object_keys.fault_of(object_key) or "")
