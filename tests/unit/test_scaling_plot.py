"""The plot of how a farm grows is a picture of its figures."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.bench.scaling_plot import draw_scaling


def test_every_number_of_workers_is_a_point() -> None:
    """Of its kind; the other kind has a panel of its own."""
    found = {
        f"{kind}: {count} workers": {"workers": count, "frames/s": count * 9.0}
        for kind, counts in (("queue", (1, 2, 4)), ("store", (1, 2)))
        for count in counts
    }
    picture = ElementTree.fromstring(draw_scaling(found, [("queue", 10.0), ("store", 10.0)]))
    panels = picture.findall("{*}g")
    assert [3, 2] == [len(panel.findall("{*}circle")) for panel in panels]
    assert ["queue: 10 frames/s a GPU", "store: 10 frames/s a GPU"] == [
        panel.findtext("{*}text") for panel in panels
    ]
