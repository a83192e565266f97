"""What travels on the queue: versioned JSON with ids, object keys and the recipe; never pixels.

A message is read as if a stranger had written it. Whatever is wrong with one is said in a
``MessageRejected``; the worker puts that into the dead letters and goes on.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from douga_shared.errors import DougaError, MessageRejected
from douga_shared.jobs import Job, JobFrame, seal_of
from douga_shared.object_keys import fault_of
from douga_shared.recipe import Output, Recipe

MESSAGE_VERSION = 2
MOST_FRAMES = 256
"""More in one message is no message of ours."""
MOST_BYTES = 1_000_000
"""Of a message, inflated: more than so many frames with the longest names have in practice."""
_LONGEST_NAME = 1_024
"""What a bucket takes for a key."""


class Chunk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some frames of one job, in order: the unit that a worker claims and acks."""

    version: int = MESSAGE_VERSION
    job_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")]
    scans: Annotated[str, msgspec.Meta(max_length=_LONGEST_NAME)]
    drawings: Annotated[str, msgspec.Meta(max_length=_LONGEST_NAME)]
    recipe: Recipe
    outputs: Annotated[tuple[Output, ...], msgspec.Meta(min_length=1, max_length=len(Output))]
    has_pictures: bool
    max_megapixels: Annotated[float, msgspec.Meta(gt=0)]
    seal: str
    """``Job.seal``: a message that changes what its job ordered is forged. Both the fields above, which it is
    taken over, and the job's record must agree with it."""
    frames: Annotated[tuple[JobFrame, ...], msgspec.Meta(min_length=1, max_length=MOST_FRAMES)]
    sent_at: float = 0.0
    """Seconds since 1970, by the sender's clock."""
    is_quarantined: bool = False
    """These frames were in the works when workers died; each is to be tried by itself."""

    def __post_init__(self) -> None:
        for frame in self.frames:
            _check_frame(frame)


_USUAL_RECIPE: dict[str, Any] = msgspec.to_builtins(Recipe(network_sha256=""))
_ALWAYS_SAID = frozenset({"network", "network_sha256", "version"})

# Two threads that meet a type for the first time at once crash msgspec 0.22: it is met here, in one.
msgspec.json.Decoder(Chunk)


def chunk_of(job: Job, frames: Sequence[JobFrame], *, sent_at: float, is_quarantined: bool = False) -> Chunk:
    """Return the message for some frames of a job."""
    return Chunk(
        job_id=job.job_id,
        scans=job.scans,
        drawings=job.drawings,
        recipe=job.recipe,
        outputs=job.outputs,
        has_pictures=job.has_pictures,
        max_megapixels=job.max_megapixels,
        seal=job.seal,
        frames=tuple(frames),
        sent_at=sent_at,
        is_quarantined=is_quarantined,
    )


def encode_chunk(chunk: Chunk) -> dict[str, Any]:
    """Return the chunk as plain JSON types, for Celery to send.

    What a recipe has by default is left out: thousands of messages wait in the queue server's memory. A
    worker with other defaults would find that the seal does not fit.
    """
    encoded: dict[str, Any] = msgspec.to_builtins(chunk)
    encoded["recipe"] = {
        name: value
        for name, value in encoded["recipe"].items()
        if name in _ALWAYS_SAID or value != _USUAL_RECIPE[name]
    }
    return encoded


def decode_chunk(message: object) -> Chunk:
    """Read a message that came from the queue.

    Raises:
        MessageRejected: it is none of ours; says what is wrong with it.
    """
    version = message.get("version") if isinstance(message, dict) else None
    if isinstance(version, int) and version != MESSAGE_VERSION:
        raise MessageRejected(
            f"a message of version {version}, this worker reads version {MESSAGE_VERSION}; "
            "bring workers and producers to the same release, then 'douga resume' the job"
        )
    try:
        chunk = msgspec.convert(message, Chunk)
    except (msgspec.ValidationError, DougaError) as fault:
        raise MessageRejected(f"a malformed message: {fault}") from fault
    if chunk.seal != _seal_of(chunk):
        raise MessageRejected(f"a forged message: its seal is not over what it asks of job {chunk.job_id}")
    return chunk


def inflate(body: bytes) -> bytes:
    """Undo ``zlib.compress``, but not for a message that would fill the memory of whoever reads it.

    Raises:
        ValueError: it is larger than ``MOST_BYTES``, cut short, or nothing of the kind.
    """
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(body, MOST_BYTES)
    except zlib.error as fault:
        raise ValueError(f"a compressed body that cannot be read: {fault}") from fault
    if not inflater.eof:
        raise ValueError(f"a compressed body that is cut short, or of more than {MOST_BYTES:,} bytes")
    return inflated


def _seal_of(chunk: Chunk) -> str:
    return seal_of(
        job_id=chunk.job_id,
        scans=chunk.scans,
        drawings=chunk.drawings,
        recipe=chunk.recipe,
        outputs=chunk.outputs,
        has_pictures=chunk.has_pictures,
        max_megapixels=chunk.max_megapixels,
    )


def _check_frame(frame: JobFrame) -> None:
    if frame.index < 0:
        raise ValueError(f"frame index {frame.index} is negative")
    for object_key in {frame.scan, frame.scan_key}:
        if len(object_key) > _LONGEST_NAME:
            raise ValueError(f"an object key of {len(object_key)} letters")
        if fault := fault_of(object_key):
            raise ValueError(f"{object_key!r} cannot name an object: {fault}")
