"""What every test runs under."""

from __future__ import annotations

import signal

from hypothesis import settings
from tests.s3_fixture import s3_prefix, s3_server  # noqa: F401  # found by their names, as every fixture
from tests.valkey_fixture import valkey  # noqa: F401  # found by its name, as every fixture

# A test judges what comes out, never how fast: a busy machine must not fail it.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A shell lets what it starts in the background ignore Ctrl-C, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
