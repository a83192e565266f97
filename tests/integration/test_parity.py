"""The same folder through `douga clean` and through the farm, with the shipped network in both.

The drawings are the same bytes. No tolerance is needed: on a CPU every sheet passes the network alone,
whatever shares its batch. The only thing in which two workers may differ is the machine: another processor,
or a GPU, rounds differently.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.cleaning import douga, manifest_of, write_scans
from tests.farm import FarmOfTests, bucket_farm
from tests.s3_server import SeaweedS3
from tests.scans import BAD_SCANS, GOOD_SCANS, as_png

from douga_shared.errors import ExitCode
from douga_shared.manifest import FrameRecord, FrameState, Manifest

WALK = Path(__file__).parents[2] / "examples" / "walk"
WALK_FRAMES = ("A0001.png", "A0006.png", "A0007a.png")
AWKWARD = ("tiff_16bit_grey.tif", "tga_rle.tga", "jpeg_rgb.jpeg", "bad_cut.png", "bad_empty.png")
OPTIONS = ("--outputs", "png,tga,svg", "--strength", "0.6")


@pytest.fixture
def farm(s3_server: SeaweedS3, s3_prefix: str, tmp_path: Path) -> Iterator[FarmOfTests]:
    """A farm with messages of two frames: other batches than those of a whole folder."""
    with bucket_farm(tmp_path, s3_server, s3_prefix, DOUGA_CHUNK_FRAMES="2") as farm:
        yield farm


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Some frames of the bundled example, some scans that need care, and two that cannot be read."""
    makers = {scan.name: scan.make for scan in GOOD_SCANS} | {scan.name: scan.make for scan in BAD_SCANS}
    awkward = {name: makers[name]() for name in AWKWARD}
    walk = {name: as_png(drawing_in(WALK / name)) for name in WALK_FRAMES}
    return write_scans(tmp_path / "scans", walk | awkward)


def test_a_folder_gives_the_same_drawings_on_one_machine_and_on_the_farm(
    farm: FarmOfTests, scans: Path, tmp_path: Path
) -> None:
    """Every drawing, every picture of the report, every reason and every figure."""
    worker = farm.start_process(
        [sys.executable, "-m", "douga_producer", "worker", "--device", "cpu", "--name", "desk-7"]
    )
    alone, farmed = tmp_path / "alone", tmp_path / "farmed"
    # The worker starts meanwhile.
    cleaned = douga("clean", scans, alone, *OPTIONS, "--device", "cpu")
    assert ExitCode.SOME_FRAMES_FAILED == cleaned.returncode, cleaned.stderr
    submitted = douga("submit", scans, farmed, *OPTIONS, environment=farm.environment)
    assert ExitCode.OK == submitted.returncode, submitted.stderr
    job_id = submitted.stdout.splitlines()[-1]
    farm.wait_complete(job_id)
    fetched = douga("fetch", job_id, farmed, environment=farm.environment)
    assert ExitCode.SOME_FRAMES_FAILED == fetched.returncode, fetched.stderr
    farm.stop(worker)

    assert failures(manifest_of(alone)) == failures(manifest_of(farmed))
    assert {"bad_cut.png", "bad_empty.png"} == set(failures(manifest_of(farmed)))
    drawings, fetched_drawings = contents(alone), contents(farmed)
    assert 3 * (len(WALK_FRAMES) + 3) == sum(name.count("/") == 0 for name in drawings)
    assert sorted(drawings) == sorted(fetched_drawings)
    assert [] == [name for name in sorted(drawings) if drawings[name] != fetched_drawings[name]]
    assert lasting(manifest_of(alone)) == lasting(manifest_of(farmed))
    done = [frame for frame in manifest_of(farmed).frames if frame.state is FrameState.DONE]
    assert {"desk-7"} == {frame.worker for frame in done}
    assert all(frame.quality and frame.quality.line_ink_share > 0 for frame in done)


def drawing_in(scan: Path) -> NDArray[np.uint8]:
    """The middle of a page, where the drawing is: a whole one takes three times as long."""
    with Image.open(scan) as page:
        return np.asarray(page.convert("L"), dtype=np.uint8)[150:730, 320:920]


def contents(folder: Path) -> dict[str, bytes]:
    """Every drawing and every picture of the report; neither manifest nor page, in which times stand."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    left_out = ("douga.json", "report/index.html", ".douga/")
    return {name: path.read_bytes() for name, path in files.items() if not name.startswith(left_out)}


def failures(manifest: Manifest) -> dict[str, tuple[str, str]]:
    """Why frames failed, in both languages."""
    return {
        frame.scan: (frame.failure.reason.value, frame.failure.message)
        for frame in manifest.frames
        if frame.failure
    }


def lasting(manifest: Manifest) -> Manifest:
    """What does not depend on when, where and by whom the frames were done."""
    frames = tuple(_lasting(frame) for frame in manifest.frames)
    return msgspec.structs.replace(manifest, source="", frames=frames)


def _lasting(frame: FrameRecord) -> FrameRecord:
    # A bucket and a folder tell versions of a scan apart by names of their own.
    return msgspec.structs.replace(frame, seconds={}, worker="", scan_etag="")
