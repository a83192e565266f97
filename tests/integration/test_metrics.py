"""A real worker and a real exporter, watched over HTTP as Prometheus and Kubernetes do."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families
from tests.farm import FarmOfTests, farm_environment
from tests.servers import Valkey, free_port, wait_until

from douga_shared import metrics
from douga_shared.errors import Reason

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Watched:
    """A farm whose stores are folders, with a worker and an exporter that answer on ports."""

    def __init__(self, folder: Path, valkey: Valkey) -> None:
        root = (folder / "store").as_uri() + "/"
        for name in ("scans", "drawings", "staging"):
            (folder / "store" / name).mkdir(parents=True)
        self.valkey = valkey
        self.farm = FarmOfTests(valkey, root, folder, farm_environment(valkey, root, {}, "test"))
        self.worker_port, self.exporter_port = free_port(), free_port()

    def start_worker(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker on its port."""
        worker = self.farm.start_worker(DOUGA_METRICS_PORT=str(self.worker_port), **environment)
        self.farm.wait_ready(worker)
        return worker

    def start_exporter(self) -> None:
        """Start the exporter on its port."""
        command = [sys.executable, "-m", "douga_producer", "exporter", "--port", str(self.exporter_port)]
        exporter = self.farm.start_process(command)
        wait_until(lambda: "showing the farm" in self.farm.log_of(exporter), "the exporter answers")

    def ask(self, port: int, path: str) -> tuple[int, str]:
        """Status and body."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()

    def scrape(self, port: int) -> Series:
        """Every series that is shown."""
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(self.ask(port, "/metrics")[1])
            for sample in family.samples
        }

    def is_ready(self) -> bool:
        """What a probe of the worker finds."""
        return self.ask(self.worker_port, "/readyz")[0] == 200

    def is_broker_up(self) -> bool:
        """What the exporter says."""
        return self.scrape(self.exporter_port)["douga_broker_up", ()] == 1


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """A farm without a worker."""
    with Valkey(tmp_path / "valkey") as valkey:
        watched = Watched(tmp_path, valkey)
        try:
            yield watched
        finally:
            watched.farm.stop_all()


def _documented() -> dict[str, set[str]]:
    """The worker's half of the table: names as they are shown, and labels."""
    suffixes = {"counter": "_total", "histogram": "_count", "gauge": ""}
    found = {}
    for metric in vars(metrics).values():
        if isinstance(metric, Counter | Gauge | Histogram):
            kind: Any = metric
            found[kind._name + suffixes[kind._type]] = set(kind._labelnames)
    return found | {"douga_build_info": {"version", "python"}}


def _labels(series: Series) -> dict[str, set[str]]:
    return {name: {label for label, _ in labels} for name, labels in series}


def test_all_that_the_table_names_is_shown_and_a_restart_is_seen(watched: Watched) -> None:
    """After a small job with a broken frame; a worker that is started again counts from zero."""
    worker = watched.start_worker()
    watched.start_exporter()
    watched.farm.add_scans(5)
    watched.farm.put_scans({"A00009.png": b"no image"})
    job_id = watched.farm.order()
    watched.farm.wait_complete(job_id)

    wait_until(watched.is_ready, "the worker is ready")
    shown = watched.scrape(watched.worker_port)
    documented = _documented()
    assert documented == {name: labels for name, labels in _labels(shown).items() if name in documented}
    assert metrics.GPU_MEMORY_BYTES not in _labels(shown)
    assert {
        "done": 5,
        "failed": 1,
        "skipped": 0,
        "dropped": 0,
    } == {outcome: shown["douga_frames_total", (("outcome", outcome),)] for outcome in metrics.FRAME_OUTCOMES}
    assert 1 == shown["douga_frame_failures_total", (("reason", Reason.NOT_AN_IMAGE.value),)]
    stages = {dict(labels)["stage"] for name, labels in shown if name == "douga_stage_seconds_count"}
    assert stages < set(metrics.STAGES)
    unasked = {"inks", "vectorise", "encode pdf", "encode json", "encode svg-layers", "encode png-layers"}
    assert set(metrics.STAGES) - stages == {"encode png-alpha", "encode tga", "encode tif"} | unasked
    assert 1 == shown["douga_worker_ready", ()]
    assert 0 == shown["douga_inflight_frames", ()]

    farm = watched.scrape(watched.exporter_port)
    table = {metric.name: set(metric.labels) for metric in metrics.FARM_METRICS}
    assert table == {name: labels for name, labels in _labels(farm).items() if name in table}
    assert 1 == farm["douga_workers", ()]
    assert 1 == farm["douga_store_up", ()]
    assert 1 == farm["douga_dead_letters", (("reason", "not_an_image"), ("show", "-"))]
    assert 5 == farm["douga_job_frames", (("job_id", job_id), ("show", "-"), ("state", "done"))]

    assert 0 == watched.farm.stop(worker)
    watched.start_worker()
    again = watched.scrape(watched.worker_port)
    assert 0 == again["douga_frames_total", (("outcome", "done"),)]
    assert again["process_start_time_seconds", ()] > shown["process_start_time_seconds", ()]


