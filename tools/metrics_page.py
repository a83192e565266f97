"""Write docs/metrics.md from the table in the code: ``python -m tools.metrics_page``; a test compares."""

from __future__ import annotations

import sys
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram, Info
from prometheus_client.metrics import MetricWrapperBase

from douga_shared import metrics

WRITTEN = Path(__file__).parents[1] / "docs" / "metrics.md"

_HEADING = """\
# Metrics

Made from `shared/douga_shared/metrics.py` by `python -m tools.metrics_page`; change that, not this.

Labels are bounded: never a frame, an object key, a worker or the text of an error. A worker started again
counts from 0, which `rate()` and `increase()` see. What cannot be known (the queue is gone) is absent, not 0.
[runbook.md](runbook.md) says which figures answer which question.
"""
_KINDS = {Counter: "counter", Gauge: "gauge", Histogram: "histogram", Info: "info"}


def main() -> int:
    """Write the file."""
    WRITTEN.write_text(metrics_page(), encoding="utf-8")
    return 0


def metrics_page() -> str:
    """Return the page: a table for what each worker shows, and one for the exporter."""
    values = list(vars(metrics).values())
    worker = [_worker_row(metric) for metric in values if isinstance(metric, MetricWrapperBase)]
    gpu = _row(metrics.GPU_MEMORY_BYTES, "gauge", ("kind",), metrics.GPU_MEMORY_HELP)
    farm = [
        _row(metric.name, "gauge", metric.labels, metric.help)
        for metric in values
        if isinstance(metric, metrics.FarmMetric)
    ]
    return "\n".join(
        [
            _HEADING,
            *_table("Every worker, and nobody else", [*worker, gpu]),
            "",
            *_table("`douga exporter`, once for the farm", farm),
            "",
        ]
    )


def _table(title: str, rows: list[str]) -> list[str]:
    return [f"## {title}", "", "| metric | kind | labels | what it says |", "|---|---|---|---|", *rows]


def _worker_row(metric: MetricWrapperBase) -> str:
    described = next(iter(metric.describe()))
    suffix = {"counter": "_total", "info": "_info"}.get(_KINDS[type(metric)], "")
    return _row(described.name + suffix, _KINDS[type(metric)], metric._labelnames, described.documentation)


def _row(name: str, kind: str, labels: tuple[str, ...], text: str) -> str:
    return f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {text} |"


if __name__ == "__main__":
    sys.exit(main())
