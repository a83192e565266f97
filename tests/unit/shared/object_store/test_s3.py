"""What only a bucket meets: many pages, what other programs store, connections of one process."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.s3_server import BUCKET, SeaweedS3

from douga_shared.errors import ConfigurationError
from douga_shared.manifest import LeftOut
from douga_shared.object_store import FolderListing, S3Store, s3


@pytest.fixture
def store(s3_server: SeaweedS3, s3_prefix: str) -> S3Store:
    """An empty store on a real server."""
    return S3Store(BUCKET, s3_prefix, s3_server.options())


def _put(store: S3Store, name: str) -> None:
    """Store what Douga would not, as other programs do."""
    s3._client(store._options).put_object(Bucket=BUCKET, Key=store._prefix + name, Body=b"")


def test_a_listing_longer_than_a_page_is_whole(store: S3Store) -> None:
    """S3 gives a thousand at once; every object comes once, in order."""
    expected = [f"A{number:04}.tga" for number in range(1_010)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda object_key: store.write(object_key, b""), expected))
    assert expected == [info.object_key for info in store.list()]
    pages = list(store.folder_pages())
    assert 2 == len(pages)
    assert expected == [info.object_key for info in FolderListing.joined(pages).objects]


def test_a_prefix_is_a_store_of_its_own(s3_server: SeaweedS3, store: S3Store) -> None:
    """Keys are relative to it, with or without the slash at its end; its neighbours are not seen."""
    prefix = store._prefix
    options = s3_server.options()
    S3Store(BUCKET, prefix + "cut1", options).write("A0001.tga", b"one")
    S3Store(BUCKET, prefix + "cut12/", options).write("A0001.tga", b"twelve")
    cut = S3Store(BUCKET, prefix + "cut1/", options)
    assert ["A0001.tga"] == [info.object_key for info in cut.list()]
    assert b"one" == cut.read("A0001.tga")
    assert f"s3://{BUCKET}/{prefix}cut1/" == str(cut)
    assert f"s3://{BUCKET}/" == str(S3Store(BUCKET))


@pytest.mark.parametrize("prefix", ["a//b", "../a", "/a", "a/./b", "a\0"])
def test_a_prefix_that_names_nothing_is_refused(prefix: str) -> None:
    """Before anything is asked."""
    with pytest.raises(ConfigurationError, match="cannot be a prefix in bucket 'frames'"):
        S3Store(BUCKET, prefix)


def test_the_markers_of_empty_folders_are_no_objects(store: S3Store) -> None:
    """Consoles make folders seen by objects named like them."""
    _put(store, "")
    _put(store, "scan/")
    store.write("scan/A0001.tga", b"scan")
    assert ["scan/A0001.tga"] == [info.object_key for info in store.list()]
    assert FolderListing((), ("scan/",)) == store.list_folder()
    listing = store.list_folder("scan/")
    assert ["scan/A0001.tga"] == [info.object_key for info in listing.objects]
    assert () == listing.unusable


def test_what_cannot_be_named_is_left_out_and_said(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 knows keys that no folder holds; a user who stored such a scan learns why it is not cleaned."""
    page = {
        "IsTruncated": False,
        "Contents": [
            {"Key": f"{store._prefix}scan/..", "Size": 1, "ETag": '"x"'},
            {"Key": f"{store._prefix}scan/A0001.tga", "Size": 1, "ETag": '"x"'},
        ],
        "CommonPrefixes": [{"Prefix": f"{store._prefix}scan//"}, {"Prefix": f"{store._prefix}scan/b/"}],
    }
    monkeypatch.setattr(S3Store, "_pages", lambda *_, **__: iter([page]))  # SeaweedFS holds none of these
    listing = store.list_folder("scan/")
    assert ["scan/A0001.tga"] == [info.object_key for info in listing.objects]
    assert ("b/",) == listing.folders
    why = "its name cannot be used: a part of it is empty, '.' or '..'"
    assert (LeftOut(name="scan/..", why=why), LeftOut(name="scan//", why=why)) == listing.unusable


def test_a_folder_named_on_two_pages_is_one(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some servers break a page inside a folder and name it again."""
    first = {"IsTruncated": True, "CommonPrefixes": [{"Prefix": f"{store._prefix}a/"}]}
    second = {
        "IsTruncated": False,
        "CommonPrefixes": [{"Prefix": f"{store._prefix}a/"}, {"Prefix": f"{store._prefix}b/"}],
    }
    monkeypatch.setattr(S3Store, "_pages", lambda *_, **__: iter([first, second]))
    assert ("a/", "b/") == store.list_folder().folders


def test_stores_of_one_process_share_their_connections(s3_server: SeaweedS3) -> None:
    """Whoever asks first makes them, even if all ask at once."""
    s3.close_connections()
    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(s3._client, [s3_server.options() for _ in range(8)]))
    assert 1 == len(set(map(id, clients)))
    assert s3._client(s3_server.options(attempts=2)) is not clients[0]


def test_a_forked_process_makes_connections_of_its_own(store: S3Store) -> None:
    """Two processes on one connection would read each other's answers."""
    store.write("A0001.tga", b"scan")
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_use_after_fork, args=(store,))
    process.start()
    process.join(60)
    assert 0 == process.exitcode
    assert b"forked" == store.read("A0001.png")


def _use_after_fork(store: S3Store) -> None:
    assert {} == s3._clients
    assert b"scan" == store.read("A0001.tga")
    store.write("A0001.png", b"forked")


def test_naming_a_store_does_not_load_boto3() -> None:
    """It takes half as long to load as all else together; `douga --help` needs none."""
    code = (
        "import sys; from douga_shared.object_store import open_store; open_store('s3://frames/cut012/');"
        "sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    )
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
