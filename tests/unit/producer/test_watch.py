"""Scans that arrive while somebody watches."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.producing import CLEAN, SCANS, ProducerFarm

from douga_producer.orders import Wishes
from douga_producer.submission import Submission
from douga_producer.watch import watch
from douga_shared.errors import ConfigurationError, InputMissing, StoreUnreachable
from douga_shared.jobs import JobState

Step = Callable[[], object]


class Pauses(threading.Event):
    """Ends the watching when its steps are used up: one before each further look."""

    def __init__(self, *steps: Step) -> None:
        super().__init__()
        self._steps = list(steps)
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Take the next step instead of waiting."""
        self.seconds.append(timeout or 0.0)
        if self._steps:
            self._steps.pop(0)()
        else:
            self.set()
        return True


@pytest.fixture
def farm() -> ProducerFarm:
    """A farm in memory."""
    return ProducerFarm()


def look(
    farm: ProducerFarm, source: str | Path, *steps: Step, destination: str = CLEAN
) -> tuple[list[Submission], Pauses]:
    """Watch through these steps; returns what was sent."""
    sent: list[Submission] = []
    pauses = Pauses(*steps)
    watch(
        farm.farm,
        str(source),
        destination,
        Wishes(),
        stopping=pauses,
        every_seconds=10.0,
        on_sent=sent.append,
    )
    return sent, pauses


def nothing() -> None:
    """Only time passes."""


def test_arrivals_in_a_bucket_go_into_one_growing_job(farm: ProducerFarm) -> None:
    """At once: an object that is seen is whole."""
    farm.scan("A1.png")
    sent, _ = look(farm, SCANS, lambda: farm.scan("A2.png", "A3.png"), nothing, lambda: farm.scan("A4.png"))
    assert [1, 2, 1] == [submission.sent for submission in sent]
    assert 1 == len({submission.job_id for submission in sent})
    assert [0, 1, 2, 3] == [frame.index for frame in farm.queue.frames]


def test_an_empty_source_is_waited_at(farm: ProducerFarm) -> None:
    """No job is opened before there is a frame."""
    sent, _ = look(farm, SCANS, nothing)
    assert ([], ()) == (sent, farm.jobs.job_ids())


def test_a_scan_that_changes_is_done_again(farm: ProducerFarm) -> None:
    """Under its index."""
    farm.scan("A1.png", "A2.png")
    look(farm, SCANS, lambda: farm.scan("A2.png", data=b"retake"))
    assert [0, 1, 1] == [frame.index for frame in farm.queue.frames]


def test_a_file_arrives_when_it_was_the_same_at_two_looks(farm: ProducerFarm, tmp_path: Path) -> None:
    """A scanner writes slowly; half a scan is not uploaded."""
    scan = tmp_path / "A1.png"
    scan.write_bytes(b"ha")

    def grow() -> None:
        assert [] == farm.queue.chunks
        scan.write_bytes(b"half")

    sent, _ = look(farm, tmp_path, grow, lambda: scan.write_bytes(b"half a"), nothing)
    assert [1] == [submission.sent for submission in sent]
    assert [6] == [frame.size_bytes for frame in farm.queue.frames]


def test_nothing_is_read_of_the_destination_while_nothing_arrives(
    farm: ProducerFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A night of looking costs listings and nothing else."""
    farm.scan("A1.png")
    reads: list[str] = []
    store = farm.store(CLEAN)

    def arm() -> None:
        read = store.read

        def noted(object_key: str) -> bytes:
            reads.append(object_key)
            return read(object_key)

        monkeypatch.setattr(store, "read", noted)

    look(farm, SCANS, arm, nothing, nothing)
    assert [] == reads
    farm.scan("A2.png")
    look(farm, SCANS)
    assert [] != reads


def test_a_watch_that_starts_again_sends_nothing_twice(farm: ProducerFarm) -> None:
    """The job's list knows what was sent."""
    farm.scan("A1.png", "A2.png")
    look(farm, SCANS)
    sent, _ = look(farm, SCANS, lambda: farm.scan("A3.png"))
    assert [0, 1] == [submission.sent for submission in sent]


def test_outages_are_waited_for_longer_and_longer(
    farm: ProducerFarm, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Up to a minute, with a line each; then everything goes on."""
    store = farm.store(SCANS)
    pages = store.folder_pages

    def away(*_: object) -> None:
        raise StoreUnreachable("the bucket does not answer")

    def back() -> None:
        farm.scan("A1.png")
        monkeypatch.setattr(store, "folder_pages", pages)

    monkeypatch.setattr(store, "folder_pages", away)
    with caplog.at_level(logging.WARNING):
        sent, pauses = look(farm, SCANS, nothing, nothing, nothing, back)
    assert [10.0, 20.0, 40.0, 60.0, 10.0] == pauses.seconds
    assert [1] == [submission.sent for submission in sent]
    assert "the bucket does not answer; trying again in 10 s" in caplog.messages
    assert "everything answers again" in caplog.messages


def test_a_folder_whose_disk_goes_away_is_waited_for(farm: ProducerFarm, tmp_path: Path) -> None:
    """Unmounted and mounted again."""
    folder = tmp_path / "hot"
    folder.mkdir()
    gone = tmp_path / "gone"
    sent, _ = look(
        farm,
        folder,
        lambda: folder.rename(gone),
        lambda: gone.rename(folder),
        lambda: (folder / "A1.png").write_bytes(b"scan"),
        nothing,
    )
    assert [1] == [submission.sent for submission in sent]


def test_a_cancelled_job_ends_the_watch(farm: ProducerFarm) -> None:
    """Whoever cancels it does not want it opened again by the next scan."""
    farm.scan("A1.png")

    def cancel() -> None:
        farm.jobs.set_state(farm.jobs.job_ids()[0], JobState.CANCELLED)
        farm.scan("A2.png")

    sent, pauses = look(farm, SCANS, cancel, nothing, nothing)
    assert ([1], 2) == ([submission.sent for submission in sent], len(pauses.seconds))


def test_a_source_that_is_not_there_at_the_start_is_a_mistake(farm: ProducerFarm, tmp_path: Path) -> None:
    """Later it is an outage."""
    with pytest.raises(InputMissing):
        look(farm, tmp_path / "nowhere")
    with pytest.raises(ConfigurationError):
        look(farm, SCANS, destination=SCANS)
