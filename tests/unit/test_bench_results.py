"""What benches found is kept and compared, and judged by nobody."""

from __future__ import annotations

import json
import math
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from tests.bench.results import Compared, compare, keep, save, show


def test_a_figure_is_put_beside_the_committed_one_of_its_case() -> None:
    """Cases and figures are told apart by their names."""
    compared = compare(
        {"one": {"frames/s": 30.0}, "two": {"frames/s": 40.0}}, {"one": {"frames/s": 20.0, "gone": 1.0}}
    )
    assert [
        Compared("one", "frames/s", 30.0, 20.0),
        Compared("two", "frames/s", 40.0, None),
    ] == compared
    assert [1.5, None] == [row.ratio for row in compared]


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        ("frames/s", "better"),
        ("network x", "better"),
        ("busy share", "better"),
        ("start to first frame s", "worse"),
        ("CPU ms/frame", "worse"),
        ("S3 requests/frame", "worse"),
        ("memory MB", "worse"),
        ("frames", "other"),
        ("strokes", "other"),
    ],
)
def test_the_unit_says_whether_more_is_better(figure: str, verdict: str) -> None:
    """Half as much again of it."""
    assert verdict == Compared("case", figure, 150.0, 100.0).verdict


def test_less_of_what_costs_is_better_and_less_pace_is_worse() -> None:
    """The other way round."""
    assert "better" == Compared("case", "CPU ms/frame", 1.0, 2.0).verdict
    assert "worse" == Compared("case", "frames/s", 1.0, 2.0).verdict


def test_a_small_difference_is_none() -> None:
    """Two runs of the same code differ a little."""
    assert "same" == Compared("case", "frames/s", 101.0, 100.0).verdict
    assert "same" == Compared("case", "frames lost/s", 0.0, 0.0).verdict


def test_what_is_kept_is_what_the_next_run_is_compared_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run is saved, kept, and the next one told beside it."""
    found, committed = tmp_path / "found", tmp_path / "committed"
    save("farm", {"one": {"frames/s": 10.0, "unknown": math.nan}}, found=found, committed=committed)
    assert "nothing committed" in capsys.readouterr().out
    assert [committed / "farm.json"] == list(keep([], found=found, committed=committed))
    save("farm", {"one": {"frames/s": 20.0}}, found=found, committed=committed)
    told = capsys.readouterr().out
    assert "2.00" in told
    assert "better" in told
    assert {"one": {"frames/s": 20.0}} == json.loads((found / "farm.json").read_text())["figures"]
    assert {"one": {"frames/s": 10.0}} == json.loads((committed / "farm.json").read_text())["figures"]


def test_a_table_names_every_case_once() -> None:
    """Its figures stand below it."""
    lines = StringIO()
    rows = [Compared("one", "frames/s", 12_345.0, None), Compared("one", "CPU ms/frame", 0.25, 0.5)]
    show("farm", rows, "today", Console(file=lines, width=120))
    told = lines.getvalue()
    assert 1 == told.count("one")
    assert "12,345" in told
    assert "0.25" in told
