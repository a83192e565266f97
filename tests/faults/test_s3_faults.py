"""What a bucket does when it, its network or its settings fail, and what the user reads then."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.fault_proxy import FaultProxy
from tests.s3_server import (
    BUCKET,
    READER,
    UNKNOWN,
    WRONG_SECRET,
    SeaweedS3,
    aws_environment,
)
from tests.servers import free_port, wait_until

from douga_shared.errors import ConfigurationError, FrameRejected, InputMissing, Reason, StoreUnreachable
from douga_shared.object_store import S3Options, S3Store, s3
from douga_shared.object_store.s3 import close_connections

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SCAN = bytes(range(256)) * 1200


@pytest.fixture(scope="module")
def wire(s3_server: SeaweedS3) -> Iterator[FaultProxy]:
    """What stands between the stores and their server."""
    with FaultProxy(s3_server.port) as proxy:
        yield proxy
        close_connections()


@pytest.fixture
def proxy(wire: FaultProxy) -> Iterator[FaultProxy]:
    """The wire, in order before and after every test."""
    yield wire
    wire.heal()


def _options(server: SeaweedS3, proxy: FaultProxy, read_seconds: float = 30.0) -> S3Options:
    return server.options(endpoint=f"http://127.0.0.1:{proxy.port}", read_seconds=read_seconds)


@pytest.fixture
def store(s3_server: SeaweedS3, s3_prefix: str, proxy: FaultProxy) -> S3Store:
    """A store behind the proxy that holds one scan, and asks four times at most."""
    store = S3Store(BUCKET, s3_prefix, _options(s3_server, proxy))
    store.write("A0001.tga", SCAN)
    return store


def _refusal(status: str, code: str, text: str = "") -> bytes:
    """An S3 server's answer to a request that it does not carry out."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{text}</Message></Error>"
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


SERVER_ERROR = _refusal("500 Internal Server Error", "InternalError", "We encountered an internal error")
SLOW_DOWN = _refusal("503 Slow Down", "SlowDown", "Please reduce your request rate")
CONFLICT = _refusal("409 Conflict", "ConditionalRequestConflict", "Try again")
LOST_ON_THE_WAY = _refusal("400 Bad Request", "BadDigest", "The checksum did not match")
NO_ANSWER = b""


@pytest.mark.parametrize("answer", [SERVER_ERROR, SLOW_DOWN, LOST_ON_THE_WAY], ids=["500", "503", "digest"])
@pytest.mark.parametrize("call", ["read", "stat", "write", "create", "delete", "list", "folder"])
def test_a_passing_fault_is_repeated_and_nobody_learns_of_it(
    store: S3Store, proxy: FaultProxy, call: str, answer: bytes
) -> None:
    """Three times in vain, then well, for every request there is."""
    proxy.answer(answer, times=3)
    if call == "read":
        assert SCAN == store.read("A0001.tga")
    elif call == "stat":
        info = store.stat("A0001.tga")
        assert info is not None
        assert len(SCAN) == info.size_bytes
    elif call == "write":
        store.write("A0001.png", b"drawing")
        assert b"drawing" == store.read("A0001.png")
    elif call == "create":
        assert store.create("A0001.json", b"{}")
        assert b"{}" == store.read("A0001.json")
    elif call == "delete":
        store.delete("A0001.tga")
        assert store.stat("A0001.tga") is None
    elif call == "list":
        assert ["A0001.tga"] == [info.object_key for info in store.list()]
    else:
        assert ["A0001.tga"] == [info.object_key for info in store.list_folder().objects]
    assert 0 == proxy.faults_left


def test_a_fault_that_does_not_pass_is_told_with_what_to_look_at(store: S3Store, proxy: FaultProxy) -> None:
    """As often as the options say, then the store counts as unreachable; later it is asked again."""
    proxy.answer(SLOW_DOWN, times=5)
    with pytest.raises(StoreUnreachable) as caught:
        store.read("A0001.tga")
    assert (
        f"'{store}' does not answer: 'A0001.tga' failed after 4 attempts (SlowDown: Please reduce your "
        f"request rate); check the network and the server at http://127.0.0.1:{proxy.port} "
        "(DOUGA_S3_ENDPOINT), then try again"
    ) == str(caught.value)
    assert 1 == proxy.faults_left
    assert SCAN == store.read("A0001.tga")


