"""The plot of what a frame costs."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from tests.bench.throughput_plot import draw_throughput, shares

FIGURES = {
    "CPU s/frame": 4.0,
    "limit by arithmetic, s": 1.0,
    "limit by bytes, s": 0.5,
    "decode, s": 1.0,
    "network, s": 2.0,
    "trace, s": 0.5,
    "check, s": 0.5,
}


def test_every_step_has_its_share_and_limits_have_none() -> None:
    """Steps add up to one; what is no step is not among them."""
    assert [0.5, 0.25, 0.125, 0.125] == list(shares(FIGURES).values())


def test_bars_are_as_long_as_the_seconds_and_the_limit_counts_every_core() -> None:
    """Four seconds fill the plot; the limit of one second on two cores is half as far."""
    drawing = ET.fromstring(draw_throughput({"this machine": {"GFLOP/s": 1.0}, "grey": FIGURES}, cores=2))
    bars = [float(bar.get("width", "0")) for bar in drawing if bar.get("height") == "26"]
    (limit,) = (float((line.get("d") or "M0 ")[1:].split()[0]) for line in drawing if line.get("stroke"))
    assert 4 == len(bars)
    assert sum(bars) / 2 == pytest.approx(limit - 150, abs=0.1)


def test_before_stands_below_at_the_same_scale() -> None:
    """Twice the seconds, twice as long; a case that was not measured before has no length."""
    before = {"grey": {"CPU s/frame": 2 * FIGURES["CPU s/frame"]}}
    drawing = ET.fromstring(draw_throughput({"grey": FIGURES, "colour": FIGURES}, cores=2, before=before))
    bars = [float(bar.get("width", "0")) for bar in drawing if bar.get("height") == "26"]
    earlier = [float(bar.get("width", "0")) for bar in drawing if bar.get("height") == "7"]
    assert earlier == [pytest.approx(2 * sum(bars[:4]), abs=0.1), 0.0]
