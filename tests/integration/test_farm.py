"""A user's way over the farm: the real commands, a real queue and bucket, workers with a stub network."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cleaning import douga, manifest_of, rough_png, write_scans
from tests.farm import FarmOfTests, bucket_farm
from tests.farm_corners import corner
from tests.s3_server import SeaweedS3, fresh_prefix
from tests.servers import wait_until

from douga_shared.errors import ExitCode
from douga_shared.manifest import FrameState

UNKNOWN_JOB = "cut099-nobody-sent-this"


@pytest.fixture(scope="module")
def whole_farm(s3_server: SeaweedS3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarmOfTests]:
    """One worker for everything common; the show 'slow' has a slow one of its own."""
    folder = tmp_path_factory.mktemp("farm")
    with bucket_farm(folder, s3_server, fresh_prefix("farm"), DOUGA_CHUNK_FRAMES="4") as farm:
        farm.start_worker("gpu", "cpu")
        farm.start_worker("gpu.slow", STUB_SECONDS="0.1")
        for worker in farm.workers:
            farm.wait_ready(worker)
        yield farm


@dataclass
class Desk:
    """An artist's machine: a folder of scans, and a farm that is all theirs as far as this test goes."""

    farm: FarmOfTests
    folder: Path

    @property
    def scans(self) -> Path:
        """The local folder of scans."""
        return self.folder / "scans"

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run ``douga`` to its end."""
        return douga(*arguments, environment=self.farm.environment)

    def submit(self, *arguments: str | Path) -> str:
        """Submit and expect that it works; returns the job's id."""
        done = self.run("submit", *arguments)
        assert ExitCode.OK == done.returncode, done.stderr
        (job_id,) = done.stdout.splitlines()
        return job_id

    def slow_worker(self) -> subprocess.Popen[bytes]:
        """The one that serves the show 'slow'."""
        return self.farm.workers[1]


@pytest.fixture
def desk(whole_farm: FarmOfTests, tmp_path: Path) -> Desk:
    """Six rough frames in a folder."""
    desk = Desk(corner(whole_farm), tmp_path)
    write_scans(desk.scans, {f"A{n:04d}.png": rough_png(n, 64, 48) for n in range(1, 7)})
    return desk


def test_a_folder_goes_over_the_farm_and_comes_back_as_drawings(desk: Desk) -> None:
    """Submit, list, status, fetch and report; nothing of it costs anything a second time."""
    out = desk.folder / "out"
    job_id = desk.submit(desk.scans, out)
    desk.farm.wait_complete(job_id)

    jobs = desk.run("jobs")
    assert any(line.startswith(job_id) and " 6/6 " in line for line in jobs.stdout.splitlines())
    status = desk.run("status", job_id)
    assert (ExitCode.OK, f"{job_id}  written up") == (status.returncode, status.stdout.splitlines()[0])
    assert "6 done  0 failed  of 6" in status.stdout
    told = json.loads(desk.run("status", job_id, "--json").stdout)
    assert (job_id, 6, 6, True) == (told["job_id"], told["done"], told["total"], told["is_accounted"])

    first = desk.run("fetch", job_id, out)
    assert ExitCode.OK == first.returncode, first.stderr
    assert {f"A{n:04d}.{kind}" for n in range(1, 7) for kind in ("png", "svg")} == names_in(out)
    assert 6 == manifest_of(out).count(FrameState.DONE)
    assert (out / "report" / "index.html").is_file()
    before = moments(out)
    again = desk.run("fetch", job_id, out)
    assert (ExitCode.OK, before) == (again.returncode, moments(out))
    assert "0 files written (0.0 MB)" in again.stdout

    report = desk.run("report", job_id, desk.folder / "report")
    assert Path(report.stdout.strip()).is_file()


def test_the_same_order_again_is_free_and_a_retake_costs_one_frame(desk: Desk) -> None:
    """Same job id; only the scan that changed is cleaned."""
    out = desk.folder / "out"
    job_id = desk.submit(desk.scans, out)
    desk.farm.wait_complete(job_id)
    cleaned = desk.farm.cleaned()
    again = desk.run("submit", desk.scans, out)
    assert (ExitCode.OK, f"{job_id}\n") == (again.returncode, again.stdout)
    assert "6 frames: 6 on their way or settled before." in again.stderr
    assert cleaned == desk.farm.cleaned()

    (desk.scans / "A0003.png").write_bytes(rough_png(99, 64, 48))
    retaken = desk.run("submit", desk.scans, out, "--wait", "--progress", "plain")
    assert (ExitCode.OK, job_id) == (retaken.returncode, retaken.stdout.splitlines()[-1])
    assert cleaned + 1 == desk.farm.cleaned()
    assert 6 == manifest_of(out).count(FrameState.DONE)


