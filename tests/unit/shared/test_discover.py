"""Which files of a source are frames, in what order, and what is said about the others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from douga_shared.discover import Discovery, Frame, discover
from douga_shared.errors import InputMissing, Reason
from douga_shared.frames import FrameId, FrameRange
from douga_shared.manifest import LeftOut
from douga_shared.object_keys import fault_of
from douga_shared.object_store import FolderStore, MemoryStore
from douga_shared.recipe import Output, file_suffixes


def _holding(*object_keys: str) -> MemoryStore:
    return MemoryStore(dict.fromkeys(object_keys, b"bytes"))


def _scans(discovery: Discovery) -> list[str]:
    return [frame.scan for frame in discovery.frames]


def _rejected(discovery: Discovery) -> dict[str, str]:
    assert {Reason.NAME_COLLISION} >= {error.reason for _, error in discovery.rejected}
    return {frame.scan: str(error) for frame, error in discovery.rejected}


def test_a_frame_knows_its_scan_its_stem_and_its_number() -> None:
    """The stem carries no folder: it names the drawing below the destination."""
    store = _holding("cut012/A/A.0001.tif")
    info = store.stat("cut012/A/A.0001.tif")
    assert info is not None
    expected = Frame(FrameId("A", 1), "cut012/A/A.0001.tif", "A.0001", info)
    assert (expected,) == discover(store, "cut012/A").frames


def test_frames_come_in_the_order_of_the_drawings() -> None:
    """As an animator counts, not as a computer sorts names."""
    expected = ["A1.png", "A2.tga", "A003.png", "A0003a.png", "A4.png", "A10.png", "cover.png"]
    assert expected == _scans(discover(_holding(*expected)))


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "tif", "tiff", "tga", "tpic", "bmp", "webp"])
def test_every_scan_format_counts_in_either_case(suffix: str) -> None:
    """Scanners and old systems write their suffixes in capitals."""
    scans = [f"A1.{suffix}", f"A2.{suffix.upper()}", f"A3.{suffix.title()}"]
    assert scans == _scans(discover(_holding(*scans)))


def test_an_empty_or_broken_image_is_a_frame() -> None:
    """It was meant to be a drawing: it is rejected when read, not overlooked."""
    store = MemoryStore({"A1.png": b"", "A2.png": b"garbage"})
    assert ["A1.png", "A2.png"] == _scans(discover(store))


def test_what_is_no_scan_is_left_out_with_the_reason() -> None:
    """Nothing that a person put there disappears without a word."""
    store = _holding("A1.png", "notes.txt", "sheet.XDTS", "README", "B/B1.png")
    assert (
        LeftOut(name="README", why="not a scan: no suffix"),
        LeftOut(name="notes.txt", why="not a scan: .txt"),
        LeftOut(name="sheet.XDTS", why="not a scan: .xdts"),
        LeftOut(name="B/", why="a sub-folder; clean it by itself"),
    ) == discover(store).left_out


def test_a_thousand_other_files_are_a_few_lines() -> None:
    """The first are named, the others counted."""
    store = _holding("A1.png", *(f"{number:04}.xmp" for number in range(1_200)))
    left_out = discover(store).left_out
    assert 11 == len(left_out)
    assert LeftOut(name="1,190 more", why="not a scan: .xmp") == left_out[-1]


def test_hidden_files_and_dougas_own_are_not_mentioned() -> None:
    """Cleaning a folder whose drawings lie beside the scans is no news to anyone."""
    store = _holding(
        "A1.png",
        ".DS_Store",
        "._A1.png",
        ".hidden.png",
        "Thumbs.db",
        "desktop.ini",
        "douga.json",
        "report/index.html",
        ".douga/done/A1.json",
    )
    discovery = discover(store)
    assert (["A1.png"], ()) == (_scans(discovery), discovery.left_out)


def test_a_studios_own_report_folder_is_mentioned() -> None:
    """Without a manifest beside it, it is a folder like any other."""
    left_out = discover(_holding("A1.png", "report/A1.png")).left_out
    assert ["report/"] == [entry.name for entry in left_out]


def test_only_the_folder_itself_is_searched() -> None:
    """Levels and cuts are jobs of their own; a name that merely begins alike is another folder."""
    store = _holding("A/A1.png", "A/retake/A1.png", "A/1.txt", "AB/A2.png", "A3.png")
    for prefix in ("A", "A/"):
        discovery = discover(store, prefix)
        assert ["A/A1.png"] == _scans(discovery)
        assert ["1.txt", "retake/"] == [entry.name for entry in discovery.left_out]


def test_a_single_scan_is_a_source() -> None:
    """`douga clean one.png out/`: its neighbours are none of the job's business."""
    discovery = discover(_holding("one.png", "two.png", "one.tga"), "one.png")
    assert (["one.png"], (), ()) == (_scans(discovery), discovery.left_out, discovery.rejected)


