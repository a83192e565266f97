"""What the tests of the producer's commands share."""

from __future__ import annotations

from tests.memory_farm import memory_farm, run_command  # noqa: F401  # found by their names, as every fixture
