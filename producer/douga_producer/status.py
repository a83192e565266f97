"""Where a job stands: how far, how fast, how long still, what failed and why, and why nothing moves."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from douga_producer.known_jobs import find_job, is_over, is_place, latest_recorded, standing_of
from douga_producer.terminal import bar_width, count_of, folded, span
from douga_shared.errors import ExitCode, InputMissing
from douga_shared.jobs import JobState
from douga_shared.progress import Tally, bar_widths, failure_line, letters_of, one_line, tally_pace

if TYPE_CHECKING:
    from douga_producer.client import Farm
    from douga_shared.job_store.protocol import DeadLetter, JobStore, Standing

PACE_SECONDS = 60.0
"""Frames come a chunk at a time; a shorter past says little about the pace."""
_SHORTEST_PAST_SECONDS = 5.0
STILL_SECONDS = 60.0
"""A worker that is up begins a frame long before."""
SLOW_SECONDS = 300.0
"""A frame may take minutes; longer than this, somebody should look."""
MOST_LETTERS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Status:
    """All that can be said of a job."""

    standing: Standing
    dead_letters: Sequence[DeadLetter]
    """In the order of the frames."""

    @property
    def reasons(self) -> dict[str, int]:
        """How many frames failed for which reason, the most frequent first."""
        return dict(Counter(letter.reason.value for letter in self.dead_letters).most_common())

    @property
    def exit_code(self) -> ExitCode:
        """Good so far, or some frames failed."""
        return ExitCode.SOME_FRAMES_FAILED if self.standing.failed else ExitCode.OK


def read_status(jobs: JobStore, job_id: str) -> Status:
    """Ask the job store about a job.

    Raises:
        InputMissing: it is not known.
        QueueUnreachable: the job store does not answer.
    """
    standing = standing_of(jobs, job_id)
    letters = sorted(jobs.dead_letters(job_id), key=lambda letter: letter.index) if standing.failed else ()
    return Status(standing, letters)


def rebuild_latest(farm: Farm, name: str) -> str:
    """Make what Redis knows of a job anew, from the job's records in the store; returns the job's id.

    Args:
        farm: where the job ran.
        name: its destination, or an id that Redis still knows.

    Raises:
        InputMissing: there are no such records, or the id says not where they are.
        StoreUnreachable: the store does not answer.
        QueueUnreachable: the job store does not answer.
    """
    from douga_shared.rebuild import rebuild_job  # noqa: PLC0415 - seldom needed

    if is_place(name):
        store = farm.open_store(name)
        job_id = latest_recorded(store).job_id
    else:
        try:
            job_id = find_job(farm.jobs, name)
        except InputMissing as missing:
            raise InputMissing(
                f"Redis knows no job {name!r}, so nobody knows where its records are; name the destination "
                "instead of the id: douga status s3://bucket/drawings/ --rebuild"
            ) from missing
        store = farm.open_store(standing_of(farm.jobs, job_id).job.drawings)
    rebuild_job(store, farm.jobs, job_id)
    return job_id


class Pace:
    """Frames a second over the recent past; the whole run's until there is one."""

    def __init__(self) -> None:
        self._past: deque[tuple[float, int]] = deque()

    def told(self, standing: Standing) -> float | None:
        """Return the pace now that a job stands like this; None while nothing moves."""
        settled = standing.done + standing.failed
        if standing.began_at is None or (self._past and settled < self._past[-1][1]):
            # Not begun, or some frames are to be done again.
            self._past.clear()
        self._past.append((standing.now, settled))
        while standing.now - self._past[0][0] > PACE_SECONDS:
            self._past.popleft()
        seconds = standing.now - self._past[0][0]
        if seconds < _SHORTEST_PAST_SECONDS:
            return overall_pace(standing)
        return (settled - self._past[0][1]) / seconds or None


def overall_pace(standing: Standing) -> float | None:
    """Frames a second since the first one began; None while there is none."""
    settled = standing.done + standing.failed
    if standing.began_at is None or not settled:
        return None
    until = standing.now if standing.running else standing.completed_at or standing.moved_at or standing.now
    return settled / max(1.0, until - standing.began_at)


def tally_of(standing: Standing, pace: float | None) -> Tally:
    """Return what a bar shows."""
    is_moving = standing.state is JobState.RUNNING and not standing.is_complete and not _is_still(standing)
    left = standing.waiting + standing.running
    return Tally(
        standing.total,
        standing.done,
        standing.failed,
        0 if is_over(standing) else standing.running,
        word_of(standing),
        pace,
        left / pace if pace and is_moving and standing.is_listed else None,
    )


def word_of(standing: Standing) -> str:
    """In a word or two: what becomes of the job."""
    if standing.is_complete:
        return "written up" if standing.is_accounted else "complete"
    return standing.state.value


