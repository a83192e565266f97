"""The one way to compile a hot loop here: ahead of its first call, once a machine, kept on disk.

Numba compiles in seconds what then runs in milliseconds, so what it made is kept in a cache:
in ``NUMBA_CACHE_DIR`` where that is set, else beside the source, else in the user's cache folder. Where the
cache cannot be written (an image whose root is read only), a process works with a private copy of it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
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


REGISTER: list[CompiledFunction] = []
"""Every function that ``compiled`` has seen, in order of import: what the warm-up compiles."""


def compiled(signature: str) -> Callable[[Function], Function]:
    """Compile a function for exactly these types, at its first call or by the warm-up.

    Args:
        signature: Numba's types of the arguments, for example ``"(float32[:, ::1], float64)"``. One only:
            callers bring their arrays into this form, so that nothing is ever compiled twice.
    """

    def register(function: Function) -> Function:
        dispatcher: Any = numba.njit(function, cache=_HAS_CACHE)
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


def prepare_cache(given: str, beside_source: Path) -> bool:
    """See to it that numba finds a cache that it can write; False where there is none.

    Args:
        given: ``NUMBA_CACHE_DIR``, empty where it is not set.
        beside_source: The folder that numba uses unasked.
    """
    if is_writable(Path(given) if given else beside_source):
        return True
    try:
        private = tempfile.mkdtemp(prefix="douga-compiled-")
    except OSError:
        return False
    atexit.register(shutil.rmtree, private, ignore_errors=True)
    if given and Path(given).is_dir():
        shutil.copytree(given, private, dirs_exist_ok=True)
    numba.config.CACHE_DIR = private  # type: ignore[attr-defined]
    return True


_HAS_CACHE = prepare_cache(os.environ.get("NUMBA_CACHE_DIR", ""), Path(__file__).parent / "__pycache__")
