"""What the options of a drawing say, read."""

from __future__ import annotations

import pytest

from douga_shared.cli_options import read_automatic_px, read_line_weight, read_outputs
from douga_shared.errors import ConfigurationError
from douga_shared.recipe import LineWeight, Output


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("keep", LineWeight.KEEP),
        ("variable", LineWeight.VARIABLE),
        ("normalised", LineWeight.NORMALISED),
        ("3", 3.0),
        ("2.5px", 2.5),
    ],
)
def test_a_line_weight_is_a_word_or_a_number(text: str, weight: LineWeight | float) -> None:
    """With or without its unit."""
    assert weight == read_line_weight(text)


@pytest.mark.parametrize("text", ["", "thin", "3mm", "px"])
def test_a_line_weight_that_is_neither_is_refused(text: str) -> None:
    """The message has every word that would do."""
    with pytest.raises(ConfigurationError, match=r"--line-weight.*'keep', 'variable', 'normalised' or"):
        read_line_weight(text)


@pytest.mark.parametrize(("text", "size"), [("auto", None), ("0", 0.0), ("12px", 12.0)])
def test_a_size_may_be_left_to_the_drawing(text: str, size: float | None) -> None:
    """Auto is no number at all; 0 is one."""
    assert size == read_automatic_px("--close-gaps", text)


def test_a_size_that_is_none_is_refused_by_its_option() -> None:
    """Two options read alike."""
    with pytest.raises(ConfigurationError, match="--drop-specks 'big': give 'auto' or"):
        read_automatic_px("--drop-specks", "big")


def test_outputs_are_a_list_of_words() -> None:
    """Each once, in their order."""
    assert (Output.PDF, Output.SVG_LAYERS) == read_outputs("pdf, svg-layers,pdf")
    with pytest.raises(ConfigurationError, match=r"'eps' is none of png, .*svg-layers, png-layers"):
        read_outputs("eps")
    with pytest.raises(ConfigurationError, match="names nothing"):
        read_outputs(" ,")
