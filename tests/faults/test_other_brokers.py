"""The same farm over kombu's own Redis transport and over RabbitMQ, chosen by a setting and a URL."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.components import needs_program
from tests.farm import FarmOfTests, assert_all_done_once, farm_environment
from tests.servers import Valkey, free_port, wait_until

from douga_producer import submit


@contextmanager
def _farm(valkey: Valkey, folder: Path, **settings: str) -> Iterator[FarmOfTests]:
    root = folder / "farm"
    for name in ("scans", "drawings", "staging"):
        (root / name).mkdir(parents=True)
    environment = farm_environment(valkey, f"file://{root}/", {}, folder.name.lower().replace("_", "-")[-30:])
    farm = FarmOfTests(valkey, f"file://{root}/", folder, environment | settings)
    try:
        yield farm
    finally:
        farm.stop_all()


def _stop_in_the_middle_and_go_on(farm: FarmOfTests) -> None:
    """A worker told to stop leaves with 0 and hands back; another finishes what is left."""
    names = farm.add_scans(64)
    first = farm.start_worker(STUB_SECONDS="0.1")
    farm.wait_ready(first)
    with farm.opened() as client:
        job_id = submit(farm.scans, farm.drawings, farm=client).job_id

        def has_begun() -> bool:
            standing = client.jobs.standing(job_id)
            return standing is not None and standing.running > 0

        wait_until(has_begun, "the first worker is at work")
    assert 0 == farm.stop(first)
    farm.start_worker()
    farm.wait_complete(job_id)
    assert_all_done_once(farm, job_id, names)


def test_stock_redis_does_the_job_too(valkey: Valkey, tmp_path: Path) -> None:
    """`DOUGA_TRANSPORT=stock`: nothing is lost as long as nobody is killed."""
    with _farm(valkey, tmp_path, DOUGA_TRANSPORT="stock") as farm:
        _stop_in_the_middle_and_go_on(farm)


@pytest.mark.soak
def test_rabbitmq_does_the_job_too(valkey: Valkey, tmp_path: Path) -> None:
    """`DOUGA_BROKER_URL=amqp://...`, with the jobs remembered in a Redis."""
    with _rabbitmq(tmp_path / "rabbitmq") as url:
        settings = {"DOUGA_BROKER_URL": url, "DOUGA_JOBS_URL": valkey.url}
        with _farm(valkey, tmp_path, **settings) as farm:
            _stop_in_the_middle_and_go_on(farm)


@contextmanager
def _rabbitmq(folder: Path) -> Iterator[str]:
    program = needs_program("rabbitmq-server", "apt-get install rabbitmq-server")
    for name in ("db", "log", "plugins"):
        (folder / name).mkdir(parents=True)
    (folder / "enabled_plugins").touch()
    # Started by root, Debian's script becomes the user rabbitmq.
    for path in (folder, *folder.iterdir(), *folder.parents):
        if path.is_relative_to(folder):
            path.chmod(0o777)
        elif path.stat().st_uid == os.getuid() and len(path.parts) > 2:
            path.chmod(path.stat().st_mode | 0o011)
    port = free_port()
    log = folder / "out.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [program],
            stdout=out,
            stderr=out,
            start_new_session=True,
            env={
                **os.environ,
                "HOME": str(folder),
                "RABBITMQ_NODENAME": f"douga-{port}@localhost",
                "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
                "RABBITMQ_NODE_PORT": str(port),
                "RABBITMQ_DIST_PORT": str(free_port()),
                "RABBITMQ_MNESIA_BASE": str(folder / "db"),
                "RABBITMQ_LOG_BASE": str(folder / "log"),
                "RABBITMQ_FEATURE_FLAGS_FILE": str(folder / "db" / "feature_flags"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
                "RABBITMQ_PLUGINS_EXPAND_DIR": str(folder / "plugins"),
                "RABBITMQ_PID_FILE": str(folder / "pid"),
            },
        )
    try:
        wait_until(lambda: "completed with" in log.read_text(), "RabbitMQ answers", 90)
        yield f"amqp://guest:guest@127.0.0.1:{port}//"
    finally:
        # The script's child, in a session of its own, is the server.
        os.kill(int((folder / "pid").read_text()), signal.SIGTERM)
        server.wait(30)
