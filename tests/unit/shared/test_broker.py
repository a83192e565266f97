"""Queues, their order, and how the Celery application is set."""

from __future__ import annotations

import pytest

from douga_shared.broker import QUARANTINE, declare, is_show, make_app, queue_name, served_queues
from douga_shared.errors import ConfigurationError
from douga_shared.jobs import Priority
from douga_shared.settings import Settings, read_settings


def test_priorities_come_before_shows_and_quarantine_last() -> None:
    """A retake of any show goes before the archive of every show."""
    assert (
        "cpu",
        "gpu.high",
        "gpu.bebop.high",
        "gpu.normal",
        "gpu.bebop.normal",
        "gpu.low",
        "gpu.bebop.low",
        QUARANTINE,
    ) == served_queues(["gpu", "cpu", "gpu.bebop"])


def test_a_worker_without_gpu_work_serves_accounts_alone() -> None:
    """No chunk and no quarantine on a machine that only writes reports."""
    assert ("cpu",) == served_queues(["cpu"])


@pytest.mark.parametrize("name", ["gup", "cpu.bebop", "gpu.", "gpu.Be Bop", "gpu.high", "gpu.quarantine", ""])
def test_a_queue_that_cannot_be_is_refused(name: str) -> None:
    """A typo must not become a queue that nobody sends to."""
    with pytest.raises(ConfigurationError, match="--queues"):
        served_queues([name])


def test_a_jobs_queue_is_one_that_its_workers_serve() -> None:
    """Whatever show and priority a producer chooses."""
    for show in ("", "bebop"):
        served = served_queues(["gpu" + f".{show}" * bool(show)])
        assert {queue_name(show, priority) for priority in Priority} <= set(served)


def test_a_show_has_a_plain_name() -> None:
    """It becomes part of a queue's name."""
    assert [True, True, False, False, False, False] == [
        is_show(name) for name in ("bebop", "cut-12", "Bebop", "be bop", "high", "x" * 33)
    ]


def test_only_json_is_read() -> None:
    """A pickle from the queue would be somebody else's code."""
    app = make_app(Settings())
    assert ["json"] == app.conf.accept_content
    assert app.conf.task_acks_late


@pytest.mark.parametrize(
    ("environment", "transport"),
    [
        ({}, "douga_shared.transport:Transport"),
        (
            {"DOUGA_BROKER_URL": "sentinel://a:26379;sentinel://b:26379"},
            "douga_shared.transport:SentinelTransport",
        ),
        ({"DOUGA_BROKER_URL": "amqp://a"}, None),
        ({"DOUGA_TRANSPORT": "stock"}, None),
    ],
)
def test_redis_gets_the_safe_transport_unless_told_otherwise(
    environment: dict[str, str], transport: str | None
) -> None:
    """RabbitMQ needs none, and stock Redis is a choice."""
    assert transport == make_app(read_settings(environment)).conf.broker_transport


def test_without_renewal_a_lease_outlasts_the_slowest_chunk() -> None:
    """The stock transport would hand out a chunk that is still being worked on."""
    app = make_app(read_settings({"DOUGA_TRANSPORT": "stock", "DOUGA_LEASE_SECONDS": "30"}))
    assert 600 == app.conf.broker_transport_options["visibility_timeout"]


def test_queues_are_declared_in_the_order_they_are_served() -> None:
    """The transport serves them in this order."""
    app = make_app(Settings())
    names = served_queues(["gpu", "cpu"])
    declare(app, names)
    assert list(names) == [queue.name for queue in app.conf.task_queues]
