"""Where every object of a job lives below its destination, and back (pure)."""

from __future__ import annotations

from pathlib import PurePosixPath

from douga_shared.recipe import Output

MANIFEST = "douga.json"
REPORT_PAGE = "report/index.html"
REPORT_IMAGES = "report/frames/"
DONE_MARKERS = ".douga/done/"
"""Hidden from a browsing artist; the machine's memory of what is finished."""


def stem_of(scan: str) -> str:
    """Name of the drawings of a scan: ``sub/A0001.tga`` gives ``sub/A0001``."""
    path = PurePosixPath(scan)
    return str(path.with_suffix("")) if path.suffix else str(path)


def drawing(stem: str, output: Output) -> str:
    """Object key of one drawing of a frame."""
    return stem + output.file_suffix


def done_marker(stem: str) -> str:
    """Object key of the record that says this frame is finished."""
    return f"{DONE_MARKERS}{stem}.json"


def report_image(stem: str, role: str, suffix: str) -> str:
    """Object key of a picture that the report shows; role is ``scan``, ``lines`` or ``thumb``."""
    return f"{REPORT_IMAGES}{stem}.{role}.{suffix}"
