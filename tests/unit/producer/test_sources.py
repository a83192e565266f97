"""Scans of lists and of this machine: what they are called, where they go, what is said of the others."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.producing import CLEAN, SCANS, STAGING, ProducerFarm

from douga_producer.submission import Submission, submit
from douga_shared.errors import ConfigurationError, InputMissing, Reason


@pytest.fixture
def farm() -> ProducerFarm:
    """A farm in memory."""
    return ProducerFarm()


def send(farm: ProducerFarm, source: Path | str, destination: str = CLEAN, **wishes: Any) -> Submission:
    """Submit on this farm."""
    return submit(source, destination, farm=farm.farm, **wishes)


def folder_of(folder: Path, **scans: bytes) -> Path:
    """A local folder of scans."""
    for name, data in scans.items():
        (folder / f"{name}.png").write_bytes(data)
    return folder


def staged(farm: ProducerFarm) -> list[str]:
    """What lies in the staging place."""
    return [info.object_key for info in farm.store(STAGING).list()]


def test_a_local_folder_is_uploaded_by_content(farm: ProducerFarm, tmp_path: Path) -> None:
    """Frames keep their names; the scans lie under their hashes."""
    send(farm, folder_of(tmp_path, A1=b"one", A2=b"two"))
    assert ["A1.png", "A2.png"] == farm.queue.scans
    digest = hashlib.sha256(b"one").hexdigest()
    first = farm.queue.frames[0]
    assert (f"scans/{digest[:2]}/{digest}.png", 3) == (first.scan_key, first.size_bytes)
    assert b"one" == farm.store(STAGING).read(first.scan_key)
    assert STAGING == farm.queue.chunks[0].scans


def test_nothing_is_uploaded_twice(farm: ProducerFarm, tmp_path: Path) -> None:
    """Not by a second submission, not from another folder, not for a file that was only touched."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = send(farm, folder_of(tmp_path / "a", A1=b"one", A2=b"two"))
    os.utime(tmp_path / "a" / "A1.png", (1, 1))
    again = send(farm, tmp_path / "a")
    other = send(farm, folder_of(tmp_path / "b", B1=b"two", B2=b"three"))
    assert (2, 6, 0, 1) == (
        first.progress.uploaded,
        first.progress.uploaded_bytes,
        again.progress.uploaded,
        other.progress.uploaded,
    )
    assert (0, 2) == (again.sent, again.progress.known)


def test_a_retake_on_this_machine_is_done_again(farm: ProducerFarm, tmp_path: Path) -> None:
    """Under its index, with its new content."""
    job_id = send(farm, folder_of(tmp_path, A1=b"one", A2=b"two")).job_id
    farm.work(job_id)
    send(farm, folder_of(tmp_path, A2=b"retake"))
    assert [(1, 6)] == [(frame.index, frame.size_bytes) for frame in farm.queue.frames]


def test_one_local_scan_is_a_source(farm: ProducerFarm, tmp_path: Path) -> None:
    """Its neighbours stay where they are."""
    folder_of(tmp_path, A1=b"one", A2=b"two")
    send(farm, tmp_path / "A2.png")
    assert (["A2.png"], 1) == (farm.queue.scans, len(staged(farm)))


def test_a_file_url_is_read_where_it_lies(farm: ProducerFarm, tmp_path: Path) -> None:
    """All workers see it: nothing is uploaded."""
    send(farm, folder_of(tmp_path, A1=b"one").as_uri() + "/")
    assert (["A1.png"], []) == (farm.queue.scans, staged(farm))
    assert f"{tmp_path.as_uri()}/" == farm.queue.chunks[0].scans


def test_uploads_go_on_in_the_order_of_the_drawings(farm: ProducerFarm, tmp_path: Path) -> None:
    """However many go at once."""
    scans = {f"A{number:04d}": str(number).encode() for number in range(150)}
    send(farm, folder_of(tmp_path, **scans))
    assert [f"{name}.png" for name in scans] == farm.queue.scans


def test_a_local_scan_that_cannot_be_read_is_a_dead_letter(farm: ProducerFarm, tmp_path: Path) -> None:
    """The others go on."""
    folder_of(tmp_path, A1=b"one")
    (tmp_path / "A2.png").symlink_to("nowhere")
    job_id = send(farm, tmp_path).job_id
    (letter,) = farm.jobs.dead_letters(job_id)
    assert ("A2.png", Reason.VANISHED, ["A1.png"]) == (letter.scan, letter.reason, farm.queue.scans)


def test_drawings_for_a_local_folder_wait_in_the_staging_place(farm: ProducerFarm, tmp_path: Path) -> None:
    """One folder for each destination, so that a second job finds what the first did."""
    farm.scan("A1.png", "A2.png")
    first = send(farm, SCANS, str(tmp_path / "clean"), frames="1")
    second = send(farm, SCANS, str(tmp_path / "clean"))
    other = send(farm, SCANS, str(tmp_path / "other"))
    assert first.drawings == second.drawings != other.drawings
    assert first.drawings.startswith(f"{STAGING}drawings/clean-")
    assert tmp_path / "clean" == first.local_destination


@pytest.mark.parametrize("is_source_local", [True, False])
def test_a_staging_place_that_is_not_set_is_asked_for(tmp_path: Path, is_source_local: bool) -> None:
    """With the setting's name and what it is for."""
    farm = ProducerFarm(staging="")
    farm.scan("A1.png")
    folder_of(tmp_path, A1=b"one")
    places = (str(tmp_path), CLEAN) if is_source_local else (SCANS, str(tmp_path / "clean"))
    with pytest.raises(ConfigurationError, match="DOUGA_STAGING is not set"):
        send(farm, *places)


