"""How a worker of the farm begins and ends, without a farm."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from douga_shared.errors import ExitCode
from douga_shared.settings import Settings
from douga_worker import farm


@pytest.fixture
def handler() -> Iterator[None]:
    """What SIGTERM means afterwards is what it meant before."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@contextmanager
def _told_to_stop(*_: object, **__: object) -> Iterator[None]:
    os.kill(os.getpid(), signal.SIGTERM)
    yield


@pytest.mark.usefixtures("handler")
def test_a_worker_told_to_stop_while_it_starts_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With exit code 0, also as a container's process 1, to which SIGTERM means nothing by itself."""
    monkeypatch.setattr(farm, "open_farm_worker", _told_to_stop)
    with pytest.raises(SystemExit) as left:
        farm.run_worker(Settings(), farm.WorkerOptions())
    assert ExitCode.OK == left.value.code
