"""Paper and camera: what lies between pencil and pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from douga_shared.errors import InputMissing
from douga_worker.training.paper import lay_paper, noise, read_papers, scan, table_edge


def save_paper(path: Path, width: int, height: int) -> None:
    """A picture of grainy paper under uneven light."""
    grain = np.random.default_rng(0).normal(0, 4, (height, width))
    light = np.linspace(120, 230, width)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((light + grain).clip(0, 255).astype(np.uint8)).save(path)


def test_a_paper_is_read_as_relief_without_its_light(tmp_path: Path) -> None:
    """Light from 120 to 230 is gone, the grain stays."""
    save_paper(tmp_path / "deep" / "down" / "grain.png", 400, 300)
    (relief,) = read_papers(tmp_path)
    assert (300, 400) == relief.shape
    assert 1.0 == pytest.approx(float(relief[:, 100:300].mean()), abs=0.01)
    assert 4 / 175 == pytest.approx(float(relief[:, 150:250].std()), rel=0.25)


def test_small_pictures_and_other_files_are_no_papers(tmp_path: Path) -> None:
    """A sheet is covered with a part of 256 px."""
    save_paper(tmp_path / "large.png", 256, 256)
    save_paper(tmp_path / "small.png", 255, 400)
    (tmp_path / "damaged.png").write_bytes(b"no picture")
    assert [(256, 256)] == [relief.shape for relief in read_papers(tmp_path)]


@pytest.mark.parametrize("folder", ["missing", "empty"])
def test_a_folder_without_paper_is_an_error(tmp_path: Path, folder: str) -> None:
    """A mistyped folder must not silently train without paper."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputMissing, match=f"{folder}.*another folder"):
        read_papers(tmp_path / folder)


@pytest.mark.parametrize("sigma", [0.0, 1.5, 7.0, 9.0, 40.0])
def test_noise_has_unit_spread_at_every_fineness(sigma: float) -> None:
    """A texture's strength does not depend on its fineness."""
    fields = [noise(np.random.default_rng(seed), (200, 300), sigma) for seed in range(12)]
    assert {(200, 300)} == {field.shape for field in fields}
    assert 1.0 == pytest.approx(float(np.std(fields)), abs=0.2)
    assert 0.0 == pytest.approx(float(np.mean(fields)), abs=0.2)


def test_an_empty_sheet_is_bright_whatever_lies_on_it() -> None:
    """Light, shadow and relief never make paper as dark as a pencil."""
    relief = np.full((300, 300), 1.0, np.float32)
    relief[::2] = 0.9
    for seed in range(40):
        sheet = lay_paper(np.random.default_rng(seed), 96, [relief])
        assert (96, 96) == sheet.shape
        assert float(np.median(sheet)) > 0.3


def test_a_scan_keeps_place_and_order_of_tones() -> None:
    """Whatever the camera does, dark stays dark and stays where it was, within half a pixel."""
    sheet = np.full((96, 96), 0.95, np.float32)
    sheet[30:60, 40:70] = 0.1
    for seed in range(40):
        pixels = scan(np.random.default_rng(seed), sheet)
        assert ((96, 96), np.dtype(np.uint8)) == (pixels.shape, pixels.dtype)
        dark = pixels < (int(pixels.min()) + int(pixels.max())) / 2
        ys, xs = np.nonzero(dark)
        assert [44.5, 54.5] == pytest.approx([ys.mean(), xs.mean()], abs=0.5)
        assert 900 == pytest.approx(int(dark.sum()), rel=0.15)


def test_a_sheet_that_ends_keeps_its_middle() -> None:
    """The table lies along one side: a minority of the picture, and never over the middle."""
    for seed in range(20):
        on_sheet, table = table_edge(np.random.default_rng(seed), 96)
        assert (96, 96) == on_sheet.shape == table.shape
        assert 1.0 == on_sheet[44:52, 44:52].min()
        assert 0.0 < float((on_sheet == 0).mean()) < 0.5