@pytest.mark.parametrize("name", ["nowhere", "notes.pdf"])
def test_a_local_source_that_is_none_is_missing_input(farm: ProducerFarm, tmp_path: Path, name: str) -> None:
    """Missing, or no scan by its name."""
    (tmp_path / "notes.pdf").write_bytes(b"")
    with pytest.raises(InputMissing, match=name):
        send(farm, tmp_path / name)


def test_a_destination_that_is_a_file_is_refused(farm: ProducerFarm, tmp_path: Path) -> None:
    """Before anything is sent."""
    farm.scan("A1.png")
    (tmp_path / "clean").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="is a file"):
        send(farm, SCANS, str(tmp_path / "clean"))


def text_list(folder: Path, *lines: str, name: str = "list.txt") -> Path:
    """A list of scans, as text."""
    path = folder / name
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_text_list_names_scans_of_one_bucket(farm: ProducerFarm, tmp_path: Path) -> None:
    """Below their common folder; deeper folders name the drawings too."""
    farm.scan("A/1.png", "A/2.png", "B/1.png", "B/9.png", url="s3://studio/cut012/")
    path = text_list(
        tmp_path,
        "# tonight",
        "s3://studio/cut012/B/1.png",
        "",
        "s3://studio/cut012/A/2.png\r",
        "s3://studio/cut012/A/1.png",
        "s3://studio/cut012/A/1.png",
    )
    job_id = send(farm, path).job_id
    assert {"A/1.png", "A/2.png", "B/1.png"} == set(farm.queue.scans)
    assert {"A/1", "A/2", "B/1"} == {frame.stem for frame in farm.listed(job_id)}
    assert "s3://studio/cut012/" == farm.queue.chunks[0].scans


def test_a_json_list_below_a_base_takes_any_name(farm: ProducerFarm, tmp_path: Path) -> None:
    """Names that no URL can hold."""
    names = ["What?.png", "#1.png", "a\nb.png"]
    farm.scan(*names)
    send(farm, text_list(tmp_path, json.dumps(names), name="list.json"), base=SCANS)
    assert set(names) == set(farm.queue.scans)


def test_a_list_of_local_paths_is_uploaded(farm: ProducerFarm, tmp_path: Path) -> None:
    """Named as below their common folder."""
    (tmp_path / "A").mkdir()
    folder_of(tmp_path / "A", A1=b"one")
    folder_of(tmp_path, B1=b"two", B2=b"three")
    send(farm, text_list(tmp_path, f"{tmp_path}/A/A1.png", f"{tmp_path}/B1.png"))
    assert ({"A/A1.png", "B1.png"}, 2) == (set(farm.queue.scans), len(staged(farm)))


def test_a_list_comes_on_standard_input(farm: ProducerFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    """As text, or as JSON."""
    farm.scan("A1.png", "A2.png")
    for text in (f"{SCANS}A1.png\n{SCANS}A2.png\n", json.dumps([f"{SCANS}A1.png", f"{SCANS}A2.png"])):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        assert 2 == send(farm, "-").total


def test_a_listed_scan_that_is_not_there_is_a_dead_letter(farm: ProducerFarm, tmp_path: Path) -> None:
    """And goes when the scan has come."""
    farm.scan("A1.png")
    path = text_list(tmp_path, f"{SCANS}A1.png", f"{SCANS}A2.png", f"{SCANS}notes.txt")
    submission = send(farm, path)
    (letter,) = farm.jobs.dead_letters(submission.job_id)
    assert ("A2.png", Reason.VANISHED) == (letter.scan, letter.reason)
    assert ["notes.txt"] == [entry.name for entry in submission.left_out]
    farm.scan("A2.png")
    assert (1, []) == (send(farm, path).sent, list(farm.jobs.dead_letters(submission.job_id)))


def test_the_same_scans_in_another_order_are_the_same_job(farm: ProducerFarm, tmp_path: Path) -> None:
    """And other scans are another."""
    farm.scan("A1.png", "A2.png")
    urls = [f"{SCANS}A1.png", f"{SCANS}A2.png"]
    one, two = send(farm, text_list(tmp_path, *urls)), send(farm, text_list(tmp_path, *urls[::-1]))
    assert one.job_id == two.job_id != send(farm, text_list(tmp_path, urls[0])).job_id


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["s3://studio/a/1.png", "s3://other/a/1.png"], "mixes places"),
        (["s3://studio/a/1.png", "/mnt/1.png"], "mixes places"),
        (["A1.png"], "where does 'A1.png' lie"),
        ([], "names no scan"),
        (["# nothing"], "names no scan"),
        (["gopher://x/1.png"], "gopher"),
        (["s3://studio/../1.png"], "names no store"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(
    farm: ProducerFarm, tmp_path: Path, lines: list[str], said: str
) -> None:
    """The message names the line."""
    with pytest.raises(ConfigurationError, match=said):
        send(farm, text_list(tmp_path, *lines))


@pytest.mark.parametrize("text", ['{"frames": []}', "[1, 2]", '["a.png"', '["../a.png"]', '["s3://b/a.png"]'])
def test_a_json_list_that_is_none_is_refused(farm: ProducerFarm, tmp_path: Path, text: str) -> None:
    """It says what was wanted."""
    with pytest.raises(ConfigurationError, match=r"list\.json"):
        send(farm, text_list(tmp_path, text, name="list.json"), base=SCANS)


def test_a_list_that_is_no_text_is_refused(farm: ProducerFarm, tmp_path: Path) -> None:
    """Whatever it is."""
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="no UTF-8"):
        send(farm, tmp_path / "list.txt")
    with pytest.raises(InputMissing, match="cannot be read"):
        send(farm, tmp_path / "missing.txt")
