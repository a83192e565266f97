"""What every object store promises, run over each of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.s3_server import BUCKET, SeaweedS3, fresh_prefix

from douga_shared.errors import FrameRejected, Reason
from douga_shared.object_keys import fault_of
from douga_shared.object_store import FolderListing, FolderStore, MemoryStore, ObjectStore, S3Store

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


@pytest.fixture(params=["folder", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """Every kind of store, empty."""
    kinds: dict[str, Callable[[], ObjectStore]] = {
        "folder": lambda: FolderStore(tmp_path / "root", create=True),
        "memory": MemoryStore,
        "s3": lambda: _s3_store(request.getfixturevalue("s3_server")),
    }
    return kinds[request.param]()


def _s3_store(server: SeaweedS3) -> S3Store:
    return S3Store(BUCKET, fresh_prefix("contract"), server.options())


def _skip_what_seaweedfs_cannot_hold(store: ObjectStore, object_key: str) -> None:
    if isinstance(store, S3Store) and "\\" in object_key:
        pytest.skip("SeaweedFS reads a backslash in a key as '/'; Amazon S3 does not")


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
    if isinstance(store, S3Store):
        # SeaweedFS orders the names of one folder, then goes down: all of "b/" comes before "b-1".
        keys.remove("b-1")
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


def test_a_long_folder_comes_in_pages(store: ObjectStore) -> None:
    """Every entry once, in the order of the keys, never more on a page than asked for."""
    for object_key in ("f/A1", "f/A2", "f/b/1", "f/b/2", "f/b/3", "f/c", "f/d/1", "f/e", "g"):
        store.write(object_key, b"")
    pages = list(store.folder_pages("f/", most=2))
    entries = [
        sorted([*(info.object_key for info in page.objects), *("f/" + name for name in page.folders)])
        for page in pages
    ]
    assert all(1 <= len(page) <= 2 for page in entries)
    assert ["f/A1", "f/A2", "f/b/", "f/c", "f/d/", "f/e"] == [entry for page in entries for entry in page]
    assert store.list_folder("f/") == FolderListing.joined(pages)


def test_a_page_can_be_left_before_the_next_is_asked_for(store: ObjectStore) -> None:
    """A job begins with the first page of a very long folder."""
    for number in range(5):
        store.write(f"A{number}", b"x")
    page = next(store.folder_pages(most=2))
    assert ["A0", "A1"] == [info.object_key for info in page.objects]


@pytest.mark.parametrize("folder", ["none/", "A1/", "../", "/", "a//", "a/../"])
def test_a_folder_that_is_not_there_is_empty(store: ObjectStore, folder: str) -> None:
    """There is nothing in it, and nothing outside the root to be seen through it."""
    store.write("A1", b"")
    store.write("a/1", b"")
    listing = store.list_folder(folder)
    assert ((), ()) == (listing.objects, listing.folders)
    assert all(page == listing for page in store.folder_pages(folder))


@pytest.mark.parametrize("object_key", STRANGE_KEYS)
def test_strange_but_legal_keys_work_like_any_other(store: ObjectStore, object_key: str) -> None:
    """Studios name files as they like."""
    _skip_what_seaweedfs_cannot_hold(store, object_key)
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
        Reason.WRITE_FAILED: [
            lambda: store.write(object_key, b"!"),
            lambda: store.create(object_key, b"!"),
            lambda: store.delete(object_key),
        ],
    }
    for reason, calls in attempts.items():
        for call in calls:
            with pytest.raises(FrameRejected, match="cannot name an object") as caught:
                call()
            assert reason is caught.value.reason
    assert ["a/1"] == _keys(store)
    assert b"keep" == (tmp_path / "escaped").read_bytes()


def test_only_the_first_creates_an_object(store: ObjectStore) -> None:
    """Whoever comes second is told so, and what the first stored stays."""
    assert store.create("sub/A0001.json", b"first")
    assert not store.create("sub/A0001.json", b"second")
    assert not store.create("sub/A0001.json", b"first")
    assert b"first" == store.read("sub/A0001.json")
    store.delete("sub/A0001.json")
    assert store.create("sub/A0001.json", b"")
    assert not store.create("sub/A0001.json", b"")
    assert ["sub/A0001.json"] == _keys(store)


def test_what_was_written_is_not_created_again(store: ObjectStore) -> None:
    """It makes no difference how an object came to be there."""
    store.write("A0001.json", b"written")
    assert not store.create("A0001.json", b"created")
    assert b"written" == store.read("A0001.json")


def test_of_many_creators_exactly_one_wins(store: ObjectStore) -> None:
    """Two producers submit one job at once: one of them records it, the other finds that record, whole."""
    # Losers wait on SeaweedFS, the longer the more there are: a second or two with four.
    contents = [bytes([number]) * 100_000 for number in range(4)]
    won: list[bytes] = []
    begin = threading.Barrier(len(contents))

    def create(data: bytes) -> None:
        begin.wait()
        if store.create("sub/job.json", data):
            won.append(data)
        assert store.read("sub/job.json") in contents

    with ThreadPoolExecutor(len(contents)) as pool:
        for outcome in [pool.submit(create, data) for data in contents]:
            outcome.result()
    assert [store.read("sub/job.json")] == won
    assert ["sub/job.json"] == _keys(store)


object_keys = st.text(
    st.one_of(st.sampled_from("/.a\\-"), st.characters(exclude_categories=["Cs"], max_codepoint=0xFFFF)),
    max_size=20,
)


@given(object_key=object_keys, data=st.binary(max_size=50))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_key_is_either_stored_or_rejected(store: ObjectStore, object_key: str, data: bytes) -> None:
    """There is no third way, and what is stored is found again under the very same key."""
    assume(not (isinstance(store, S3Store) and "\\" in object_key))
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
