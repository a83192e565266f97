"""One Valkey for all tests that only need one to be there; those that kill it start their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.servers import Valkey


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A real Valkey; use a farm's name or a database of your own in it, and flush nothing."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server
