"""Forged and malformed messages put straight into the queue: rejected with a reason, and nobody is hurt."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.cleaning import rough_png
from tests.farm import FarmOfTests, assert_all_done_once
from tests.farm_corners import (
    assert_queue_is_empty,
    corner,
    folder_farm,
    lively,
    names_of,
    order,
)
from tests.servers import wait_until

from douga_shared.broker import ACCOUNT_JOB, CLEAN_CHUNK, make_app
from douga_shared.job_store.protocol import RejectedMessage
from douga_shared.jobs import Job, JobFrame, read_job
from douga_shared.messages import chunk_of, encode_chunk

QUEUE = "gpu.normal"


@dataclass(frozen=True)
class Scene:
    """A job that is done, to be forged messages of; and a folder that nobody may touch."""

    farm: FarmOfTests
    job: Job
    frame: JobFrame
    outside: Path

    def put(self, item: bytes | str) -> None:
        """Put something into the queue as it is."""
        with self.farm.valkey.client() as client:
            client.lpush(f"test:{QUEUE}", item)

    def send(self, message: object, task: str = CLEAN_CHUNK, **options: Any) -> None:
        """Send a message as a producer would."""
        with make_app(self.farm.settings) as app:
            app.send_task(task, args=[message], queue=QUEUE, **options)

    def message(self, **changes: Any) -> dict[str, Any]:
        """A good message of the job, with some of it changed."""
        return {**encode_chunk(chunk_of(self.job, [self.frame], sent_at=0.0)), **changes}

    def sealed(self, **changes: Any) -> dict[str, Any]:
        """A message of a job that nobody ordered, with a seal that is right."""
        return encode_chunk(chunk_of(msgspec.structs.replace(self.job, **changes), [self.frame], sent_at=0.0))

    def framed(self, **changes: Any) -> dict[str, Any]:
        """A message of the job with another frame."""
        fields = {name: getattr(self.frame, name) for name in JobFrame.__struct_fields__} | changes
        return self.message(frames=[list(fields.values())])

    @property
    def rejected(self) -> tuple[RejectedMessage, ...]:
        """As ``douga jobs --rejected`` shows them."""
        with self.farm.opened() as farm:
            return farm.jobs.rejected_messages()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One farm, and one worker that must survive everything here."""
    folder = tmp_path_factory.mktemp("messages")
    outside = folder / "outside"
    outside.mkdir()
    (outside / "A00001.png").write_bytes(rough_png())
    with folder_farm(folder) as farm:
        done = corner(lively(farm), 1)
        job_id = order(done)
        done.wait_complete(job_id)
        with done.opened() as client:
            job = read_job(client.open_store(done.drawings), job_id)
            (info,) = client.open_store(done.scans).list()
        yield Scene(done, job, JobFrame(0, info.object_key, info.etag, info.size_bytes), outside)


