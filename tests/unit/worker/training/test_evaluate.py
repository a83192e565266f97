"""Roughs and artists' drawings, paired by name and compared."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from douga_shared.errors import InputMissing
from douga_worker.training.baselines import BASELINES, threshold_adaptive, threshold_otsu
from douga_worker.training.evaluate import Cleaner, Evaluation, as_table, evaluate_folders, find_pairs

Pixels = NDArray[np.uint8]
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 60">'
    '<path d="M20,30 L280,30" stroke="black" stroke-width="4"/></svg>'
)


def sheet(width: int = 300, height: int = 60, ink: int = 0) -> Pixels:
    """White paper with one level line in the middle."""
    pixels = np.full((height, width), 255, np.uint8)
    middle = height // 2
    pixels[middle - 2 : middle + 2, width // 15 : -width // 15] = ink
    return pixels


def save(folder: Path, name: str, pixels: Pixels) -> None:
    """Write a picture, the folder too."""
    folder.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(folder / name)


def invert(pixels: Pixels) -> Pixels:
    """The simplest cleaner: ink is what is dark."""
    grey = pixels if pixels.ndim == 2 else pixels.min(axis=2)
    return np.asarray(255 - grey, np.uint8)


@pytest.fixture
def rough(tmp_path: Path) -> Path:
    """The folder of roughs."""
    return tmp_path / "rough"


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """The folder of the artist's drawings."""
    return tmp_path / "clean"


def printed(evaluation: Evaluation) -> str:
    """The table as text."""
    console = Console(width=160)
    with console.capture() as capture:
        console.print(as_table(evaluation))
    return capture.get()


def test_drawings_are_paired_by_name_whatever_their_format(rough: Path, clean: Path) -> None:
    """A0001.png belongs to A0001.tif."""
    save(rough, "A0002.png", sheet())
    save(rough, "A0001.png", sheet())
    save(clean, "A0001.tif", sheet())
    save(clean, "A0002.png", sheet())
    (clean / "notes.txt").write_text("no drawing")
    pairs, refusals = find_pairs(rough, clean)
    assert [("A0001", "A0001.tif"), ("A0002", "A0002.png")] == [(p.name, p.clean.name) for p in pairs]
    assert [] == refusals


def test_drawings_without_a_partner_are_reported_and_the_rest_compared(rough: Path, clean: Path) -> None:
    """Nothing is left out in silence."""
    for name in ("A0001.png", "A0002.png"):
        save(rough, name, sheet())
    for name in ("A0001.png", "A0003.png"):
        save(clean, name, sheet())
    found = evaluate_folders(rough, clean, invert)
    assert ["A0001"] == [row.name for row in found.rows]
    assert ["A0002", "A0003"] == [refusal.name for refusal in found.refusals]
    assert "no clean version" in found.refusals[0].message
    assert "no rough" in found.refusals[1].message


def test_two_files_of_one_name_are_not_guessed_between(rough: Path, clean: Path) -> None:
    """The user says which one is meant."""
    save(rough, "A0001.png", sheet())
    save(rough, "A0001.tif", sheet())
    save(clean, "A0001.png", sheet())
    pairs, refusals = find_pairs(rough, clean)
    assert [] == pairs
    assert "A0001.png and A0001.tif" in refusals[0].message


def test_a_perfect_cleaner_has_perfect_figures(rough: Path, clean: Path) -> None:
    """Rough and clean version are the same drawing here."""
    save(rough, "A0001.png", sheet())
    save(clean, "A0001.png", sheet())
    found = evaluate_folders(rough, clean, invert)
    assert (1.0, 1.0, 1.0) == (
        found.rows[0].agreement.f_2px,
        found.rows[0].agreement.line_ends,
        found.averages["douga"].ink_iou,
    )


def test_a_clean_version_of_another_resolution_is_brought_to_the_roughs_size(
    rough: Path, clean: Path
) -> None:
    """Proportions within 1 % are one drawing."""
    save(rough, "A0001.png", sheet())
    save(clean, "A0001.png", sheet(width=601, height=120))
    assert evaluate_folders(rough, clean, invert).rows[0].agreement.f_4px == pytest.approx(1.0, abs=0.01)


def test_another_crop_is_refused_with_both_sizes(rough: Path, clean: Path) -> None:
    """Stretching it over the rough would compare different drawings."""
    save(rough, "A0001.png", sheet())
    save(clean, "A0001.png", sheet(width=300, height=66))
    found = evaluate_folders(rough, clean, invert)
    assert () == found.rows
    assert "300 x 60" in found.refusals[0].message
    assert "300 x 66" in found.refusals[0].message


