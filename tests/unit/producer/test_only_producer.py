"""Who may add to a job, on one machine and on several."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from douga_producer import only_producer as module
from douga_producer.only_producer import Hold, only_producer
from douga_shared.errors import ConfigurationError, QueueUnreachable
from douga_shared.job_store import MemoryJobStore


class Machine:
    """A folder for temporary files, which is what makes a machine here."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.mkdir()
        self._folder = folder
        self._monkeypatch = monkeypatch

    def hold(self, jobs: MemoryJobStore) -> Hold:
        """A producer of this machine."""
        self._monkeypatch.setattr(tempfile, "tempdir", str(self._folder))
        return Hold(jobs, "job")

    @property
    def files(self) -> list[Path]:
        """What lies about."""
        return list(self._folder.iterdir())


class Unreachable(MemoryJobStore):
    """A job store that cannot be told that a lock is dropped."""

    def drop_lock(self, name: str, holder: str) -> None:
        raise QueueUnreachable("nobody answers")


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Machine]:
    """Two of them."""
    return [Machine(tmp_path / name, monkeypatch) for name in ("one", "two")]


@pytest.mark.parametrize("second", [0, 1])
def test_one_producer_at_a_time(machines: list[Machine], second: int) -> None:
    """On the same machine and on another; then the other has it."""
    jobs = MemoryJobStore()
    one, two = machines[0].hold(jobs), machines[second].hold(jobs)
    assert (True, False, True) == (one.take(), two.take(), one.take())
    one.drop()
    assert (True, False) == (two.take(), one.take())
    two.drop()
    assert [] == [file for machine in machines for file in machine.files]


def test_the_same_machine_goes_on_at_once_after_an_outage(machines: list[Machine]) -> None:
    """The job store still knows the lock of the one that could not give it back."""
    jobs = Unreachable()
    first = machines[0].hold(jobs)
    assert first.take()
    first.drop()
    assert not machines[1].hold(jobs).take()
    again = machines[0].hold(jobs)
    assert again.take()
    again.drop()


def test_a_job_store_that_refuses_the_end_keeps_nobody_of_the_machine_out(
    machines: list[Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program of a studio's own submits on and on, in one process."""
    jobs = MemoryJobStore()
    first = machines[0].hold(jobs)
    assert first.take()

    def refuse(name: str, holder: str) -> None:
        raise ConfigurationError("Redis refuses the password")

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "drop_lock", refuse)
        with pytest.raises(ConfigurationError):
            first.drop()
    again = machines[0].hold(jobs)
    assert again.take()
    again.drop()


def test_who_was_away_too_long_is_told(machines: list[Machine], monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine has taken over; it must not be disturbed."""
    now = [0.0]
    jobs = MemoryJobStore(lambda: now[0])
    one, two = machines[0].hold(jobs), machines[1].hold(jobs)
    assert one.take()
    one.renew()
    now[0] = module.LOCK_SECONDS + 1
    assert two.take()
    monkeypatch.setattr(module, "_RENEW_SECONDS", -1.0)
    with pytest.raises(QueueUnreachable, match="another producer has taken over"):
        one.renew()
    one.drop()
    assert not machines[0].hold(jobs).take()
    two.drop()


def test_a_machine_without_room_for_a_file_still_has_the_job_stores_lock(
    machines: list[Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only container submits too."""
    jobs = MemoryJobStore()
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with only_producer(jobs, "job", lambda _: None):
        assert not machines[0].hold(jobs).take()
    free = machines[0].hold(jobs)
    assert free.take()
    free.drop()


def test_a_strangers_link_is_not_followed(machines: list[Machine], tmp_path: Path) -> None:
    """A file of ours is no place for a token."""
    jobs = MemoryJobStore()
    mine = tmp_path / "mine"
    mine.write_text("precious")
    probe = machines[0].hold(jobs)
    assert probe.take()
    (lock,) = machines[0].files
    probe.drop()
    lock.symlink_to(mine)
    hold = machines[0].hold(jobs)
    assert hold.take()
    hold.drop()
    assert "precious" == mine.read_text()
