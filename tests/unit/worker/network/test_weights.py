"""Weights files are checked before they are used, and every fault has its remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.training_parts import TINY, tiny_network, write_tiny_weights

from douga_shared.errors import ConfigurationError
from douga_shared.shipped_networks import SHIPPED_SHA256
from douga_worker.network import weights as weights_module
from douga_worker.network.weights import FORMAT, find_weights, load_weights, write_weights

SHAPE = json.dumps({"channels": [4, 8], "blocks": [1, 1], "unshuffle": 2})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good weights file."""
    return write_tiny_weights(tmp_path / "tiny.safetensors")


def test_what_was_written_cleans_as_before(path: Path) -> None:
    """The loaded network answers like the one in memory, but for 16-bit rounding."""
    network = tiny_network().eval()
    ink, strength = torch.rand(1, 1, 32, 32), torch.tensor([0.3])
    with torch.inference_mode():
        expected, actual = network(ink, strength), load_weights(str(path)).build()(ink, strength)
    torch.testing.assert_close(actual, expected, atol=2e-3, rtol=0)


def test_a_file_says_what_it_holds(path: Path) -> None:
    """Shape, notes, and a hash that pins it in a recipe."""
    loaded = load_weights(str(path))
    assert (TINY, "none", str(path)) == (loaded.shape, loaded.notes["training"], loaded.name)
    assert 64 == len(loaded.sha256)
    assert loaded.sha256 == load_weights(str(path)).sha256
    assert not loaded.build().training


def test_other_weights_have_another_hash(path: Path, tmp_path: Path) -> None:
    """A recipe notices a network that was trained further."""
    write_weights(tmp_path / "other.safetensors", tiny_network(seed=1), {})
    assert load_weights(str(path)).sha256 != load_weights(str(tmp_path / "other.safetensors")).sha256


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    """Folders are made, nothing half written is left beside it."""
    write_tiny_weights(tmp_path / "new" / "folder" / "w.safetensors")
    assert ["w.safetensors"] == [found.name for found in (tmp_path / "new" / "folder").iterdir()]


def damage(path: Path, how: str) -> None:
    """Damage a weights file, or replace it by another program's."""
    data = path.read_bytes()
    tensors = {name: value.half() for name, value in tiny_network().state_dict().items()}
    stated = {"format": FORMAT, "shape": SHAPE}
    match how:
        case "empty":
            path.write_bytes(b"")
        case "cut short":
            path.write_bytes(data[: len(data) // 2])
        case "no safetensors":
            path.write_bytes(bytes(range(256)) * 20)
        case "other program":
            save_file({"a": torch.zeros(3)}, path)
        case "other version":
            save_file(tensors, path, {**stated, "format": "douga-simplification-9"})
        case "no shape":
            save_file(tensors, path, {"format": FORMAT})
        case "strange shape":
            save_file(tensors, path, {**stated, "shape": '{"channels": 4}'})
        case "tensor missing":
            save_file({k: v for k, v in tensors.items() if k != "stem.bias"}, path, stated)
        case "other shape":
            save_file(tensors, path, {**stated, "shape": SHAPE.replace("8", "12")})


@pytest.mark.parametrize(
    ("how", "remedy"),
    [
        ("empty", "restore the file"),
        ("cut short", "restore the file"),
        ("no safetensors", "restore the file"),
        ("other program", "written by 'douga train'"),
        ("other version", "written by 'douga train'"),
        ("no shape", "written by 'douga train'"),
        ("strange shape", "written by 'douga train'"),
        ("tensor missing", "written by 'douga train'"),
        ("other shape", "written by 'douga train'"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_a_remedy(path: Path, how: str, remedy: str) -> None:
    """The message names the file and says what to do; nothing was started."""
    damage(path, how)
    with pytest.raises(ConfigurationError, match=rf"(?s)tiny\.safetensors.*{remedy}"):
        load_weights(str(path)).build()


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    """A mistyped network is told apart from a missing file by its answer."""
    with pytest.raises(ConfigurationError, match=r"slow.*fast.*douga train"):
        load_weights("slow")
    with pytest.raises(ConfigurationError, match="no network"):
        load_weights(str(tmp_path))


@pytest.mark.parametrize("name", sorted(SHIPPED_SHA256))
def test_a_shipped_name_is_a_file_of_the_package(name: str) -> None:
    """The default needs no path, whatever the current folder."""
    assert ("shipped", f"{name}.safetensors") == find_weights(name).parts[-2:]


def test_every_network_in_the_package_is_pinned_and_whole() -> None:
    """A second network needs its file and its hash, and nothing else."""
    folder = find_weights("fast").parent
    assert sorted(SHIPPED_SHA256) == sorted(path.stem for path in folder.glob("*.safetensors"))
    assert SHIPPED_SHA256 == {name: load_weights(name).sha256 for name in SHIPPED_SHA256}
    assert all(find_weights(name).stat().st_size < 16_000_000 for name in SHIPPED_SHA256)


def test_a_damaged_installation_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shipped weights are pinned by their hash."""
    monkeypatch.setattr(weights_module, "SHIPPED_SHA256", {"tiny": "0" * 64})
    monkeypatch.setattr(weights_module, "find_weights", lambda name: path)
    with pytest.raises(ConfigurationError, match="reinstall"):
        load_weights("tiny")


def test_missing_shipped_weights_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package built without its weights is an installation's fault, not the user's."""
    monkeypatch.setattr(weights_module, "find_weights", lambda name: tmp_path / "gone.safetensors")
    with pytest.raises(ConfigurationError, match="reinstall"):
        load_weights("fast")