def test_a_damaged_rough_is_refused_and_the_next_one_compared(rough: Path, clean: Path) -> None:
    """One bad file does not end the run."""
    for name in ("A0001.png", "A0002.png"):
        save(rough, name, sheet())
        save(clean, name, sheet())
    (rough / "A0001.png").write_bytes(b"no picture")
    found = evaluate_folders(rough, clean, invert)
    assert (["A0001"], ["A0002"]) == ([r.name for r in found.refusals], [r.name for r in found.rows])


def test_coloured_lines_of_the_artist_count_in_full(rough: Path, clean: Path) -> None:
    """A yellow line is light, and a line all the same."""
    save(rough, "A0001.png", sheet())
    yellow = np.stack([np.full((60, 300), 255, np.uint8)] * 2 + [sheet()], axis=2)
    save(clean, "A0001.png", yellow)
    assert 1.0 == evaluate_folders(rough, clean, invert).rows[0].agreement.f_2px


def test_a_clean_version_may_be_a_vector_drawing(rough: Path, clean: Path) -> None:
    """SVG is drawn at the rough's size."""
    save(rough, "A0001.png", sheet())
    clean.mkdir()
    (clean / "A0001.svg").write_text(SVG)
    assert evaluate_folders(rough, clean, invert).rows[0].agreement.f_4px == pytest.approx(1.0, abs=0.02)


def test_a_broken_vector_drawing_is_refused(rough: Path, clean: Path) -> None:
    """With its name, and without ending the run."""
    save(rough, "A0001.png", sheet())
    clean.mkdir()
    (clean / "A0001.svg").write_text('<svg viewBox="0 0 3 2"><path')
    found = evaluate_folders(rough, clean, invert)
    assert "A0001.svg" in found.refusals[0].message


def test_baselines_are_measured_on_the_same_pairs(rough: Path, clean: Path) -> None:
    """Every drawing has a row for every way of cleaning, and every way an average."""
    for name in ("A0001.png", "A0002.png"):
        save(rough, name, sheet(ink=90))
        save(clean, name, sheet())
    found = evaluate_folders(rough, clean, invert, baselines=BASELINES)
    ways = ["douga", "Otsu", "adaptive"]
    assert [(n, w) for n in ("A0001", "A0002") for w in ways] == [(r.name, r.cleaned_by) for r in found.rows]
    assert ways == list(found.averages)


@pytest.mark.parametrize("threshold", [threshold_otsu, threshold_adaptive])
def test_thresholding_finds_a_grey_line_on_uneven_paper(threshold: Cleaner, rough: Path, clean: Path) -> None:
    """The baselines are honest ones: the paper is flattened first."""
    light = np.linspace(0.7, 1.0, 300)[None]
    save(rough, "A0001.png", (sheet(ink=110) * light).astype(np.uint8))
    save(clean, "A0001.png", sheet())
    assert 0.98 < evaluate_folders(rough, clean, threshold).rows[0].agreement.f_2px


def test_the_table_shows_figures_averages_and_refusals(rough: Path, clean: Path) -> None:
    """What a user reads."""
    for name in ("A0001.png", "A0002.png"):
        save(rough, name, sheet())
    save(clean, "A0001.png", sheet())
    text = printed(evaluate_folders(rough, clean, invert))
    assert "F 2 px" in text
    assert "1.000" in text
    assert "average" in text
    assert "A0002.png has no clean version" in " ".join(text.split())


def test_an_evaluation_survives_the_way_through_json(rough: Path, clean: Path) -> None:
    """Figures can be kept and compared with the next network's."""
    save(rough, "A0001.png", sheet())
    save(clean, "A0001.png", sheet())
    found = evaluate_folders(rough, clean, invert)
    assert found == msgspec.json.decode(msgspec.json.encode(found), type=Evaluation)


def test_folders_without_a_single_pair_are_an_error(rough: Path, clean: Path) -> None:
    """Most likely the folders are not the ones that were meant."""
    save(rough, "A0001.png", sheet())
    save(clean, "B0001.png", sheet())
    with pytest.raises(InputMissing, match="same name"):
        evaluate_folders(rough, clean, invert)


def test_a_missing_folder_is_named(rough: Path, clean: Path) -> None:
    """Before anything is read."""
    save(rough, "A0001.png", sheet())
    with pytest.raises(InputMissing, match="clean"):
        evaluate_folders(rough, clean, invert)
