"""A job's way as spans, where somebody wants it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from douga_shared import tracing
from douga_shared.errors import ConfigurationError


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Whoever follows; hears of everything at the end of ``followed``."""
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)
    exporter = InMemorySpanExporter()
    # What is told is kept after the end.
    monkeypatch.setattr(exporter, "shutdown", lambda: None)
    yield exporter
    exporter.clear()


def _by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def test_a_chunk_goes_on_where_the_submission_sent_it(exporter: InMemorySpanExporter) -> None:
    """By the headers of its message, in another thread and another process."""
    with tracing.following("douga", exporter):
        with tracing.span("submit", {"douga.job": "cut-1"}):
            headers = tracing.current_headers()
        with tracing.continued(headers), tracing.span("chunk", {"douga.chunk": 16}):
            pass
    assert {"traceparent"} == set(headers)
    spans = _by_name(exporter)
    submit, chunk = spans["submit"], spans["chunk"]
    assert submit.context is not None
    assert chunk.parent is not None
    assert submit.context.span_id == chunk.parent.span_id
    assert {"douga.chunk": 16} == dict(chunk.attributes or {})
    assert "douga" == submit.resource.attributes["service.name"]


def test_a_batch_is_linked_to_the_chunks_of_its_sheets(exporter: InMemorySpanExporter) -> None:
    """To each once; it may hold sheets of several."""
    with tracing.following("douga", exporter):
        origins = []
        for name in ("one", "two"):
            with tracing.span(name, {}):
                origins += [tracing.current_origin()] * 2
        tracing.past_span("batch", {"douga.sheets": 4}, 0.5, [*origins, None])
    spans = _by_name(exporter)
    assert [spans["one"].context, spans["two"].context] == [link.context for link in spans["batch"].links]
    assert 500_000_000 == (spans["batch"].end_time or 0) - (spans["batch"].start_time or 0)


@pytest.mark.parametrize(
    "headers", [None, 7, {}, {"traceparent": 7}, {"traceparent": "x" * 10_000}, {"traceparent": "00-0-0-00"}]
)
def test_headers_of_a_stranger_harm_nobody(exporter: InMemorySpanExporter, headers: object) -> None:
    """The chunk is then nobody's child."""
    with tracing.following("douga", exporter), tracing.continued(headers), tracing.span("chunk", {}):
        pass
    assert _by_name(exporter)["chunk"].parent is None


def test_nothing_is_loaded_while_nobody_follows() -> None:
    """A studio's machine has none of it."""
    code = (
        "import json, sys\n"
        "from douga_shared import tracing\n"
        "with tracing.tracing('douga', is_wanted=False), tracing.continued({'traceparent': 'x'}):\n"
        "    with tracing.span('chunk', {}):\n"
        "        assert {} == tracing.current_headers()\n"
        "        tracing.past_span('batch', {}, 1.0, [tracing.current_origin()])\n"
        "print(json.dumps([name for name in sys.modules if 'opentelemetry' in name]))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={})
    assert [] == json.loads(run.stdout)


def test_who_asks_for_it_without_having_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """But an endpoint in the environment of a whole cluster stops nobody."""
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ConfigurationError, match=r"douga\[otel\]"), tracing.tracing("douga", is_wanted=True):
        pass
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    with tracing.tracing("douga", is_wanted=False), tracing.span("chunk", {}):
        assert {} == tracing.current_headers()
