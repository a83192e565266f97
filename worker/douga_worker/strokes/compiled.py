"""The one way to compile a hot loop here: ahead of its first call, once a machine, kept on disk.

Numba compiles in seconds what then runs in milliseconds, so what it made is kept in a cache:
in ``NUMBA_CACHE_DIR`` where that is set, else beside the source, else in the user's cache folder. Where none
can be written (an image whose root is read only), a process works with a private copy of it.

Numba looks only at a function's own file to tell whether what is kept is still true, though a compiled
function holds copies of those that it calls. So each state of the sources has a folder of its own there.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class CompiledFunction:
    """A function and the only types of arguments that it takes."""

    dispatcher: Any
    """Numba's, as it stands in the module."""
    signature: str


_MARK = b"@compiled("

REGISTER: list[CompiledFunction] = []
"""Every function that ``compiled`` has seen, in order of import: what the warm-up compiles."""


def compiled(signature: str) -> Callable[[Function], Function]:
    """Compile a function for exactly these types, at its first call or by the warm-up.

    Args:
        signature: Numba's types of the arguments, for example ``"(float32[:, ::1], float64)"``. One only:
            callers bring their arrays into this form, so that nothing is ever compiled twice.
    """

    def register(function: Function) -> Function:
        # Checks for divisions by zero, of which there are none, would keep loops from the wide registers.
        dispatcher: Any = numba.njit(function, cache=CACHE is not None, error_model="numpy")
        REGISTER.append(CompiledFunction(dispatcher, signature))
        made: Function = dispatcher
        return made

    return register


def is_writable(folder: Path) -> bool:
    """Whether a file can be made in this folder, which need not exist yet."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def choose_cache(wanted: Sequence[Path], state: str) -> Path | None:
    """Return a folder that can be written, for what one state of the sources compiles to; or None.

    Args:
        wanted: The caches to try, the best first.
        state: Name of the folder inside them.
    """
    for cache in wanted:
        if is_writable(cache / state):
            return cache / state
    try:
        private = Path(tempfile.mkdtemp(prefix="douga-compiled-"))
    except OSError:
        return None
    atexit.register(shutil.rmtree, private, ignore_errors=True)
    for cache in wanted:
        if (cache / state).is_dir():
            shutil.copytree(cache / state, private, dirs_exist_ok=True)
            break
    return private


def state_of(sources: Path) -> str:
    """Return 16 hexadecimal digits that change with any file in a folder that has something to compile."""
    digest = hashlib.sha256()
    for source in sorted(sources.glob("*.py")):
        text = source.read_bytes()
        if _MARK in text:
            digest.update(source.name.encode() + b"\0" + text)
    return digest.hexdigest()[:16]


def _wanted_caches(sources: Path) -> list[Path]:
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return [Path(given)]
    users_own = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return [sources / "__pycache__" / "compiled", users_own / "douga" / "compiled"]


_SOURCES = Path(__file__).parent
CACHE = choose_cache(_wanted_caches(_SOURCES), state_of(_SOURCES))
"""Where the compiled loops of today's sources are kept; None where nothing can be."""
if CACHE is not None:
    numba.config.CACHE_DIR = str(CACHE)  # type: ignore[attr-defined]