def trouble_of(standing: Standing) -> str:
    """Say plainly what keeps a job from moving; empty where nothing does."""
    job_id = standing.job.job_id
    if standing.is_complete:
        return _trouble_of_account(standing)
    if standing.state is not JobState.RUNNING:
        return ""
    still = standing.now - max(standing.moved_at or 0, standing.began_at or 0, standing.job.submitted_at)
    if still < STILL_SECONDS:
        return ""
    if not standing.is_listed:
        return (
            f"the list of frames is not complete and nothing moved for {span(still)}: if no producer is at "
            f"work on it any more, submit it again or 'douga resume {job_id}'"
        )
    if standing.sent < standing.total:
        unsent = count_of(standing.total - standing.sent, "frame")
        return f"{unsent} never sent and nothing moved for {span(still)}: 'douga resume {job_id}' sends them"
    if not standing.running:
        return (
            f"no frame was settled for {span(still)} and none is running: is a worker up? If one is, "
            f"'douga resume {job_id}' sends again what the queue may have lost"
        )
    if still < SLOW_SECONDS:
        return ""
    return (
        f"no frame was settled for {span(still)}, though {standing.running} are running: their worker may be "
        f"gone; they are given to another when its lease ends, or by 'douga resume {job_id}'"
    )


def describe(status: Status, width: int, encoding: str) -> list[str]:
    """Return the lines that tell a person all this.

    Args:
        status: what to tell.
        width: letters in a line.
        encoding: of the terminal; decides what the bar is drawn with.
    """
    standing = status.standing
    job = standing.job
    lines = [f"{job.job_id}  {word_of(standing)}", one_line(f"{job.source} -> {job.drawings}")]
    lines += [*_bar(standing, width, encoding), *_figures(standing), ""]
    if trouble := trouble_of(standing):
        lines += [*folded(f"note    {trouble}", width, " " * 8), ""]
    lines += _failures(status, width)
    return lines[:-1] if not lines[-1] else lines


def as_json(status: Status) -> dict[str, Any]:
    """Return all of it for programs, every dead letter included."""
    standing = status.standing
    job = standing.job
    pace = overall_pace(standing)
    tally = tally_of(standing, pace)
    return {
        "job_id": job.job_id,
        "state": standing.state.value,
        "word": tally.word,
        "source": job.source,
        "drawings": job.drawings,
        "show": job.show,
        "priority": job.priority.value,
        "total": standing.total,
        "is_listed": standing.is_listed,
        "sent": standing.sent,
        "waiting": standing.waiting,
        "running": standing.running,
        "done": standing.done,
        "failed": standing.failed,
        "is_complete": standing.is_complete,
        "is_accounted": standing.is_accounted,
        "frames_per_second": None if pace is None else round(pace, 3),
        "seconds_left": None if tally.seconds_left is None else round(tally.seconds_left, 1),
        "submitted_at": job.submitted_at,
        "began_at": standing.began_at,
        "moved_at": standing.moved_at,
        "completed_at": standing.completed_at,
        "now": standing.now,
        "trouble": trouble_of(standing) or None,
        "reasons": status.reasons,
        "dead_letters": [
            {
                "scan": letter.scan,
                "reason": letter.reason.value,
                "message": letter.message,
                "attempts": letter.attempts,
                "failed_at": letter.failed_at,
            }
            for letter in status.dead_letters
        ],
    }


def _is_still(standing: Standing) -> bool:
    return not standing.running and standing.now - (standing.moved_at or 0) > STILL_SECONDS


def _trouble_of_account(standing: Standing) -> str:
    still = standing.now - (standing.completed_at or standing.now)
    if standing.is_accounted or still < STILL_SECONDS:
        return ""
    return (
        f"all frames were settled {span(still)} ago, but manifest and report are not written: is a worker up "
        f"that serves the queue 'cpu'? If one is, 'douga resume {standing.job.job_id}' asks for them again"
    )


def _bar(standing: Standing, width: int, encoding: str) -> list[str]:
    tally = tally_of(standing, None)
    parts = zip(letters_of(encoding), bar_widths(tally, bar_width(width)), strict=True)
    percent = f"{tally.percent} %" if tally.total else ""
    return [f"{''.join(letter * wide for letter, wide in parts)} {percent:>5}"]


def _figures(standing: Standing) -> list[str]:
    job = standing.job
    total = f"of {standing.total}" if standing.is_listed else f"of {standing.total} listed so far"
    counts = f"{standing.done} done  {standing.failed} failed  "
    if is_over(standing):
        undone = standing.waiting + standing.running
        counts += f"{undone} left undone  " if undone else ""
    else:
        counts += f"{standing.running} running  {standing.waiting} waiting  "
    tally = tally_of(standing, overall_pace(standing))
    about = [
        tally_pace(tally),
        f"submitted {span(standing.now - job.submitted_at)} ago",
        f"took {span(standing.completed_at - standing.began_at)}"
        if standing.completed_at and standing.began_at
        else "",
        f"priority {job.priority.value}" if job.priority != "normal" else "",
        f"show {job.show}" if job.show else "",
    ]
    return [counts + total, "  ".join(part for part in about if part)]


def _failures(status: Status, width: int) -> list[str]:
    letters = status.dead_letters
    if not letters:
        return []
    reasons = ", ".join(f"{count} {reason}" for reason, count in status.reasons.items())
    lines = folded(f"{count_of(len(letters), 'dead letter')}: {reasons}", width, " " * 8)
    for letter in letters[:MOST_LETTERS_SHOWN]:
        tries = f" ({letter.attempts} attempts)" if letter.attempts > 1 else ""
        lines += folded(f"{failure_line(letter.message)}{tries}", width, " " * 8)
    if len(letters) > MOST_LETTERS_SHOWN:
        lines.append(f"failed  ... and {len(letters) - MOST_LETTERS_SHOWN} more; --json lists all")
    remedy = f"'douga retry {status.standing.job.job_id}' does them again, once the cause is mended."
    return [*lines, *folded(remedy, width), ""]
