"""Where every object of a job lives below its destination, and back (pure)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from douga_shared.recipe import Output

MANIFEST = "douga.json"
REPORT_PAGE = "report/index.html"
REPORT_IMAGES = "report/frames/"
DONE_MARKERS = ".douga/done/"
"""Hidden from a browsing artist; the machine's memory of what is finished."""
JOBS = ".douga/jobs/"
"""What was ordered from the farm, and what of it failed."""
SCAN_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".tga", ".tpic", ".bmp", ".webp"})
"""A file whose name ends like this, in either case, is a scan."""


# A name is asked about several times in a row, and jobs have many names.
@lru_cache(maxsize=256)
def file_suffix_of(scan: str) -> str:
    """Suffix of a scan's file name in lower case, such as ``.tga``; empty where none follows the last dot.

    A dot at the start of the name hides the file and begins no suffix.
    """
    name = scan.rpartition("/")[2]
    head, dot, suffix = name.rpartition(".")
    return (dot + suffix).lower() if head and suffix else ""


@lru_cache(maxsize=256)
def stem_of(scan: str) -> str:
    """Name of the drawings of a scan: ``sub/A0001.tga`` gives ``sub/A0001``.

    Only the suffix of an image format is taken off, so that a name with dots stays whole:
    ``A.0001.tif`` and its stem ``A.0001`` both give ``A.0001``.
    """
    suffix = file_suffix_of(scan)
    return scan[: -len(suffix)] if suffix in SCAN_SUFFIXES else scan


def fault_of(object_key: str) -> str | None:
    """Say why this cannot be an object key of any store, or None where it can.

    A store checks every key with it before use: no key names anything outside the store's root.
    Spaces, quotes, line breaks, leading dashes and backslashes are all legal.
    """
    if not object_key:
        return "it is empty"
    if any(part in ("", ".", "..") for part in object_key.split("/")):
        return "a part of it is empty, '.' or '..'"
    if "\0" in object_key:
        return "it holds a NUL character"
    try:
        object_key.encode("utf-8")
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    return None


def drawing(stem: str, output: Output, layer: str = "") -> str:
    """Object key of one drawing of a frame, or of one layer of it."""
    return stem + output.file_suffix(layer)


def done_marker(stem: str) -> str:
    """Object key of the record that says this frame is finished."""
    return f"{DONE_MARKERS}{stem}.json"


def report_image(stem: str, role: str, suffix: str) -> str:
    """Object key of a picture that the report shows; role is ``scan``, ``lines``, ``thumb``, ``strokes``."""
    return f"{REPORT_IMAGES}{stem}.{role}.{suffix}"


def job_record(job_id: str) -> str:
    """Object key of what was ordered."""
    return f"{JOBS}{job_id}/job.json"


def job_manifest(job_id: str) -> str:
    """Object key of a job's own manifest; ``MANIFEST`` is that of the latest job."""
    return f"{JOBS}{job_id}/douga.json"


def job_left_out(job_id: str) -> str:
    """Object key of the files of the source that are no frames of the job."""
    return f"{JOBS}{job_id}/left-out.json"


def job_parts(job_id: str) -> str:
    """Prefix of the lists of a job's frames."""
    return f"{JOBS}{job_id}/frames/"


def job_part(job_id: str, part: int) -> str:
    """Object key of one list of frames; key order is the order of the parts."""
    return f"{job_parts(job_id)}{part:06d}.json"


def failed_markers(job_id: str) -> str:
    """Prefix of the records of a job's dead letters."""
    return f"{JOBS}{job_id}/failed/"


def failed_marker(job_id: str, index: int) -> str:
    """Object key of the record that says why a frame of this job failed."""
    return f"{failed_markers(job_id)}{index:08d}.json"