def test_a_storm_of_slow_downs_leaves_every_thread_its_attempts(
    s3_server: SeaweedS3, store: S3Store, proxy: FaultProxy
) -> None:
    """boto3's own allowance is one for all threads, and used up after a hundred repeats."""
    options = S3Options(
        endpoint_url=f"http://127.0.0.1:{proxy.port}",
        is_path_style=True,
        attempts=151,
        first_pause_seconds=0.0,
    )
    stormy = S3Store(BUCKET, str(store).split("/")[3], options)
    proxy.answer(SLOW_DOWN, times=150)
    with ThreadPoolExecutor(8) as pool:
        scans = list(pool.map(stormy.read, ["A0001.tga"] * 16))
    assert [SCAN] * 16 == scans
    assert 0 == proxy.faults_left


def test_silence_ends_with_the_time_out_and_is_repeated(
    s3_server: SeaweedS3, s3_prefix: str, proxy: FaultProxy
) -> None:
    """A request that is never answered costs its time-out, no more."""
    store = S3Store(BUCKET, s3_prefix, _options(s3_server, proxy, read_seconds=0.5))
    store.write("A0001.tga", b"scan")
    proxy.answer(NO_ANSWER, times=1)
    assert b"scan" == store.read("A0001.tga")
    assert 0 == proxy.faults_left


def test_a_partition_makes_the_store_unreachable_and_ends_by_itself(
    s3_server: SeaweedS3, s3_prefix: str, proxy: FaultProxy
) -> None:
    """Nothing passes either way; as soon as it does, so does the next call."""
    store = S3Store(BUCKET, s3_prefix, _options(s3_server, proxy, read_seconds=0.3))
    store.write("A0001.tga", b"scan")
    proxy.stall()
    with pytest.raises(StoreUnreachable, match=r"failed after 4 attempts .*timeout"):
        store.read("A0001.tga")
    proxy.heal()
    wait_until(lambda: b"scan" == store.read("A0001.tga"), "the store is read again")


@pytest.mark.parametrize("after_bytes", [0, 20, 54, 70, 96, 150, 218, 300, 1_000, 200_000])
def test_half_an_answer_is_never_taken_for_a_scan(
    store: S3Store, proxy: FaultProxy, after_bytes: int
) -> None:
    """Cut before, in and after the head, in a number and in a date: the next attempt brings it whole.

    Python takes a head that breaks off for a whole one, and boto3 an empty body for an empty listing.
    """
    proxy.cut_answers(after_bytes, times=3)
    assert SCAN == store.read("A0001.tga")
    proxy.heal()
    proxy.cut_answers(after_bytes, times=3)
    listed = list(store.list())
    assert [("A0001.tga", len(SCAN))] == [(info.object_key, info.size_bytes) for info in listed]
    proxy.heal()
    proxy.cut_answers(after_bytes, times=3)
    assert listed == [store.stat("A0001.tga")]


def test_half_answers_without_end_are_told(store: S3Store, proxy: FaultProxy) -> None:
    """The connection breaks whenever the scan comes: the user reads that, not 'damaged'."""
    proxy.cut_answers(200_000, times=4)
    with pytest.raises(StoreUnreachable, match=r"'A0001.tga' failed after 4 attempts \(.*Incomplete"):
        store.read("A0001.tga")


def test_a_listing_cut_short_is_listed_again(store: S3Store, proxy: FaultProxy) -> None:
    """Half a listing would be a job with half its frames."""
    for number in range(20):
        store.write(f"B{number:04}.tga", b"")
    proxy.cut_answers(1_500, times=2)
    assert 21 == len(list(store.list()))
    assert 0 == proxy.faults_left


