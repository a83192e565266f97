"""What travels on the queue is small, and a stranger's message fills nobody's memory."""

from __future__ import annotations

import zlib

import pytest

from douga_shared.jobs import Job, JobFrame
from douga_shared.messages import MOST_BYTES, chunk_of, decode_chunk, encode_chunk, inflate
from douga_shared.recipe import LineWeight, Output, Recipe


def _job(recipe: Recipe) -> Job:
    return Job(
        job_id="cut012-0123456789",
        source="s3://studio/cut012/",
        scans="s3://studio/cut012/",
        drawings="s3://studio/clean/",
        recipe=recipe,
        outputs=(Output.PNG,),
        submitted_at=1.0,
    )


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(network_sha256="ab"),
        Recipe(
            network_sha256="", network="mine", strength=0.7, line_weight=LineWeight.NORMALISED, palette=()
        ),
        Recipe(network_sha256="ab", line_weight=3.0, close_gaps_px=0.0, drop_specks_px=2.0),
    ],
)
def test_a_message_brings_the_whole_recipe(recipe: Recipe) -> None:
    """What is left out is what the recipe has by default."""
    chunk = chunk_of(_job(recipe), [JobFrame(0, "A1.png", "e", 1)], sent_at=2.0)
    assert chunk == decode_chunk(encode_chunk(chunk))


def test_a_usual_recipe_is_not_sent_in_full() -> None:
    """Only what names the network and the release."""
    chunk = chunk_of(_job(Recipe(network_sha256="ab")), [JobFrame(0, "A1.png", "e", 1)], sent_at=2.0)
    assert {"network", "network_sha256", "version"} == set(encode_chunk(chunk)["recipe"])


def test_what_was_deflated_is_inflated() -> None:
    """To the byte."""
    body = b"drawings " * 1_000
    assert body == inflate(zlib.compress(body))


@pytest.mark.parametrize(
    "body",
    [b"", b"no such thing", zlib.compress(b"cut short" * 100)[:-8], zlib.compress(bytes(MOST_BYTES + 1))],
)
def test_a_body_that_is_no_message_is_refused(body: bytes) -> None:
    """Nothing, nonsense, half of it, or far too much."""
    with pytest.raises(ValueError, match="compressed body"):
        inflate(body)
