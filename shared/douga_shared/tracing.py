"""OpenTelemetry, where somebody wants it: a job's way from ``douga submit`` through its workers as spans.

Off unless ``DOUGA_TRACING`` or OpenTelemetry's own ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set; nothing of it is
loaded then. Where it goes, how much is kept and what the service is called is said by OpenTelemetry's own
variables (``OTEL_TRACES_SAMPLER``, ``OTEL_SERVICE_NAME``, ``OTEL_RESOURCE_ATTRIBUTES``, ...).

There is a span for every chunk, a child of the one that sent it, and one for every batch of the network,
linked to the chunks whose sheets it held. A frame has none: what it took stands in its record.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from douga_shared import __version__
from douga_shared.errors import ConfigurationError

HEADERS = ("traceparent", "tracestate")
"""Message headers that hand a span on, as the W3C writes them."""
_LONGEST_HEADER = 512
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

Attributes = Mapping[str, str | int | float]
Origin = Any
"""A span that something comes from: opaque, None where nobody follows."""


class _Tracing:
    """What was opened; the tracer is None while nobody follows."""

    tracer: Any = None
    provider: Any = None


_tracing = _Tracing()


@contextmanager
def tracing(service: str, *, is_wanted: bool) -> Iterator[None]:
    """Follow what this program does inside the block, and hand in everything at its end.

    Args:
        service: what it is called, such as ``douga-worker``.
        is_wanted: asked for by a setting; without it, if the environment names somebody to tell.

    Raises:
        ConfigurationError: it is asked for and not installed.
    """
    if not is_wanted and not any(os.environ.get(name) for name in _ENDPOINTS):
        yield
        return
    try:
        exporter = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ModuleNotFoundError as missing:
        if is_wanted:
            raise ConfigurationError(
                f"DOUGA_TRACING needs the package '{missing.name}': pip install 'douga[otel]'"
            ) from missing
        # The environment of a whole cluster may name an endpoint; who installed nothing means nothing.
        yield
        return
    with following(service, exporter.OTLPSpanExporter()):
        yield


@contextmanager
def following(service: str, exporter: Any) -> Iterator[None]:
    """Tell this exporter of all spans made inside the block.

    Args:
        service: what this program is called.
        exporter: a ``SpanExporter``; hears of spans many at once, from a thread of its own.
    """
    resources = importlib.import_module("opentelemetry.sdk.resources")
    sdk = importlib.import_module("opentelemetry.sdk.trace")
    export = importlib.import_module("opentelemetry.sdk.trace.export")
    named = {"service.name": os.environ.get("OTEL_SERVICE_NAME") or service, "service.version": __version__}
    provider = sdk.TracerProvider(resource=resources.Resource.create(named), shutdown_on_exit=False)
    provider.add_span_processor(export.BatchSpanProcessor(exporter))
    _tracing.provider, _tracing.tracer = provider, provider.get_tracer("douga", __version__)
    try:
        yield
    finally:
        _tracing.provider = _tracing.tracer = None
        provider.shutdown()


@contextmanager
def span(name: str, attributes: Attributes) -> Iterator[None]:
    """Make what happens in the block a span, in this thread; costs nothing while nobody follows.

    Args:
        name: what happens; one of few.
        attributes: with whom.
    """
    if _tracing.tracer is None:
        yield
        return
    with _tracing.tracer.start_as_current_span(name, attributes=dict(attributes)):
        yield


@contextmanager
def continued(headers: object) -> Iterator[None]:
    """Make the spans of the block, in this thread, children of the one that a message's headers name.

    Args:
        headers: of the message, as a stranger may have written them; anything that names none is passed over.
    """
    if _tracing.tracer is None or not isinstance(headers, Mapping):
        yield
        return
    api = importlib.import_module("opentelemetry.context")
    token = api.attach(_context_in(headers))
    try:
        yield
    finally:
        api.detach(token)


def current_headers() -> dict[str, str]:
    """Return the headers that hand this thread's span on; none while nobody follows."""
    if _tracing.tracer is None:
        return {}
    carrier: dict[str, str] = {}
    _propagator().inject(carrier)
    return carrier


def current_origin() -> Origin:
    """Return this thread's span, for ``past_span`` to be linked to."""
    if _tracing.tracer is None:
        return None
    return importlib.import_module("opentelemetry.trace").get_current_span().get_span_context()


def past_span(name: str, attributes: Attributes, seconds: float, origins: Iterable[Origin]) -> None:
    """Make a span of what has just ended and took so long, linked to all that it comes from."""
    tracer = _tracing.tracer
    if tracer is None:
        return
    api = importlib.import_module("opentelemetry.trace")
    spans: dict[int, Any] = {origin.span_id: origin for origin in origins if origin is not None}
    links = [api.Link(origin) for origin in spans.values()]
    now = time.time_ns()
    began = now - int(seconds * 1e9)
    tracer.start_span(name, links=links, attributes=dict(attributes), start_time=began).end(end_time=now)


def _context_in(headers: Mapping[Any, Any]) -> Any:
    known = {name: headers.get(name) for name in HEADERS}
    carrier = {name: text[:_LONGEST_HEADER] for name, text in known.items() if isinstance(text, str)}
    return _propagator().extract(carrier)


def _propagator() -> Any:
    return importlib.import_module(
        "opentelemetry.trace.propagation.tracecontext"
    ).TraceContextTextMapPropagator()
