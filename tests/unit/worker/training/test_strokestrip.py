"""The over-sketched figures: read, kept apart, measured and drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from douga_shared.errors import InputMissing
from douga_worker.training.evaluate import find_pairs
from douga_worker.training.roughness import lay_strokes, measure_roughness, roughness_report
from douga_worker.training.strokestrip import (
    HELD_OUT,
    OverSketch,
    family,
    hash_order,
    is_held_out,
    read_figure,
    read_figures,
    write_pairs,
)

ALL_NAMES = """
    BB04 Bee01 Bee02 Bee03 Bee04 BowTie01 Bug02Fxd Bunny02Fxd Bunny03 Bunny04 Bunny05 Bunny08fxd01c
    Flower03 GOEagle03 GOSmart06 Giraffe02 Giraffe03 LbkEagle02 LbkSmart03 Pig02fxd01
    SharkArtistC02fxd01c Tucanfxd01 archi10c baobab boeing737max building carc coyote dog fish fruit
    geometry giacometti giraffe hand1 house islands lady mecha4c notebook phone ring runner sheep veyron11c
""".split()  # noqa: SIM905 - a list of 45 literals would fill a page
SHEET = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-10.00 -20.00 100.00 50.00"><g>{}</g></svg>'
ROUGH_PATH = '<path data-stroke="{}" data-cluster="{}" d="M{} L{} L{}"/>'


def write_figure(folder: Path, name: str = "Snail01") -> None:
    """One line drawn in two overlapping strokes, and a second line drawn once."""
    folder.mkdir(exist_ok=True)
    strokes = [
        (0, 7, "0,0", "25,0", "50,0"),
        (1, 7, "30,0.5", "55,0.5", "80,0.5"),
        (2, 9, "0,20", "9,20", "20,20"),
    ]
    rough = "".join(ROUGH_PATH.format(*stroke) for stroke in strokes)
    clean = '<path data-cluster="7" d="M0,0 L80,0"/><path data-cluster="9" d="M0,20 L20,20"/>'
    (folder / f"{name}_rough.svg").write_text(SHEET.format(rough))
    (folder / f"{name}_clean_approx.svg").write_text(SHEET.format(clean))


@pytest.fixture
def figure(tmp_path: Path) -> OverSketch:
    """The hand-made figure."""
    write_figure(tmp_path)
    return read_figure(tmp_path, "Snail01")


def test_strokes_are_read_with_the_line_that_they_mean(figure: OverSketch) -> None:
    """In the order they were drawn."""
    assert (7, 7, 9) == figure.rough_clusters
    assert (7, 9) == figure.clean_clusters
    assert (100.0, 50.0, 100.0) == (figure.width, figure.height, figure.long_edge)


def test_the_sheets_corner_is_the_origin(figure: OverSketch) -> None:
    """The viewBox starts at -10, -20."""
    assert [[10, 20], [35, 20], [60, 20]] == figure.rough_strokes[0].tolist()
    assert np.float32 == figure.rough_strokes[0].dtype


def test_numbers_with_exponents_and_signs_are_read(tmp_path: Path) -> None:
    """As vector programs write them."""
    write_figure(tmp_path)
    path = tmp_path / "Snail01_clean_approx.svg"
    path.write_text(SHEET.format('<path data-cluster="1" d="M-1.5e1,2 L3E-1,-4"/>'))
    stroke = read_figure(tmp_path, "Snail01").clean_strokes[0]
    assert stroke.ravel().tolist() == pytest.approx([-5, 22, 10.3, 16])


def test_the_archives_own_folder_is_found(tmp_path: Path) -> None:
    """Given the unpacked archive, its folder of figures is read."""
    write_figure(tmp_path / "figures")
    assert ["Snail01"] == [figure.name for figure in read_figures(tmp_path)]


def test_a_folder_without_figures_says_what_to_unpack(tmp_path: Path) -> None:
    """The remedy stands in the message."""
    with pytest.raises(InputMissing, match=r"strokestrip\.tar\.xz"):
        read_figures(tmp_path)


@pytest.mark.parametrize("text", ["<svg", "<svg/>"], ids=["cut short", "no viewBox"])
def test_a_damaged_figure_is_named(tmp_path: Path, text: str) -> None:
    """So that it can be unpacked again."""
    write_figure(tmp_path)
    (tmp_path / "Snail01_rough.svg").write_text(text)
    with pytest.raises(InputMissing, match="Snail01_rough"):
        read_figure(tmp_path, "Snail01")


@pytest.mark.parametrize(
    ("subject", "names"),
    [
        ("bunny", ["Bunny02Fxd", "Bunny03", "Bunny08fxd01c"]),
        ("bee", ["Bee01", "Bee04", "Bug02Fxd"]),
        ("eagle", ["GOEagle03", "LbkEagle02"]),
        ("giraffe", ["Giraffe02", "giraffe"]),
        ("shark", ["SharkArtistC02fxd01c"]),
    ],
)
def test_variants_of_a_figure_are_one_family(subject: str, names: list[str]) -> None:
    """Whoever drew it, and however often."""
    assert {subject} == {family(name) for name in names}


def test_no_family_is_on_both_sides_of_the_hold_out() -> None:
    """A near-duplicate in training would make the evaluation worthless."""
    held = {family(name) for name in ALL_NAMES if is_held_out(name)}
    learned = {family(name) for name in ALL_NAMES if not is_held_out(name)}
    assert set() == held & learned


def test_the_hold_out_was_drawn_by_hash() -> None:
    """Its ten figures are the first families in the order of their hash."""
    first = [name for subject in hash_order(ALL_NAMES) for name in ALL_NAMES if family(name) == subject]
    assert HELD_OUT == set(first[: len(HELD_OUT)])
    assert (10, 45) == (len(HELD_OUT), len(ALL_NAMES))


def test_strokes_are_laid_against_their_line(figure: OverSketch) -> None:
    """Two strokes lie over the middle of the first line, one over its ends."""
    lines, refused = lay_strokes(figure)
    depth = lines[0].depth
    assert (0, 2, {1, 2}) == (refused, len(lines), set(depth.tolist()))
    assert np.mean(depth == 2) == pytest.approx(20 / 80, abs=0.05)
    assert np.abs(lines[0].strokes[1].offsets).mean() == pytest.approx(0.005, rel=0.01)


def test_roughness_is_stated_in_pencils_and_shares(figure: OverSketch) -> None:
    """The figures that the synthesis is fitted to."""
    lines, _ = lay_strokes(figure)
    found = {quantity.name: quantity for quantity in measure_roughness([lines])}
    assert 1.5 == found["strokes per line"].mean
    # Half a unit beside the line, of a long edge of 100: 2.1 widths of a pencil of 1/420.
    assert found["a stroke's mean distance beside its line"].quantile(1.0) == pytest.approx(2.1, rel=0.01)
    assert found["overlap of successive strokes"].mean == pytest.approx(0.2 * 420, rel=0.05)
    assert 1.0 == found["successive strokes drawn the same way"].mean


def test_held_out_figures_are_not_measured(tmp_path: Path) -> None:
    """What the synthesis is fitted to must not know them."""
    write_figure(tmp_path)
    write_figure(tmp_path, "carc")
    assert roughness_report(tmp_path).startswith("1 figures, 2 lines")


def test_figures_are_drawn_as_pairs_that_evaluate_reads(figure: OverSketch, tmp_path: Path) -> None:
    """Rough and clean version have one name and one size."""
    assert 1 == write_pairs([figure], tmp_path / "out", long_edge_px=420)
    pairs, _ = find_pairs(tmp_path / "out" / "rough", tmp_path / "out" / "clean")
    pixels = np.asarray(Image.open(pairs[0].clean))
    assert (210, 420) == pixels.shape
    # A pencil of 1 px at this size, at x 50 of 100 and y 20 of 50.
    assert (255 - pixels[76:92, 210].astype(int)).sum() == pytest.approx(255, rel=0.4)
    assert 255 == pixels[60:76, 210].min()
