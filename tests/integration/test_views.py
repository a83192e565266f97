"""The farm's views as a user starts them, on a real Valkey and a real S3 server."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from tests.jobs import JOB, dead_letter, job
from tests.memory_farm import MemoryFarm, frames_of
from tests.s3_server import SeaweedS3
from tests.servers import Valkey

from douga_producer.client import Farm, open_farm
from douga_shared import object_keys
from douga_shared.errors import Reason
from douga_shared.jobs import Job
from douga_shared.manifest import Failure, FrameRecord, FrameState
from douga_shared.object_store import MemoryStore
from douga_shared.settings import read_settings

FRAMES = frames_of(6)
FAILED = 4
FAILURE = FrameRecord(
    scan=FRAMES[FAILED].scan,
    stem=FRAMES[FAILED].stem,
    state=FrameState.FAILED,
    failure=Failure(reason=Reason.DAMAGED, message="A0004.png: damaged"),
)


@dataclass
class Site:
    """A studio's machine, and a job of six frames of which three are done and one failed."""

    environment: dict[str, str]
    job: Job
    folder: Path

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``douga`` there."""
        return subprocess.Popen(
            [sys.executable, "-m", "douga_producer", *arguments],
            env={**os.environ, **self.environment},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, list[str]]:
        """Run ``douga`` there to its end: its exit code and what it printed."""
        process = self.start(*arguments)
        out, _ = process.communicate(timeout=120)
        return process.returncode, out.splitlines()


def draw(farm: Farm, order: Job, indexes: range) -> None:
    """Do some frames as a worker does: drawings, marker, count."""
    local = MemoryFarm()
    for index in indexes:
        local.draw(FRAMES[index], order)
    copy(local.drawings, farm, order)
    farm.jobs.begin(order.job_id, order.seal, list(indexes))
    farm.jobs.settle(order.job_id, list(indexes), [])


def copy(objects: MemoryStore, farm: Farm, order: Job) -> None:
    """Put objects into the job's destination."""
    store = farm.open_store(order.drawings)
    for info in objects.list():
        store.write(info.object_key, objects.read(info.object_key))


@pytest.fixture
def site(valkey: Valkey, s3_server: SeaweedS3, s3_prefix: str, tmp_path: Path) -> Site:
    """The job half done."""
    return half_done(valkey, s3_server, s3_prefix, tmp_path)


def half_done(valkey: Valkey, s3_server: SeaweedS3, s3_prefix: str, folder: Path) -> Site:
    """Record a job in the bucket and do half of it."""
    environment = {
        "DOUGA_BROKER_URL": valkey.url,
        "DOUGA_FARM": f"views-{secrets.token_hex(4)}",
        **s3_server.settings,
    }
    order = job(drawings=f"s3://frames/{s3_prefix.strip('/')}/clean/")
    with open_farm(read_settings(environment)) as farm:
        local = MemoryFarm()
        local.record(order, FRAMES)
        local.drawings.write(object_keys.failed_marker(order.job_id, FAILED), msgspec.json.encode(FAILURE))
        copy(local.drawings, farm, order)
        farm.jobs.open_job(order)
        farm.jobs.extend(order.job_id, len(FRAMES), is_listed=True)
        farm.jobs.mark_sent(order.job_id, len(FRAMES))
        draw(farm, order, range(3))
        farm.jobs.begin(order.job_id, order.seal, [FAILED])
        farm.jobs.settle(order.job_id, [], [dead_letter(FAILED, "A0004.png: damaged")])
    return Site(environment, order, folder)


def finish(site: Site) -> None:
    """Do the rest and write the job up."""
    with open_farm(read_settings(site.environment)) as farm:
        draw(farm, site.job, range(3, 6))
        local = MemoryFarm()
        local.account([local.draw(frame, site.job) for frame in FRAMES], site.job)
        copy(local.drawings, farm, site.job)
        farm.jobs.mark_accounted(site.job.job_id)


def test_a_job_is_looked_at_fetched_and_written_up(site: Site) -> None:
    """Status and list while it runs, its drawings, then the rest and the report."""
    code, lines = site.run("status", "cut012")
    assert (3, f"{JOB.job_id}  running") == (code, lines[0])
    assert "3 done  1 failed  0 running  2 waiting  of 6" in lines
    assert "failed  A0004.png: damaged" in lines
    code, lines = site.run("jobs", "--all")
    assert (0, 2) == (code, len(lines))
    code, lines = site.run("fetch", "cut012", "out", "--progress", "json")
    assert 3 == code
    assert 6 == json.loads(lines[-1])["total"]
    finish(site)
    code, lines = site.run("fetch", "cut012", "out")
    assert 0 == code
    assert "6 of 6 frames are here; 8 files written (0.0 MB), 6 were here already." in lines
    code, lines = site.run("report", site.job.drawings)
    assert (0, [f"report-{JOB.job_id}/report/index.html"]) == (code, lines)
    assert (site.folder / lines[0]).exists()


def test_a_job_that_redis_lost_is_rebuilt_by_its_destination(site: Site) -> None:
    """Until then its id means nothing."""
    with open_farm(read_settings(site.environment)) as farm:
        farm.jobs.forget(JOB.job_id)
    assert 4 == site.run("status", "cut012")[0]
    code, lines = site.run("status", site.job.drawings, "--rebuild")
    assert 3 == code
    assert "3 done  1 failed  0 running  2 waiting  of 6" in lines


def test_a_job_is_watched_through_a_killed_and_restarted_server(
    s3_server: SeaweedS3, s3_prefix: str, tmp_path: Path
) -> None:
    """The watcher waits for it and goes on; nothing but its lines tells of the outage."""
    with Valkey(tmp_path / "valkey") as valkey:
        site = half_done(valkey, s3_server, s3_prefix, tmp_path)
        watching = site.start("status", "cut012", "--watch", "--json")
        assert watching.stdout is not None
        first = json.loads(watching.stdout.readline())
        valkey.kill()
        valkey.start()
        finish(site)
        out, _ = watching.communicate(timeout=120)
    events = [first, *map(json.loads, out.splitlines())]
    assert 0 == watching.returncode
    assert ["failed", "stands"] == [event["event"] for event in events[:2]]
    assert ("written up", 6) == (events[-1]["word"], events[-1]["done"])


def test_a_signal_ends_the_watching_and_says_so(site: Site) -> None:
    """With the code that farms expect; the job is not touched."""
    watching = site.start("status", "cut012", "--watch")
    assert watching.stdout is not None
    watching.stdout.readline()
    watching.terminate()
    out, _ = watching.communicate(timeout=120)
    assert 143 == watching.returncode
    assert "the job goes on by itself" in out
