"""What every test runs under."""

from __future__ import annotations

from hypothesis import settings

# A test judges what comes out, never how fast: a busy machine must not fail it.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
