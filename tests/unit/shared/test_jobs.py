"""What a job is, and how it is recorded."""

from __future__ import annotations

import msgspec
import pytest

from douga_shared import object_keys
from douga_shared.errors import InputMissing
from douga_shared.jobs import (
    Job,
    JobFrame,
    new_job_id,
    read_job,
    read_parts,
    recorded_jobs,
    write_job,
    write_part,
)
from douga_shared.object_store import MemoryStore
from douga_shared.recipe import Output, Recipe

RECIPE = Recipe(network="ink", network_sha256="0" * 64)
JOB = Job(
    job_id="cut012-scan-1",
    source="s3://studio/cut012/scan/",
    scans="s3://studio/cut012/scan/",
    drawings="s3://studio/cut012/clean/",
    recipe=RECIPE,
    outputs=(Output.PNG,),
    submitted_at=1.0,
)


def test_the_same_order_has_the_same_id() -> None:
    """Sending it twice is one job; the order in which outputs are named decides nothing."""
    first = new_job_id("s3://a/cut012/scan/", "s3://a/clean/", "1-9", RECIPE, (Output.PNG, Output.SVG))
    again = new_job_id("s3://a/cut012/scan/", "s3://a/clean/", "1-9", RECIPE, (Output.SVG, Output.PNG))
    assert first == again
    assert first.startswith("cut012-scan-")


def test_another_order_has_another_id() -> None:
    """Each of its parts tells orders apart."""
    stronger = msgspec.structs.replace(RECIPE, strength=1.0)
    ids = {
        new_job_id("s3://a/scan/", "s3://a/clean/", "", RECIPE, (Output.PNG,)),
        new_job_id("s3://b/scan/", "s3://a/clean/", "", RECIPE, (Output.PNG,)),
        new_job_id("s3://a/scan/", "s3://a/other/", "", RECIPE, (Output.PNG,)),
        new_job_id("s3://a/scan/", "s3://a/clean/", "1-9", RECIPE, (Output.PNG,)),
        new_job_id("s3://a/scan/", "s3://a/clean/", "", stronger, (Output.PNG,)),
        new_job_id("s3://a/scan/", "s3://a/clean/", "", RECIPE, (Output.PNG, Output.SVG)),
        new_job_id("s3://a/scan/", "s3://a/clean/", "", RECIPE, (Output.PNG,), has_pictures=False),
        new_job_id("s3://a/scan/", "s3://a/clean/", "", RECIPE, (Output.PNG,), max_megapixels=9),
    }
    assert 8 == len(ids)


@pytest.mark.parametrize("source", ["s3://b/", "/", "原画", "s3://b/" + "x" * 300, "a b/c\nd", "--"])
def test_an_id_can_be_typed_whatever_the_source_is_called(source: str) -> None:
    """Small letters, digits and dashes; messages take no others."""
    job_id = new_job_id(source, "s3://a/", "", RECIPE, ())
    assert job_id.replace("-", "").isalnum()
    assert job_id.isascii()
    assert job_id == job_id.lower().strip("-")
    assert len(job_id) <= 64


def test_the_seal_changes_with_all_that_a_message_may_not_change() -> None:
    """And not with what may change without harm."""
    for change in (
        {"scans": "s3://x/"},
        {"drawings": "s3://x/"},
        {"outputs": (Output.SVG,)},
        {"job_id": "x"},
    ):
        assert JOB.seal != msgspec.structs.replace(JOB, **change).seal
    assert JOB.seal == msgspec.structs.replace(JOB, show="bebop", submitted_at=2.0).seal


def test_a_record_that_was_read_back_has_the_seal_of_the_order() -> None:
    """Whole numbers come back as such or with a point; the messages are the same."""
    order = msgspec.structs.replace(JOB, max_megapixels=400)
    assert order.seal == msgspec.json.decode(msgspec.json.encode(order), type=Job).seal


def test_a_recorded_job_comes_back_whole() -> None:
    """Record and frames, in the order of the parts."""
    store = MemoryStore()
    frames = [JobFrame(index, f"A{index}.png", "etag", 10) for index in range(25)]
    write_job(store, JOB)
    for part in (1, 0, 2):
        write_part(store, JOB.job_id, part, frames[part * 10 : part * 10 + 10])
    assert JOB == read_job(store, JOB.job_id)
    assert (JOB.job_id,) == recorded_jobs(store)
    assert frames == [frame for part in read_parts(store, JOB.job_id) for frame in part]


def test_a_job_that_is_not_recorded_is_missing_input() -> None:
    """With the command that lists those that are."""
    with pytest.raises(InputMissing, match="douga jobs"):
        read_job(MemoryStore(), "nobody")


def test_a_job_of_another_release_is_told_from_a_damaged_one() -> None:
    """Its recipe means other pixels: the message says which release to take, or to submit it again."""
    store = MemoryStore()
    record = msgspec.to_builtins(JOB) | {"version": 1}
    record["recipe"] = {"network_sha256": "", "line_weight_px": None, "version": 1}
    store.write(object_keys.job_record("cut"), msgspec.json.encode(record))
    with pytest.raises(InputMissing, match=r"version 1, this Douga reads version 2: .* submit"):
        read_job(store, "cut")


@pytest.mark.parametrize("data", [b"", b"\xff", b"[7]", b'{"job_id": 7}', b'{"version": 2}'])
def test_a_record_that_nobody_can_read_is_missing_input(data: bytes) -> None:
    """It is named, and nothing crashes."""
    store = MemoryStore()
    store.write(object_keys.job_record("cut"), data)
    store.write(object_keys.job_part("cut", 0), data)
    with pytest.raises(InputMissing, match=r"job\.json"):
        read_job(store, "cut")
    with pytest.raises(InputMissing, match=r"000000\.json"):
        list(read_parts(store, "cut"))


def test_a_frame_lies_under_its_name_unless_it_was_uploaded() -> None:
    """Uploads are stored by content; the drawing is named after the scan all the same."""
    plain, uploaded = JobFrame(0, "A1.png", "", 1), JobFrame(1, "A2.png", "", 1, "ab/abcd.png")
    assert ("A1.png", "A1") == (plain.scan_key, plain.stem)
    assert ("ab/abcd.png", "A2") == (uploaded.scan_key, uploaded.stem)
