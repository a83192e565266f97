"""A studio's machine installs the light side only, and it starts in a blink."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from types import ModuleType

import douga_producer
import douga_shared

HEAVY = {"PIL", "cv2", "numpy", "rich", "scipy", "skimage", "torch", "vtracer"}


def _loaded_by(*modules: str) -> set[str]:
    """Import the modules in a fresh interpreter; return the names of all that is loaded then."""
    code = (
        "import importlib, json, sys\n"
        "for module in sys.argv[1:]: importlib.import_module(module)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code, *modules], check=True, capture_output=True, text=True)
    return set(json.loads(run.stdout))


def _modules(package: ModuleType) -> list[str]:
    submodules = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    return [package.__name__, *(module.name for module in submodules if not module.name.endswith("__main__"))]


def test_no_light_module_loads_a_heavy_library() -> None:
    """Neither torch nor OpenCV, nor anything else of the worker's, not even indirectly."""
    modules = [*_modules(douga_shared), *_modules(douga_producer)]
    loaded = _loaded_by(*modules)
    assert set(modules) <= loaded
    assert set() == {name.partition(".")[0] for name in loaded} & HEAVY


def test_frames_are_understood_without_loading_fileseq() -> None:
    """Most jobs have no range, and fileseq takes as long to load as all else together."""
    assert "fileseq" not in _loaded_by("douga_shared.frames", "douga_shared.discover")
