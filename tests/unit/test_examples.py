"""The bundled examples: there, small, readable, and what their code draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from examples.make_examples import WALK, walk_drawing
from PIL import Image

from douga_worker.steps.read_scan import read_scan

EXAMPLES = Path(__file__).parents[2] / "examples"
SCANS = sorted(path for part in ("walk", "singles") for path in (EXAMPLES / part).iterdir())
LARGEST_SUM_BYTES = 6_000_000


def test_the_walk_has_enough_frames_each_with_its_clean_drawing() -> None:
    """At least 12 frames move, and every rough can be compared."""
    roughs = {path.name for path in (EXAMPLES / "walk").iterdir()}
    cleans = {path.name for path in (EXAMPLES / "walk-clean").iterdir()}
    assert {f"{name}.png" for name in WALK} == roughs == cleans
    assert len(roughs) >= 12


def test_there_are_at_least_four_single_drawings() -> None:
    """One for each kind of scan that a studio meets."""
    assert len(list((EXAMPLES / "singles").iterdir())) >= 4


def test_the_examples_are_small() -> None:
    """A clone stays quick."""
    files = (path for path in EXAMPLES.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert sum(path.stat().st_size for path in files) <= LARGEST_SUM_BYTES


@pytest.mark.parametrize("path", SCANS, ids=lambda path: path.stem)
def test_every_example_is_a_scan_that_douga_reads(path: Path) -> None:
    """No example is a frame that would be rejected."""
    scan = read_scan(path.read_bytes(), path.name)
    with Image.open(path) as image:
        assert image.size[::-1] == scan.pixels.shape[:2]


def test_the_readme_names_every_single_drawing() -> None:
    """A reader learns what each one shows."""
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [] == [path.name for path in (EXAMPLES / "singles").iterdir() if f"`{path.name}`" not in readme]


def test_the_code_draws_the_frames_that_are_bundled() -> None:
    """The walk can be made anew; processors may round a tone differently, but no line lies elsewhere."""
    for part, drawn in zip(("walk", "walk-clean"), walk_drawing("A0007a"), strict=True):
        with Image.open(EXAMPLES / part / "A0007a.png") as image:
            bundled = np.asarray(image, dtype=np.int16)
        assert bundled.shape == drawn.shape
        assert (np.abs(bundled - drawn) > 3).mean() < 0.001
