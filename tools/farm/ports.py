"""Where the parts of a farm on one machine answer, all on 127.0.0.1."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping
from dataclasses import dataclass

import click

BUCKET_PORTS = 5
"""SeaweedFS takes so many; Douga speaks to the first of them."""
_BUCKET_TWINS = 10_000
"""It listens so far above each of them too."""
_HIGHEST = 65_535
_TRIES = 100


@dataclass(frozen=True)
class Ports:
    """One number for each part; by default those of deploy/compose.yaml."""

    queue: int
    bucket: int
    """The first of ``BUCKET_PORTS`` in a row."""
    prometheus: int
    exporter: int
    workers: tuple[int, ...]


def chosen_ports(environment: Mapping[str, str], worker_count: int) -> Ports:
    """Return the ports that the environment names; where it names none, the usual ones or free ones above.

    ``QUEUE_PORT``, ``BUCKET_PORT`` and ``PROMETHEUS_PORT`` are those of deploy/compose.yaml. ``METRICS_PORT``
    is the first worker's; the exporter and the other workers follow it.

    Raises:
        click.ClickException: a port that was asked for is no port, or is taken.
    """
    metrics = _chosen(environment, "METRICS_PORT", 9464, range(worker_count + 1))
    return Ports(
        queue=_chosen(environment, "QUEUE_PORT", 6379, range(1)),
        bucket=_chosen(environment, "BUCKET_PORT", 8333, bucket_offsets()),
        prometheus=_chosen(environment, "PROMETHEUS_PORT", 9090, range(1)),
        exporter=metrics + 1,
        workers=(metrics, *range(metrics + 2, metrics + 1 + worker_count)),
    )


def bucket_offsets() -> tuple[int, ...]:
    """Return what the bucket's server takes, counted from its first port."""
    return (*range(BUCKET_PORTS), *range(_BUCKET_TWINS, _BUCKET_TWINS + BUCKET_PORTS))


def free_row(offsets: range | tuple[int, ...]) -> int:
    """Return a random port that is free with all of its offsets, below those of outgoing connections.

    Raises:
        click.ClickException: there is none.
    """
    for _ in range(10 * _TRIES):
        first = random.SystemRandom().randrange(11_000, 22_000)
        if _are_free(first, offsets):
            return first
    raise click.ClickException("There are no free ports.")


def is_free(port: int) -> bool:
    """Tell whether nobody listens there; connections that linger after their server do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _chosen(
    environment: Mapping[str, str], variable: str, usual: int, offsets: range | tuple[int, ...]
) -> int:
    wanted = environment.get(variable, "")
    if wanted:
        return _checked(variable, wanted, offsets)
    for first in range(usual, usual + _TRIES):
        if _are_free(first, offsets):
            return first
    raise click.ClickException(f"No free port from {usual} on; {variable} chooses another.")


def _checked(variable: str, wanted: str, offsets: range | tuple[int, ...]) -> int:
    if not wanted.isdecimal() or not 0 < int(wanted) <= _HIGHEST - max(offsets):
        raise click.ClickException(f"{variable}={wanted}: no port from 1 to {_HIGHEST - max(offsets)}.")
    taken = [str(int(wanted) + offset) for offset in offsets if not is_free(int(wanted) + offset)]
    if taken:
        raise click.ClickException(
            f"{variable}={wanted}: somebody listens at {', '.join(taken)} already. Choose another."
        )
    return int(wanted)


def _are_free(first: int, offsets: range | tuple[int, ...]) -> bool:
    return all(is_free(first + offset) for offset in offsets)