def test_a_changed_recipe_does_all_frames_anew_and_ends_the_job_before(desk: Desk) -> None:
    """One destination holds drawings of one recipe; options that decide no pixels change nothing."""
    first = desk.submit(desk.scans, desk.farm.drawings)
    desk.farm.wait_complete(first)
    cleaned = desk.farm.cleaned()
    assert first == desk.submit(desk.scans, desk.farm.drawings, "--priority", "high")
    assert cleaned == desk.farm.cleaned()
    second = desk.submit(desk.scans, desk.farm.drawings, "--strength", "0.9")
    assert first != second
    desk.farm.wait_complete(second)
    assert cleaned + 6 == desk.farm.cleaned()
    assert 0.9 == desk.farm.manifest().recipe.strength


def test_a_broken_scan_fails_with_a_reason_and_is_done_once_it_is_mended(desk: Desk) -> None:
    """Exit code 3 and a line that names it; 'douga retry' after the mending does that frame alone."""
    names = desk.farm.add_scans(4)
    desk.farm.put_scans({"B00001.png": b"no image at all", "B00002.png": b""})
    order = (desk.farm.scans, desk.farm.drawings)
    waited = desk.run("submit", *order, "--wait", "--progress", "plain")
    job_id = waited.stdout.splitlines()[-1]
    assert ExitCode.SOME_FRAMES_FAILED == waited.returncode, waited.stderr
    failed = [line for line in waited.stdout.splitlines() if line.startswith("failed  ")]
    assert {"B00001.png", "B00002.png"} == {line.split()[1].rstrip(":") for line in failed}
    status = desk.run("status", job_id)
    assert ExitCode.SOME_FRAMES_FAILED == status.returncode
    assert "2 dead letters: " in status.stdout
    assert f"'douga retry {job_id}' does them again" in status.stdout
    letters = json.loads(desk.run("status", job_id, "--json").stdout)["dead_letters"]
    assert {"not_an_image", "empty"} == {letter["reason"] for letter in letters}

    cleaned = desk.farm.cleaned()
    desk.farm.put_scans({"B00001.png": rough_png(7, 64, 48), "B00002.png": rough_png(8, 64, 48)})
    retried = desk.run("retry", job_id)
    assert (ExitCode.OK, f"{job_id}  2 frames sent again\n") == (retried.returncode, retried.stdout)
    desk.farm.wait_complete(job_id)
    assert ExitCode.OK == desk.run("status", job_id).returncode
    assert len(names) + 2 == desk.farm.manifest().count(FrameState.DONE)
    assert cleaned + 2 == desk.farm.cleaned()


def test_a_cancelled_job_begins_nothing_more_and_goes_on_when_submitted_again(desk: Desk) -> None:
    """What is done stays; chunks on their way are dropped."""
    job_id = stopped_on_its_way(desk, "cancel")
    standing = desk.farm.standing(job_id)
    assert 0 < standing.waiting
    status = desk.run("status", job_id)
    assert f"{job_id}  cancelled" == status.stdout.splitlines()[0]
    assert f"{standing.waiting} left undone" in status.stdout
    assert job_id == desk.submit(desk.farm.scans, desk.farm.drawings, "--show", "slow")
    desk.farm.wait_complete(job_id)
    assert 24 == len(desk.farm.done_markers())


def test_a_paused_job_waits_until_it_is_resumed(desk: Desk) -> None:
    """Nothing of it begins meanwhile; then it is finished."""
    job_id = stopped_on_its_way(desk, "pause")
    standing = desk.farm.standing(job_id)
    assert 0 < standing.waiting
    assert f"{job_id}  paused" == desk.run("status", job_id).stdout.splitlines()[0]
    resumed = desk.run("resume", job_id)
    assert ExitCode.OK == resumed.returncode, resumed.stderr
    desk.farm.wait_complete(job_id)
    assert 24 == len(desk.farm.done_markers())


