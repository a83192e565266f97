"""Inkscape itself opens the drawings: its layers, its strokes, its PowerStroke."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.components import needs_program
from tests.stroke_drawings import DRAWING, darkness, overlap

from douga_shared.palette import ANIMATION
from douga_shared.recipe import LineWeight
from douga_worker.strokes.write_svg import write_svg


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Inkscape's own, once: with an empty one it looks through all fonts first."""
    return tmp_path_factory.mktemp("home")


def inkscape(home: Path, *arguments: str) -> str:
    """Run Inkscape with a profile of its own; returns what it prints."""
    program = needs_program("inkscape", "apt-get install --no-install-recommends inkscape")
    environment = os.environ | {"HOME": str(home), "INKSCAPE_PROFILE_DIR": str(home), "DISPLAY": ""}
    answer = subprocess.run(
        [program, *arguments], capture_output=True, text=True, env=environment, timeout=120, check=True
    )
    return answer.stdout


def written(folder: Path, line_weight: LineWeight) -> Path:
    """The SVG of the drawing of these tests."""
    path = folder / "A0001.svg"
    svg = write_svg(
        DRAWING,
        dpi=300.0,
        title="A0001",
        recipe_fingerprint="0123456789abcdef",
        palette=ANIMATION,
        line_weight=line_weight,
    )
    path.write_bytes(svg)
    return path


def boxes(listing: str) -> dict[str, tuple[float, float, float, float]]:
    """What ``--query-all`` prints: x, y, width, height of everything drawn, by id."""
    found = {}
    for line in listing.splitlines():
        name, *numbers = line.split(",")
        if len(numbers) == 4:
            x, y, width, height = map(float, numbers)
            found[name] = (x, y, width, height)
    return found


@pytest.mark.parametrize("line_weight", [LineWeight.KEEP, LineWeight.VARIABLE])
def test_inkscape_finds_every_layer_and_stroke_in_its_place(
    home: Path, tmp_path: Path, line_weight: LineWeight
) -> None:
    """Nothing is dropped, moved or scaled: a px is a px."""
    found = boxes(inkscape(home, "--query-all", str(written(tmp_path, line_weight))))
    layers = {"solids", "colour-trace-red", "colour-solids-blue", "lines"}
    assert layers | {"f0001", "f0002", "s0001", "s0002", "s0003"} <= found.keys()
    assert (20, 80, 40, 40) == pytest.approx(found["f0001"], abs=0.1)
    # The red line from (10, 140) to (190, 130), 3 px wide with round ends.
    assert (8.5, 128.5, 183, 13) == pytest.approx(found["s0003"], abs=0.3)


def test_inkscape_s_own_power_stroke_is_the_outline_that_others_see(home: Path, tmp_path: Path) -> None:
    """Whoever moves a node in Inkscape gets the widths that were there before."""
    path = written(tmp_path, LineWeight.VARIABLE)
    ours = path.read_bytes()
    forgotten = re.sub(r'(original-d="[^"]*") d="[^"]*"', r'\1 d="M0 0L1 1"', ours.decode())
    path.write_text(forgotten)
    made = tmp_path / "made.svg"
    # Scaling by 1 changes nothing, but the effect is worked out anew.
    inkscape(
        home,
        f"--actions=select-by-id:s0001,s0002,s0003;transform-scale:1;export-filename:{made};export-do",
        str(path),
    )
    assert overlap(darkness(ours), darkness(forgotten.encode())) < 0.6
    assert overlap(darkness(ours), darkness(made.read_bytes())) > 0.97
