"""The bucket fails while a job runs: the worker waits, nothing is lost, nothing is half written."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest
from tests.farm import FarmOfTests, assert_all_done_once, farm_environment, sleep_until
from tests.farm_corners import (
    CHUNK_FRAMES,
    SLOTS,
    assert_queue_is_empty,
    corner,
    marked,
    names_of,
    order,
    standing,
    wait_marked,
)
from tests.fault_proxy import FaultProxy
from tests.s3_server import BUCKET, SeaweedS3, fresh_prefix
from tests.servers import Valkey, wait_until

from douga_shared.errors import Reason

FRAMES = 16


@pytest.fixture(scope="module")
def wire(s3_server: SeaweedS3) -> Iterator[FaultProxy]:
    """What stands between the worker and the bucket; the tests themselves look past it."""
    with FaultProxy(s3_server.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def whole_farm(s3_server: SeaweedS3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarmOfTests]:
    """A farm in a bucket."""
    folder = tmp_path_factory.mktemp("farm")
    root = f"s3://{BUCKET}/{fresh_prefix('outages')}/"
    with Valkey(folder / "valkey") as valkey:
        own = {**s3_server.settings, "DOUGA_CHUNK_FRAMES": str(CHUNK_FRAMES), "STUB_SECONDS": "0.05"}
        farm = FarmOfTests(valkey, root, folder, farm_environment(valkey, root, own, "test"))
        try:
            yield farm
        finally:
            farm.stop_all()


@pytest.fixture
def farm(whole_farm: FarmOfTests, wire: FaultProxy) -> Iterator[FarmOfTests]:
    """A corner with scans, and a worker that sees the bucket through the wire."""
    wire.heal()
    if not whole_farm.workers or whole_farm.workers[-1].poll() is not None:
        whole_farm.wait_ready(_start_worker_behind(whole_farm, wire))
    yield corner(whole_farm, FRAMES)
    wire.heal()


def _start_worker_behind(farm: FarmOfTests, wire: FaultProxy) -> subprocess.Popen[bytes]:
    return farm.start_worker(
        DOUGA_S3_ENDPOINT=f"http://127.0.0.1:{wire.port}",
        DOUGA_S3_READ_SECONDS="1",
        DOUGA_S3_CONNECT_SECONDS="1",
    )


def _refusal(status: str, code: str) -> bytes:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>on purpose</Message></Error>"
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


SERVER_ERROR = _refusal("500 Internal Server Error", "InternalError")
SLOW_DOWN = _refusal("503 Slow Down", "SlowDown")
ACCESS_DENIED = _refusal("403 Forbidden", "AccessDenied")
EXPIRED = _refusal("400 Bad Request", "ExpiredToken")
NO_BUCKET = _refusal("404 Not Found", "NoSuchBucket")


def test_a_storm_of_faults_passes_by(farm: FarmOfTests, wire: FaultProxy) -> None:
    """Errors 500, then 503 SlowDown; the user sees nothing but a slower job."""
    job_id = order(farm)
    wait_marked(farm, 4)
    for answer in (SERVER_ERROR, SLOW_DOWN):
        wire.answer(answer, times=10)
        wait_until(lambda: not wire.faults_left, "all requests were refused")
    _assert_nothing_is_lost(farm, job_id)


def test_half_answers_are_no_drawings(farm: FarmOfTests, wire: FaultProxy) -> None:
    """Connections break within heads and bodies; a scan that came half is fetched again."""
    job_id = order(farm)
    wait_marked(farm, 4)
    for after_bytes in (100, 400, 1000):
        wire.cut_answers(after_bytes, times=5)
        wait_until(lambda: not wire.faults_left, "all answers were cut")
    _assert_nothing_is_lost(farm, job_id)


def test_a_store_that_is_gone_is_waited_for(farm: FarmOfTests, wire: FaultProxy) -> None:
    """Longer than all attempts of a request: nothing becomes a dead letter, the log says what is awaited."""
    _outage(farm, wire, "refuse", seconds=4)


@pytest.mark.soak
def test_a_worker_cut_off_from_the_store_keeps_nobody_else_from_working(
    farm: FarmOfTests, wire: FaultProxy
) -> None:
    """It waits with what it holds; the other does the rest, and nothing is done by halves."""
    job_id = order(farm)
    wait_marked(farm, 4)
    wire.stall()
    other = farm.start_worker()
    farm.wait_ready(other)
    # The first one keeps what it holds.
    wait_marked(farm, FRAMES - SLOTS * CHUNK_FRAMES)
    assert 0 == standing(farm, job_id).failed
    wire.heal()
    _assert_nothing_is_lost(farm, job_id)
    assert 0 == farm.stop(other)
    farm.workers.remove(other)


@pytest.mark.soak
@pytest.mark.parametrize("fault", ["refuse", "stall"])
def test_a_store_that_is_gone_for_a_minute_is_waited_for(
    farm: FarmOfTests, wire: FaultProxy, fault: str
) -> None:
    """As long as it takes."""
    _outage(farm, wire, fault, seconds=60)


@pytest.mark.parametrize(
    ("answer", "says"),
    [(EXPIRED, "renew them"), (NO_BUCKET, "there is no bucket")],
    ids=["credentials that ran out", "bucket gone"],
)
def test_a_worker_that_is_not_let_in_waits_until_it_is(
    farm: FarmOfTests, wire: FaultProxy, answer: bytes, says: str
) -> None:
    """No frame's fault: none becomes a dead letter; the log says what to do."""
    job_id = order(farm)
    wait_marked(farm, 4)
    said = len(farm.log_of(farm.workers[-1]))
    wire.answer(answer, times=10_000)
    wait_until(lambda: farm.log_of(farm.workers[-1])[said:].count("wait for the store") > 3, "it waits")
    assert says in farm.log_of(farm.workers[-1])[said:]
    assert 0 == standing(farm, job_id).failed
    wire.heal()
    _assert_nothing_is_lost(farm, job_id)
    assert "a fault of Douga's own" not in farm.log_of(farm.workers[-1])[said:]