def test_content_that_is_not_what_was_stored_is_read_again(store: S3Store, proxy: FaultProxy) -> None:
    """Of the right length but with a bit turned over on the way: the stored checksum tells."""
    crc_of_other_bytes = "AAAAAA=="
    body = b"x" * 10
    head = f"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nx-amz-checksum-crc32: {crc_of_other_bytes}\r\n\r\n"
    proxy.answer(head.encode() + body, times=2)
    assert SCAN == store.read("A0001.tga")
    assert 0 == proxy.faults_left


def test_a_broken_connection_is_made_anew(store: S3Store, proxy: FaultProxy) -> None:
    """Firewalls and restarted servers drop the connections that are kept open."""
    proxy.reset()
    assert SCAN == store.read("A0001.tga")
    proxy.reset()
    store.write("A0001.png", b"drawing")
    assert b"drawing" == store.read("A0001.png")


def test_a_store_that_is_gone_is_told_at_once_and_used_again_when_back(
    store: S3Store, proxy: FaultProxy
) -> None:
    """Refused connections: every request tells it, and none after it is back."""
    proxy.refuse()
    calls: list[Callable[[], object]] = [
        lambda: store.read("A0001.tga"),
        lambda: store.stat("A0001.tga"),
        lambda: store.write("A0001.png", b""),
        lambda: store.create("A0001.json", b""),
        lambda: store.delete("A0001.tga"),
        lambda: list(store.list()),
        store.list_folder,
    ]
    for call in calls:
        with pytest.raises(StoreUnreachable, match=r"failed after 4 attempts.*then try again"):
            call()
    proxy.heal()
    assert SCAN == store.read("A0001.tga")


def test_an_address_where_nothing_listens_is_named(s3_server: SeaweedS3) -> None:
    """A misspelt port looks like a server that is down; the message says where Douga looked."""
    endpoint = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(StoreUnreachable, match=endpoint):
        S3Store(BUCKET, "", s3_server.options(endpoint=endpoint)).list_folder()


def test_creating_is_repeated_when_two_collide(store: S3Store, proxy: FaultProxy) -> None:
    """409 says neither yes nor no: asked again, there is an answer."""
    proxy.answer(CONFLICT, times=2)
    assert store.create("job.json", b"mine")
    proxy.answer(CONFLICT, times=2)
    assert not store.create("job.json", b"other")
    assert b"mine" == store.read("job.json")


def test_whoever_created_learns_it_even_if_the_answer_was_lost(store: S3Store, proxy: FaultProxy) -> None:
    """The repeat finds an object in the way: its own. Or else nobody would have created it."""
    proxy.cut_answers(0, times=1)
    assert store.create("job.json", b"mine")
    proxy.cut_answers(0, times=1)
    assert not store.create("job.json", b"mine")
    assert 0 == proxy.faults_left


