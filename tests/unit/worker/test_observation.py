"""What a worker shows of its network."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from douga_shared import metrics
from douga_shared.recipe import Precision, Recipe
from douga_worker.network import gpu_memory
from douga_worker.network.batching import BatchRun
from douga_worker.observation import GpuMemory, NetworkObserver

RECIPE = Recipe(network="observed", network_sha256="0123456789abcdef" * 4)
RUN = BatchRun(
    recipe=RECIPE, sheet_count=3, fill_ratio=0.6, seconds=1.5, is_failed=False, origins=(None,) * 3
)


def _value(name: str, **labels: str) -> float:
    return metrics.WORKER.get_sample_value(name, labels) or 0.0


def test_a_batch_counts_its_sheets_its_pixels_and_its_time() -> None:
    """The network's seconds are those of its device."""
    before = {
        "seconds": _value("douga_gpu_seconds_total", device="cuda"),
        "sheets": _value("douga_batch_frames_sum"),
        "fill": _value("douga_batch_fill_ratio_sum"),
    }
    NetworkObserver("cuda")(RUN)
    assert before["seconds"] + 1.5 == _value("douga_gpu_seconds_total", device="cuda")
    assert before["sheets"] + 3 == _value("douga_batch_frames_sum")
    assert pytest.approx(before["fill"] + 0.6) == _value("douga_batch_fill_ratio_sum")


@pytest.mark.parametrize(
    ("device", "asked", "shown"),
    [("cuda", Precision.AUTO, "bf16"), ("cpu", Precision.AUTO, "fp32"), ("cuda", Precision.FP16, "fp16")],
)
def test_a_worker_says_which_network_it_runs_and_how(device: str, asked: Precision, shown: str) -> None:
    """Automatic is what it comes to on that device."""
    recipe = msgspec.structs.replace(RECIPE, precision=asked)
    NetworkObserver(device)(replace(RUN, recipe=recipe))
    labels = {"network": "observed", "version": "0123456789ab", "precision": shown, "device": device}
    assert 1 == _value("douga_network_info", **labels)


def test_a_batch_that_failed_is_a_retry_and_no_batch() -> None:
    """A sheet that failed alone is tried by nobody again; the time was spent all the same."""
    retries, batches = _value("douga_retries_total", what="batch"), _value("douga_batch_frames_count")
    seconds = _value("douga_gpu_seconds_total", device="cpu")
    for count in (3, 1):
        NetworkObserver("cpu")(
            BatchRun(RECIPE, sheet_count=count, fill_ratio=0.5, seconds=1.0, is_failed=True, origins=())
        )
    assert retries + 1 == _value("douga_retries_total", what="batch")
    assert batches == _value("douga_batch_frames_count")
    assert seconds + 2 == _value("douga_gpu_seconds_total", device="cpu")


def test_memory_is_shown_where_there_is_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """By kind; without one there is no such metric, not a zero."""
    monkeypatch.setattr(gpu_memory, "gpu_memory", lambda: {"used": 3, "total": 8})
    (family,) = GpuMemory().collect()
    assert {"used": 3, "total": 8} == {sample.labels["kind"]: sample.value for sample in family.samples}
    monkeypatch.setattr(gpu_memory, "gpu_memory", dict)
    assert [] == list(GpuMemory().collect())