@pytest.mark.parametrize(
    ("to", "reason", "remedy"),
    [
        (b"/scans/A00003.png", Reason.UNREADABLE, "allow s3:GetObject"),
        (b"/drawings/A00003.png", Reason.WRITE_FAILED, "allow s3:PutObject"),
    ],
    ids=["scan", "drawing"],
)
def test_one_object_that_is_forbidden_is_one_dead_letter(
    farm: FarmOfTests, wire: FaultProxy, to: bytes, reason: Reason, remedy: str
) -> None:
    """Its neighbours are done; status names the object and the right that is missing."""
    wire.answer(ACCESS_DENIED, times=10_000, to=to)
    job_id = order(farm)
    farm.wait_complete(job_id)
    with farm.opened() as client:
        (letter,) = client.jobs.dead_letters(job_id)
    assert ("A00003.png", reason) == (letter.scan, letter.reason)
    assert remedy in letter.message
    assert (FRAMES - 1, 1) == (standing(farm, job_id).done, standing(farm, job_id).failed)
    assert FRAMES - 1 == marked(farm)
    assert_queue_is_empty(farm)


def _outage(farm: FarmOfTests, wire: FaultProxy, fault: str, seconds: float) -> None:
    job_id = order(farm)
    wait_marked(farm, 4)
    said = len(farm.log_of(farm.workers[-1]))
    getattr(wire, fault)()
    end = time.monotonic() + seconds
    wait_until(lambda: "wait for the store" in farm.log_of(farm.workers[-1])[said:], "it waits")
    sleep_until(end)
    assert farm.workers[-1].poll() is None
    assert 0 == standing(farm, job_id).failed
    wire.heal()
    _assert_nothing_is_lost(farm, job_id)


def _assert_nothing_is_lost(farm: FarmOfTests, job_id: str) -> None:
    farm.wait_complete(job_id)
    with farm.opened() as client:
        assert [] == list(client.jobs.dead_letters(job_id))
    assert_all_done_once(farm, job_id, names_of(farm))
    assert_queue_is_empty(farm)
    assert farm.workers[-1].poll() is None
