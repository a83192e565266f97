"""The recipe: its ranges and its fingerprint."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from douga_shared.errors import ConfigurationError
from douga_shared.palette import PaletteInk
from douga_shared.recipe import LineWeight, Output, Precision, Recipe, Vector, file_suffixes, layers_of


def ink(name: str = "red", output_colour: str = "#ff0000", *, is_kept: bool = True) -> PaletteInk:
    """A pencil of that name."""
    return PaletteInk(name=name, recognised_colour="#d04040", output_colour=output_colour, is_kept=is_kept)


PLAIN = Recipe(network="fast", network_sha256="0" * 64)
FINGERPRINT_OF_PLAIN = "e4e3d111a7751595"
"""Pinned: were it to change unnoticed, every studio's finished frames would be done again."""

OTHER_VALUES: dict[str, Any] = {
    "network": "fine",
    "network_sha256": "1" * 64,
    "strength": 0.51,
    "vector": Vector.OUTLINE,
    "line_weight": 2.0,
    "palette": (),
    "close_gaps_px": 0.0,
    "drop_specks_px": 3.0,
    "precision": Precision.FP32,
    "version": 0,
}


def test_the_fingerprint_is_the_same_on_every_machine_and_day() -> None:
    """Resuming compares it with what was recorded long ago."""
    assert FINGERPRINT_OF_PLAIN == PLAIN.fingerprint


@pytest.mark.parametrize("field", Recipe.__struct_fields__)
def test_every_field_changes_the_fingerprint(field: str) -> None:
    """Whatever decides pixels makes frames be done again."""
    changed = msgspec.structs.replace(PLAIN, **{field: OTHER_VALUES[field]})
    assert PLAIN.fingerprint != changed.fingerprint


def test_every_changed_recipe_has_its_own_fingerprint() -> None:
    """No two of the changes give the same fingerprint."""
    changed = [msgspec.structs.replace(PLAIN, **{field: value}) for field, value in OTHER_VALUES.items()]
    assert len(OTHER_VALUES) == len({recipe.fingerprint for recipe in changed})


def test_the_fingerprint_survives_the_manifest() -> None:
    """A recipe read back from JSON has the fingerprint it was written with."""
    read_back = msgspec.json.decode(msgspec.json.encode(PLAIN), type=Recipe)
    assert PLAIN.fingerprint == read_back.fingerprint


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"strength": 1}, {"strength": 1.0}),
        ({"strength": -0.0}, {"strength": 0.0}),
        ({"line_weight": 2}, {"line_weight": 2.0}),
        ({"close_gaps_px": 0}, {"close_gaps_px": -0.0}),
        ({"drop_specks_px": 3}, {"drop_specks_px": 3.0}),
        ({"palette": (ink(output_colour="#FF0000"),)}, {"palette": (ink(output_colour="#ff0000"),)}),
    ],
)
def test_equal_numbers_have_equal_fingerprints(one: dict[str, Any], other: dict[str, Any]) -> None:
    """`--strength 1` and `--strength 1.0` decide the same pixels."""
    assert (
        msgspec.structs.replace(PLAIN, **other).fingerprint
        == msgspec.structs.replace(PLAIN, **one).fingerprint
    )


@pytest.mark.parametrize("strength", [-0.01, 1.01, float("nan"), float("inf")])
def test_strength_outside_its_range_is_refused(strength: float) -> None:
    """The message names the option's value and its range."""
    with pytest.raises(ConfigurationError, match=r"strength .* is outside 0\.\.1"):
        Recipe(network_sha256="", strength=strength)


@pytest.mark.parametrize("line_weight", [0.0, 0.49, 64.1, -1.0, float("nan")])
def test_line_weight_outside_its_range_is_refused(line_weight: float) -> None:
    """The message says how to keep the pencil's own width."""
    with pytest.raises(ConfigurationError, match=r"line weight .* 'keep'"):
        Recipe(network_sha256="", line_weight=line_weight)


@pytest.mark.parametrize("field", ["close_gaps_px", "drop_specks_px"])
@pytest.mark.parametrize("size", [-1.0, 200.1, float("nan")])
def test_sizes_outside_their_range_are_refused(field: str, size: float) -> None:
    """The message says what 0 means."""
    with pytest.raises(ConfigurationError, match=r"outside 0\.\..* 0 "):
        msgspec.structs.replace(PLAIN, **{field: size})


@pytest.mark.parametrize(
    ("strength", "line_weight"), [(0.0, 0.5), (1.0, 64.0), (0.5, LineWeight.KEEP), (0.5, LineWeight.VARIABLE)]
)
def test_the_ends_of_the_ranges_are_allowed(strength: float, line_weight: LineWeight | float) -> None:
    """Ranges include their ends."""
    recipe = Recipe(network_sha256="", strength=strength, line_weight=line_weight)
    assert (strength, line_weight) == (recipe.strength, recipe.line_weight)


@pytest.mark.parametrize("line_weight", [LineWeight.VARIABLE, 2.0])
def test_a_line_weight_survives_the_manifest(line_weight: LineWeight | float) -> None:
    """Words stay words and numbers stay numbers."""
    recipe = Recipe(network_sha256="", line_weight=line_weight)
    read_back = msgspec.json.decode(msgspec.json.encode(recipe), type=Recipe)
    assert (line_weight, recipe.fingerprint) == (read_back.line_weight, read_back.fingerprint)


def test_a_recipe_of_an_older_douga_is_refused() -> None:
    """It meant other pixels; what was done under it has another fingerprint anyway."""
    with pytest.raises(msgspec.ValidationError, match="line_weight_px"):
        msgspec.json.decode(b'{"network_sha256": "", "line_weight_px": null, "version": 1}', type=Recipe)


def test_two_inks_of_one_name_are_refused() -> None:
    """They would be one file."""
    with pytest.raises(ConfigurationError, match="two inks are named 'red'"):
        Recipe(network_sha256="", palette=(ink(), ink()))


def test_a_recipe_of_a_newer_douga_is_refused() -> None:
    """A field that is not known here may decide pixels: better no drawing than another one."""
    with pytest.raises(msgspec.ValidationError, match="glow"):
        msgspec.json.decode(b'{"network_sha256": "", "glow": 1}', type=Recipe)


def test_no_two_outputs_share_a_file() -> None:
    """All outputs of a frame lie beside each other."""
    palette = (ink(), ink(name="blue", output_colour="#0000ff"))
    layers = [(output, layer) for output in Output for layer in layers_of(output, Vector.BOTH, palette)]
    assert len(layers) == len(file_suffixes(tuple(Output), Vector.BOTH, palette))


def test_dropped_inks_and_other_vectors_have_no_files() -> None:
    """A layer that is never drawn never collides with anything."""
    kept = file_suffixes([Output.SVG, Output.SVG_LAYERS], Vector.STROKES, (ink(is_kept=False),))
    assert frozenset({".svg", ".black.svg"}) == kept
    both = file_suffixes([Output.SVG, Output.PNG_LAYERS], Vector.BOTH, (ink(),))
    assert frozenset({".svg", ".outline.svg", ".black.png", ".red.png"}) == both
