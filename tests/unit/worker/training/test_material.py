"""Folders that a user names become material, and what is wrong with them is said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.training_parts import FACE_SVG, face, pair_of_lines

from douga_shared.errors import InputMissing
from douga_worker.training import material
from douga_worker.training.line_art import Drawing, follow_drawing, write_library
from douga_worker.training.material import gather
from douga_worker.training.plan import Sources
from douga_worker.training.synthesis import Material


@pytest.fixture
def said() -> list[str]:
    """What was reported."""
    return []


def gathered(said: list[str], tmp_path: Path, **folders: Path | Sequence[Path]) -> Material:
    """Gather with only the folders given."""
    as_text: dict[str, Any] = {
        name: str(value) if isinstance(value, Path) else tuple(map(str, value))
        for name, value in folders.items()
    }
    return gather(Sources(**as_text), cache=tmp_path / "cache", report=said.append)


def save(path: Path, ink: NDArray[np.uint8]) -> None:
    """Write a line image as a picture, black on white."""
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(255 - ink).save(path)


def test_followed_line_art_is_kept_for_the_next_time(
    said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Following takes long; the same files are not followed again, other files are."""
    folder = tmp_path / "lines"
    folder.mkdir()
    (folder / "face.svg").write_text(FACE_SVG)
    monkeypatch.setattr(material, "_follow_all", lambda files: [face()] * len(files))
    assert 1 == len(gathered(said, tmp_path, lines=[folder]).drawings)
    monkeypatch.setattr(material, "_follow_all", lambda files: pytest.fail("followed again"))
    assert 1 == len(gathered(said, tmp_path, lines=[folder]).drawings)
    (folder / "other.svg").write_text(FACE_SVG)
    monkeypatch.setattr(material, "_follow_all", lambda files: [face()] * len(files))
    assert 2 == len(gathered(said, tmp_path, lines=[folder]).drawings)
    assert ["2 drawings, 0 over-sketches, 0 papers, 0 pairs"] == said[-1:]


def test_of_a_folder_with_very_many_drawings_some_are_chosen_always_the_same(
    said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One large source must not drown the others, and the run can be repeated elsewhere."""
    for folder in ("many", "few"):
        (tmp_path / folder).mkdir()
        for number in range(9):
            (tmp_path / folder / f"{number}.svg").write_text(FACE_SVG)
    followed: list[list[str]] = []

    def follow(files: Sequence[Path]) -> list[Drawing]:
        followed.append([f"{path.parent.name}{path.stem}" for path in files])
        return [face()] * len(files)

    monkeypatch.setattr(material, "_follow_all", follow)
    sources = Sources(
        lines=(str(tmp_path / "many"), str(tmp_path / "few")), most_drawings={"many": 4, "other": 1}
    )
    for cache in ("first", "second"):
        assert 13 == len(gather(sources, cache=tmp_path / cache, report=said.append).drawings)
    first, second = followed
    assert first == second
    assert 4 == sum(name.startswith("many") for name in first)
    assert ["many0", "many1", "many2", "many3"] != first[:4]


def test_what_is_kept_apart_is_never_learnt_from(
    said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures measured on drawings that were learnt from would say nothing; others take their place."""
    for name in ("lines/a/1.svg", "lines/a/2.svg", "lines/b/1.svg", "others/a/1.svg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(FACE_SVG)
    followed: list[str] = []

    def follow(files: Sequence[Path]) -> list[Drawing]:
        followed.extend(path.relative_to(tmp_path).as_posix() for path in files)
        return [face()] * len(files)

    monkeypatch.setattr(material, "_follow_all", follow)
    sources = Sources(
        lines=(str(tmp_path / "lines"), str(tmp_path / "others")),
        most_drawings={"lines": 2},
        kept_apart=("lines/a/1.svg",),
    )
    gather(sources, cache=tmp_path / "cache", report=said.append)
    assert ["lines/a/2.svg", "lines/b/1.svg", "others/a/1.svg"] == followed


def test_a_real_drawing_survives_the_library(tmp_path: Path) -> None:
    """What `douga samples` draws from is what was followed."""
    drawing = follow_drawing("face", FACE_SVG)
    assert drawing is not None
    assert (True, 2) == (len(drawing.strokes) >= 5, len(drawing.solids))
    assert 1 == write_library(tmp_path / "library.npz", [drawing])


def test_pairs_come_at_the_size_the_network_works_at(said: list[str], tmp_path: Path) -> None:
    """A pencil of 6 px is brought to 3, rough and clean alike."""
    large = cv2.resize(pair_of_lines(), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    ink = np.asarray(large, dtype=np.uint8)
    save(tmp_path / "rough" / "A0001.png", ink)
    save(tmp_path / "clean" / "A0001.png", ink)
    (pair,) = gathered(said, tmp_path, pairs=(tmp_path / "rough", tmp_path / "clean")).pairs
    assert pair.ink.shape == pair.target.shape
    assert 0.5 >= pair.ink.shape[0] / ink.shape[0] >= 0.3
    assert np.corrcoef(pair.ink.ravel(), pair.target.ravel())[0, 1] > 0.95


def test_a_broken_pair_is_left_out_and_named(said: list[str], tmp_path: Path) -> None:
    """One bad file among hundreds does not end a training, nor vanish in silence."""
    for name in ("A0001", "A0002"):
        save(tmp_path / "rough" / f"{name}.png", pair_of_lines())
        save(tmp_path / "clean" / f"{name}.png", pair_of_lines())
    save(tmp_path / "rough" / "A0003.png", pair_of_lines())
    (tmp_path / "clean" / "A0002.png").write_bytes(b"no picture")
    found = gathered(said, tmp_path, pairs=(tmp_path / "rough", tmp_path / "clean"))
    assert 1 == len(found.pairs)
    left_out = [line for line in said if line.startswith("left out: ")]
    assert [True, True] == [any(name in line for line in left_out) for name in ("A0002", "A0003")]


@pytest.mark.parametrize("what", ["lines", "papers", "over_sketches", "pairs"])
def test_a_missing_folder_is_named(said: list[str], tmp_path: Path, what: str) -> None:
    """A mistyped folder ends the command before it costs an hour."""
    gone = tmp_path / "gone"
    given: dict[str, Sequence[Path]] = {"lines": [gone], "pairs": (gone, gone)}
    with pytest.raises(InputMissing, match="gone"):
        gathered(said, tmp_path, **{what: given.get(what, gone)})


def test_pairs_of_which_none_can_be_used_are_an_error(said: list[str], tmp_path: Path) -> None:
    """Two folders of other names have nothing to teach."""
    save(tmp_path / "rough" / "A0001.png", pair_of_lines())
    save(tmp_path / "clean" / "B0001.png", pair_of_lines())
    with pytest.raises(InputMissing, match="usable clean version"):
        gathered(said, tmp_path, pairs=(tmp_path / "rough", tmp_path / "clean"))


def test_nothing_to_learn_from_is_an_error(said: list[str], tmp_path: Path) -> None:
    """`douga train` without folders says what to give."""
    with pytest.raises(InputMissing, match="--pairs"):
        gathered(said, tmp_path)