def stopped_on_its_way(desk: Desk, command: str) -> str:
    """Submit a job to the slow worker, and pause or cancel it when some frames are done; returns its id."""
    desk.farm.add_scans(24)
    cleaned = desk.farm.cleaned()
    job_id = desk.submit(desk.farm.scans, desk.farm.drawings, "--show", "slow")
    desk.farm.wait_cleaned(cleaned + 1)
    # However long the command takes to start on this machine, the job does not end before it.
    desk.slow_worker().send_signal(signal.SIGSTOP)
    stopped = desk.run(command, job_id)
    desk.slow_worker().send_signal(signal.SIGCONT)
    assert ExitCode.OK == stopped.returncode, stopped.stderr
    wait_until(lambda: not desk.farm.standing(job_id).running, "nothing of the job is in the works")
    return job_id


def test_waiting_tells_its_progress_in_plain_lines(desk: Desk) -> None:
    """For a log; the job's id is the last line."""
    lines = waited(desk, "plain")
    assert "6/6 frames" in lines[-2]


def test_waiting_tells_its_progress_to_programs(desk: Desk) -> None:
    """One JSON object a line but for the last, the job's id."""
    *events, _ = waited(desk, "json")
    told = [json.loads(line) for line in events]
    assert ("written up", 6, 0) == (told[-1]["word"], told[-1]["done"], told[-1]["failed"])


def test_waiting_tells_its_progress_to_open_job_description(desk: Desk) -> None:
    """Its lines never go back and end at the full share."""
    shares = [
        float(line.removeprefix("openjd_progress: "))
        for line in waited(desk, "openjd")
        if line.startswith("openjd_progress: ")
    ]
    assert sorted(shares) == shares
    assert 100.0 == shares[-1]


def test_waiting_tells_its_progress_to_afanasy(desk: Desk) -> None:
    """Whole numbers, the only ones its parser takes."""
    shares = [line for line in waited(desk, "afanasy") if line.startswith("PROGRESS: ")]
    assert "PROGRESS: 100%" == shares[-1]


def waited(desk: Desk, kind: str) -> list[str]:
    """Submit with ``--wait``; returns what was said on standard output."""
    desk.farm.add_scans(6)
    done = desk.run("submit", desk.farm.scans, desk.farm.drawings, "--wait", "--progress", kind)
    assert ExitCode.OK == done.returncode, done.stderr
    lines = done.stdout.splitlines()
    assert desk.farm.standing(lines[-1]).is_complete
    return lines


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", UNKNOWN_JOB],
        ["status", UNKNOWN_JOB, "--watch"],
        ["fetch", UNKNOWN_JOB, "{out}"],
        ["report", UNKNOWN_JOB, "{out}"],
        ["retry", UNKNOWN_JOB],
        ["pause", UNKNOWN_JOB],
        ["resume", UNKNOWN_JOB],
        ["cancel", UNKNOWN_JOB],
    ],
)
def test_an_unknown_job_is_said_to_be_unknown(desk: Desk, arguments: list[str]) -> None:
    """One line with a remedy, and exit code 4."""
    done = desk.run(*(text.format(out=desk.folder / "out") for text in arguments))
    assert ExitCode.INPUT_MISSING == done.returncode
    assert f"no job '{UNKNOWN_JOB}' is known" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_queue_that_does_not_answer_is_said_to_be_away(desk: Desk) -> None:
    """Tried for half a minute, then one line and exit code 5: whoever started the command may try again."""
    away = {**desk.farm.environment, "DOUGA_BROKER_URL": "redis://127.0.0.1:1/0"}
    order = (desk.scans, desk.folder / "out")
    commands = [("submit", *order), ("submit", *order, "--wait"), ("status", UNKNOWN_JOB), ("jobs",)]
    with ThreadPoolExecutor(len(commands)) as users:
        ended = list(users.map(lambda command: douga(*command, environment=away), commands))
    for done in ended:
        assert ExitCode.UNREACHABLE == done.returncode, done.stderr
        assert "Redis at 127.0.0.1:1/0 does not answer" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr


def names_in(folder: Path) -> set[str]:
    """The drawings in a folder."""
    return {path.name for path in folder.iterdir() if path.is_file()} - {"douga.json"}


def moments(folder: Path) -> dict[str, int]:
    """When every drawing and the report was written; the manifest is fetched each time, to compare with."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    own = ("douga.json", ".douga/")
    return {name: path.stat().st_mtime_ns for name, path in files.items() if not name.startswith(own)}
