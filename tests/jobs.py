"""Jobs and dead letters to test with."""

from __future__ import annotations

from typing import Any

import msgspec

from douga_shared.errors import Reason
from douga_shared.job_store import DeadLetter
from douga_shared.jobs import Job
from douga_shared.recipe import Output, Recipe

JOB = Job(
    job_id="cut012-scan-3f9a2c7e1b",
    source="s3://studio/cut012/scan/",
    scans="s3://studio/cut012/scan/",
    drawings="s3://studio/cut012/clean/",
    recipe=Recipe(network_sha256="0" * 64),
    outputs=(Output.PNG, Output.SVG),
    submitted_at=1_700_000_000.0,
)


def job(**changes: Any) -> Job:
    """The job of these tests, with some of it changed."""
    return msgspec.structs.replace(JOB, **changes)


def dead_letter(index: int, message: str = "it ends early; scan it again") -> DeadLetter:
    """What is kept of a damaged frame."""
    return DeadLetter(index=index, scan=f"A{index:04d}.tga", reason=Reason.DAMAGED, message=message)