def test_a_single_file_that_is_no_scan_is_missing_input() -> None:
    """The message says what scans are."""
    with pytest.raises(InputMissing, match=r"'notes\.txt' is no scan by its name.*\.png"):
        discover(_holding("notes.txt"), "notes.txt")


def test_frames_not_selected_are_counted_not_listed() -> None:
    """One line, however many."""
    store = _holding(*(f"A{number}.png" for number in range(1, 21)), "cover.png", "A3a.png")
    discovery = discover(store, frames=FrameRange.parse("1-4x2"))
    assert ["A1.png", "A3.png", "A3a.png"] == _scans(discovery)
    assert (LeftOut(name="19 scans", why="not selected by --frames 1-4x2"),) == discovery.left_out


def test_a_range_that_selects_nothing_is_missing_input() -> None:
    """A farm must not take a chunk of missing frames for success."""
    store = _holding("A1.png", "A20.png")
    with pytest.raises(
        InputMissing, match="--frames 30-40 selects no scan of 'memory'; the first is A1, the last A20"
    ):
        discover(store, frames=FrameRange.parse("30-40"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A0001.png", "A0001.tga"),
        ("A0001.PNG", "A0001.png"),
        ("A0001.png", "a0001.png"),
        ("Straße.png", "STRASSE.png"),
        ("caf\u00e9.png", "cafe\u0301.tif"),
    ],
)
def test_scans_whose_drawings_collide_are_rejected_and_name_each_other(one: str, other: str) -> None:
    """Neither is drawn, for nobody knows which is meant; the others go on."""
    discovery = discover(_holding(one, other, "A0002.png"))
    assert ["A0002.png"] == _scans(discovery)
    messages = _rejected(discovery)
    assert {one, other} == set(messages)
    for message in messages.values():
        assert repr(one) in message
        assert repr(other) in message
        assert "rename or move" in message


def test_different_names_of_one_number_do_not_collide() -> None:
    """A1 and A0001 have drawings of their own, and so has an inserted A1a."""
    scans = ["A.0001.png", "A0001.png", "A1.png", "A1a.png"]
    discovery = discover(_holding(*scans))
    assert (sorted(scans), ()) == (sorted(_scans(discovery)), discovery.rejected)


def test_a_collision_of_many_stays_readable() -> None:
    """Three rivals are named, the rest counted."""
    scans = [f"A1.{suffix}" for suffix in ("bmp", "jpg", "png", "tga", "tif", "webp")]
    messages = _rejected(discover(_holding(*scans)))
    assert set(scans) == set(messages)
    assert all("and 2 more" in message for message in messages.values())


def test_an_alpha_drawing_collides_only_where_it_is_written() -> None:
    """`A1-alpha.png` is the alpha drawing of A1, but also the drawing of a scan so named."""
    store = _holding("A1.tga", "A1-alpha.tga")
    assert () == discover(store, suffixes=file_suffixes([Output.PNG, Output.SVG])).rejected
    assert () == discover(store, suffixes=file_suffixes([Output.PNG_ALPHA, Output.SVG])).rejected
    collided = discover(store, suffixes=file_suffixes([Output.PNG, Output.PNG_ALPHA]))
    assert {"A1.tga", "A1-alpha.tga"} == set(_rejected(collided))


