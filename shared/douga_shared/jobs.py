"""A job of the farm: what was ordered, frame by frame, as recorded in the store before anything is sent.

The record and the lists of frames lie below the destination, beside the done markers. Together they are
the truth: what remains of a job is its listed frames minus its done markers. Redis may be lost.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum

import msgspec

from douga_shared import object_keys
from douga_shared.errors import ConfigurationError, FrameRejected, InputMissing
from douga_shared.manifest import LeftOut
from douga_shared.object_store.protocol import ObjectStore
from douga_shared.recipe import Output, Recipe, file_suffixes

JOB_VERSION = 2
PART_FRAMES = 1_000
"""Frames in one listed part: a page of a bucket's listing."""
_LABEL_LETTERS = 24


class Priority(StrEnum):
    """Who goes first; strictly: nothing of a lower priority begins while a higher one waits."""

    HIGH = "high"
    """Tonight's retake."""
    NORMAL = "normal"
    LOW = "low"
    """The archive, when nobody else needs the farm."""


class JobState(StrEnum):
    """What the user wants with a job."""

    RUNNING = "running"
    PAUSED = "paused"
    """No frame begins; ``douga resume`` goes on."""
    CANCELLED = "cancelled"
    """No frame begins, frames in the works are dropped; what is done stays."""
    SUPERSEDED = "superseded"
    """Cancelled because a later job writes other drawings to the same destination."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One order: these scans, by this recipe, to that place."""

    version: int = JOB_VERSION
    job_id: str
    source: str
    """As the user named it; for people."""
    scans: str
    """URL of the store that the frames' object keys are relative to."""
    drawings: str
    """URL of the destination."""
    recipe: Recipe
    outputs: tuple[Output, ...]
    has_pictures: bool = True
    """Make the report's pictures too."""
    max_megapixels: float = 400.0
    show: str = ""
    """Name of the show whose queue the job waits in; empty for the common one."""
    priority: Priority = Priority.NORMAL
    submitted_at: float
    """Seconds since 1970."""

    @property
    def suffixes(self) -> frozenset[str]:
        """Whatever may follow a frame's stem in the names of its drawings."""
        return file_suffixes(self.outputs, self.recipe.vector, self.recipe.palette)

    @property
    def seal(self) -> str:
        """16 hexadecimal digits over all that a message of this job may not change."""
        return seal_of(
            job_id=self.job_id,
            scans=self.scans,
            drawings=self.drawings,
            recipe=self.recipe,
            outputs=self.outputs,
            has_pictures=self.has_pictures,
            max_megapixels=self.max_megapixels,
        )


class JobFrame(msgspec.Struct, frozen=True, array_like=True):
    """One frame of a job; an array in JSON, because there are so many."""

    index: int
    """Its place in the job, from 0; never given to another frame."""
    scan: str
    """Name of the scan, relative to the source; names the drawings too."""
    etag: str
    """Cheap identity of the scan's content when it was listed."""
    size_bytes: int
    object_key: str = ""
    """Where the scan lies, if not under its name: uploads are stored by content."""

    @property
    def stem(self) -> str:
        """Name of the drawings."""
        return object_keys.stem_of(self.scan)

    @property
    def scan_key(self) -> str:
        """Object key of the scan in the store of scans."""
        return self.object_key or self.scan


# Two threads that meet a type for the first time at once crash msgspec 0.22: it is met here, in one.
msgspec.json.Decoder(Job)
msgspec.json.Decoder(JobFrame)


def new_job_id(
    source: str,
    drawings: str,
    selection: str,
    recipe: Recipe,
    outputs: Sequence[Output],
    *,
    has_pictures: bool = True,
    max_megapixels: float = 400.0,
) -> str:
    """Return the id of this order: the same order has the same id, so that sending it twice is one job.

    Args:
        source: URL or absolute path of the scans.
        drawings: URL of the destination.
        selection: the frame range, or a digest of the list of scans; empty for all.
        recipe: how the drawings are made.
        outputs: which are made.
        has_pictures: the report's pictures are made too.
        max_megapixels: larger scans are refused.

    Returns:
        A word from the source for people and 10 hexadecimal digits, such as ``cut012-a-3f9a2c7e1b``.
    """
    ordered = (source, drawings, selection, recipe.fingerprint, sorted(outputs))
    digest = _digest((*ordered, has_pictures, float(max_megapixels)), 10)
    parts = [part for part in re.split(r"[/:]+", source) if part][-2:]
    label = re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower())[-_LABEL_LETTERS:].strip("-")
    return f"{label}-{digest}" if label else digest


