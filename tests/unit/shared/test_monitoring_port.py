"""The port on which a program is watched."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter

from douga_shared.errors import ConfigurationError
from douga_shared.monitoring_port import MonitoringPort


class Watched:
    """A port with a counter and a probe."""

    def __init__(self) -> None:
        self.faults: dict[str, str] = {}
        registry = CollectorRegistry()
        Counter("douga_frames", "Frames.", registry=registry).inc(3)
        self.port = MonitoringPort(0, registry, {"readyz": lambda: self.faults})

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str, str]:
        """Status, type and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port.port, timeout=30)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
        finally:
            connection.close()


@pytest.fixture
def watched() -> Iterator[Watched]:
    """A port that is open."""
    watched = Watched()
    with watched.port:
        yield watched


def test_metrics_are_shown(watched: Watched) -> None:
    """In the format that the scraper asks for."""
    status, kind, body = watched.ask("/metrics")
    assert 200 == status
    assert kind.startswith("text/plain")
    assert "douga_frames_total 3.0\n" in body
    _, kind, body = watched.ask("/metrics?name=x", Accept="application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert body.endswith("# EOF\n")


def test_a_probe_says_what_is_not_ready(watched: Watched) -> None:
    """503 until nothing is wrong any more."""
    watched.faults = {"network": "is being loaded"}
    status, kind, body = watched.ask("/readyz")
    assert (503, "application/json") == (status, kind)
    assert {"status": "not ready", "faults": {"network": "is being loaded"}} == json.loads(body)
    watched.faults = {}
    assert (200, "application/json", '{"status":"ok"}\n') == watched.ask("/readyz")


def test_anything_else_is_not_there(watched: Watched) -> None:
    """A person who mistypes is told what there is."""
    status, _, body = watched.ask("/")
    assert (404, "/metrics, /healthz or /readyz\n") == (status, body)


def test_a_head_has_no_body(watched: Watched) -> None:
    """Load balancers ask like this."""
    assert (200, "application/json", "") == watched.ask("/readyz", "HEAD")


def test_one_who_waits_holds_up_nobody(watched: Watched) -> None:
    """Scrapes run side by side."""
    begun, may_end = threading.Event(), threading.Event()

    def slow() -> dict[str, str]:
        begun.set()
        may_end.wait(30)
        return {}

    with MonitoringPort(0, CollectorRegistry(), {"slow": slow, "quick": dict}) as port:
        watched.port, before = port, watched.port
        waiting = threading.Thread(target=watched.ask, args=["/slow"])
        waiting.start()
        assert begun.wait(30)
        assert 200 == watched.ask("/quick")[0]
        may_end.set()
        waiting.join(30)
        watched.port = before


def test_a_port_that_is_taken_is_a_fault_of_the_settings(watched: Watched) -> None:
    """The message names the port and the remedy."""
    with pytest.raises(ConfigurationError, match=rf"port {watched.port.port} .*DOUGA_METRICS_PORT"):
        MonitoringPort(watched.port.port, CollectorRegistry(), {})
