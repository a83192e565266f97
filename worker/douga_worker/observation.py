"""What a worker shows of its network: batches, seconds, memory, which one it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from douga_shared import metrics
from douga_shared.tracing import past_span
from douga_worker.network.batching import BatchRun

_VERSION_DIGITS = 12


class NetworkObserver:
    """Told of every batch, from the network's thread."""

    def __init__(self, device: str) -> None:
        """``device``: ``cpu`` or ``cuda``, where networks run."""
        self._device = device

    def __call__(self, run: BatchRun) -> None:
        """Take note of a batch that is through, or has failed."""
        metrics.NETWORK_SECONDS.labels(self._device).inc(run.seconds)
        if run.is_failed:
            if run.sheet_count > 1:
                metrics.RETRIES.labels("batch").inc()
            return
        recipe = run.recipe
        precision = recipe.precision.on(self._device)
        version = recipe.network_sha256[:_VERSION_DIGITS]
        metrics.NETWORK_INFO.labels(recipe.network, version, precision.value, self._device).set(1)
        metrics.BATCH_FRAMES.observe(run.sheet_count)
        # A sheet larger than a batch passes alone.
        metrics.BATCH_FILL_RATIO.observe(min(1.0, run.fill_ratio))
        attributes = {"douga.sheets": run.sheet_count, "douga.fill_ratio": run.fill_ratio}
        past_span("batch", attributes, run.seconds, run.origins)


class GpuMemory(Collector):
    """Memory of the GPU, asked at every scrape; nothing where no network runs on one."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the one metric, or none."""
        # A scrape must not load torch: without it there is no network on a GPU.
        if "torch" not in sys.modules:
            return
        from douga_worker.network.gpu_memory import gpu_memory  # noqa: PLC0415

        if sizes := gpu_memory():
            family = GaugeMetricFamily(metrics.GPU_MEMORY_BYTES, metrics.GPU_MEMORY_HELP, labels=["kind"])
            for kind, size in sizes.items():
                family.add_metric([kind], size)
            yield family


metrics.WORKER.register(GpuMemory())
