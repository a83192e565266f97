"""Scans that crash, hang or starve whoever works on them: each ends as a dead letter, its neighbours done."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cleaning import douga, rough_png
from tests.farm import FarmOfTests, bucket_farm
from tests.farm_corners import assert_queue_is_empty
from tests.farm_worker import CRASHING, HANGING, POISONED
from tests.s3_server import SeaweedS3
from tests.servers import wait_until

from douga_shared.errors import ExitCode, Reason
from douga_shared.manifest import FrameState
from douga_worker.chunks import MOST_ATTEMPTS

GOOD = rough_png(seed=1, width=64, height=48)
POISON = rough_png(seed=1, width=200, height=40)
"""The network of the tests misbehaves on so wide a sheet, where it is told to."""


@pytest.fixture
def farm(s3_server: SeaweedS3, s3_prefix: str, tmp_path: Path) -> Iterator[FarmOfTests]:
    """A farm of this test's own."""
    with bucket_farm(tmp_path, s3_server, s3_prefix, DOUGA_LEASE_SECONDS="2") as farm:
        yield farm


def test_every_bad_scan_of_a_job_gets_its_reason_and_the_good_ones_are_done(farm: FarmOfTests) -> None:
    """Status and its exit code 3 name each frame, what is wrong and the remedy; no worker dies of any."""
    farm.environment |= {"STUB_MEGABYTES": "512"}
    good = {"A0001.png": GOOD, "A 02 'ü; $(reboot) <b>.png": GOOD, "線画-4.png": GOOD}
    bad = {
        "B0001.png": (b"", Reason.EMPTY),
        "B0002.png": (b"\x89PNG\r\n\x1a\n", Reason.DAMAGED),
        "B0003.png": (GOOD[: len(GOOD) // 2], Reason.DAMAGED),
        "B0004.tif": (b"%PDF-1.7\n", Reason.NOT_AN_IMAGE),
        "B0005.png": (_white_png(30_000, 30_000), Reason.TOO_LARGE),
        "B0006.png": (_white_png(19_000, 19_000), Reason.OUT_OF_MEMORY),
        "B0007.png": (GOOD + CRASHING, Reason.CRASHED),
        "B0008.png": (GOOD, Reason.VANISHED),
    }
    farm.put_scans(good | {name: data for name, (data, _) in bad.items()})
    job_id = farm.order()
    with farm.opened() as client:
        client.open_store(farm.scans).delete("B0008.png")
    worker = farm.start_worker()
    farm.wait_complete(job_id)
    letters = farm.dead_letters(job_id)
    assert {name: reason for name, (_, reason) in bad.items()} == {
        name: letter.reason for name, letter in letters.items()
    }
    assert all(name in letter.message for name, letter in letters.items())
    assert {1} == {letter.attempts for letter in letters.values()}
    manifest = farm.manifest()
    assert manifest.is_complete
    assert set(good) == {frame.scan for frame in manifest.frames if frame.state is FrameState.DONE}
    _assert_user_is_told(farm, job_id, letters)
    assert worker.poll() is None
    assert_queue_is_empty(farm)
    assert ExitCode.OK == farm.stop(worker)


def test_a_scan_that_hangs_the_decoder_is_given_up_after_two_tries(farm: FarmOfTests) -> None:
    """Its message says 'no result after 15 s, twice'; the worker goes on."""
    # A process that is just starting must make it in this time on a busy machine.
    farm.environment |= {"DOUGA_FRAME_SECONDS": "15"}
    farm.put_scans({"A0001.png": GOOD, "A0002.png": GOOD + HANGING, "A0003.png": GOOD})
    job_id = farm.order()
    worker = farm.start_worker()
    farm.wait_complete(job_id)
    letters = farm.dead_letters(job_id)
    assert {"A0002.png": Reason.CRASHED} == {name: letter.reason for name, letter in letters.items()}
    assert "no result after 15 s, twice" in letters["A0002.png"].message
    assert 2 == farm.standing(job_id).done
    assert ExitCode.OK == farm.stop(worker)


def test_a_frame_that_kills_workers_costs_two_of_them(farm: FarmOfTests) -> None:
    """It is tried alone then, in a process of its own, where it kills only that: a dead letter."""
    farm.environment |= {"STUB_POISON": "kill", "DOUGA_CHUNK_FRAMES": "2"}
    deaths = _work_on_poison(farm, -9)
    assert MOST_ATTEMPTS == deaths


def test_a_frame_that_hangs_the_network_ends_two_workers(farm: FarmOfTests) -> None:
    """Each says 'the network has not moved for DOUGA_STALL_SECONDS' and ends with exit code 1."""
    farm.environment |= {"STUB_POISON": "hang", "DOUGA_CHUNK_FRAMES": "2"}
    farm.environment |= {"DOUGA_STALL_SECONDS": "2", "DOUGA_FRAME_SECONDS": "15"}
    deaths = _work_on_poison(farm, ExitCode.INTERNAL)
    assert MOST_ATTEMPTS == deaths
    said = "the network has not moved for DOUGA_STALL_SECONDS: this worker ends itself"
    assert all(said in farm.log_of(worker) for worker in farm.workers[:-1])


def _work_on_poison(farm: FarmOfTests, exit_code: int) -> int:
    """Run a job with a poisonous frame under a supervisor; returns how many workers died of it."""
    names = farm.add_scans(7)
    farm.put_scans({"A00002b.png": POISON})
    job_id = farm.order()
    crew = [farm.start_worker()]

    def is_over() -> bool:
        if crew[-1].poll() is not None:
            assert exit_code == crew[-1].returncode
            crew.append(farm.start_worker())
        standing = farm.standing(job_id)
        return standing.is_complete and standing.is_accounted

    wait_until(is_over, "the job is complete", 200)
    letters = farm.dead_letters(job_id)
    assert {"A00002b.png": Reason.CRASHED} == {name: letter.reason for name, letter in letters.items()}
    assert MOST_ATTEMPTS + 1 == letters["A00002b.png"].attempts
    assert set(names) == {frame.scan for frame in farm.manifest().frames if frame.state is FrameState.DONE}
    assert len(names) == farm.standing(job_id).done
    _assert_user_is_told(farm, job_id, letters)
    assert "A00002b.png: in the works when 2 workers died; now tried alone" in farm.log_of(crew[-1])
    assert all(POISONED in farm.log_of(worker) for worker in crew[:-1])
    assert_queue_is_empty(farm)
    assert ExitCode.OK == farm.stop(crew[-1])
    return len(crew) - 1


def _assert_user_is_told(farm: FarmOfTests, job_id: str, letters: object) -> None:
    """Exit code 3, and every dead letter with its reason."""
    assert isinstance(letters, dict)
    status = douga("status", job_id, "--json", environment=farm.environment)
    assert ExitCode.SOME_FRAMES_FAILED == status.returncode
    told = {letter["scan"]: letter["reason"] for letter in json.loads(status.stdout)["dead_letters"]}
    assert {name: letter.reason.value for name, letter in letters.items()} == told


def _white_png(width: int, height: int) -> bytes:
    """A real PNG of one bit a pixel: a few kilobytes that become a byte a pixel."""
    packer = zlib.compressobj(1)
    row = b"\0" + b"\xff" * ((width + 7) // 8)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_part(name, data) for name, data in parts)


def _png_part(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
