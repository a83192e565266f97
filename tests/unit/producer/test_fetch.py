"""Drawings, manifest and report brought to a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.jobs import JOB, job
from tests.memory_farm import MemoryFarm, Run, Told, frames_of

from douga_producer.commands import fetch as fetch_command
from douga_producer.commands import report as report_command
from douga_producer.fetch import Fetched, fetch_job, fetch_report_alone
from douga_shared import object_keys
from douga_shared.errors import ConfigurationError, ExitCode, FrameRejected, InputMissing, Reason
from douga_shared.object_store import FolderStore
from douga_shared.recipe import Output, Recipe

FRAMES = frames_of(3)


@pytest.fixture
def done(memory_farm: MemoryFarm) -> MemoryFarm:
    """A job of three frames, all done and written up."""
    memory_farm.record(JOB, FRAMES)
    memory_farm.complete(3)
    memory_farm.account(memory_farm.draw(frame) for frame in FRAMES)
    return memory_farm


def fetch(farm: MemoryFarm, destination: Path, *outputs: Output) -> Fetched:
    """Fetch ``JOB``."""
    return fetch_job(farm.drawings, JOB.job_id, destination, Told(), outputs=outputs)


def files(folder: Path) -> dict[str, bytes]:
    """What lies in a folder that a person sees."""
    found = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
    return {name: data for name, data in named.items() if not name.startswith(".douga/")}


def test_everything_that_a_job_made_is_fetched(done: MemoryFarm, tmp_path: Path) -> None:
    """Drawings, manifest, and the report with its pictures; all as they are in the store."""
    fetched = fetch(done, tmp_path / "out")
    names = {f"A000{number}.{suffix}" for number in range(3) for suffix in ("png", "svg")}
    names |= {"douga.json", "report/index.html", "report/frames/A0000.thumb.jpg"}
    found = files(tmp_path / "out")
    assert names == set(found)
    manifest = done.drawings.read(object_keys.job_manifest(JOB.job_id))
    assert manifest == found.pop("douga.json")
    assert all(done.drawings.read(name) == data for name, data in found.items())
    assert (3, 3, 0, 8, 0) == (
        fetched.total,
        fetched.frames,
        fetched.waiting,
        fetched.written,
        fetched.kept,
    )
    assert fetched.has_manifest
    assert fetched.has_report


def test_a_second_fetch_writes_nothing(done: MemoryFarm, tmp_path: Path) -> None:
    """What is here with the right content is left alone."""
    fetch(done, tmp_path)
    fetched = fetch(done, tmp_path)
    assert (3, 0, 8, []) == (fetched.frames, fetched.written, fetched.kept, fetched.faults)


def test_what_is_damaged_here_is_fetched_again(done: MemoryFarm, tmp_path: Path) -> None:
    """Judged by content: the size alone says little."""
    fetch(done, tmp_path)
    whole = (tmp_path / "A0001.png").read_bytes()
    (tmp_path / "A0001.png").write_bytes(b"x" * len(whole))
    (tmp_path / "report" / "index.html").unlink()
    fetched = fetch(done, tmp_path)
    assert 2 == fetched.written
    assert whole == (tmp_path / "A0001.png").read_bytes()
    assert (tmp_path / "report" / "index.html").exists()


def test_a_new_report_replaces_the_old_one(done: MemoryFarm, tmp_path: Path) -> None:
    """Also where it has the same size."""
    fetch(done, tmp_path)
    done.drawings.write(object_keys.REPORT_PAGE, b"<HTML>")
    assert 1 == fetch(done, tmp_path).written
    assert b"<HTML>" == (tmp_path / "report" / "index.html").read_bytes()


def test_only_the_wanted_outputs_are_fetched(done: MemoryFarm, tmp_path: Path) -> None:
    """The report comes along."""
    fetch(done, tmp_path, Output.SVG)
    assert ["A0000.svg", "A0001.svg", "A0002.svg"] == sorted(p.name for p in tmp_path.glob("A*"))


def test_what_is_done_is_fetched_while_the_job_runs(memory_farm: MemoryFarm, tmp_path: Path) -> None:
    """The rest when it is run again."""
    memory_farm.record(JOB, FRAMES)
    memory_farm.draw(FRAMES[1])
    fetched = fetch(memory_farm, tmp_path)
    assert (1, 2, False, False) == (
        fetched.frames,
        fetched.waiting,
        fetched.has_manifest,
        fetched.has_report,
    )
    memory_farm.draw(FRAMES[0])
    assert (2, 1) == (fetch(memory_farm, tmp_path).frames, fetched.frames)


def test_a_frame_that_failed_is_no_frame_that_waits(
    done: MemoryFarm, tmp_path: Path, run_command: Run
) -> None:
    """Unless it was done after that."""
    for stem in ("A0000", "A0001"):
        done.drawings.write(object_keys.failed_marker(JOB.job_id, int(stem[1:])), b"{}")
    done.drawings.delete(object_keys.done_marker("A0001"))
    done.drawings.delete(object_keys.job_manifest(JOB.job_id))
    answer = run_command(fetch_command.command, "cut012", str(tmp_path))
    assert "1 frame failed, without drawings; 'douga status' tells why." in answer.stdout
    assert "not done yet" not in answer.stdout
    assert ExitCode.SOME_FRAMES_FAILED == answer.return_value


def test_a_frame_drawn_again_since_the_manifest_is_fetched_as_it_is_now(
    done: MemoryFarm, tmp_path: Path
) -> None:
    """Its done marker is younger than the manifest, and right."""
    done.draw(FRAMES[1], content=b"again: ")
    fetched = fetch(done, tmp_path)
    assert (3, []) == (fetched.frames, fetched.faults)
    assert b"again: A0001.png" == (tmp_path / "A0001.png").read_bytes()


def test_a_frame_of_a_later_recipe_is_not_passed_off_as_this_job_s(done: MemoryFarm, tmp_path: Path) -> None:
    """The user asked for the drawings of this job."""
    done.draw(FRAMES[1], job(recipe=Recipe(network_sha256="1" * 64)), content=b"later: ")
    fetched = fetch(done, tmp_path)
    assert 2 == fetched.frames
    assert "drawn again by a later job" in fetched.faults[0]
    assert not (tmp_path / "A0001.png").exists()


def test_a_drawing_that_is_not_what_its_record_says_is_not_written(done: MemoryFarm, tmp_path: Path) -> None:
    """Somebody wrote over it, or it is changing just now."""
    done.drawings.write("A0001.png", b"something else")
    fetched = fetch(done, tmp_path)
    assert (2, 1) == (fetched.frames, len(fetched.faults))
    assert "'A0001.png' is not what its record says" in fetched.faults[0]
    assert not (tmp_path / "A0001.png").exists()


def test_a_drawing_that_is_gone_does_not_stop_the_others(done: MemoryFarm, tmp_path: Path) -> None:
    """It is named."""
    done.drawings.delete("A0001.svg")
    fetched = fetch(done, tmp_path)
    assert (2, 1) == (fetched.frames, len(fetched.faults))
    assert "A0001.svg" in fetched.faults[0]


def test_a_forged_record_fetches_nothing_but_the_frame_s_own(done: MemoryFarm, tmp_path: Path) -> None:
    """A done marker may come from a stranger."""
    record = done.draw(FRAMES[1])
    (drawn,) = record.outputs[Output.PNG]
    stolen = msgspec.structs.replace(drawn, object_key="report/index.html")
    forged = msgspec.structs.replace(record, outputs=record.outputs | {Output.PNG: (stolen,)})
    done.account([forged])
    done.drawings.write(object_keys.done_marker("A0001"), msgspec.json.encode(forged))
    fetched = fetch(done, tmp_path)
    assert ["A0001.png: its record names no png of its own"] == fetched.faults


@pytest.mark.parametrize(
    ("layer", "object_key"), [("", "A0001.svg"), ("../x", "A0001.../x.svg"), ("gold", "A0001.gold.svg")]
)
def test_a_forged_layer_fetches_nothing(
    memory_farm: MemoryFarm, tmp_path: Path, layer: str, object_key: str
) -> None:
    """Only layers of the job's own palette have files."""
    layered = job(outputs=(Output.SVG_LAYERS,))
    memory_farm.record(layered, FRAMES[1:2])
    record = memory_farm.draw(FRAMES[1], layered)
    forged = tuple(
        msgspec.structs.replace(file, layer=layer, object_key=object_key)
        for file in record.outputs[Output.SVG_LAYERS]
    )
    marker = msgspec.structs.replace(record, outputs={Output.SVG_LAYERS: forged})
    memory_farm.drawings.write(object_keys.done_marker("A0001"), msgspec.json.encode(marker))
    fetched = fetch_job(memory_farm.drawings, layered.job_id, tmp_path, Told())
    assert ["A0001.png: its record names no svg-layers of its own"] == fetched.faults


