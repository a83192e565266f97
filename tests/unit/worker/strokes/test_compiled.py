"""Hot loops are compiled once, and kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.worker.strokes.drawn_lines import draw

from douga_worker.strokes.centre_lines import trace_centre_lines
from douga_worker.strokes.compiled import REGISTER, choose_cache, state_of
from douga_worker.strokes.trace_strokes import trace_strokes
from douga_worker.strokes.warm_up import is_compiled, warm_up


def test_no_function_is_compiled_for_a_second_set_of_types() -> None:
    """Callers bring their arrays into the one form that the warm-up compiled."""
    assert warm_up() == len(REGISTER)
    assert is_compiled()
    # Other tests of this process may have called one with types of their own.
    before = [len(function.dispatcher.signatures) for function in REGISTER]
    trace_strokes(trace_centre_lines(draw([(20, 20), (140, 120)], [(20, 120), (140, 20)])))
    after = [len(function.dispatcher.signatures) for function in REGISTER]
    twice = [REGISTER[n].signature for n in range(len(REGISTER)) if after[n] != before[n]]
    assert twice == []


def test_a_cache_that_cannot_be_written_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an image whose root is read only; the user's own folder is not there either."""
    kept = tmp_path / "read-only" / "state"
    kept.mkdir(parents=True)
    (kept / "loop.nbc").write_bytes(b"compiled")
    monkeypatch.setattr("douga_worker.strokes.compiled.is_writable", lambda folder: False)
    chosen = choose_cache([tmp_path / "nowhere", tmp_path / "read-only"], "state")
    assert chosen is not None
    assert kept != chosen
    assert b"compiled" == (chosen / "loop.nbc").read_bytes()


def test_the_first_cache_that_can_be_written_is_used(tmp_path: Path) -> None:
    """A file stands where the first one's parent should be, as good as a read-only disk even for root."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert tmp_path / "own" / "state" == choose_cache([blocked / "cache", tmp_path / "own"], "state")


def test_any_changed_source_has_a_cache_of_its_own(tmp_path: Path) -> None:
    """A compiled function holds copies of what it calls, of which Numba knows nothing."""
    (tmp_path / "caller.py").write_text('@compiled("()")')
    (tmp_path / "callee.py").write_text('@compiled("()") # 1')
    before = state_of(tmp_path)
    (tmp_path / "plain.py").write_text("")
    assert before == state_of(tmp_path)
    (tmp_path / "callee.py").write_text('@compiled("()") # 2')
    assert before != state_of(tmp_path)