def seal_of(
    *,
    job_id: str,
    scans: str,
    drawings: str,
    recipe: Recipe,
    outputs: Sequence[Output],
    has_pictures: bool,
    max_megapixels: float,
) -> str:
    """Return 16 hexadecimal digits over all that a job's messages have in common."""
    # 400 and 400.0 are written alike: a record that was read back must have the seal of the order.
    limit = float(max_megapixels)
    return _digest((job_id, scans, drawings, recipe.fingerprint, outputs, has_pictures, limit), 16)


def write_job(store: ObjectStore, job: Job) -> None:
    """Record the order below its destination."""
    store.write(object_keys.job_record(job.job_id), msgspec.json.encode(job))


def read_job(store: ObjectStore, job_id: str) -> Job:
    """Read the record of an order.

    Raises:
        InputMissing: there is none, nobody can read it, or another release of Douga wrote it.
        StoreUnreachable: the store does not answer.
    """
    object_key = object_keys.job_record(job_id)
    if store.stat(object_key) is None:
        raise InputMissing(f"'{store}' holds no job '{job_id}'; 'douga jobs' lists those that are known")
    try:
        record = store.read(object_key)
        _check_version(record, f"the record {object_key!r} in '{store}'")
        return msgspec.json.decode(record, type=Job)
    except (msgspec.MsgspecError, UnicodeDecodeError, ConfigurationError) as fault:
        raise InputMissing(f"the record {object_key!r} in '{store}' cannot be read: {fault}") from fault


def recorded_jobs(store: ObjectStore) -> tuple[str, ...]:
    """Return the ids of the jobs recorded below a destination."""
    folders = store.list_folder(object_keys.JOBS).folders
    return tuple(folder.removesuffix("/") for folder in folders)


def write_left_out(store: ObjectStore, job_id: str, left_out: Sequence[LeftOut]) -> None:
    """Record what of the source is no frame of the job, and why; for the manifest."""
    store.write(object_keys.job_left_out(job_id), msgspec.json.encode(left_out))


def read_left_out(store: ObjectStore, job_id: str) -> tuple[LeftOut, ...]:
    """Read what was left out; nothing where that was not recorded or cannot be read.

    Raises:
        StoreUnreachable: the store does not answer.
    """
    object_key = object_keys.job_left_out(job_id)
    try:
        if store.stat(object_key) is None:
            return ()
        return msgspec.json.decode(store.read(object_key), type=tuple[LeftOut, ...])
    except (FrameRejected, msgspec.MsgspecError, UnicodeDecodeError):
        return ()


def write_part(store: ObjectStore, job_id: str, part: int, frames: Sequence[JobFrame]) -> None:
    """Record part number ``part`` of a job's frames, before any of them is sent.

    A part of fewer than ``PART_FRAMES`` ends the list, so a list that comes out even ends with an empty one;
    frames that arrive later make further parts.
    """
    store.write(object_keys.job_part(job_id, part), msgspec.json.encode(frames))


def is_last_part(frames: Sequence[JobFrame]) -> bool:
    """Tell whether the list of frames ends with this part, as far as anybody knew when it was written."""
    return len(frames) < PART_FRAMES


def read_parts(store: ObjectStore, job_id: str) -> Iterator[tuple[JobFrame, ...]]:
    """Yield the recorded frames of a job, part by part, in order.

    Raises:
        InputMissing: a part cannot be read.
        StoreUnreachable: the store does not answer.
    """
    for info in store.list(object_keys.job_parts(job_id)):
        try:
            yield msgspec.json.decode(store.read(info.object_key), type=tuple[JobFrame, ...])
        except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
            why = f"the list {info.object_key!r} in '{store}' cannot be read: {fault}"
            raise InputMissing(why) from fault


class _Versioned(msgspec.Struct):
    version: int


def _check_version(record: bytes, what: str) -> None:
    """Raise where another release wrote it: its recipe means other pixels, if it can be read at all."""
    version = msgspec.json.decode(record, type=_Versioned).version
    if version != JOB_VERSION:
        raise InputMissing(
            f"{what} is of version {version}, this Douga reads version {JOB_VERSION}: use the release that "
            "submitted it, or submit the same order again"
        )


def _digest(value: object, digits: int) -> str:
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()[:digits]
