"""Strokes as JSON: what the schema and docs/stroke-json.md promise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from tests.stroke_drawings import BLANK, DRAWING

from douga_shared.palette import ANIMATION
from douga_worker.strokes.stroke_drawing import StrokeDrawing
from douga_worker.strokes.write_json import write_json

SCHEMA = json.loads(
    (Path(__file__).parents[4] / "docs" / "stroke-json.schema.json").read_text(encoding="utf-8")
)


def written(drawing: StrokeDrawing = DRAWING, dpi: float | None = 300.0, title: str = "A0001") -> bytes:
    """The JSON of a drawing."""
    return write_json(drawing, dpi=dpi, title=title, recipe_fingerprint="0123456789abcdef", palette=ANIMATION)


def read(drawing: StrokeDrawing = DRAWING, dpi: float | None = 300.0) -> Any:
    """The same, checked against the schema."""
    found = json.loads(written(drawing, dpi))
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    return found


@pytest.mark.parametrize("drawing", [DRAWING, BLANK])
def test_it_is_what_the_schema_says(drawing: StrokeDrawing) -> None:
    """A pipeline may check what it gets."""
    found = read(drawing)
    assert (len(drawing.strokes), len(drawing.fills)) == (len(found["strokes"]), len(found["fills"]))
    assert (200, 150, 300.0) == (found["width"], found["height"], found["dpi"])


def test_the_schema_tells_a_wrong_file() -> None:
    """It can fail: a field too many, a point without a width, a colour by name, one too few."""
    validator = jsonschema.Draft202012Validator(SCHEMA)
    glowing, widthless, named, unclosed = (read() for _ in range(4))
    glowing["glow"] = 1
    widthless["strokes"][0]["points"].append([1.0, 2.0])
    named["inks"][0]["colour"] = "black"
    del unclosed["strokes"][0]["closed"]
    for damaged in (glowing, widthless, named, unclosed):
        assert not validator.is_valid(damaged)


def test_without_dpi_it_says_null() -> None:
    """The field is always there."""
    assert read(dpi=None)["dpi"] is None


def test_curves_are_the_strokes_own() -> None:
    """Eight numbers a cubic, to a hundredth of a pixel."""
    wave = read()["strokes"][0]
    assert np.allclose(DRAWING.strokes[0].curves.reshape(-1, 8), wave["curves"], atol=0.005)
    assert ("s0001", "black", False, 6.25) == (wave["id"], wave["ink"], wave["closed"], wave["width"])


def test_points_run_from_end_to_end_with_their_widths() -> None:
    """A few pixels apart, first and last exactly on the ends."""
    points = np.array(read()["strokes"][0]["points"])
    assert [20.0, 60.0, 2.0] == points[0].tolist()
    assert [160.0, 60.0, 3.0] == points[-1].tolist()
    assert np.hypot(*np.diff(points[:, :2], axis=0).T).max() < 6.0
    assert points[:, 2].max() == pytest.approx(10.0, abs=0.3)


def test_inks_have_their_colour_and_their_meaning() -> None:
    """So that a pipeline needs no recipe."""
    inks = {ink["name"]: (ink["colour"], ink["meaning"]) for ink in read()["inks"]}
    assert {"black": ("#000000", "line"), "red": ("#ff0000", "highlight")}.items() <= inks.items()


def test_gaps_and_ends_are_told() -> None:
    """Where Douga closed something, and where paint could leak."""
    found = read()
    assert [{"ink": "black", "start": [90.0, 60.0], "end": [93.0, 61.5]}] == found["closed_gaps"]
    assert [[20.0, 60.0], [160.0, 60.0]] == found["open_ends"]


@pytest.mark.parametrize("title", ["", '"', "\x00", "原画", "\ud800"])
def test_any_title_is_valid_json(title: str) -> None:
    """File names are what people make of them."""
    assert len(title) == len(json.loads(written(title=title))["title"])


def test_the_same_drawing_gives_the_same_bytes() -> None:
    """A resumed job must not differ from one that ran through."""
    assert written() == written()
