"""What a machine of the farm is told from outside: environment variables, read once, checked, typed.

Every setting is the environment variable ``DOUGA_`` and its name in capitals: ``DOUGA_BROKER_URL``. What a
job is to be like is no setting but an option of ``douga submit``; credentials of the object store are
boto3's own business (``AWS_ACCESS_KEY_ID``, ``AWS_PROFILE``, a web identity, an instance's role).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import msgspec

from douga_shared.errors import ConfigurationError

PREFIX = "DOUGA_"

Seconds = Annotated[float, msgspec.Meta(gt=0)]


class TransportKind(StrEnum):
    """Which of the ways to speak to Redis."""

    SAFE = "safe"
    """Douga's: a message is claimed in one step, its lease is renewed while the work moves."""
    STOCK = "stock"
    """Kombu's own, as every other Celery program has it."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, with their defaults; each docstring says unit and reason."""

    broker_url: str = "redis://127.0.0.1:6379/0"
    """The queue: ``redis://``, ``rediss://`` (TLS), ``sentinel://`` or ``amqp://`` (RabbitMQ)."""
    jobs_url: str = ""
    """Redis that remembers the jobs; empty takes the broker, which then must be a Redis."""
    transport: TransportKind = TransportKind.SAFE
    """How Redis is spoken to; RabbitMQ needs no such choice."""
    farm: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=32)] = "douga"
    """Name before every key in Redis and every queue, so that two farms can share one server."""
    sentinel_master: str = "mymaster"
    """Name of the watched server, for ``sentinel://``."""
    lease_seconds: Seconds = 60.0
    """A chunk whose worker died is given to another after so long; renewed while the worker moves."""
    stall_seconds: Seconds = 180.0
    """A worker whose network has not moved for so long renews no lease any more."""
    chunk_frames: Annotated[int, msgspec.Meta(ge=1, le=256)] = 16
    """Frames in one message: less is lost with a worker, more costs less of Redis."""
    most_waiting_frames: Annotated[int, msgspec.Meta(ge=1)] = 50_000
    """Producers wait while more frames than this are queued, so that Redis stays small."""
    frame_seconds: Seconds = 180.0
    """A step of one frame that takes longer is taken to hang; the largest legal scan takes some 30."""
    job_days: Annotated[float, msgspec.Meta(gt=0)] = 14.0
    """Redis forgets a job that has not moved for so long; the store keeps its record."""
    stores: str = ""
    """Where workers may read and write, URLs separated by spaces, such as
    ``s3://studio/ file:///mnt/scans/``; everything else is refused. Workers do not start without it."""
    staging: str = ""
    """URL of a place for uploads of local scans and for drawings on their way to a local folder."""
    s3_endpoint: str = ""
    """URL of an S3 server other than Amazon's."""
    s3_region: str = ""
    """Region, where the profile does not say it."""
    s3_path_style: bool = False
    """``https://host/bucket/key``, which most servers but Amazon's want, not ``https://bucket.host/key``."""
    s3_profile: str = ""
    """Profile of the AWS configuration files."""
    s3_connections: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 64
    """Connections kept open to the object store; as many as threads use it at once."""
    s3_attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 8
    """How often a request is sent before the store counts as unreachable."""
    s3_connect_seconds: Seconds = 3.0
    """How long a connection may take to be made."""
    s3_read_seconds: Seconds = 15.0
    """How long an answer may be silent."""
    grace_seconds: Seconds = 90.0
    """How long a worker that is told to stop may finish frames in the works; what it has not begun goes
    back at once. Keep it below the grace period of whoever sends SIGKILL next."""
    metrics_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    """Port on which a worker answers ``/metrics``, ``/healthz`` and ``/readyz``; 0: nowhere."""
    tracing: bool = False
    """Hand spans to OpenTelemetry, where ``OTEL_EXPORTER_OTLP_ENDPOINT`` says; needs ``douga[otel]``."""

    @property
    def job_store_url(self) -> str:
        """The Redis that remembers the jobs.

        Raises:
            ConfigurationError: the broker is no Redis and no other was named.
        """
        url = self.jobs_url or self.broker_url
        if not url.startswith(("redis://", "rediss://", "sentinel://", "unix://")):
            raise ConfigurationError(
                f"{PREFIX}JOBS_URL: jobs are remembered in a Redis, and the broker is none; name one, "
                "such as redis://host:6379/1"
            )
        return url


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read all settings from the environment.

    Raises:
        ConfigurationError: names every variable that cannot be read or that nobody knows.
    """
    values = os.environ if environment is None else environment
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in values.items()
        if name.startswith(PREFIX) and value != ""
    }
    known = set(Settings.__struct_fields__)
    faults = [f"{PREFIX}{name.upper()}: no such setting" for name in sorted(given.keys() - known)]
    for name in sorted(given.keys() & known):
        try:
            msgspec.convert({name: given[name]}, Settings, strict=False)
        except msgspec.ValidationError as fault:
            faults.append(f"{PREFIX}{name.upper()}={given[name]!r}: {str(fault).partition(' - at')[0]}")
    if faults:
        raise ConfigurationError("; ".join(faults))
    return msgspec.convert(given, Settings, strict=False)
