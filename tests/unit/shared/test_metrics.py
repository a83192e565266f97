"""The table of metrics agrees with what is observed."""

from __future__ import annotations

from douga_shared import metrics
from douga_shared.errors import Reason


def _samples() -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """Every series that a worker shows when it has just started."""
    return {
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in metrics.WORKER.collect()
        for sample in family.samples
    }


def test_every_metric_of_ours_has_our_prefix_and_a_meaning() -> None:
    """Beside those of the process, which every Python program has."""
    for family in metrics.WORKER.collect():
        assert family.name.startswith(("douga_", "process_", "python_"))
        assert family.documentation
    for metric in metrics.FARM_METRICS:
        assert metric.name.startswith("douga_")
        assert metric.help.endswith(".")
    names = [metric.name for metric in metrics.FARM_METRICS]
    assert len(names) == len(set(names))


def test_failures_are_counted_from_zero() -> None:
    """A rate over a series that begins with its first failure would miss it."""
    shown = _samples()
    for reason in Reason:
        assert ("douga_frame_failures_total", (("reason", reason.value),)) in shown
    for outcome in metrics.FRAME_OUTCOMES:
        assert ("douga_frames_total", (("outcome", outcome),)) in shown


def test_no_label_names_a_frame_or_is_prometheus_own() -> None:
    """What never ends would fill the server; ``job`` and ``instance`` say what is scraped."""
    labels = {label for _, series in _samples() for label, _ in series}
    labels |= {label for metric in metrics.FARM_METRICS for label in metric.labels}
    assert set() == labels & {"job", "instance", "frame", "scan", "object_key", "message"}


def test_series_say_nothing_twice() -> None:
    """When counting began is told once, for the process."""
    names = {name for name, _ in _samples()}
    assert "process_start_time_seconds" in names
    assert not [name for name in names if name.endswith("_created")]
