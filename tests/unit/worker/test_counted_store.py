"""A store that counts what passes."""

from __future__ import annotations

import pytest

from douga_shared import metrics
from douga_shared.errors import FrameRejected, Reason, StoreUnreachable
from douga_shared.object_store import MemoryStore
from douga_worker.counted_store import CountedStore


def _value(name: str, **labels: str) -> float:
    return metrics.WORKER.get_sample_value(name, labels) or 0.0


class Broken(MemoryStore):
    """Fails at every read."""

    def __init__(self, fault: Exception) -> None:
        super().__init__()
        self._fault = fault

    def read(self, object_key: str) -> bytes:
        raise self._fault


def test_bytes_are_counted_each_way() -> None:
    """And everything passes as it is."""
    store = CountedStore(MemoryStore())
    read, written = (_value("douga_bytes_total", direction=way) for way in ("read", "written"))
    store.write("a.png", b"1234")
    assert store.create("b.png", b"12")
    assert b"1234" == store.read("a.png")
    assert ["a.png", "b.png"] == [info.object_key for info in store.list()]
    assert 2 == len(store.list_folder().objects)
    assert 2 == sum(len(page.objects) for page in store.folder_pages())
    store.delete("a.png")
    assert store.stat("a.png") is None
    assert read + 4 == _value("douga_bytes_total", direction="read")
    assert written + 6 == _value("douga_bytes_total", direction="written")


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (StoreUnreachable("away"), "unreachable"),
        (FrameRejected(Reason.UNREADABLE, "not for you"), "refused"),
    ],
)
def test_calls_that_fail_are_counted(fault: Exception, named: str) -> None:
    """By what kind of call it was and what kind of fault; the fault goes on."""
    before = _value("douga_store_errors_total", operation="read", fault=named)
    with pytest.raises(type(fault)):
        CountedStore(Broken(fault)).read("a.png")
    assert before + 1 == _value("douga_store_errors_total", operation="read", fault=named)


def test_a_scan_that_is_gone_is_no_fault_of_the_store() -> None:
    """Somebody took it away."""
    before = _value("douga_store_errors_total", operation="read", fault="refused")
    with pytest.raises(FrameRejected):
        CountedStore(MemoryStore()).read("gone.png")
    assert before == _value("douga_store_errors_total", operation="read", fault="refused")
