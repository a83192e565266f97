"""One S3 server for all tests that only need one to be there; those that kill it start their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.s3_server import SeaweedS3, aws_environment, fresh_prefix, running_s3_server

from douga_shared.object_store.s3 import close_connections


@pytest.fixture(scope="session")
def s3_server() -> Iterator[SeaweedS3]:
    """A real SeaweedFS, whose credentials this process finds; use a prefix of your own in its bucket."""
    with running_s3_server() as server, aws_environment(server):
        yield server
        close_connections()


@pytest.fixture
def s3_prefix(request: pytest.FixtureRequest) -> str:
    """A prefix in the bucket that no other test uses."""
    return fresh_prefix(request.node.name)
