"""What some tests need beyond pip: where it is missing they are skipped, but in CI they fail."""

from __future__ import annotations

import os
import shutil

import pytest


def needs_program(program: str, remedy: str) -> str:
    """Return the path of a program, or skip the test; where ``CI`` is set, fail it instead.

    ``remedy`` says how to get the program, such as ``apt-get install chromium``.
    """
    path = shutil.which(program)
    if path is not None:
        return path
    reason = f"needs {program}: {remedy}"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