def test_every_layer_of_a_drawing_is_fetched(memory_farm: MemoryFarm, tmp_path: Path) -> None:
    """Each ink on the sheet has its file."""
    layered = job(outputs=(Output.SVG_LAYERS,))
    memory_farm.record(layered, FRAMES[:1])
    memory_farm.draw(FRAMES[0], layered)
    fetch_job(memory_farm.drawings, layered.job_id, tmp_path, Told())
    assert {"A0000.black.svg", "A0000.red.svg"} == set(files(tmp_path))


@pytest.mark.parametrize(
    "damage",
    [
        lambda farm: farm.drawings.write(object_keys.job_manifest(JOB.job_id), b"{"),
        lambda farm: farm.drawings.delete(object_keys.job_manifest(JOB.job_id)),
    ],
)
def test_the_markers_serve_where_the_manifest_does_not(
    done: MemoryFarm, tmp_path: Path, damage: Callable[[MemoryFarm], None]
) -> None:
    """It only saves time."""
    damage(done)
    assert 3 == fetch(done, tmp_path).frames


def test_a_disk_that_takes_nothing_stops_it(
    done: MemoryFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of files would fail the same way."""
    tried = []

    def full(store: FolderStore, object_key: str, data: bytes) -> None:
        tried.append(object_key)
        raise FrameRejected(Reason.WRITE_FAILED, "the disk is full; make room and run again")

    monkeypatch.setattr(FolderStore, "write", full)
    with pytest.raises(FrameRejected, match="disk is full"):
        fetch(done, tmp_path)
    assert tried


def test_progress_counts_frames(done: MemoryFarm, tmp_path: Path) -> None:
    """As many as the job has."""
    told = Told()
    fetch_job(done.drawings, JOB.job_id, tmp_path, told)
    assert [1, 2, 3] == [tally.settled for tally in told.tallies]
    assert {"fetching"} == {tally.word for tally in told.tallies}


def test_a_report_is_fetched_alone(done: MemoryFarm, tmp_path: Path) -> None:
    """The page and its pictures, nothing else."""
    page = fetch_report_alone(done.drawings, tmp_path)
    assert tmp_path / "report" / "index.html" == page
    assert {"report/index.html", "report/frames/A0000.thumb.jpg"} == set(files(tmp_path))


def test_a_report_that_is_not_written_yet_says_so(memory_farm: MemoryFarm, tmp_path: Path) -> None:
    """No folder is made for it."""
    with pytest.raises(InputMissing, match="no report yet"):
        fetch_report_alone(memory_farm.drawings, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_says_what_lies_where(done: MemoryFarm, run_command: Run, tmp_path: Path) -> None:
    """With the paths to look at."""
    answer = run_command(fetch_command.command, "cut012", str(tmp_path))
    assert ExitCode.OK == answer.return_value
    expected = [
        "fetching  3/3 frames  0 failed",
        "3 of 3 frames are here; 8 files written (0.0 MB), 0 were here already.",
        f"Drawings: {tmp_path}",
        f"Manifest: {tmp_path / 'douga.json'}",
        f"Report:   {tmp_path / 'report' / 'index.html'}",
    ]
    assert expected == answer.stdout.splitlines()


def test_the_command_says_by_its_code_that_files_are_missing(
    done: MemoryFarm, run_command: Run, tmp_path: Path
) -> None:
    """And names them."""
    done.drawings.delete("A0001.svg")
    answer = run_command(fetch_command.command, JOB.drawings, str(tmp_path))
    assert ExitCode.SOME_FRAMES_FAILED == answer.return_value
    assert "failed  'A0001.svg'" in answer.stdout


@pytest.mark.parametrize(
    ("outputs", "expected"), [("tga", "the job made png, svg, but no tga"), ("gif", "'gif' is none of")]
)
def test_outputs_that_were_not_made_cannot_be_fetched(
    done: MemoryFarm, run_command: Run, tmp_path: Path, outputs: str, expected: str
) -> None:
    """A slip must not look like an empty job."""
    answer = run_command(fetch_command.command, "cut012", str(tmp_path / "out"), "--outputs", outputs)
    assert isinstance(answer.exception, ConfigurationError)
    assert expected in str(answer.exception)


def test_the_report_command_prints_the_page_and_opens_it(
    done: MemoryFarm, run_command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into a folder of the job's name, unless another is given."""
    opened: list[str] = []
    monkeypatch.chdir(tmp_path)

    def open_page(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", open_page)
    answer = run_command(report_command.command, "cut012", "--open")
    page = Path(f"report-{JOB.job_id}") / "report" / "index.html"
    assert f"{page}\n" == answer.stdout
    assert page.exists()
    assert [page.absolute().as_uri()] == opened


def test_a_machine_without_a_browser_says_so(
    done: MemoryFarm, run_command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is there all the same."""
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    answer = run_command(report_command.command, JOB.drawings, str(tmp_path), "--open")
    assert 0 == answer.return_value
    assert "open the page yourself" in answer.stderr
