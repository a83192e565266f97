"""What every object store promises, run over each of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from douga_shared.errors import FrameRejected, Reason
from douga_shared.object_keys import fault_of
from douga_shared.object_store import FolderStore, MemoryStore, ObjectStore

HOSTILE_KEYS = [
    "",
    "/etc/passwd",
    "..",
    "../escaped",
    "a/../../escaped",
    "./a",
    "a//b",
    "a/",
    "a\0b",
    "\udce9.png",
]
STRANGE_KEYS = [
    "-rf.png",
    "--help",
    " leading and trailing ",
    'it\'s "quoted".png',
    "two\nlines.png",
    "back\\slash.png",
    "原画/Ａ０００１.tga",
    "e\u0301.png",
    "*?[x].png",
    "%2e%2e",
    "a/b/c/d/e.svg",
    "..hidden",
    "x" * 250 + ".png",
]


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """Every kind of store, empty."""
    kinds: dict[str, Callable[[], ObjectStore]] = {
        "folder": lambda: FolderStore(tmp_path / "root", create=True),
        "memory": MemoryStore,
    }
    return kinds[request.param]()


def _keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return [info.object_key for info in store.list(prefix)]


def test_what_is_written_is_read(store: ObjectStore) -> None:
    """All bytes come back, none included."""
    for data in (b"", b"\0\r\n\xff", b"drawing" * 100_000):
        store.write("A0001.png", data)
        assert data == store.read("A0001.png")


def test_stat_tells_key_and_size(store: ObjectStore) -> None:
    """An object is described without being read, in a listing as by itself."""
    store.write("sub/A0001.png", b"12345")
    info = store.stat("sub/A0001.png")
    assert info is not None
    assert ("sub/A0001.png", 5) == (info.object_key, info.size_bytes)
    assert [info] == list(store.list())
    assert (info,) == store.list_folder("sub/").objects


def test_an_object_that_is_not_there_is_none_and_vanished(store: ObjectStore) -> None:
    """Asking is no error; reading is, with its own reason."""
    store.write("sub/A0001.png", b"x")
    for object_key in ("A0001.png", "sub", "sub/A0001.png/more", "other/A0001.png"):
        assert store.stat(object_key) is None
    for object_key in ("A0001.png", "sub/A0001.png/more", "other/A0001.png"):
        with pytest.raises(FrameRejected, match="not there any more") as caught:
            store.read(object_key)
        assert Reason.VANISHED is caught.value.reason
        assert repr(object_key) in str(caught.value)


def test_overwriting_replaces_content_and_etag(store: ObjectStore) -> None:
    """New content of the same size, written at once, is told apart by its etag."""
    etags = set()
    for data in (b"one", b"two", b"six"):
        store.write("A0001.png", data)
        info = store.stat("A0001.png")
        assert info is not None
        etags.add(info.etag)
        assert data == store.read("A0001.png")
    assert 3 == len(etags)
    assert ["A0001.png"] == _keys(store)


def test_the_etag_of_an_untouched_object_stays(store: ObjectStore) -> None:
    """Frames are skipped by it: reading, listing and writing neighbours leave it alone."""
    store.write("A0001.png", b"one")
    before = store.stat("A0001.png")
    store.read("A0001.png")
    store.write("A0002.png", b"two")
    assert before == store.stat("A0001.png")


def test_deleting_twice_is_no_error(store: ObjectStore) -> None:
    """Every method is safe to repeat; the neighbours stay."""
    store.write("sub/A0001.png", b"x")
    store.write("sub/A0002.png", b"y")
    for _ in range(2):
        store.delete("sub/A0001.png")
        assert store.stat("sub/A0001.png") is None
    store.delete("never/was")
    assert ["sub/A0002.png"] == _keys(store)


def test_a_listing_is_in_the_order_of_the_keys(store: ObjectStore) -> None:
    """By code points of the whole key, as in S3: `a-b` and `a.png` come before `a/b`."""
    keys = ["B", "a", "a-b/c", "a.png", "b/a", "b/a0", "b/aa/x", "b-1", "b0", "é", "原", "😀"]
    for object_key in keys:
        store.write(object_key, b"")
    assert sorted(keys) == _keys(store)


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", ["a/1", "a/2", "a/b/1", "ab/1", "b"]),
        ("a", ["a/1", "a/2", "a/b/1", "ab/1"]),
        ("a/", ["a/1", "a/2", "a/b/1"]),
        ("a/b", ["a/b/1"]),
        ("a/1", ["a/1"]),
        ("a/1/", []),
        ("c", []),
        ("c/d/", []),
        ("b/", []),
        ("a/../", []),
        ("../", []),
        ("/", []),
        ("./", []),
    ],
)
def test_a_prefix_selects_by_the_start_of_the_key(
    store: ObjectStore, prefix: str, expected: list[str]
) -> None:
    """A prefix is text, not a path: it may end inside a name and never leads out."""
    for object_key in ("a/1", "a/2", "a/b/1", "ab/1", "b"):
        store.write(object_key, b"")
    assert expected == _keys(store, prefix)


def test_a_listing_may_be_left_early_and_changed_under_way(store: ObjectStore) -> None:
    """Whoever lists may write and delete meanwhile; nothing raises."""
    for number in range(5):
        store.write(f"A{number}", b"x")
    first = [info.object_key for info in islice(store.list(), 2)]
    for info in store.list():
        store.delete(info.object_key)
        store.write("B" + info.object_key, b"y")
    assert ["A0", "A1"] == first
    assert {f"BA{number}" for number in range(5)} <= set(_keys(store))


def test_a_folder_shows_what_lies_directly_in_it(store: ObjectStore) -> None:
    """One level only: objects by key, sub-folders by name."""
    for object_key in ("A1", "a/1", "a/x/1", "a/y/z/1", "a/x.png", "b/1"):
        store.write(object_key, b"")
    root, inside = store.list_folder(), store.list_folder("a/")
    assert (["A1"], ("a/", "b/")) == ([info.object_key for info in root.objects], root.folders)
    assert (["a/1", "a/x.png"], ("x/", "y/")) == (
        [info.object_key for info in inside.objects],
        inside.folders,
    )


@pytest.mark.parametrize("folder", ["none/", "A1/", "../", "/", "a//", "a/../"])
def test_a_folder_that_is_not_there_is_empty(store: ObjectStore, folder: str) -> None:
    """There is nothing in it, and nothing outside the root to be seen through it."""
    store.write("A1", b"")
    store.write("a/1", b"")
    listing = store.list_folder(folder)
    assert ((), ()) == (listing.objects, listing.folders)


@pytest.mark.parametrize("object_key", STRANGE_KEYS)
def test_strange_but_legal_keys_work_like_any_other(store: ObjectStore, object_key: str) -> None:
    """Studios name files as they like."""
    store.write(object_key, b"strange")
    assert b"strange" == store.read(object_key)
    assert [object_key] == _keys(store)
    store.delete(object_key)
    assert [] == _keys(store)


@pytest.mark.parametrize("object_key", HOSTILE_KEYS)
def test_hostile_keys_are_rejected_and_touch_nothing(
    store: ObjectStore, object_key: str, tmp_path: Path
) -> None:
    """No key reads, writes or removes anything outside the root."""
    (tmp_path / "escaped").write_bytes(b"keep")
    store.write("a/1", b"")
    attempts: dict[Reason, list[Callable[[], object]]] = {
        Reason.UNREADABLE: [lambda: store.read(object_key), lambda: store.stat(object_key)],
        Reason.WRITE_FAILED: [lambda: store.write(object_key, b"!"), lambda: store.delete(object_key)],
    }
    for reason, calls in attempts.items():
        for call in calls:
            with pytest.raises(FrameRejected, match="cannot name an object") as caught:
                call()
            assert reason is caught.value.reason
    assert ["a/1"] == _keys(store)
    assert b"keep" == (tmp_path / "escaped").read_bytes()


object_keys = st.text(
    st.one_of(st.sampled_from("/.a\\-"), st.characters(exclude_categories=["Cs"], max_codepoint=0xFFFF)),
    max_size=20,
)


@given(object_key=object_keys, data=st.binary(max_size=50))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_key_is_either_stored_or_rejected(store: ObjectStore, object_key: str, data: bytes) -> None:
    """There is no third way, and what is stored is found again under the very same key."""
    if fault_of(object_key):
        with pytest.raises(FrameRejected):
            store.write(object_key, data)
        return
    store.write(object_key, data)
    assert data == store.read(object_key)
    assert [object_key] == _keys(store)
    store.delete(object_key)


def test_the_caller_may_reuse_the_buffer(store: ObjectStore) -> None:
    """What was written does not change when the caller's bytes do."""
    buffer = bytearray(b"before")
    store.write("A0001.png", bytes(buffer))
    buffer[:] = b"after!"
    assert b"before" == store.read("A0001.png")


