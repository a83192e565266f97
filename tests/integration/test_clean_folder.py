"""`douga clean` as a user runs it: a process, folders, exit codes, and signals at bad moments."""

from __future__ import annotations

import fcntl
import json
import shutil
import signal
from pathlib import Path

import pytest
from tests.cleaning import douga, drawings_in, manifest_of, rough_png, stop_douga, write_scans
from tests.scans import BAD_SCANS, GOOD_SCANS, as_tiff_pages, rough_drawing

from douga_shared.errors import ExitCode
from douga_shared.manifest import FrameState


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Six rough frames."""
    return write_scans(tmp_path / "scans", {f"A{n:04d}.png": rough_png(n) for n in range(1, 7)})


def test_a_folder_becomes_drawings_a_manifest_and_a_report(scans: Path, tmp_path: Path) -> None:
    """The one command that the README opens with."""
    out = tmp_path / "out"
    run = douga("clean", scans, out)
    assert run.returncode == ExitCode.OK, run.stderr
    assert sorted(drawings_in(out)) == sorted(
        f"A{n:04d}.{kind}" for n in range(1, 7) for kind in ("png", "svg")
    )
    manifest = manifest_of(out)
    assert manifest.is_complete
    assert manifest.count(FrameState.DONE) == 6
    assert (out / "report" / "index.html").is_file()
    assert "6 of 6 frames done" in run.stdout


def test_running_again_does_nothing_and_a_changed_recipe_does_all(scans: Path, tmp_path: Path) -> None:
    """Drawings are left alone byte for byte and second for second, until the pixels would change."""
    out = tmp_path / "out"
    douga("clean", scans, out)
    before = drawings_in(out)
    again = douga("clean", scans, out)
    assert (again.returncode, drawings_in(out)) == (ExitCode.OK, before)
    assert "6 of them before" in again.stdout
    douga("clean", scans, out, "--strength", "0.9")
    after = drawings_in(out)
    assert all(after[name][0] > before[name][0] for name in before)


def test_a_retaken_scan_is_cleaned_again_and_a_touched_one_is_not(scans: Path, tmp_path: Path) -> None:
    """Content decides, not the clock."""
    out = tmp_path / "out"
    douga("clean", scans, out)
    before = drawings_in(out)
    (scans / "A0002.png").write_bytes(rough_png(99))
    (scans / "A0003.png").touch()
    douga("clean", scans, out)
    changed = {name for name, drawing in drawings_in(out).items() if drawing != before[name]}
    assert changed == {"A0002.png", "A0002.svg"}


def test_a_missing_drawing_is_made_again(scans: Path, tmp_path: Path) -> None:
    """Somebody deleted one file."""
    out = tmp_path / "out"
    douga("clean", scans, out)
    (out / "A0004.svg").unlink()
    assert douga("clean", scans, out).returncode == ExitCode.OK
    assert (out / "A0004.svg").is_file()


def test_a_hundred_scans_with_ten_bad_ones_give_ninety_drawings_and_ten_reasons(tmp_path: Path) -> None:
    """Every good format among them, and ten ways to be bad."""
    good = [GOOD_SCANS[n % len(GOOD_SCANS)] for n in range(90)]
    bad = BAD_SCANS[:10]
    files = {
        f"A{n:03d}_{Path(scan.name).stem}.x{Path(scan.name).suffix}": scan for n, scan in enumerate(good)
    }
    source = write_scans(tmp_path / "scans", {name: scan.make() for name, scan in files.items()})
    write_scans(source, {f"bad {scan.name}": scan.make() for scan in bad})
    out = tmp_path / "out"
    run = douga("clean", source, out, "--no-report")
    manifest = manifest_of(out)
    assert run.returncode == ExitCode.SOME_FRAMES_FAILED, run.stderr
    assert (manifest.count(FrameState.DONE), manifest.count(FrameState.FAILED)) == (90, 10)
    reasons = {frame.scan: frame.failure.reason for frame in manifest.frames if frame.failure}
    assert reasons == {f"bad {scan.name}": scan.reason for scan in bad}
    closing = run.stdout.splitlines()[-10:]
    assert all(line.startswith("failed  ") for line in closing)


@pytest.mark.parametrize("done_before_kill", [1, 3])
def test_a_killed_run_is_finished_by_the_next_and_repeats_nothing(
    scans: Path, tmp_path: Path, done_before_kill: int
) -> None:
    """SIGKILL at a bad moment: what was marked done keeps its bytes and its time."""
    write_scans(scans, {f"B{n:04d}.png": rough_png(n) for n in range(30)})
    out = tmp_path / "out"
    markers = out / ".douga" / "done"

    def enough_done() -> bool:
        return markers.is_dir() and len(list(markers.glob("[AB]*.json"))) >= done_before_kill

    stopped = stop_douga(["clean", scans, out], enough_done, signal.SIGKILL)
    assert stopped.returncode == -signal.SIGKILL
    marked = {path.stem for path in markers.glob("[AB]*.json")}
    before = {name: drawing for name, drawing in drawings_in(out).items() if Path(name).stem in marked}
    assert len(before) == 2 * len(marked)
    run = douga("clean", scans, out)
    after = drawings_in(out)
    assert run.returncode == ExitCode.OK, run.stderr
    assert {name: after[name] for name in before} == before
    assert manifest_of(out).count(FrameState.DONE) == 36
    assert not [path.name for path in out.rglob("*.tmp")]


@pytest.mark.parametrize(
    ("sign", "code"), [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)]
)
def test_an_interrupted_run_leaves_a_true_manifest(
    scans: Path, tmp_path: Path, sign: signal.Signals, code: ExitCode
) -> None:
    """Done frames are done, the others are waiting, and the exit code says what happened."""
    write_scans(scans, {f"B{n:04d}.png": rough_png(n) for n in range(60)})
    out = tmp_path / "out"
    markers = out / ".douga" / "done"
    stopped = stop_douga(
        ["clean", scans, out], lambda: markers.is_dir() and len(list(markers.glob("*.json"))) >= 2, sign
    )
    assert stopped.returncode == code, stopped.stderr
    manifest = manifest_of(out)
    done = [frame for frame in manifest.frames if frame.state is FrameState.DONE]
    assert not manifest.is_complete
    assert {frame.stem for frame in done} == {path.stem for path in markers.glob("*.json")}
    for frame in done:
        for output in frame.files:
            assert output.size_bytes == (out / output.object_key).stat().st_size
    assert "run the same command again" in stopped.stderr
    assert "Traceback" not in stopped.stderr


def test_json_progress_is_one_object_a_line(scans: Path, tmp_path: Path) -> None:
    """A program can follow the run."""
    run = douga("clean", scans, tmp_path / "out", "--progress", "json")
    events = [json.loads(line)["event"] for line in run.stdout.splitlines()]
    # A slow machine hears a heartbeat between them.
    assert [event for event in events if event not in ("starting", "stands")] == ["began"] + ["settled"] * 6


def test_frames_are_chosen_by_range(scans: Path, tmp_path: Path) -> None:
    """A step, and a lettered in-between by its name."""
    write_scans(scans, {"A0003a.png": rough_png(31)})
    out = tmp_path / "out"
    douga("clean", scans, out, "--frames", "1-5x4,3a", "--outputs", "png", "--no-report")
    assert sorted(drawings_in(out)) == ["A0001.png", "A0003a.png", "A0005.png"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["{scans}", "{out}", "--frames", "1:5"], ExitCode.USAGE, "1:5"),
        (["{scans}", "{out}", "--outputs", "png,gif"], ExitCode.USAGE, "gif"),
        (["{scans}", "{out}", "--line-weight", "thick"], ExitCode.USAGE, "thick"),
        (["{scans}", "{out}", "--strength", "1.5"], ExitCode.USAGE, "strength"),
        (["{scans}", "{out}", "--network", "nosuch"], ExitCode.USAGE, "nosuch"),
        (["{scans}", "{scans}"], ExitCode.USAGE, "another folder"),
        (["{scans}/nowhere", "{out}"], ExitCode.INPUT_MISSING, "does not exist"),
        (["{out}", "{scans}"], ExitCode.INPUT_MISSING, "does not exist"),
    ],
)
def test_a_wrong_command_says_what_is_wrong(
    scans: Path, tmp_path: Path, arguments: list[str], code: ExitCode, said: str
) -> None:
    """One line, the exit code of the contract, and no traceback."""
    filled = [text.format(scans=scans, out=tmp_path / "out") for text in arguments]
    run = douga("clean", *filled)
    assert run.returncode == code, run.stderr
    assert said in run.stderr
    assert "Traceback" not in run.stderr


def test_names_with_spaces_quotes_and_dashes_are_frames_like_others(tmp_path: Path) -> None:
    """A hostile name is only a name."""
    names = [
        "-rf.png",
        "A 1.png",
        'it\'s "B" 2.png',
        "動画0003.png",
        "[red]x[b] 4.png",
        "line\nbreak 5.png",
    ]
    source = write_scans(tmp_path / "scans", {name: rough_png(n) for n, name in enumerate(names)})
    write_scans(source, {"broken\nDONE 6.png": b"no image"})
    out = tmp_path / "out"
    run = douga("clean", source, out, "--outputs", "png,svg")
    assert run.returncode == ExitCode.SOME_FRAMES_FAILED, run.stderr
    assert set(names) <= set(drawings_in(out))
    assert not any(line.startswith("DONE") for line in run.stdout.splitlines())


def test_two_scans_of_one_name_are_both_named_and_neither_is_cleaned(scans: Path, tmp_path: Path) -> None:
    """A0001.png and A0001.tga would both draw A0001.svg."""
    shutil.copy(scans / "A0001.png", scans / "A0001.tga")
    out = tmp_path / "out"
    run = douga("clean", scans, out, "--no-report")
    assert run.returncode == ExitCode.SOME_FRAMES_FAILED
    assert "A0001.png" in run.stdout
    assert "A0001.tga" in run.stdout
    assert not (out / "A0001.svg").exists()
    assert (out / "A0002.svg").exists()


def test_a_scan_that_broke_since_is_no_longer_done(scans: Path, tmp_path: Path) -> None:
    """The manifest says failed, and the next run with the mended scan does it."""
    out = tmp_path / "out"
    douga("clean", scans, out)
    (scans / "A0001.png").write_bytes(as_tiff_pages(rough_drawing(1), rough_drawing(2)))
    assert douga("clean", scans, out).returncode == ExitCode.SOME_FRAMES_FAILED
    (scans / "A0001.png").write_bytes(rough_png(1))
    assert douga("clean", scans, out).returncode == ExitCode.OK


def test_a_single_scan_can_be_cleaned(scans: Path, tmp_path: Path) -> None:
    """SRC may be one file."""
    out = tmp_path / "out"
    assert douga("clean", scans / "A0003.png", out).returncode == ExitCode.OK
    assert sorted(drawings_in(out)) == ["A0003.png", "A0003.svg"]


def test_a_second_run_into_the_same_folder_is_turned_away(scans: Path, tmp_path: Path) -> None:
    """Two runs would sweep away each other's files; the second is told to wait."""
    out = tmp_path / "out"
    (out / ".douga").mkdir(parents=True)
    with (out / ".douga" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = douga("clean", scans, out)
    assert run.returncode == ExitCode.USAGE
    assert "another 'douga clean' is writing" in run.stderr


def test_a_destination_that_takes_no_file_is_an_error_of_the_command(scans: Path, tmp_path: Path) -> None:
    """A read-only disk, or a file where Douga's own folder must be: said at once, not as a fault of Douga."""
    out = tmp_path / "out"
    out.mkdir()
    (out / ".douga").write_bytes(b"")
    run = douga("clean", scans, out)
    assert run.returncode == ExitCode.USAGE
    assert f"the folder '{out}' cannot be written" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_last_lines_survive_hostile_names_and_a_log_that_is_not_unicode(tmp_path: Path) -> None:
    """They neither end the run nor begin a line of their own nor colour the terminal."""
    scans = write_scans(tmp_path / "scans", {"原画\x1b[31m\nopenjd_fail: x1.png": b""})
    run = douga("clean", scans, tmp_path / "out", environment={"PYTHONIOENCODING": "ascii:strict"})
    assert run.returncode == ExitCode.SOME_FRAMES_FAILED, run.stderr
    assert run.stdout.splitlines()[-1].startswith(
        "failed  \\u539f\\u753b [31m openjd_fail: x1.png is an empty"
    )
