"""Compile every hot loop ahead of the first drawing: ``python -m douga_worker.strokes.warm_up``.

An image runs it while it is built, with ``NUMBA_CACHE_DIR`` inside the image and ``NUMBA_CPU_NAME=generic``,
so that what is compiled there fits every machine it will run on; both must be set when it runs, too.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import pkgutil
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import douga_worker.strokes
from douga_worker.strokes.compiled import REGISTER

LOCK_NAME = "compiling.lock"
COMPLETE_NAME = "complete"
"""An empty file beside the cache: every loop is in it."""


@lru_cache(maxsize=1)
def warm_up() -> int:
    """Have every hot loop compiled, or loaded from the cache, once in this process.

    Blocks while another process compiles into the same cache: the second then only loads what the first made.

    Returns:
        How many functions are ready.
    """
    _register_all()
    with _one_at_a_time():
        for function in REGISTER:
            function.dispatcher.compile(f"{function.signature[:-1]},)")
        if folder := _cache_folder():
            with contextlib.suppress(OSError):
                (folder / COMPLETE_NAME).touch()
    return len(REGISTER)


def is_compiled() -> bool:
    """Whether ``warm_up`` has nothing to compile, only to load."""
    _register_all()
    folder = _cache_folder()
    return folder is not None and (folder / COMPLETE_NAME).exists()


def _register_all() -> None:
    for module in pkgutil.iter_modules(douga_worker.strokes.__path__):
        importlib.import_module(f"{douga_worker.strokes.__name__}.{module.name}")


def _cache_folder() -> Path | None:
    folder = REGISTER[0].dispatcher.stats.cache_path
    return Path(folder) if folder else None


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold a lock beside the cache; where no file can be made there, nothing is shared either."""
    folder = _cache_folder()
    try:
        lock = (folder / LOCK_NAME).open("a") if folder else None
    except OSError:
        lock = None
    if lock is None:
        yield
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    warm_up()
