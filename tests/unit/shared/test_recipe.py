"""The recipe: its ranges and its fingerprint."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from douga_shared.errors import ConfigurationError
from douga_shared.recipe import Output, Precision, Recipe

PLAIN = Recipe(network="fast", network_sha256="0" * 64)
FINGERPRINT_OF_PLAIN = "377b42ce95ca99cb"
"""Pinned: were it to change unnoticed, every studio's finished frames would be done again."""

OTHER_VALUES: dict[str, Any] = {
    "network": "fine",
    "network_sha256": "1" * 64,
    "strength": 0.51,
    "line_weight_px": 2.0,
    "precision": Precision.FP32,
    "version": 2,
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
        ({"line_weight_px": 2}, {"line_weight_px": 2.0}),
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


@pytest.mark.parametrize("line_weight_px", [0.0, 0.49, 64.1, -1.0, float("nan")])
def test_line_weight_outside_its_range_is_refused(line_weight_px: float) -> None:
    """The message says how to keep the pencil's own width."""
    with pytest.raises(ConfigurationError, match=r"line weight .* 'keep'"):
        Recipe(network_sha256="", line_weight_px=line_weight_px)


@pytest.mark.parametrize(("strength", "line_weight_px"), [(0.0, 0.5), (1.0, 64.0), (0.5, None)])
def test_the_ends_of_the_ranges_are_allowed(strength: float, line_weight_px: float | None) -> None:
    """Ranges include their ends."""
    recipe = Recipe(network_sha256="", strength=strength, line_weight_px=line_weight_px)
    assert (strength, line_weight_px) == (recipe.strength, recipe.line_weight_px)


def test_a_recipe_of_a_newer_douga_is_refused() -> None:
    """A field that is not known here may decide pixels: better no drawing than another one."""
    with pytest.raises(msgspec.ValidationError, match="glow"):
        msgspec.json.decode(b'{"network_sha256": "", "glow": 1}', type=Recipe)


def test_no_two_outputs_share_a_file() -> None:
    """All outputs of a frame lie beside each other."""
    assert len(Output) == len({output.file_suffix for output in Output})
