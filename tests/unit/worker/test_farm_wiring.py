"""A farm's worker put together, with the network that it is shipped with."""

from __future__ import annotations

from pathlib import Path

import pytest

from douga_shared import metrics
from douga_shared.errors import InputMissing, QueueUnreachable
from douga_shared.settings import Settings
from douga_shared.shipped_networks import SHIPPED_SHA256
from douga_worker.farm_wiring import open_farm_worker
from douga_worker.patience import Patience


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Scans in a folder, and a Redis that nobody has started."""
    folder = tmp_path / "scans"
    folder.mkdir()
    # Nothing may listen on this port.
    return Settings(broker_url="redis://127.0.0.1:1/0", stores=folder.as_uri() + "/")


def test_a_worker_tries_the_network_that_it_is_shipped_with(settings: Settings) -> None:
    """And shows which one it is."""
    with open_farm_worker(settings, Patience(1), device="cpu", process_count=1) as worker:
        worker.warm_up()
    (shown,) = metrics.NETWORK_INFO.collect()
    versions = {sample.labels["network"]: sample.labels["version"] for sample in shown.samples}
    assert {name: sha256[:12] for name, sha256 in SHIPPED_SHA256.items()}.items() <= versions.items()


def test_a_worker_asks_its_servers_how_they_are(settings: Settings) -> None:
    """Each by itself: what is away is named."""
    with open_farm_worker(settings, Patience(1), device="cpu", process_count=1) as worker:
        worker.questions["object store"]()
        Path(settings.stores.removeprefix("file://")).rmdir()
        with pytest.raises(InputMissing, match="scans"):
            worker.questions["object store"]()
        with pytest.raises(QueueUnreachable, match=r"127\.0\.0\.1:1"):
            worker.questions["job store"]()