class _Bomb:
    """A pickle that makes a file when somebody reads it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self._path,)


def _envelope(**changes: Any) -> str:
    """A message as Celery has it in Redis, with some of it changed."""
    whole = {
        "body": json.dumps([[{}], {}, {}]),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": CLEAN_CHUNK, "id": "1", "root_id": "1"},
        "properties": {"delivery_tag": "forged", "delivery_info": {"exchange": "", "routing_key": QUEUE}},
    }
    return json.dumps(whole | changes)


def _pickled(scene: Scene, **changes: Any) -> str:
    body = base64.b64encode(pickle.dumps([[_Bomb(scene.outside / "unpickled")], {}, {}])).decode()
    properties = {
        "delivery_tag": "pickled",
        "body_encoding": "base64",
        "delivery_info": {"routing_key": QUEUE},
    }
    return _envelope(**{"body": body, "content-encoding": "binary", "properties": properties, **changes})


def _compressed(data: bytes, kind: str = "application/x-gzip") -> str:
    properties = {
        "delivery_tag": f"compressed {len(data)} {kind}",
        "body_encoding": "base64",
        "delivery_info": {"routing_key": QUEUE},
    }
    headers = {"task": CLEAN_CHUNK, "id": "1", "compression": kind}
    return _envelope(body=base64.b64encode(data).decode(), headers=headers, properties=properties)


RAW: dict[str, tuple[Callable[[Scene], bytes | str], str]] = {
    "no text": (lambda _: b"\x80\x04\xff\x00", "it is no JSON"),
    "no JSON": (lambda _: "hello", "it is no JSON"),
    "no envelope": (lambda _: '{"job_id": "x"}', "no envelope"),
    "a list": (lambda _: "[1, 2]", "no envelope"),
    "deep": (lambda _: "[" * 100_000, "no JSON"),
    "10 MB": (lambda _: "x" * 10_000_000, "no JSON"),
    "pickle": (
        lambda s: _pickled(s, **{"content-type": "application/x-python-serialize"}),
        "only application/json",
    ),
    "pickle called JSON": (_pickled, "cannot be read"),
    "yaml": (lambda _: _envelope(**{"content-type": "application/x-yaml"}), "only application/json"),
    "body is no JSON": (lambda _: _envelope(body="{"), "cannot be read"),
    "no compressed body": (lambda _: _compressed(b"nothing of the kind"), "cannot be read"),
    "cut short": (lambda _: _compressed(zlib.compress(b"[[], {}, {}]" * 99)[:20]), "cannot be read"),
    "100 MB in 100 kB": (lambda _: _compressed(zlib.compress(bytes(100_000_000), 9)), "cannot be read"),
    "compressed otherwise": (lambda _: _compressed(b"nothing", "application/x-lzma"), "cannot be read"),
    "unknown task": (lambda _: _envelope(headers={"task": "os.system", "id": "1"}), "'os.system'"),
    "no task": (lambda _: _envelope(headers={}), "no task"),
}


def test_what_is_no_message_of_ours_is_rejected(scene: Scene) -> None:
    """`douga jobs --rejected` names the queue and what was wrong with each; a pickle is never read."""
    before = _files(scene.outside)
    for make, _ in RAW.values():
        scene.put(make(scene))
    wait_until(lambda: len(scene.rejected) == len(RAW), "all of it is rejected")
    assert_queue_is_empty(scene.farm)
    # In any order: the consumer looks at some, the claim at others.
    whys = [message.why for message in scene.rejected]
    for case, (_, why) in RAW.items():
        found = next((text for text in whys if why in text and f"in the queue {QUEUE}: it" in text), None)
        assert found is not None, (case, whys)
        whys.remove(found)
    assert before == _files(scene.outside)
    _forget_rejected(scene)


FORGED: dict[str, tuple[Callable[[Scene], object], str]] = {
    "nothing": (lambda _: None, "malformed"),
    "a number": (lambda _: 7, "malformed"),
    "no fields": (lambda _: {}, "malformed"),
    "one field more": (lambda s: s.message(command="rm"), "unknown field"),
    "unknown version": (lambda s: s.message(version=99), "version 99, this worker reads version 2"),
    "no frames": (lambda s: s.message(frames=[]), "frames"),
    "10 MB": (lambda s: s.message(frames=[[n, "x" * 1000, "e", 1, ""] for n in range(10_000)]), "frames"),
    "unknown job": (lambda s: s.sealed(job_id="nobodys-job"), "nobody ordered"),
    "job that climbs": (lambda s: s.message(job_id="../../outside"), "job_id"),
    "changed strength": (lambda s: s.message(recipe=s.message()["recipe"] | {"strength": 0.9}), "forged"),
    "changed destination": (lambda s: s.message(drawings=f"{s.farm.root}elsewhere/"), "forged"),
    "changed and sealed": (lambda s: s.sealed(has_pictures=False), "did not order this"),
    "changed seal": (lambda s: s.message(seal="0" * 16), "forged"),
    "frame beyond the job": (lambda s: s.framed(index=99), "no such frames"),
    "scan that climbs": (lambda s: s.framed(scan="../../../outside/A00001.png"), "cannot name an object"),
    "scan from the root": (lambda s: s.framed(object_key="/etc/passwd"), "cannot name an object"),
    "scans outside": (lambda s: s.sealed(scans=f"file://{s.outside}/"), "outside DOUGA_STORES"),
    "drawings outside": (lambda s: s.sealed(drawings=f"file://{s.outside}/"), "outside DOUGA_STORES"),
    "drawings that climb": (
        lambda s: s.sealed(drawings=f"{s.farm.root}../../outside/"),
        "names no store",
    ),
    "a bucket": (lambda s: s.sealed(scans="s3://somebody/"), "outside DOUGA_STORES"),
    "no URL": (lambda s: s.sealed(drawings="gopher://x/"), "gopher"),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_chunk_is_rejected_and_touches_nothing(scene: Scene, case: str) -> None:
    """Celery reads it, the worker does not believe it; the user sees why, and the job stays as it is."""
    make, why = FORGED[case]
    before = _files(scene.outside), _files(scene.outside.parent / "data")
    scene.send(make(scene))
    _assert_rejected(scene, why)
    assert before == (_files(scene.outside), _files(scene.outside.parent / "data"))


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ({"job_id": "../../x", "drawings": "file:///"}, "job_id"),
        ({"job_id": "nobodys", "drawings": "file:///etc/"}, "outside DOUGA_STORES"),
        ([], "Expected `object`"),
    ],
)
def test_a_forged_order_for_an_account_is_rejected(scene: Scene, message: object, why: str) -> None:
    """Nothing is summed up that nobody ordered."""
    scene.send(message, ACCOUNT_JOB)
    _assert_rejected(scene, why)


def test_arguments_that_nobody_expects_are_rejected(scene: Scene) -> None:
    """Too few, too many, by name: the task itself takes anything, the chunk's reader does not."""
    with make_app(scene.farm.settings) as app:
        app.send_task(CLEAN_CHUNK, args=[], kwargs={"frames": 1}, queue=QUEUE)
    _assert_rejected(scene, "malformed")


def test_after_all_this_the_worker_does_the_next_job(scene: Scene) -> None:
    """It is the one that was started first."""
    _assert_worker_does_the_next_job(scene)
    assert 1 == len(scene.farm.workers)


def test_a_good_message_that_is_sent_again_changes_nothing(scene: Scene) -> None:
    """The frame is done: no attempt, no drawing, no count."""
    before = _files(scene.outside.parent / "data")
    rejected = len(scene.rejected)
    scene.send(scene.message())
    assert_queue_is_empty(scene.farm)
    assert before == _files(scene.outside.parent / "data")
    assert rejected == len(scene.rejected)
    assert_all_done_once(scene.farm, scene.job.job_id, names_of(scene.farm))


def _assert_rejected(scene: Scene, why: str) -> RejectedMessage:
    """One message more is rejected, for this reason, and the queue is empty."""
    assert_queue_is_empty(scene.farm)
    wait_until(lambda: bool(scene.rejected), "the message is rejected")
    (message,) = scene.rejected
    _forget_rejected(scene)
    assert why in message.why
    assert message.text
    return message


def _forget_rejected(scene: Scene) -> None:
    with scene.farm.valkey.client() as client:
        client.delete("test:rejected")


def _assert_worker_does_the_next_job(scene: Scene) -> None:
    good = corner(scene.farm, 1)
    job_id = order(good)
    good.wait_complete(job_id)
    assert_all_done_once(good, job_id, names_of(good))
    assert scene.farm.workers[-1].poll() is None


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below, with its size and when it was written."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}
