"""Palettes: what they may say, and how they are read."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from douga_shared.errors import ConfigurationError
from douga_shared.palette import (
    ANIMATION,
    MOST_INKS,
    InkMeaning,
    PaletteInk,
    check_palette,
    read_palette,
    rgb_of,
)
from douga_shared.recipe import Recipe

SHOW = """
[[ink]]
name = "sky"
recognise = "#40A0E0"
output = "#00FFFF"
meaning = "shadow"

[[ink]]
name = "sketch"
recognise = "#e09040"
output = "#ff8000"
meaning = "construction"
keep = false
"""


def written(folder: Path, text: str) -> str:
    """A palette file with this text."""
    path = folder / "show.toml"
    path.write_text(text)
    return str(path)


def test_the_studios_pencils_are_there_without_a_file() -> None:
    """Red for highlights, blue for shadows, green for the rest; or none at all."""
    assert ANIMATION == read_palette("animation")
    assert ["red", "blue", "green"] == [ink.name for ink in ANIMATION]
    assert () == read_palette("none")


def test_a_show_has_a_palette_of_its_own(tmp_path: Path) -> None:
    """Every field of the file arrives, colours in small letters."""
    sky, sketch = read_palette(written(tmp_path, SHOW))
    assert ("sky", "#40a0e0", "#00ffff") == (sky.name, sky.recognised_colour, sky.output_colour)
    assert (InkMeaning.SHADOW, True) == (sky.meaning, sky.is_kept)
    assert (InkMeaning.CONSTRUCTION, False) == (sketch.meaning, sketch.is_kept)


def test_the_palette_lies_in_the_recipe_itself(tmp_path: Path) -> None:
    """A job is repeatable though the file changes or is not on the farm's machines."""
    recipe = Recipe(network_sha256="", palette=read_palette(written(tmp_path, SHOW)))
    written(tmp_path, SHOW.replace("sky", "sea"))
    read_back = msgspec.json.decode(msgspec.json.encode(recipe), type=Recipe)
    assert ["sky", "sketch"] == [ink.name for ink in read_back.palette]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "ink"),
        ("[[ink]", "show.toml"),
        ("\xff", "show.toml"),
        (SHOW.replace('"sky"', '"Sky"'), "'Sky'"),
        (SHOW.replace('"sky"', '"black"'), "'black'"),
        (SHOW.replace('"sky"', '"outline"'), "'outline'"),
        (SHOW.replace('"sky"', '"../sky"'), r"'\.\./sky'"),
        (SHOW.replace('"sky"', f'"{"a" * 17}"'), "up to 16"),
        (SHOW.replace('"sky"', '"sketch"'), "two inks are named 'sketch'"),
        (SHOW.replace("#40A0E0", "sky blue"), "'sky blue' is no colour"),
        (SHOW.replace("#40A0E0", "#808890"), "too grey"),
        (SHOW.replace("#00FFFF", "#FFFFFF"), "keep = false"),
        (SHOW.replace('"shadow"', '"gloom"'), "gloom"),
        (SHOW.replace("keep", "glow"), "glow"),
    ],
)
def test_a_palette_that_cannot_be_used_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    """The message names the file and what is wrong in it."""
    path = written(tmp_path, "")
    Path(path).write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=complaint) as refusal:
        read_palette(path)
    assert "show.toml" in str(refusal.value)


def test_a_palette_that_is_not_there_is_refused() -> None:
    """A misspelt name is answered with the names there are."""
    with pytest.raises(ConfigurationError, match="'animatoin' is none of animation, none"):
        read_palette("animatoin")


def test_inks_are_few() -> None:
    """Each is a file and a layer of every frame."""
    inks = [
        PaletteInk(name=f"ink{number}", recognised_colour="#ff0000", output_colour="#ff0000")
        for number in range(MOST_INKS + 1)
    ]
    check_palette(inks[:-1])
    with pytest.raises(ConfigurationError, match="17 inks; 16 at most"):
        check_palette(inks)


def test_a_colour_is_three_numbers() -> None:
    """Red, green, blue."""
    assert (255, 128, 1) == rgb_of("#ff8001")
