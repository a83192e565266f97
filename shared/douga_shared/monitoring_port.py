"""The one port on which a program can be watched: ``/metrics`` for Prometheus, ``/healthz`` and ``/readyz``.

A probe names what is wrong; 503 and a JSON body say it on::

    {"status": "not ready", "faults": {"network": "it is being loaded"}}
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import ClassVar

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from douga_shared.errors import ConfigurationError

Probe = Callable[[], Mapping[str, str]]
"""Names what is wrong and why; nothing where all is well. Must answer within seconds and raise nothing."""

_SILENT_SECONDS = 10.0
"""Whoever connects and asks nothing is sent away."""
_log = logging.getLogger(__name__)


class MonitoringPort:
    """Answers on every interface, from threads of its own; use as a context manager."""

    def __init__(self, port: int, registry: CollectorRegistry, probes: Mapping[str, Probe]) -> None:
        """Begin to answer.

        Args:
            port: TCP port; 0 takes one that is free.
            registry: what ``/metrics`` shows.
            probes: by name of the path, such as ``healthz``.

        Raises:
            ConfigurationError: the port cannot be had.
        """

        class Handler(_Handler):
            metrics = registry
            questions = probes

        try:
            self._server = _Server(port, Handler)
        except OSError as fault:
            raise ConfigurationError(
                f"port {port} cannot be used ({fault.strerror}); is another worker or exporter on this host? "
                "Give each its own DOUGA_METRICS_PORT"
            ) from fault
        self.port: int = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.1},
            name="douga-monitoring",
            daemon=True,
        )
        self._thread.start()

    def __enter__(self) -> MonitoringPort:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A probe that hangs must not keep a worker from ending.
    block_on_close = False

    def __init__(self, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("", port), handler, bind_and_activate=False)
        self.socket.close()
        self.socket = _listening(port)


def _listening(port: int) -> socket.socket:
    """Listen to IPv4 and, where there is such a thing, IPv6: a cluster may have only either."""
    if socket.has_dualstack_ipv6():
        with suppress(OSError):
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


class _Handler(BaseHTTPRequestHandler):
    timeout = _SILENT_SECONDS
    server_version = "douga"
    sys_version = ""
    metrics: ClassVar[CollectorRegistry]
    questions: ClassVar[Mapping[str, Probe]]

    def do_GET(self) -> None:
        """Answer."""
        name = self.path.partition("?")[0].strip("/")
        if name == "metrics":
            encode, content_type = choose_encoder(self.headers.get("Accept", ""))
            self._answer(HTTPStatus.OK, content_type, encode(self.metrics))
        elif name in self.questions:
            self._probe(self.questions[name])
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"/metrics, /healthz or /readyz\n")

    def do_HEAD(self) -> None:
        """Answer, without the body."""
        self.do_GET()

    def _probe(self, probe: Probe) -> None:
        faults = dict(probe())
        status = HTTPStatus.SERVICE_UNAVAILABLE if faults else HTTPStatus.OK
        body = {"status": "not ready", "faults": faults} if faults else {"status": "ok"}
        self._answer(status, "application/json", msgspec.json.encode(body) + b"\n")

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server calls it so
        """Probes come every few seconds."""
        _log.debug(format, *args)
