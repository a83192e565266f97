"""What somebody sees who starts a farm on one machine: an order, its progress, and where everything is."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import click
from tools.farm.servers import BUCKET
from tools.farm.stack import Stack

from douga_producer.client import Farm, open_farm
from douga_producer.fetch import fetch_job
from douga_producer.follow import follow
from douga_producer.submission import submit
from douga_shared.errors import ExitCode
from douga_shared.progress import Progress, open_progress


def tour(stack: Stack, scans: Path) -> None:
    """Order drawings of a folder, follow the job, fetch the drawings, and tell where to look."""
    destination = f"s3://{BUCKET}/{scans.name}/clean/"
    local = stack.folder / "drawings" / scans.name
    click.echo(f"Ordering drawings of {stack.told(scans)}:  douga submit {stack.told(scans)} {destination}")
    with open_farm() as farm:
        submission = submit(scans, destination, farm=farm)
        if not submission.sent:
            click.echo("Nothing to send: all of it was ordered before.")
        is_over = _follow(stack, farm, submission.job_id)
        if is_over:
            fetch_job(farm.open_store(destination), submission.job_id, local, Progress())
    click.echo(_where_to_look(stack, submission.job_id, destination, local if is_over else None))


def _follow(stack: Stack, farm: Farm, job_id: str) -> bool:
    """Show how the job gets on; False if that was ended, or the queue stayed away."""

    def sleep(seconds: float) -> None:
        stack.look()
        time.sleep(seconds)

    with open_progress(None) as shown:
        code = follow(farm, job_id, shown, poll_seconds=0.5, sleep=sleep)
    if code is ExitCode.TERMINATED:  # heard there, and meant for the whole farm
        signal.raise_signal(signal.SIGTERM)
    return code in {ExitCode.OK, ExitCode.SOME_FRAMES_FAILED}


def _where_to_look(stack: Stack, job_id: str, destination: str, local: Path | None) -> str:
    ports = stack.ports
    workers = [f"http://127.0.0.1:{port}/metrics" for port in ports.workers]
    rows = [("drawings", destination)]
    if local is not None:
        rows += [("  copied to", stack.told(local)), ("report", str(local / "report" / "index.html"))]
    if stack.has_prometheus:
        rows.append(("Prometheus", f"http://127.0.0.1:{ports.prometheus}/targets, /alerts"))
    rows.append(("workers", ", ".join(workers)))
    rows.append(("whole farm", f"http://127.0.0.1:{ports.exporter}/metrics"))
    rows.append(("logs", f"{stack.told(stack.folder)}/*.log"))
    table = "\n".join(f"  {what:<12}{where}" for what, where in rows)
    return f"""
The farm runs. Where to look:

{table}

In another shell, to order more, to watch it and to bring it here:

    . {stack.told(stack.settings_file)}
    .venv/bin/douga submit FOLDER s3://{BUCKET}/NAME/clean/
    .venv/bin/douga status JOB --watch
    .venv/bin/douga fetch JOB out/NAME

Here JOB is {job_id}, or what 'submit' says; its beginning is enough. Ctrl-C stops the farm."""
