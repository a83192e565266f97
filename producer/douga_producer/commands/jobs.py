"""`douga jobs`: what the farm is working on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from douga_shared.job_store.protocol import RejectedMessage, Standing

_HEADER = ("JOB", "STATE", "DONE", "FAILED", "FRAMES/S", "AGE", "QUEUE", "DESTINATION")
_NUMBERS = {"DONE", "FAILED", "FRAMES/S", "AGE"}


@click.command("jobs")
@click.option("--all", "is_all", is_flag=True, help="Also those that were over before yesterday.")
@click.option("--json", "is_json", is_flag=True, help="For programs.")
@click.option("--rejected", is_flag=True, help="List the messages that nobody could read, not the jobs.")
def command(is_all: bool, is_json: bool, rejected: bool) -> int:
    """List the jobs of the farm, latest first: those in the works, and those that ended since yesterday.

    Exit codes: 0, 2 usage, 5 the queue does not answer.
    """
    from douga_producer.client import open_farm  # noqa: PLC0415 - loads the clients of queue and stores
    from douga_producer.known_jobs import list_jobs  # noqa: PLC0415

    with open_farm() as farm:
        messages = farm.jobs.rejected_messages()
        standings = [] if rejected else list(list_jobs(farm.jobs, is_all=is_all))
    if rejected:
        _show_rejected(messages, is_json=is_json)
    elif is_json:
        _show_json(standings, len(messages))
    else:
        _show(standings, len(messages), is_all=is_all)
    return 0


def _show(standings: Sequence[Standing], rejected_count: int, *, is_all: bool) -> None:
    from douga_producer.terminal import folded, say, table, width  # noqa: PLC0415

    if standings:
        for line in table(_HEADER, [_row(standing) for standing in standings], width(), _NUMBERS):
            say(line)
    else:
        say("No jobs." if is_all else "No jobs since yesterday; --all lists older ones.")
    if rejected_count:
        what = (
            "message that nobody could read was"
            if rejected_count == 1
            else "messages that nobody could read were"
        )
        note = f"note    {rejected_count} {what} rejected; 'douga jobs --rejected' lists them"
        for line in folded(note, width(), " " * 8):
            say(line)


def _row(standing: Standing) -> tuple[str, ...]:
    from douga_producer.status import overall_pace, word_of  # noqa: PLC0415
    from douga_producer.terminal import span  # noqa: PLC0415

    job = standing.job
    pace = overall_pace(standing)
    return (
        job.job_id,
        word_of(standing),
        f"{standing.done}/{standing.total}{'' if standing.is_listed else '+'}",
        str(standing.failed),
        f"{pace:.2f}" if pace else "-",
        span(standing.now - job.submitted_at),
        f"{job.show} {job.priority.value}".strip(),
        job.drawings,
    )


def _show_json(standings: Sequence[Standing], rejected_count: int) -> None:
    from douga_producer.status import Status, as_json  # noqa: PLC0415
    from douga_producer.terminal import say  # noqa: PLC0415

    jobs = [as_json(Status(standing, ())) for standing in standings]
    for job in jobs:
        # Counted in `failed`; which and why is for `douga status`.
        del job["reasons"], job["dead_letters"]
    say(json.dumps({"jobs": jobs, "rejected_messages": rejected_count}, indent=1))


def _show_rejected(messages: Sequence[RejectedMessage], *, is_json: bool) -> None:
    from datetime import UTC, datetime  # noqa: PLC0415

    from douga_producer.terminal import folded, say, width  # noqa: PLC0415
    from douga_shared.progress import one_line  # noqa: PLC0415

    if is_json:
        fields = [{"why": m.why, "text": m.text, "rejected_at": m.rejected_at} for m in messages]
        say(json.dumps(fields, indent=1))
        return
    if not messages:
        say("No message was rejected.")
    for message in messages:
        moment = datetime.fromtimestamp(message.rejected_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        for line in folded(f"{moment}  {one_line(message.why)}", width(), "    "):
            say(line)
        say(f"    {one_line(message.text)[: width() - 4]}")
