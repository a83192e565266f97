"""What is finished: one small object per frame, written after its drawings, read before its work."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

import msgspec

from douga_shared import object_keys
from douga_shared.discover import Frame
from douga_shared.errors import FrameRejected
from douga_shared.manifest import FrameRecord, FrameState, OutputRecord
from douga_shared.object_store.protocol import ObjectStore
from douga_shared.recipe import Output


def write_done_marker(store: ObjectStore, record: FrameRecord) -> None:
    """Say that the frame is finished; only after every output of it is written."""
    store.write(object_keys.done_marker(record.stem), msgspec.json.encode(record))


def read_done_marker(store: ObjectStore, stem: str, *, is_expected: bool = False) -> FrameRecord | None:
    """Return the record of a finished frame, or None; a marker nobody can read is no marker.

    Args:
        store: the frame's destination.
        stem: of the frame.
        is_expected: mostly there is a marker: one request instead of two. Where mostly there is none, to
            look first is the cheaper one.

    Raises:
        StoreUnreachable: the store does not answer.
    """
    try:
        if not is_expected and store.stat(object_keys.done_marker(stem)) is None:
            return None
        return msgspec.json.decode(store.read(object_keys.done_marker(stem)), type=FrameRecord)
    except (FrameRejected, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def is_finished(
    record: FrameRecord,
    frame: Frame,
    *,
    scans: ObjectStore,
    drawings: ObjectStore,
    fingerprint: str,
    outputs: Collection[Output],
    needs_pictures: bool,
) -> bool:
    """Tell whether a marker still holds for this scan, this recipe and these outputs.

    Cheap where nothing changed: the scan is read again only if its etag differs. What cannot be looked
    at is not finished; doing it again will give the reason.

    Raises:
        StoreUnreachable: a store does not answer.
    """
    if record.state is not FrameState.DONE or record.recipe_fingerprint != fingerprint:
        return False
    # Another file of this stem: its drawings would be the same, but the record names the old one.
    if record.scan != frame.scan:
        return False
    if not set(outputs) <= set(record.outputs) or (needs_pictures and not record.has_pictures):
        return False
    try:
        return all(_is_stored(drawings, output) for output in record.files) and _is_same_scan(
            scans, frame, record
        )
    except FrameRejected:
        return False


def _is_stored(drawings: ObjectStore, output: OutputRecord) -> bool:
    stored = drawings.stat(output.object_key)
    return stored is not None and stored.size_bytes == output.size_bytes


def _is_same_scan(scans: ObjectStore, frame: Frame, record: FrameRecord) -> bool:
    # A file that cannot be looked at has no etag; two of those are not the same.
    if frame.info.etag and record.scan_etag == frame.info.etag:
        return True
    return hashlib.sha256(scans.read(frame.info.object_key)).hexdigest() == record.scan_sha256
