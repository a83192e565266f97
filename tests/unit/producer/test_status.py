"""Where a job stands, in words, figures and JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.jobs import JOB, dead_letter
from tests.memory_farm import STARTED_AT, MemoryFarm, Run, frames_of

from douga_producer.commands import status as status_command
from douga_producer.status import (
    Pace,
    as_json,
    describe,
    overall_pace,
    read_status,
    rebuild_latest,
    tally_of,
    trouble_of,
    word_of,
)
from douga_shared.errors import ExitCode, InputMissing, QueueUnreachable
from douga_shared.job_store import Standing
from douga_shared.jobs import JobState


def standing(**changes: Any) -> Standing:
    """A job of 200 frames, five minutes after it was submitted."""
    fields: dict[str, Any] = {
        "job": JOB,
        "state": JobState.RUNNING,
        "total": 200,
        "is_listed": True,
        "sent": 200,
        "done": 124,
        "failed": 2,
        "running": 16,
        "began_at": STARTED_AT + 10,
        "moved_at": STARTED_AT + 299,
        "completed_at": None,
        "is_accounted": False,
        "now": STARTED_AT + 300,
    }
    return Standing(**(fields | changes))


OVER = {"done": 200, "failed": 0, "running": 0, "completed_at": STARTED_AT + 200}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "running"),
        ({"state": JobState.PAUSED}, "paused"),
        ({"state": JobState.CANCELLED}, "cancelled"),
        ({"state": JobState.SUPERSEDED}, "superseded"),
        (OVER, "complete"),
        (OVER | {"state": JobState.PAUSED}, "complete"),
        (OVER | {"is_accounted": True}, "written up"),
    ],
)
def test_a_word_says_what_becomes_of_a_job(changes: dict[str, Any], expected: str) -> None:
    """What is complete needs no other word."""
    assert expected == word_of(standing(**changes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ""),
        ({"now": STARTED_AT + 599 + 120}, "no frame was settled for 7 min, though 16 are running"),
        ({"running": 0, "now": STARTED_AT + 599}, "no frame was settled for 5 min and none is running"),
        ({"running": 0, "now": STARTED_AT + 330}, ""),
        ({"sent": 150, "now": STARTED_AT + 599}, "50 frames never sent and nothing moved for 5 min"),
        ({"is_listed": False, "sent": 150, "now": STARTED_AT + 599}, "the list of frames is not complete"),
        ({"state": JobState.PAUSED, "now": STARTED_AT + 9999}, ""),
        ({"began_at": None, "moved_at": None, "running": 0}, "is a worker up?"),
        (OVER, "manifest and report are not written: is a worker up that serves the queue 'cpu'?"),
        (OVER | {"is_accounted": True}, ""),
        (OVER | {"now": STARTED_AT + 230}, ""),
    ],
)
def test_it_says_plainly_why_nothing_moves(changes: dict[str, Any], expected: str) -> None:
    """With the remedy; and nothing while there is nothing to say."""
    trouble = trouble_of(standing(**changes))
    assert expected in trouble
    assert bool(expected) == bool(trouble)


def test_the_pace_is_that_of_the_recent_past() -> None:
    """The first minutes of a long job say nothing about now."""
    pace = Pace()
    for second in range(200):
        told = pace.told(
            standing(done=1000 + 3 * second, failed=0, total=9999, now=STARTED_AT + 3600 + second)
        )
    assert 3.0 == told


def test_the_pace_of_the_whole_run_serves_until_there_is_a_past() -> None:
    """A command that has just begun to watch has seen nothing move yet."""
    assert overall_pace(standing()) == Pace().told(standing())
    assert 126 / 290 == overall_pace(standing())


def test_a_pace_starts_anew_when_frames_are_to_be_done_again() -> None:
    """A retry takes frames back; a pace is never negative."""
    pace = Pace()
    pace.told(standing(done=150))
    assert overall_pace(standing(done=10)) == pace.told(standing(done=10, now=STARTED_AT + 300))


def test_nothing_moves_at_no_pace() -> None:
    """Then no time is left to tell."""
    pace = Pace()
    pace.told(standing())
    assert pace.told(standing(now=STARTED_AT + 330)) is None
    assert overall_pace(standing(began_at=None, done=0, failed=0)) is None
    assert tally_of(standing(), None).seconds_left is None


def test_time_left_counts_what_runs_and_waits() -> None:
    """Not while paused, and not before the whole list is known."""
    assert 37.0 == tally_of(standing(), 2.0).seconds_left
    assert tally_of(standing(state=JobState.PAUSED), 2.0).seconds_left is None
    assert tally_of(standing(is_listed=False), 2.0).seconds_left is None
    assert tally_of(standing(running=0, now=STARTED_AT + 599), 2.0).seconds_left is None


@pytest.fixture
def at_work(memory_farm: MemoryFarm) -> MemoryFarm:
    """A job of 200 frames: 124 done, 2 failed, 16 running."""
    memory_farm.open_job(200)
    memory_farm.clock.seconds += 10
    memory_farm.begin(range(142))
    memory_farm.clock.seconds += 60
    letters = [dead_letter(131, "A0131.tga: too large\x1b[2J"), dead_letter(130)]
    memory_farm.jobs.settle(JOB.job_id, range(124), letters)
    return memory_farm


def test_a_person_sees_bar_figures_and_failures(at_work: MemoryFarm) -> None:
    """On a terminal of 80 columns, every part of the bar with a letter of its own."""
    lines = describe(read_status(at_work.jobs, JOB.job_id), 80, "utf-8")
    expected = [
        "cut012-scan-3f9a2c7e1b  running",
        "s3://studio/cut012/scan/ -> s3://studio/cut012/clean/",
        "█" * 45 + "×" + "▒" * 5 + "░" * 23 + "  63 %",
        "124 done  2 failed  16 running  58 waiting  of 200",
        "2.10 frames/s  0:00:35 left  submitted 70 s ago",
        "",
        "2 dead letters: 2 damaged",
        "failed  it ends early; scan it again",
        "failed  A0131.tga: too large [2J",
        "'douga retry cut012-scan-3f9a2c7e1b' does them again, once the cause is mended.",
    ]
    assert expected == lines
    assert (
        "#" * 45 + "x" + ">" * 5 + "." * 23 in describe(read_status(at_work.jobs, JOB.job_id), 80, "ascii")[2]
    )


def test_no_line_is_wider_than_the_terminal(at_work: MemoryFarm) -> None:
    """Long messages are broken between words."""
    letters = [dead_letter(index, f"A{index}.tga: " + "very long " * 20) for index in range(132, 142)]
    at_work.jobs.settle(JOB.job_id, [], letters)
    at_work.clock.seconds += 3600
    lines = describe(read_status(at_work.jobs, JOB.job_id), 80, "utf-8")
    assert max(map(len, lines)) <= 80


def test_many_dead_letters_are_counted_and_twenty_shown(at_work: MemoryFarm) -> None:
    """``--json`` has them all."""
    at_work.begin(range(142, 200))
    at_work.jobs.settle(JOB.job_id, [], [dead_letter(index) for index in range(150, 180)])
    status = read_status(at_work.jobs, JOB.job_id)
    lines = describe(status, 80, "utf-8")
    assert 20 == sum(line.startswith("failed  ") for line in lines) - 1
    assert "failed  ... and 12 more; --json lists all" in lines
    assert 32 == len(as_json(status)["dead_letters"])
    assert {"damaged": 32} == as_json(status)["reasons"]


def test_a_cancelled_job_says_what_is_left_undone(at_work: MemoryFarm) -> None:
    """Nothing of it waits or runs any more."""
    at_work.jobs.set_state(JOB.job_id, JobState.CANCELLED)
    assert "124 done  2 failed  74 left undone  of 200" in describe(
        read_status(at_work.jobs, JOB.job_id), 80, "utf-8"
    )


def test_the_command_says_by_its_code_that_frames_failed(at_work: MemoryFarm, run_command: Run) -> None:
    """And prints where the job stands."""
    answer = run_command(status_command.command, "cut012")
    assert ExitCode.SOME_FRAMES_FAILED == answer.return_value
    assert "124 done  2 failed  16 running  58 waiting  of 200" in answer.stdout


def test_a_job_on_its_way_is_fine(memory_farm: MemoryFarm, run_command: Run) -> None:
    """Exit code 0, whether it is complete or not."""
    memory_farm.open_job(3)
    assert ExitCode.OK == run_command(status_command.command, "cut012").return_value


def test_a_program_gets_json(at_work: MemoryFarm, run_command: Run) -> None:
    """One object with everything."""
    said = json.loads(run_command(status_command.command, JOB.job_id, "--json").stdout)
    expected = {
        "job_id": JOB.job_id,
        "state": "running",
        "done": 124,
        "failed": 2,
        "running": 16,
        "waiting": 58,
    }
    assert expected == {name: said[name] for name in expected}
    assert ["A0130.tga", "A0131.tga"] == [letter["scan"] for letter in said["dead_letters"]]


def test_an_unknown_job_has_its_own_exit_code(memory_farm: MemoryFarm, run_command: Run) -> None:
    """The error carries it."""
    answer = run_command(status_command.command, "nothing")
    assert isinstance(answer.exception, InputMissing)
    assert ExitCode.INPUT_MISSING == answer.exception.exit_code


def test_a_queue_that_does_not_answer_has_its_own_exit_code(
    memory_farm: MemoryFarm, run_command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with --watch: nobody waits for a farm that was never there."""

    def away() -> tuple[str, ...]:
        raise QueueUnreachable("away")

    monkeypatch.setattr(memory_farm.jobs, "job_ids", away)
    for options in ([], ["--watch"]):
        answer = run_command(status_command.command, "cut012", *options)
        assert isinstance(answer.exception, QueueUnreachable)


def test_a_lost_job_is_rebuilt_from_its_destination(memory_farm: MemoryFarm, run_command: Run) -> None:
    """What is done is known again, and the command goes on with it."""
    frames = frames_of(3)
    memory_farm.record(JOB, frames)
    memory_farm.draw(frames[1])
    answer = run_command(status_command.command, JOB.drawings, "--rebuild", "--json")
    said = json.loads(answer.stdout)
    assert (JOB.job_id, 3, 1) == (said["job_id"], said["total"], said["done"])


def test_a_known_job_is_rebuilt_by_its_id(memory_farm: MemoryFarm) -> None:
    """Redis still knows where its records are."""
    memory_farm.record(JOB, frames_of(3))
    memory_farm.open_job(3)
    assert JOB.job_id == rebuild_latest(memory_farm.farm, "cut012")


def test_an_id_that_nobody_knows_cannot_be_rebuilt(memory_farm: MemoryFarm) -> None:
    """The message says what can."""
    with pytest.raises(InputMissing, match="name the destination instead of the id"):
        rebuild_latest(memory_farm.farm, "cut012")
