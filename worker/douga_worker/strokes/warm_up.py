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

import numba
from llvmlite import binding

import douga_worker.strokes
from douga_worker.strokes.compiled import CACHE, REGISTER

LOCK_NAME = "compiling.lock"


@lru_cache(maxsize=1)
def warm_up() -> int:
    """Have every hot loop compiled, or loaded from the cache, once in this process.

    Blocks while another process compiles into the same cache: the second then only loads what the first made.
    Loops that were loaded as they are called would be compiled again for whatever number types come first.

    Returns:
        How many functions are ready.
    """
    for module in pkgutil.iter_modules(douga_worker.strokes.__path__):
        importlib.import_module(f"{douga_worker.strokes.__name__}.{module.name}")
    with _one_at_a_time():
        for function in REGISTER:
            function.dispatcher.compile(f"{function.signature[:-1]},)")
        if mark := _complete_mark():
            with contextlib.suppress(OSError):
                mark.touch()
    return len(REGISTER)


def is_compiled() -> bool:
    """Whether the cache holds every hot loop, compiled for this kind of processor."""
    mark = _complete_mark()
    return mark is not None and mark.exists()


def _complete_mark() -> Path | None:
    """An empty file in the cache, which machines of different kinds may share."""
    processor = numba.config.CPU_NAME or binding.get_host_cpu_name()  # type: ignore[attr-defined]
    return CACHE / f"complete-{processor}" if CACHE else None


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold a lock beside the cache; where no file can be made there, nothing is shared either."""
    try:
        lock = (CACHE / LOCK_NAME).open("a") if CACHE else None
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