def test_a_scan_collides_with_one_that_is_not_selected() -> None:
    """An earlier run may have drawn the other; its drawing is not overwritten."""
    store = _holding("A1.tga", "A1-alpha.tga", "A2.tga")
    discovery = discover(
        store, frames=FrameRange.parse("1-2"), suffixes=file_suffixes([Output.PNG, Output.PNG_ALPHA])
    )
    assert (["A2.tga"], {"A1.tga"}) == (_scans(discovery), set(_rejected(discovery)))


def test_a_source_of_collisions_alone_is_no_missing_input() -> None:
    """There are scans, each with its reason: the job ends with frames failed."""
    discovery = discover(_holding("A1.png", "A1.tga"))
    assert (0, 2) == (len(discovery.frames), len(discovery.rejected))


@pytest.mark.parametrize(
    ("object_keys", "found"),
    [
        ((), "It is empty"),
        ((".DS_Store",), "It is empty"),
        (("a.txt", "b.txt", "c.mp4"), r"It holds 2 \.txt, 1 \.mp4\."),
        (("A/A1.png", "B/B1.png"), r"It holds 2 folders \(A/, B/\); name one of these folders"),
        (tuple(f"{n}/A1.png" for n in range(9)), r"It holds 9 folders \(0/, 1/, 2/, 3/, 4/, \.\.\.\)"),
    ],
)
def test_a_source_without_scans_says_what_it_holds(object_keys: tuple[str, ...], found: str) -> None:
    """The user sees at once which folder was meant."""
    with pytest.raises(InputMissing, match=f"'memory' holds no scan. {found}"):
        discover(_holding(*object_keys))


def test_a_folder_that_does_not_exist_is_missing_input() -> None:
    """It is named as the user named it."""
    with pytest.raises(InputMissing, match="'cut013' in 'memory' holds no scan"):
        discover(_holding("cut012/A1.png"), "cut013")


@given(st.sets(st.text(min_size=1, max_size=12), min_size=1, max_size=8))
def test_strange_names_are_frames_like_any_other(names: set[str]) -> None:
    """Spaces, quotes, dashes, line breaks, any script: every name a store takes is drawn or rejected."""
    scans = {
        f"{name}.png" for name in names if not name.startswith(".") and not fault_of(name) and "/" not in name
    }
    discovery = discover(_holding(*scans, "fixed~.png"))
    found = _scans(discovery) + list(_rejected(discovery))
    assert sorted({*scans, "fixed~.png"}) == sorted(found)
    stems = [frame.stem for frame in discovery.frames]
    assert len(stems) == len(set(stems))


def test_a_folder_on_disk_is_searched_the_same_way(tmp_path: Path) -> None:
    """What cannot be a frame is told apart: a folder, a pipe, a name that is not Unicode."""
    (tmp_path / "A1.png").write_bytes(b"x")
    (tmp_path / "-rf 原画.png").write_bytes(b"x")
    (tmp_path / "A2.png").mkdir()
    os.mkfifo(tmp_path / "A3.png")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/A\xe9.png")).write_bytes(b"x")
    discovery = discover(FolderStore(tmp_path))
    assert ["-rf 原画.png", "A1.png"] == _scans(discovery)
    assert {
        "A2.png/": "a sub-folder; clean it by itself",
        "A3.png": "not a file (a pipe, socket or device)",
        "A\\xe9.png": "its name cannot be used: it is not valid Unicode",
    } == {entry.name: entry.why for entry in discovery.left_out}


def test_a_scan_being_written_by_another_douga_is_no_frame(tmp_path: Path) -> None:
    """The drawings of one job may be the scans of the next."""
    store = FolderStore(tmp_path)
    store.write("A1.png", b"x")
    (tmp_path / f".douga-{'a' * 16}.tmp").write_bytes(b"half")
    discovery = discover(store)
    assert (["A1.png"], ()) == (_scans(discovery), discovery.left_out)
