"""What every test runs under."""

from __future__ import annotations

from hypothesis import settings
from tests.s3_fixture import s3_prefix, s3_server  # noqa: F401  # found by their names, as every fixture
from tests.valkey_fixture import valkey  # noqa: F401  # found by its name, as every fixture

# A test judges what comes out, never how fast: a busy machine must not fail it.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
