"""What is observed of frames as they are settled."""

from __future__ import annotations

import json
import logging
import time
from typing import Any, cast

import msgspec
import pytest
from tests.jobs import JOB

from douga_shared import metrics
from douga_shared.errors import FrameRejected, Reason
from douga_shared.job_store import MemoryJobStore
from douga_shared.jobs import JobFrame
from douga_shared.logs import JsonFormatter
from douga_shared.manifest import FrameRecord, FrameState, OutputRecord, Quality
from douga_shared.messages import chunk_of
from douga_shared.object_store import MemoryStore
from douga_shared.recipe import Output
from douga_worker.patience import Patience
from douga_worker.settlement import Place, Settlement
from douga_worker.steps.check_quality import check_quality

FRAME = JobFrame(0, "A0001.png", "etag", 100)
GOOD = Quality(
    scan_ink_share=0.1,
    line_ink_share=0.05,
    uncovered_share=0.2,
    invented_share=0.01,
    speck_count=0,
    grey_share=0.02,
    pencil_width_px=3.0,
)
RECORD = FrameRecord(
    scan="A0001.png",
    stem="A0001",
    state=FrameState.DONE,
    seconds={"fetch": 0.1, "network": 0.5},
    outputs={Output.SVG: (OutputRecord(object_key="A0001.svg", sha256="0" * 64, size_bytes=5_000),)},
    quality=GOOD,
)


def _value(name: str, **labels: str) -> float:
    return metrics.WORKER.get_sample_value(name, labels) or 0.0


@pytest.fixture
def settlement() -> Settlement:
    """The settlement of a chunk that was sent a minute ago."""
    chunk = chunk_of(JOB, [FRAME], sent_at=time.time() - 60)
    place = Place(chunk, MemoryStore(), MemoryStore())
    return Settlement(place, MemoryJobStore(), cast("Any", None), Patience(1))


def test_a_done_frame_is_observed_once(settlement: Settlement) -> None:
    """Its steps, its age and its files; one that somebody else has done says nothing of this worker."""
    series = [
        ("douga_frames_total", {"outcome": "done"}),
        ("douga_stage_seconds_count", {"stage": "network"}),
        ("douga_frame_age_seconds_count", {}),
        ("douga_output_bytes_count", {"output": "svg"}),
        ("douga_quality_share_count", {"measure": "fog"}),
    ]
    before = [_value(name, **labels) for name, labels in series]
    age = _value("douga_frame_age_seconds_sum")
    settlement.done(FRAME, RECORD)
    settlement.done(FRAME)
    assert [value + 1 for value in before] == [_value(name, **labels) for name, labels in series]
    assert 60 <= _value("douga_frame_age_seconds_sum") - age < 120


def test_flags_are_counted_by_check_and_by_frame(settlement: Settlement) -> None:
    """A frame with two flags is one that a person should look at."""
    before = [_value("douga_qc_flags_total", check=check) for check in ("fog", "specks", "blank")]
    frames = _value("douga_flagged_frames_total")
    flagged = msgspec.structs.replace(GOOD, flags=("fog", "specks"))
    settlement.done(FRAME, msgspec.structs.replace(RECORD, quality=flagged))
    settlement.done(FRAME, RECORD)
    after = [_value("douga_qc_flags_total", check=check) for check in ("fog", "specks", "blank")]
    assert [1, 1, 0] == [new - old for new, old in zip(after, before, strict=True)]
    assert frames + 1 == _value("douga_flagged_frames_total")


def test_the_log_says_which_frame_failed(settlement: Settlement, caplog: pytest.LogCaptureFixture) -> None:
    """As a field that a collector can search for."""
    settlement.fail(FRAME, FrameRejected(Reason.DAMAGED, "A0001.png: it ends early"), 1)
    (record,) = (record for record in caplog.records if record.levelno == logging.WARNING)
    assert "A0001.png" == json.loads(JsonFormatter().format(record))["frame"]


def test_the_table_names_every_flag_that_is_raised() -> None:
    """They are a label: a check that is added is added there."""
    assert check_quality.__doc__ is not None
    for check in metrics.CHECKS:
        assert f"``{check}``" in check_quality.__doc__
    assert check_quality.__doc__.count("``") // 2 == len(metrics.CHECKS) + 1
