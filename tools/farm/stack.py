"""What a farm on one machine consists of, and in which order it starts and stops."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import click
from tools.farm import servers
from tools.farm.parts import Parts
from tools.farm.ports import Ports, is_free

from douga_producer.client import open_farm
from douga_shared.errors import DougaError
from douga_shared.settings import read_settings

START_SECONDS = 180.0
"""On a busy machine a worker takes its time to load the network."""
SCRAPE_SECONDS = 5
_SETTINGS = ("DOUGA_", "AWS_")
_VITAL = ("queue", "bucket", "exporter")
_REMEDY = "apt-get install prometheus"


class PartEnded(Exception):
    """A program of the farm did not start, or ended by itself; says which, with the end of its log."""


class Stack:
    """The programs, their ports, their settings, and the folder in which all of it lies."""

    def __init__(self, folder: Path, ports: Ports, lock: int) -> None:
        self.folder = folder
        self.ports = ports
        self.parts = Parts(folder, lock)
        self.settings_file = folder / "settings.sh"
        self.has_prometheus = False
        # What the caller has set is for another farm.
        outer = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
        self.environment = {**outer, **self._settings()}

    def start_servers(self) -> None:
        """Start queue and bucket, and wait until they take work; write the settings."""
        self.settings_file.write_text(
            "".join(f"export {name}={shlex.quote(value)}\n" for name, value in self._settings().items())
        )
        for name in ("queue", "bucket"):
            (self.folder / name).mkdir(exist_ok=True)
        (self.folder / "identities.json").write_text(servers.identities())
        command = servers.queue_command(self.ports.queue, self.folder / "queue")
        self.parts.start("queue", command, self.environment)
        self.parts.start("bucket", self._bucket_command(), self.environment)
        # boto3 looks for credentials in this process' own environment.
        for name in [name for name in os.environ if name.startswith(_SETTINGS)]:
            del os.environ[name]
        os.environ.update(self._settings())
        self._wait("Queue and bucket", self._servers_take_work)

    def start_the_rest(self) -> None:
        """Start workers, exporter and, where there is one, Prometheus; wait until all are ready."""
        for number, port in enumerate(self.ports.workers, start=1):
            self._start_worker(f"worker-{number}", port)
        exporter = [sys.executable, "-m", "douga_producer", "exporter", "--port", str(self.ports.exporter)]
        self.parts.start("exporter", [*exporter, "--log-format", "text"], self.environment)
        self._start_prometheus()
        prometheus = ", Prometheus" if self.has_prometheus else ""
        self._wait(
            f"Workers ({len(self.ports.workers)}), exporter{prometheus}",
            lambda: all(map(_answers, self._signs_of_readiness())),
        )

    def stay(self) -> None:
        """Watch over the programs for ever; tells of those that end.

        Raises:
            PartEnded: without one that ended there is no farm.
        """
        while True:
            self.look()
            time.sleep(0.5)

    def look(self) -> None:
        """Tell of programs that ended since the last time; see ``stay``."""
        for part in self.parts.ended():
            said = f"{part.name} ended by itself ({_how(part.process.returncode)})"
            is_last_worker = part.name.startswith("worker-") and not any(map(_is_worker, self.parts.names()))
            if part.name in _VITAL or is_last_worker:
                raise PartEnded(f"{said}. {self.told(part.log)} ends:\n{part.last_lines}")
            click.echo(f"{said}; the others go on. See {self.told(part.log)}", err=True)

    def stop(self) -> None:
        """End everything, whoever uses another before that other; safe to repeat."""
        if not self.parts.names():
            return
        click.echo("Stopping; workers finish the frames that are begun. Ctrl-C once more ends all at once.")
        began = time.monotonic()
        self.parts.end(*filter(_is_worker, self.parts.names()))
        self.parts.end("exporter", "prometheus")
        self.parts.end("queue", "bucket")
        servers.remove_sockets(servers.BucketPorts.from_first(self.ports.bucket))
        click.echo(
            f"Stopped in {time.monotonic() - began:.0f} s. Queue, bucket and figures are kept in "
            f"{self.told(self.folder)}: started again, the farm goes on with them."
        )

    def told(self, path: Path) -> str:
        """Return a path as somebody in the repository types it."""
        return str(path.relative_to(servers.HOUSE)) if path.is_relative_to(servers.HOUSE) else str(path)

    def _settings(self) -> dict[str, str]:
        return {
            "DOUGA_BROKER_URL": f"redis://127.0.0.1:{self.ports.queue}/0",
            "DOUGA_STORES": f"s3://{servers.BUCKET}/",
            "DOUGA_STAGING": f"s3://{servers.BUCKET}/staging/",
            # So that a small example is work for all workers.
            "DOUGA_CHUNK_FRAMES": "4",
            "DOUGA_S3_ENDPOINT": f"http://127.0.0.1:{self.ports.bucket}",
            "DOUGA_S3_PATH_STYLE": "true",
            "AWS_ACCESS_KEY_ID": servers.USER,
            "AWS_SECRET_ACCESS_KEY": servers.PASSWORD,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def _bucket_command(self) -> list[str]:
        program = servers.bucket_program()
        if program is None:
            raise PartEnded("SeaweedFS is missing: tools/setup-venv.sh worker,servers")
        ports = servers.BucketPorts.from_first(self.ports.bucket)
        identities = self.folder / "identities.json"
        return servers.bucket_command(program, ports, self.folder / "bucket", identities, servers.BUCKET)

    def _servers_take_work(self) -> bool:
        """A bucket is ready when an object can be written, not when its port is open."""
        if is_free(self.ports.queue):  # asked so early, the job store would complain aloud
            return False
        with open_farm(read_settings(self.environment)) as farm:
            try:
                farm.jobs.job_ids()
                farm.open_store(farm.settings.staging).write("ready", b"")
            except DougaError:
                return False
            return True

    def _start_worker(self, name: str, port: int) -> None:
        # Together they take the machine once, not once each.
        share = str(max(1, (os.cpu_count() or 1) // len(self.ports.workers)))
        worker = [sys.executable, "-m", "douga_producer", "worker", "--name", name, "--processes", share]
        own = {
            "DOUGA_METRICS_PORT": str(port),
            "DOUGA_GRACE_SECONDS": "20",  # whoever presses Ctrl-C waits for it
            "OMP_NUM_THREADS": share,
        }
        self.parts.start(name, [*worker, "--log-format", "text"], {**self.environment, **own})

    def _start_prometheus(self) -> None:
        program = shutil.which("prometheus")
        if program is None:
            if os.environ.get("CI"):
                raise PartEnded(f"Prometheus is missing: {_REMEDY}")
            click.echo(f"Prometheus is missing: {_REMEDY}. The farm goes on without.", err=True)
            return
        folder = self.folder / "prometheus"
        workers = [f"127.0.0.1:{port}" for port in self.ports.workers]
        exporter = f"127.0.0.1:{self.ports.exporter}"
        servers.configure_prometheus(
            folder, workers=workers, exporter=exporter, scrape_seconds=SCRAPE_SECONDS
        )
        command = servers.prometheus_command(program, self.ports.prometheus, folder)
        self.parts.start("prometheus", command, self.environment)
        self.has_prometheus = True

    def _signs_of_readiness(self) -> list[str]:
        signs = [f"http://127.0.0.1:{port}/readyz" for port in (*self.ports.workers, self.ports.exporter)]
        if self.has_prometheus:
            signs.append(f"http://127.0.0.1:{self.ports.prometheus}/-/ready")
        return signs

    def _wait(self, who: str, is_ready: Callable[[], bool]) -> None:
        click.echo(f"{who} ... ", nl=False)
        began = time.monotonic()
        before = self.parts.names()
        while not is_ready():
            if ended := self.parts.ended():
                part = ended[0]
                raise PartEnded(f"{part.name} did not start; {self.told(part.log)} ends:\n{part.last_lines}")
            if time.monotonic() - began > START_SECONDS:
                raise PartEnded(
                    f"not ready within {START_SECONDS:.0f} s; the logs are in {self.told(self.folder)}"
                )
            time.sleep(0.2)
        assert before == self.parts.names()
        click.echo(f"ready ({time.monotonic() - began:.0f} s)")


def _is_worker(name: str) -> bool:
    return name.startswith("worker-")


def _how(returncode: int) -> str:
    return f"exit code {returncode}" if returncode >= 0 else f"signal {-returncode}"


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - this machine's own
    except OSError:
        return False
    return True