def test_a_large_object_goes_in_parts_and_only_the_broken_part_again(
    store: S3Store, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen whole or not at all; a fault costs one part."""
    monkeypatch.setattr(s3, "LARGEST_SINGLE_BYTES", 6 * 2**20)
    monkeypatch.setattr(s3, "PART_BYTES", 5 * 2**20)
    large = os.urandom(12 * 2**20)
    proxy.answer(SERVER_ERROR, times=2)
    store.write("large.tif", large)
    assert large == store.read("large.tif")
    info = store.stat("large.tif")
    assert info == next(iter(store.list("large")))
    assert 0 == proxy.faults_left


def test_a_large_object_that_cannot_be_finished_leaves_nothing(
    store: S3Store, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a part to see nor a part to pay for, if the server still answers."""
    monkeypatch.setattr(s3, "LARGEST_SINGLE_BYTES", 100)
    real_abandon = S3Store._abandon

    def abandon_later(store: S3Store, name: str, upload_id: str) -> None:
        assert 0 == proxy.faults_left
        real_abandon(store, name, upload_id)

    monkeypatch.setattr(S3Store, "_abandon", abandon_later)
    real_client = s3._client
    requests = count()

    def fail_from_the_second(options: S3Options) -> S3Client:
        if next(requests) == 1:
            proxy.answer(SERVER_ERROR, times=4)
        return real_client(options)

    monkeypatch.setattr(s3, "_client", fail_from_the_second)
    with pytest.raises(StoreUnreachable, match=r"'large.tif' failed after 4 attempts"):
        store.write("large.tif", bytes(200))
    assert store.stat("large.tif") is None
    uploads = real_client(store._options).list_multipart_uploads(Bucket=BUCKET, Prefix=store._prefix)
    assert [] == uploads.get("Uploads", [])


def test_an_object_that_may_not_be_written_is_rejected_with_the_right_to_ask_for(
    s3_server: SeaweedS3, s3_prefix: str
) -> None:
    """These credentials may only read: the frame fails, its message says what the owner must allow."""
    S3Store(BUCKET, s3_prefix, s3_server.options()).write("A0001.tga", b"scan")
    store = S3Store(BUCKET, s3_prefix, s3_server.options(profile=READER))
    assert b"scan" == store.read("A0001.tga")
    calls: list[Callable[[str, bytes], object]] = [store.write, store.create]
    for call in calls:
        with pytest.raises(FrameRejected) as caught:
            call("A0001.png", b"drawing")
        assert Reason.WRITE_FAILED is caught.value.reason
        assert (
            f"'A0001.png' cannot be written in '{store}' (AccessDenied: Access Denied.); allow s3:PutObject "
            "(s3:DeleteObject to remove) on it for these credentials"
        ) == str(caught.value)


@pytest.mark.parametrize("call", ["read", "stat"])
def test_an_object_that_may_not_be_read_is_rejected_with_the_right_to_ask_for(
    store: S3Store, proxy: FaultProxy, call: str
) -> None:
    """Amazon forbids also what is not there, unless the bucket may be listed; the message says both."""
    # An answer to HEAD has no body, so `stat` asks once more to learn why.
    bare = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    denied = _refusal("403 Forbidden", "AccessDenied", "Access Denied")
    proxy.answer(denied, times=1)
    if call == "stat":
        proxy._answers.append(bare)
    with pytest.raises(FrameRejected) as caught:
        getattr(store, call)("A0001.tga")
    assert Reason.UNREADABLE is caught.value.reason
    assert "(AccessDenied: Access Denied); allow s3:GetObject on it, and s3:ListBucket on the bucket" in str(
        caught.value
    )
    assert 0 == proxy.faults_left


def test_a_bucket_that_may_not_be_listed_stops_the_job(store: S3Store, proxy: FaultProxy) -> None:
    """Without a listing there is no job; the message names the right that is missing."""
    proxy.answer(_refusal("403 Forbidden", "AccessDenied", "Access Denied"))
    with pytest.raises(InputMissing, match=r"may not be listed below 'scan/'.*allow s3:ListBucket"):
        store.list_folder("scan/")


def test_an_archived_scan_says_that_it_must_be_restored(store: S3Store, proxy: FaultProxy) -> None:
    """Glacier lists what it does not hand out."""
    proxy.answer(_refusal("403 Forbidden", "InvalidObjectState", "The operation is not valid"))
    with pytest.raises(FrameRejected, match="it lies in an archive: restore it, then run again"):
        store.read("A0001.tga")


def test_a_bucket_that_does_not_exist_is_named(s3_server: SeaweedS3) -> None:
    """To read from it: there is no input. To write to it: the command is wrong. Never 'no such scan'."""
    store = S3Store("frmaes", "cut012", s3_server.options())
    remedy = (
        rf"there is no bucket 'frmaes' at {s3_server.endpoint}; check its spelling and DOUGA_S3_ENDPOINT, or "
        "make the bucket"
    )
    asking: list[Callable[[], object]] = [
        lambda: store.stat("A0001.tga"),
        lambda: store.read("A0001.tga"),
        store.list_folder,
    ]
    for ask in asking:
        with pytest.raises(InputMissing, match=remedy):
            ask()
    changing: list[Callable[[str, bytes], object]] = [store.write, store.create]
    for change in changing:
        with pytest.raises(ConfigurationError, match=remedy):
            change("A0001.png", b"drawing")


@pytest.mark.parametrize(
    ("profile", "why", "remedy"),
    [
        (UNKNOWN, "InvalidAccessKeyId", "its credentials are wrong: correct AWS_ACCESS_KEY_ID"),
        (WRONG_SECRET, "SignatureDoesNotMatch", "its credentials are wrong: correct AWS_ACCESS_KEY_ID"),
        ("misspelt", "ProfileNotFound", "correct DOUGA_S3_PROFILE or AWS_PROFILE"),
    ],
)
def test_wrong_credentials_stop_the_job(
    s3_server: SeaweedS3, s3_prefix: str, profile: str, why: str, remedy: str
) -> None:
    """Every object would fail: this is said once, with the setting to correct, and the secret unsaid."""
    store = S3Store(BUCKET, s3_prefix, s3_server.options(profile=profile))
    calls: list[Callable[[], object]] = [
        lambda: store.read("A0001.tga"),
        lambda: store.stat("A0001.tga"),
        lambda: store.write("A0001.png", b""),
        store.list_folder,
    ]
    for call in calls:
        with pytest.raises(ConfigurationError, match=rf"cannot be used \({why}.*{remedy}") as caught:
            call()
        assert "not-the-secret" not in str(caught.value)


def test_no_credentials_at_all_says_where_they_are_looked_for(
    s3_server: SeaweedS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fresh machine."""
    close_connections()
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    store = S3Store(BUCKET, "", s3_server.options(attempts=3))
    with pytest.raises(ConfigurationError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or DOUGA"):
        store.read("A0001.tga")
    close_connections()


def test_credentials_that_run_out_say_how_to_renew_them(store: S3Store, proxy: FaultProxy) -> None:
    """In the middle of a night's job."""
    proxy.answer(_refusal("400 Bad Request", "ExpiredToken", "The provided token has expired."))
    with pytest.raises(ConfigurationError, match="its credentials have run out: renew them"):
        store.write("A0001.png", b"drawing")


def test_an_endpoint_that_is_no_address_is_told_before_anything_is_sent(s3_server: SeaweedS3) -> None:
    """Such as a host without http://."""
    store = S3Store(BUCKET, "", s3_server.options(endpoint="s3.studio.example:9000"))
    with pytest.raises(
        ConfigurationError, match=r"'s3.studio.example:9000' is no address.*DOUGA_S3_ENDPOINT"
    ):
        store.read("A0001.tga")


def test_a_key_too_long_for_the_server_is_missing_and_cannot_be_written(store: S3Store) -> None:
    """1,024 bytes are S3's limit; SeaweedFS takes 255 between two slashes."""
    object_key = "原" * 400 + ".png"
    assert store.stat(object_key) is None
    with pytest.raises(FrameRejected, match="not there any more"):
        store.read(object_key)
    with pytest.raises(FrameRejected, match="its name is too long for this server: rename the scan"):
        store.write(object_key, b"")


def test_a_server_killed_and_paused_comes_back_with_all_it_took(tmp_path: Path) -> None:
    """What was written stays; while the server is away the user reads that, and then all goes on."""
    with SeaweedS3(tmp_path / "server") as server, aws_environment(server):
        quick = server.options(attempts=2, read_seconds=0.5)
        store = S3Store(BUCKET, "cut012", quick)
        scans = {f"A{number:04}.tga": os.urandom(20_000) for number in range(20)}
        for object_key, scan in scans.items():
            store.write(object_key, scan)
        server.pause()
        with pytest.raises(StoreUnreachable, match=r"failed after 2 attempts .*timeout"):
            store.read("A0001.tga")
        server.resume()
        server.kill()
        with pytest.raises(StoreUnreachable, match="failed after 2 attempts"):
            store.read("A0001.tga")
        server.start()
        # After a kill reading may fail for some seconds more, each time as a passing fault.
        patient = S3Store(BUCKET, "cut012", server.options(attempts=300, first_pause_seconds=0.1))
        assert scans == {object_key: patient.read(object_key) for object_key in scans}
        assert list(scans) == [info.object_key for info in patient.list()]
        close_connections()
