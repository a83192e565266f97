"""`douga submit`: send scans to the farm."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from douga_producer.commands.order_options import Ended, endable, order_options, say_aside, wishes_of
from douga_shared.errors import ExitCode
from douga_shared.progress import ProgressKind

if TYPE_CHECKING:
    from douga_producer.client import Farm
    from douga_producer.feed import FeedProgress
    from douga_producer.submission import Submission

_SAY_SECONDS = 2.0


@click.command("submit")
@click.argument("source", metavar="SRC")
@click.argument("destination", metavar="DST")
@order_options
@click.option(
    "--base", default="", metavar="URL|DIR", help="Where the scans lie that a list names without a place."
)
@click.option("--wait", is_flag=True, help="Follow the job until it is over; fetch it where DST is local.")
@click.option(
    "--progress",
    type=click.Choice([kind.value for kind in ProgressKind]),
    help="With --wait. Default: a bar on a terminal, plain lines elsewhere.",
)
def command(
    source: str, destination: str, base: str, wait: bool, progress: str | None, **options: Any
) -> int:
    """Send every scan in SRC to the farm, whose workers write the drawings to DST.

    SRC is s3://bucket/folder/, file:///folder/ that all workers see, a folder or a scan of this machine
    (uploaded to DOUGA_STAGING, nothing twice), or a list of scans (.txt, .json, or - for standard input).
    DST is s3://, file:// or a folder of this machine, filled by --wait or 'douga fetch'. {recipe} in it
    becomes the recipe's fingerprint. The last line on standard output is the job's id.

    The same order again is the same job: only what is new, changed or was cut off is sent.

    Exit codes: 0 sent (with --wait: all good), 2 usage, 3 some frames failed (with --wait), 4 no scans to
    read, 5 the queue or a store does not answer, 130 and 143 interrupted.
    """
    from douga_producer.client import open_farm  # noqa: PLC0415 - loads the clients of queue and stores
    from douga_producer.submission import Submitter  # noqa: PLC0415

    wishes = wishes_of(options, base)
    ticker = _Ticker()
    with open_farm() as farm:
        try:
            with endable():
                submission = Submitter(farm, source, destination, wishes, ticker.tell).run()
        except Ended as end:
            say_aside(f"Interrupted: {ticker.sent:,} frames were sent; run the same command again to go on.")
            return end.code
        _sum_up(submission)
        code = _follow(farm, submission, progress) if wait else ExitCode.OK
    click.echo(submission.job_id)
    return code


class _Ticker:
    """Tells now and then how far sending is."""

    def __init__(self) -> None:
        self.sent = 0
        self._note = ""
        self._told_at = time.monotonic()

    def tell(self, progress: FeedProgress) -> None:
        """Say it, unless it was said just now."""
        self.sent = progress.sent
        is_news = progress.note != self._note and not progress.note.startswith("waiting: ")
        if not is_news and time.monotonic() - self._told_at < _SAY_SECONDS:
            return
        self._note = progress.note
        self._told_at = time.monotonic()
        parts = [f"{progress.listed:,} scans listed", f"{progress.sent:,} sent"]
        if progress.uploaded:
            parts.append(f"{progress.uploaded:,} uploaded ({progress.uploaded_bytes / 1e6:,.0f} MB)")
        if progress.note:
            parts.append(progress.note)
        say_aside("; ".join(parts))


def _sum_up(submission: Submission) -> None:
    """Say what became of the order, on standard error: standard output is for scripts."""
    progress = submission.progress
    counts = {
        "sent": progress.sent,
        "on their way or settled before": progress.known,
        "done before": progress.done_before,
        "rejected": progress.rejected,
    }
    told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    say_aside(f"{submission.total:,} frames: {told or 'nothing to do'}.")
    if progress.uploaded:
        say_aside(f"{progress.uploaded:,} scans uploaded, {progress.uploaded_bytes / 1e6:,.1f} MB.")
    for entry in submission.left_out:
        say_aside(f"left out: {entry.name}: {entry.why}")
    if progress.rejected:
        say_aside(f"'douga status {submission.job_id}' tells which frames were rejected, and why.")
    for job_id in submission.superseded:
        say_aside(f"Job {job_id} is stopped: it drew to the same place by another recipe.")
    say_aside(f"Drawings: {submission.local_destination or submission.drawings}")
    if submission.local_destination:
        say_aside(f"They come by 'douga fetch {submission.job_id} {submission.local_destination}'.")


def _follow(farm: Farm, submission: Submission, progress: str | None) -> ExitCode:
    from douga_producer.fetch import fetch_job  # noqa: PLC0415
    from douga_producer.follow import follow  # noqa: PLC0415
    from douga_shared.progress import open_progress  # noqa: PLC0415

    with open_progress(ProgressKind(progress) if progress else None) as shown:
        code = follow(farm, submission.job_id, shown)
    if submission.local_destination is None or code not in {ExitCode.OK, ExitCode.SOME_FRAMES_FAILED}:
        return code
    store = farm.open_store(submission.drawings)
    with open_progress(ProgressKind(progress) if progress else None) as shown:
        fetched = fetch_job(store, submission.job_id, submission.local_destination, shown)
    for fault in fetched.faults:
        say_aside(fault)
    return ExitCode.SOME_FRAMES_FAILED if fetched.faults else code
