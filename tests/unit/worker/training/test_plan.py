"""A plan comes from one file, is checked whole, and the command line overrides it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.unit.test_house import HOUSE

from douga_shared.errors import ConfigurationError
from douga_worker.network.architecture import Shape
from douga_worker.training.plan import Plan, Sources, read_plan, write_plan

EVERYTHING = Plan(
    minutes=7.5,
    steps=300,
    batch=4,
    crop_px=128,
    learning_rate=1e-4,
    warm_up_steps=20,
    weight_decay=0.0,
    average_decay=0.99,
    levels_weight=0.25,
    start_from="fast",
    seed=3,
    device="cpu",
    precision="fp32",
    processes=2,
    kept_samples=500,
    validation_samples=10,
    checkpoint_minutes=0.5,
    patience=0,
    shape=Shape(channels=(8, 16), blocks=(1, 2), unshuffle=4),
    sources=Sources(
        lines=("/a b", '/c"d'),
        most_drawings={"a b": 10, 'c"d': 3},
        kept_apart=('c"d/1.svg',),
        over_sketches="/e",
        papers="/f",
        pairs=("/g", "/h"),
    ),
)


def test_no_file_gives_the_defaults() -> None:
    """Nothing has to be said."""
    assert Plan() == read_plan(None, {}, {})


def test_a_plan_that_was_written_is_read_as_it_was(tmp_path: Path) -> None:
    """Every option, whatever the folders are called."""
    write_plan(tmp_path / "plan.toml", EVERYTHING)
    assert EVERYTHING == read_plan(tmp_path / "plan.toml", {}, {})


def test_options_given_override_the_file(tmp_path: Path) -> None:
    """One by one; the others stay."""
    (tmp_path / "plan.toml").write_text('minutes = 5\nbatch = 3\n[sources]\nlines = ["a"]\npapers = "b"\n')
    plan = read_plan(tmp_path / "plan.toml", {"batch": 16}, {"lines": ["/else"]})
    assert (5.0, 16, ("/else",)) == (plan.minutes, plan.batch, plan.sources.lines)
    assert str(tmp_path / "b") == plan.sources.papers


def test_folders_in_a_file_lie_where_the_file_lies(tmp_path: Path) -> None:
    """It means the same wherever the command is typed; a shipped network's name is no path."""
    file = tmp_path / "plan.toml"
    file.write_text('from = "w.safetensors"\n[sources]\nlines = ["a", "/b"]\npairs = ["r", "c"]\n')
    plan = read_plan(file, {}, {})
    assert (str(tmp_path / "a"), "/b") == plan.sources.lines
    assert (str(tmp_path / "r"), str(tmp_path / "c")) == plan.sources.pairs
    assert str(tmp_path / "w.safetensors") == plan.start_from
    file.write_text('from = "fast"')
    assert "fast" == read_plan(file, {}, {}).start_from


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("minuts = 5", "unknown field `minuts`"),
        ("minutes = 0", r"> 0.*\$\.minutes"),
        ("average-decay = 1.0", r"< 1.*average-decay"),
        ('device = "tpu"', r"'tpu'.*\$\.device"),
        ('[sources]\nline = ["a"]', "unknown field `line`"),
        ("[sources.most-drawings]\na = 0", ">= 1"),
        ("sources = 3", "sources"),
        ("minutes = ", "cannot be read"),
        ("[shape]\nchannels = [4, 8]\nblocks = [1]", "as many of each"),
        ("[shape]\nchannels = [4, 0]\nblocks = [1, 1]", "1 or more"),
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    """The message names file and option."""
    file = tmp_path / "plan.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=rf"(?s)(plan\.toml|shape).*{complaint}"):
        read_plan(file, {}, {})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Mistyped, most likely."""
    with pytest.raises(ConfigurationError, match=r"--config .*gone\.toml"):
        read_plan(tmp_path / "gone.toml", {}, {})


def test_every_option_is_documented_with_its_default(tmp_path: Path) -> None:
    """The list in the document is that of the code."""
    write_plan(tmp_path / "plan.toml", Plan())
    stated = dict(re.findall(r"^([a-z-]+) = (.+)$", (tmp_path / "plan.toml").read_text(), re.MULTILINE))
    text = (HOUSE / "docs" / "training.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z][a-z-]*)` \| `?([^`|]+?)`? \| ", text, re.MULTILINE))
    fields = {*Plan.__struct_encode_fields__, *Sources.__struct_encode_fields__, *Shape.__slots__}
    assert fields - {"shape", "sources"} == set(rows)
    defaults = {name: value.strip('"') for name, value in stated.items() if value != "[]"}
    assert defaults.items() <= rows.items()
