"""The arithmetic of large farms agrees with what a small real one asks of its servers. Counts, not times."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.bench import farm_model as model
from tests.bench.farm_model import Farm, Limits, load_of, shares
from tests.bench.meters import Meters, WorkerTimes
from tests.bench.simulated_worker import SCAN_BYTES
from tests.bench.submitting import QUEUE, is_complete, opened
from tests.farm import bucket_farm, held_still
from tests.s3_server import SeaweedS3
from tests.servers import Valkey, wait_until

from douga_producer import submit
from douga_shared.settings import Settings

CHUNK_FRAMES, CHUNKS = 16, 6
FRAMES = CHUNK_FRAMES * CHUNKS
OF_CHUNKS = ("hget", "hset", "hdel", "hmget", "hincrby", "getbit", "setbit", "expire", "zadd")
LIKE_POLLS = 9
"""Of a chunk: four calls of scripts, two looks into queues, two at the clock and one removal, which an idle
worker asks for as well."""


def test_a_real_worker_asks_for_what_the_model_says(
    tmp_path: Path, s3_server: SeaweedS3, s3_prefix: str
) -> None:
    """Commands of the queue server and requests to the bucket, of a job of six chunks."""
    times = tmp_path / "times.json"
    with (
        bucket_farm(
            tmp_path, s3_server, s3_prefix, DOUGA_CHUNK_FRAMES=str(CHUNK_FRAMES), DOUGA_LEASE_SECONDS="60"
        ) as farm,
        closing(Meters(farm.valkey, s3_server)) as meters,
        farm.opened() as client,
    ):
        farm.put_scans({f"A{number:04d}.png": bytes(SCAN_BYTES) for number in range(FRAMES)})
        worker = farm.start_process(
            [sys.executable, "-m", "tests.bench.simulated_worker", "gpu"],
            SIMULATED="whole",
            SIMULATED_TIMES=str(times),
        )
        farm.wait_ready(worker)
        wait_until(times.exists, "the worker tells")
        with held_still(worker):
            job_id = submit(farm.scans, farm.drawings, has_report=False, farm=client).job_id
            before, then = meters.read(), WorkerTimes.read(times)
        wait_until(lambda: is_complete(client, job_id), "all is settled", 120)
        used = meters.since(before)
        wait_until(lambda: WorkerTimes.read(times).requests["PutObject"] >= 3 * FRAMES, "the worker tells")
        requests = (WorkerTimes.read(times).since(then)).requests
    assert {"PutObject": model.WORKER_PUTS * FRAMES, "HeadObject": model.WORKER_HEADS * FRAMES} == {
        kind: requests[kind] for kind in ("PutObject", "HeadObject")
    }
    # Before it knows that there is a bucket, a store asks twice for what is not there.
    assert model.WORKER_GETS * FRAMES <= requests["GetObject"] <= 2 * FRAMES
    asked = CHUNKS * (model.COMMANDS_A_CHUNK - LIKE_POLLS + model.COMMANDS_A_FRAME * CHUNK_FRAMES)
    # Leases are kept, and a slow worker settles a chunk in several calls.
    more = 10 + used.seconds * (5 + CHUNKS * model.SETTLE_COMMANDS / model.TELL_SECONDS)
    assert asked <= sum(used.commands[name] for name in OF_CHUNKS) <= asked + more


@pytest.mark.parametrize("chunk_frames", [1, 16, 64])
def test_waiting_messages_are_as_large_as_the_model_says(tmp_path: Path, chunk_frames: int) -> None:
    """Names, sizes and etags as a studio's; within a tenth."""
    count = 20 * 64
    with Valkey(tmp_path / "queue") as valkey:
        settings = Settings(broker_url=valkey.url, chunk_frames=chunk_frames)
        with opened(settings, valkey) as bench:
            bench.submit(count)
            size = bench.meters.bytes_of(QUEUE)
    said = count / chunk_frames * model.CHUNK_BYTES + count * model.FRAME_BYTES
    assert said == pytest.approx(size, rel=0.1)


def test_larger_chunks_ask_less_of_the_queue_server() -> None:
    """And begin more frames again when a worker is killed."""
    small, large = (load_of(Farm(chunk_frames=frames), Limits()) for frames in (1, 64))
    assert large.commands < small.commands
    assert large.messages * 64 == small.messages
    assert large.queue_bytes_unthrottled < small.queue_bytes_unthrottled


def test_throttled_producers_bound_the_queue_server_s_memory() -> None:
    """However many frames there are, so many wait."""
    tenfold = load_of(replace(Farm(), frames=10 * Farm().frames), Limits())
    once = load_of(Farm(), Limits())
    assert tenfold.queue_bytes_unthrottled == pytest.approx(10 * once.queue_bytes_unthrottled, rel=0.01)
    # What stays is two bits of every frame.
    assert 9 * Farm().frames * model.DONE_BYTES == pytest.approx(tenfold.queue_bytes - once.queue_bytes)


def test_what_is_full_first_is_full_with_fewer_workers() -> None:
    """Shares grow with the workers; what is asked for once does not."""
    of_thousand, of_hundred = (shares(Farm(workers=count), Limits()) for count in (1_000, 100))
    assert {name: pytest.approx(share / 10) for name, share in of_thousand.items()} == of_hundred
