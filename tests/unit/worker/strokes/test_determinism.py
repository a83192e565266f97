"""One drawing, one SVG: on every run, in every process."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest
from tests.line_images import character
from tests.tracing import trace_variable

PROGRAM = """
import hashlib
from tests.line_images import character
from tests.tracing import trace_variable
print(hashlib.sha256(trace_variable(character(300))).hexdigest())
"""


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_another_process_draws_the_same_bytes(hash_seed: str) -> None:
    """Neither the order of sets nor anything left over from an earlier drawing shows."""
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    trace_variable(character(200))
    assert finished.stdout.strip() == hashlib.sha256(trace_variable(character(300))).hexdigest()
