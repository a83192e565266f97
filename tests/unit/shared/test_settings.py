"""Settings come from the environment, checked, or every fault is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from douga_shared.errors import ConfigurationError
from douga_shared.settings import Settings, TransportKind, read_settings

FARM_PAGE = Path(__file__).parents[3] / "docs" / "farm.md"


def test_an_empty_environment_gives_the_defaults() -> None:
    """Nothing has to be set to start."""
    assert Settings() == read_settings({})


def test_values_are_read_in_their_own_type() -> None:
    """Numbers, yes and no, and words of a list."""
    settings = read_settings(
        {
            "DOUGA_LEASE_SECONDS": "5",
            "DOUGA_CHUNK_FRAMES": "32",
            "DOUGA_S3_PATH_STYLE": "true",
            "DOUGA_TRANSPORT": "stock",
            "PATH": "/bin",
        }
    )
    assert (5.0, 32, True, TransportKind.STOCK) == (
        settings.lease_seconds,
        settings.chunk_frames,
        settings.s3_path_style,
        settings.transport,
    )


def test_an_empty_variable_is_no_setting() -> None:
    """Deployment templates leave variables empty for 'the default'."""
    assert Settings() == read_settings({"DOUGA_LEASE_SECONDS": ""})


def test_every_fault_is_named_at_once() -> None:
    """Whoever sets up a farm mends all of them in one go."""
    wrong = {
        "DOUGA_LEASE_SECONDS": "-5",
        "DOUGA_BROKER": "redis://",
        "DOUGA_FARM": "two words",
        "DOUGA_S3_PATH_STYLE": "x",
    }
    with pytest.raises(ConfigurationError) as fault:
        read_settings(wrong)
    for name in wrong:
        assert name in str(fault.value)


def test_jobs_are_remembered_in_the_broker_unless_told_otherwise() -> None:
    """One Redis is enough."""
    assert "redis://a/0" == read_settings({"DOUGA_BROKER_URL": "redis://a/0"}).job_store_url
    both = {"DOUGA_BROKER_URL": "amqp://a", "DOUGA_JOBS_URL": "redis://b/1"}
    assert "redis://b/1" == read_settings(both).job_store_url


def test_a_broker_that_is_no_redis_needs_one_for_the_jobs() -> None:
    """RabbitMQ remembers messages, not jobs."""
    with pytest.raises(ConfigurationError, match="DOUGA_JOBS_URL"):
        _ = read_settings({"DOUGA_BROKER_URL": "amqp://a"}).job_store_url


def test_every_setting_is_in_the_farm_page() -> None:
    """And the page names none that does not exist."""
    page = FARM_PAGE.read_text(encoding="utf-8")
    for name in Settings.__struct_fields__:
        assert f"`DOUGA_{name.upper()}`" in page
