"""`douga report`: the page with every frame of a job, on this machine."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.argument("name", metavar="JOB")
@click.argument(
    "destination", metavar="[DST]", required=False, type=click.Path(path_type=Path, file_okay=False)
)
@click.option("--open", "is_opened", is_flag=True, help="Show it in the browser.")
def command(name: str, destination: Path | None, is_opened: bool) -> int:
    """Fetch the report of JOB into the folder DST (default: report-JOB) and print where it is.

    JOB is an id, the beginning of one, or the destination of a job (its latest job is meant; this works
    without the queue).

    Exit codes: 0, 2 usage, 4 no such job, or no report yet, 5 the queue or the store does not answer.
    """
    from douga_producer.client import open_farm  # noqa: PLC0415 - loads the clients of queue and stores
    from douga_producer.fetch import fetch_report_alone  # noqa: PLC0415
    from douga_producer.known_jobs import open_drawings  # noqa: PLC0415
    from douga_producer.terminal import say  # noqa: PLC0415

    with open_farm() as farm:
        job, drawings = open_drawings(farm, name)
        page = fetch_report_alone(drawings, destination or Path(f"report-{job.job_id}"))
    say(str(page))
    if is_opened:
        import webbrowser  # noqa: PLC0415 - seldom needed

        if not webbrowser.open(page.absolute().as_uri()):
            click.echo("no browser could be started; open the page yourself", err=True)
    return 0
