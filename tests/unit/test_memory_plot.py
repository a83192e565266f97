"""The plot of memory against frames shows what grows."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from tests.bench.memory_plot import draw_memory


def test_what_grows_rises_and_what_does_not_is_level() -> None:
    """One curve a process, over the whole width; up is more."""
    found = {"worker": [100.0, 150.0, 200.0], "Redis": [3.0, 3.0, 3.0]}
    picture = ElementTree.fromstring(draw_memory([0, 500, 1000], found))
    curves = [path.get("d", "") for path in picture.findall("{*}path") if path.get("fill") == "none"]
    worker, redis = ([float(y) for y in re.findall(r" ([\d.]+)", curve)] for curve in curves)
    assert worker[0] > worker[1] > worker[2]
    assert 1 == len(set(redis))
    assert {"worker", "Redis", "1,000"} <= {text.text for text in picture.findall("{*}text")}