def test_a_reader_sees_whole_content_while_two_write(store: ObjectStore) -> None:
    """Each read gives all of what one of the writers wrote; listings show nothing else."""
    contents = {bytes([value]) * size for value, size in ((1, 300_000), (2, 70_000))}
    store.write("A0001.png", min(contents))
    finished = threading.Event()
    failures: list[str] = []

    def write(data: bytes) -> None:
        for _ in range(25):
            store.write("A0001.png", data)

    def read() -> None:
        while not finished.is_set():
            if store.read("A0001.png") not in contents:
                failures.append("part of a content")
            if ["A0001.png"] != _keys(store):
                failures.append("something else in the listing")

    with _running([threading.Thread(target=read) for _ in range(2)], finished):
        writers = [threading.Thread(target=write, args=(data,)) for data in contents]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    assert [] == failures
    assert store.read("A0001.png") in contents


def test_many_threads_write_their_own_objects(store: ObjectStore) -> None:
    """Folders that do not exist yet are made by whoever comes first."""

    def write(worker: int) -> None:
        for number in range(5):
            store.write(f"level{number}/A{worker}", bytes([worker]))

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [f"level{number}/A{worker}" for number in range(5) for worker in range(6)] == _keys(store)


def test_a_store_names_itself_to_a_person(store: ObjectStore) -> None:
    """Messages say where; the name can be printed and recorded."""
    assert str(store).encode("utf-8")
    assert "object at 0x" not in str(store)


@contextmanager
def _running(threads: list[threading.Thread], finished: threading.Event) -> Iterator[None]:
    """Run threads beside a block and end them with it."""
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        finished.set()
        for thread in threads:
            thread.join()
