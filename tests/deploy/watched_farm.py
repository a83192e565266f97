"""A farm that is watched as ours is: a worker, `douga exporter`, and a Prometheus with our rules."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode

import numpy as np
from tests.components import needs_program
from tests.farm import FarmOfTests
from tests.scans import as_png
from tests.servers import free_port, wait_until
from tools.farm import servers

HOUSE = servers.HOUSE
PROMETHEUS = servers.CONFIGURATION
_SUBSTITUTES = {"$__rate_interval": "10s", "$__range": "10m", "$__interval": "1s", "$worker": ".*"}
"""What Grafana puts in; its least rate interval is four times Prometheus' own."""


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def latest(self, expr: str) -> list[dict[str, Any]]:
        """Return the series of an answer, each with ``metric`` and ``value``."""
        return self._ask("query", {"query": substituted(expr)})

    def course(self, expr: str, seconds: float, step: float = 1) -> list[dict[str, Any]]:
        """Return the series of an answer over the last seconds, each with ``metric`` and ``values``."""
        end = time.time()
        moments = {"start": str(end - seconds), "end": str(end), "step": str(step)}
        return self._ask("query_range", {"query": substituted(expr), **moments})

    def _ask(self, what: str, arguments: Mapping[str, str]) -> list[dict[str, Any]]:
        data = urlencode(arguments).encode()
        with urllib.request.urlopen(f"{self.url}/api/v1/{what}", data, timeout=30) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return found


def substituted(expr: str) -> str:
    """Return a panel's query as Grafana would send it."""
    for name, value in _SUBSTITUTES.items():
        expr = expr.replace(name, value)
    return expr


def start_watched_worker(farm: FarmOfTests, *queues: str, **environment: str) -> str:
    """Start a worker that shows metrics; returns where."""
    port = free_port()
    farm.start_worker(*queues, DOUGA_METRICS_PORT=str(port), **environment)
    return f"127.0.0.1:{port}"


def blank_png(seed: int) -> bytes:
    """A scan of paper with nothing on it."""
    grain = np.random.default_rng(seed).normal(240, 2, size=(48, 64))
    return as_png(np.rint(grain).astype(np.uint8))


@contextmanager
def watched(farm: FarmOfTests, *workers: str) -> Iterator[Prometheus]:
    """Start the exporter and a Prometheus that scrapes it and these workers every second."""
    program = needs_program("prometheus", "apt-get install prometheus")
    exporter_port = free_port()
    farm.start_process([sys.executable, "-m", "douga_producer", "exporter", "--port", str(exporter_port)])
    folder = farm.folder / "prometheus"
    # Scrapes and rules come every second; nothing else of our configuration is changed.
    exporter = f"127.0.0.1:{exporter_port}"
    servers.configure_prometheus(folder, workers=workers, exporter=exporter, scrape_seconds=1)
    port = free_port()
    with (farm.folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(servers.prometheus_command(program, port, folder), stdout=log, stderr=log)
    try:
        prometheus = Prometheus(f"http://127.0.0.1:{port}")
        wait_until(lambda: _is_ready(prometheus), "Prometheus is ready")
        yield prometheus
    finally:
        process.terminate()
        process.wait(30)


def _is_ready(prometheus: Prometheus) -> bool:
    try:
        urllib.request.urlopen(f"{prometheus.url}/-/ready", timeout=5).close()
    except URLError:
        return False
    return True
