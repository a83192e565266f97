"""What is said of things in a queue that are no messages."""

from __future__ import annotations

import json

import pytest

from douga_shared.broker import CLEAN_CHUNK
from douga_worker.rubbish import why_unreadable

PROPERTIES = {"delivery_tag": "1"}


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (b"\xff\x00", "it is no JSON"),
        ("", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ("[]", "it has no envelope of Celery's"),
        ('{"properties": 3}', "it has no envelope of Celery's"),
        (
            {"content-type": "application/x-yaml"},
            "its content is 'application/x-yaml'; only application/json is read",
        ),
        ({}, "its content is 'None'; only application/json is read"),
        ({"content-type": "application/json"}, "it asks for 'None', which is no task of this release"),
        (
            {"content-type": "application/json", "headers": {"task": "os.system"}},
            "it asks for 'os.system', which is no task of this release",
        ),
        (
            {"content-type": "application/json", "headers": {"task": CLEAN_CHUNK}},
            "its headers or its body cannot be read",
        ),
    ],
)
def test_what_is_wrong_is_named(item: bytes | str | dict[str, object], why: str) -> None:
    """From the outside in: text, envelope, content, task, the rest."""
    if isinstance(item, dict):
        item = json.dumps({"properties": PROPERTIES, **item})
    assert why == why_unreadable(item)
