"""Hot loops are compiled once, and kept."""

from __future__ import annotations

from pathlib import Path

import numba
import pytest
from tests.unit.worker.strokes.drawn_lines import draw

from douga_worker.strokes.centre_lines import trace_centre_lines
from douga_worker.strokes.compiled import REGISTER, prepare_cache
from douga_worker.strokes.warm_up import warm_up


def test_no_function_is_compiled_for_a_second_set_of_types() -> None:
    """Callers bring their arrays into the one form that the warm-up compiled."""
    assert warm_up() == len(REGISTER)
    trace_centre_lines(draw([(20, 20), (140, 120)], [(20, 120), (140, 20)]))
    twice = [function.signature for function in REGISTER if len(function.dispatcher.signatures) != 1]
    assert twice == []


def test_a_cache_that_cannot_be_written_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file stands where the folder's parent should be, as good as a read-only disk even for root."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", "", raising=False)
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert prepare_cache(str(blocked / "cache"), tmp_path)
    assert Path(numba.config.CACHE_DIR).is_dir()  # type: ignore[attr-defined]
    assert str(blocked) not in numba.config.CACHE_DIR  # type: ignore[attr-defined]


def test_a_cache_that_can_be_written_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba's own choice stays."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", "unchanged", raising=False)
    assert prepare_cache(str(tmp_path / "cache"), tmp_path)
    assert numba.config.CACHE_DIR == "unchanged"  # type: ignore[attr-defined]