def test_without_its_queue_a_worker_lives_but_is_not_ready_and_figures_are_absent(watched: Watched) -> None:
    """And all of it comes back with the queue."""
    watched.start_worker()
    watched.start_exporter()
    wait_until(watched.is_ready, "the worker is ready")
    assert watched.is_broker_up()

    watched.valkey.kill()
    wait_until(lambda: not watched.is_ready(), "the worker is not ready")
    status, body = watched.ask(watched.worker_port, "/readyz")
    assert 503 == status
    assert {"queue", "job store"} == json.loads(body)["faults"].keys()
    assert 200 == watched.ask(watched.worker_port, "/healthz")[0]
    wait_until(lambda: not watched.is_broker_up(), "the exporter says that the queue is away")
    farm = {name for name, _ in watched.scrape(watched.exporter_port) if name.startswith("douga_")}
    assert {"douga_broker_up", "douga_store_up", "douga_exporter_read_seconds", "douga_build_info"} == farm
    assert 200 == watched.ask(watched.exporter_port, "/healthz")[0]

    watched.valkey.start()
    wait_until(watched.is_ready, "the worker is ready again")
    wait_until(watched.is_broker_up, "the exporter says that the queue is back")


def test_chunks_that_nobody_takes_grow_old(watched: Watched) -> None:
    """Without a worker; several servers may scrape at once."""
    watched.start_exporter()
    watched.farm.add_scans(3)
    watched.farm.order(show="bebop", priority="high")
    queue = (("queue", "gpu.bebop.high"),)
    began = watched.scrape(watched.exporter_port)
    assert 1 == began["douga_queue_depth", queue]
    assert 3 == began["douga_queue_waiting_frames", queue]
    assert (0, 0) == (began["douga_claimed_chunks", ()], began["douga_workers", ()])

    def age() -> float:
        return watched.scrape(watched.exporter_port)["douga_queue_oldest_age_seconds", queue]

    wait_until(lambda: age() > began["douga_queue_oldest_age_seconds", queue], "the chunk grows older")
    with ThreadPoolExecutor(8) as servers:
        depths = [servers.submit(watched.scrape, watched.exporter_port) for _ in range(8)]
        assert {1} == {depth.result()["douga_queue_depth", queue] for depth in depths}


class Collector(ThreadingHTTPServer):
    """Receives spans as an OpenTelemetry collector does."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.spans: list[Any] = []
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Collector:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.thread.join()
        self.server_close()


class _Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        received = ExportTraceServiceRequest.FromString(body)
        assert isinstance(self.server, Collector)
        for resource in received.resource_spans:
            for scope in resource.scope_spans:
                self.server.spans.extend(scope.spans)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server calls it so
        """Say nothing."""


def test_a_job_can_be_followed_from_its_submission_to_its_batches(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the headers of its messages; the worker hands in the rest when it stops."""
    with Collector() as collector:
        endpoint = f"http://127.0.0.1:{collector.server_address[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        watched.farm.environment["DOUGA_TRACING"] = "true"
        worker = watched.start_worker(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
        watched.farm.add_scans(2)
        job_id = watched.farm.order()
        watched.farm.wait_complete(job_id)
        assert 0 == watched.farm.stop(worker)
    (submit,) = (span for span in collector.spans if span.name == "submit")
    (chunk,) = (span for span in collector.spans if span.name == "chunk")
    batches = [span for span in collector.spans if span.name == "batch"]
    assert (submit.trace_id, submit.span_id) == (chunk.trace_id, chunk.parent_span_id)
    assert {"douga.job": job_id}.items() <= {
        attribute.key: attribute.value.string_value for attribute in chunk.attributes
    }.items()
    assert batches
    assert {chunk.span_id} == {link.span_id for batch in batches for link in batch.links}
