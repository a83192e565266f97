"""`douga jobs`, `douga pause` and `douga cancel`."""

from __future__ import annotations

import json

from tests.jobs import JOB, dead_letter, job
from tests.memory_farm import MemoryFarm, Run

from douga_producer.commands import cancel, jobs, pause
from douga_shared.errors import ExitCode
from douga_shared.jobs import JobState, Priority

RETAKE = job(
    job_id="cut014-scan-cccccccccc",
    submitted_at=JOB.submitted_at + 60,
    show="bebop",
    priority=Priority.HIGH,
    drawings="s3://studio/cut014/",
)


def test_jobs_are_listed_latest_first(memory_farm: MemoryFarm, run_command: Run) -> None:
    """One line each, in columns."""
    memory_farm.complete(10)
    memory_farm.clock.seconds += 90
    memory_farm.open_job(200, RETAKE)
    memory_farm.begin(range(16), RETAKE)
    memory_farm.clock.seconds += 10
    memory_farm.jobs.settle(RETAKE.job_id, range(5), [dead_letter(5)])
    expected = [
        "JOB                     STATE        DONE  FAILED  FRAMES/S    AGE  QUEUE       DESTINATION",
        "cut014-scan-cccccccccc  running     5/200       1      0.60   40 s  bebop high  s3://studio/cut014/",
        "cut012-scan-3f9a2c7e1b  written up  10/10       0     10.00  2 min  normal      s3://studio/cut012/clean/",
    ]
    assert expected == run_command(jobs.command).stdout.splitlines()


def test_a_farm_without_jobs_says_so(memory_farm: MemoryFarm, run_command: Run) -> None:
    """And how to see older ones."""
    assert "No jobs since yesterday; --all lists older ones.\n" == run_command(jobs.command).stdout
    assert "No jobs.\n" == run_command(jobs.command, "--all").stdout


def test_a_program_gets_all_figures(memory_farm: MemoryFarm, run_command: Run) -> None:
    """Without the dead letters, which `douga status` has."""
    memory_farm.open_job(200)
    memory_farm.jobs.reject_message("why", "text")
    said = json.loads(run_command(jobs.command, "--json").stdout)
    assert 1 == said["rejected_messages"]
    assert (JOB.job_id, 200) == (said["jobs"][0]["job_id"], said["jobs"][0]["waiting"])
    assert "dead_letters" not in said["jobs"][0]


def test_rejected_messages_are_counted_and_shown_harmless(memory_farm: MemoryFarm, run_command: Run) -> None:
    """They are the one thing in the farm that a stranger wrote."""
    memory_farm.jobs.reject_message("a malformed message: no version", "\x1b[2J\nopenjd_fail: gotcha")
    assert "1 message that nobody could read was rejected" in run_command(jobs.command).stdout
    shown = run_command(jobs.command, "--rejected").stdout
    why, text = shown.splitlines()
    assert "2023-11-14 22:13:20 UTC  a malformed message: no version" == why
    assert text.startswith("    ")
    assert text.endswith("openjd_fail: gotcha")
    assert "\x1b" not in shown


def test_rejected_messages_are_there_for_programs_too(memory_farm: MemoryFarm, run_command: Run) -> None:
    """As they came."""
    assert "No message was rejected.\n" == run_command(jobs.command, "--rejected").stdout
    memory_farm.jobs.reject_message("why", "text")
    said = json.loads(run_command(jobs.command, "--rejected", "--json").stdout)
    assert [("why", "text")] == [(message["why"], message["text"]) for message in said]


def test_a_paused_job_says_how_to_go_on(memory_farm: MemoryFarm, run_command: Run) -> None:
    """No frame of it begins from now on."""
    memory_farm.open_job(4)
    memory_farm.begin([0])
    memory_farm.jobs.settle(JOB.job_id, [0], [])
    answer = run_command(pause.command, "cut012")
    assert ExitCode.OK == answer.return_value
    assert [
        "cut012-scan-3f9a2c7e1b  paused",
        "1 of 4 frames are done; 'douga resume cut012-scan-3f9a2c7e1b' goes on.",
    ] == answer.stdout.splitlines()
    assert JobState.PAUSED is memory_farm.jobs.state_of(JOB.job_id)


def test_a_cancelled_job_says_what_stays(memory_farm: MemoryFarm, run_command: Run) -> None:
    """No frame of it begins any more; a second time changes nothing."""
    memory_farm.open_job(4)
    memory_farm.begin([0])
    memory_farm.jobs.settle(JOB.job_id, [0], [])
    for _ in range(2):
        answer = run_command(cancel.command, "cut012")
        assert ExitCode.OK == answer.return_value
        assert [
            "cut012-scan-3f9a2c7e1b  cancelled",
            "1 of 4 frames are done and stay; 3 are left undone.",
        ] == answer.stdout.splitlines()
    assert JobState.CANCELLED is memory_farm.jobs.state_of(JOB.job_id)


def test_a_complete_job_is_neither_paused_nor_cancelled(memory_farm: MemoryFarm, run_command: Run) -> None:
    """It is over; the commands say so."""
    memory_farm.complete(4)
    for command in (pause.command, cancel.command):
        word, says = run_command(command, "cut012").stdout.splitlines()
        assert "cut012-scan-3f9a2c7e1b  written up" == word
        assert says.startswith("Nothing is left to")
    assert JobState.RUNNING is memory_farm.jobs.state_of(JOB.job_id)
