"""Whether a worker lives, and whether it is ready."""

from __future__ import annotations

import pytest

from douga_shared.errors import QueueUnreachable
from douga_worker.health import STILL_SECONDS, Beat, Health


class Worker:
    """What a worker's health is made of."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self.is_moving = True
        self.is_ending = False
        self.is_queue_there = True
        self.loop = Beat(lambda: self.seconds)
        self.health = Health(
            beats={"main loop": self.loop},
            is_moving=lambda: self.is_moving,
            questions={"queue": self.ask},
            is_ending=lambda: self.is_ending,
        )

    def ask(self) -> None:
        if not self.is_queue_there:
            raise QueueUnreachable("no queue")


@pytest.fixture
def worker() -> Worker:
    """A worker that has loaded its network."""
    worker = Worker()
    worker.health.warmed_up()
    return worker


def test_a_worker_that_is_all_right_lives_and_is_ready(worker: Worker) -> None:
    """Nothing is wrong."""
    assert {} == worker.health.live_faults()
    assert {} == worker.health.ready_faults()


def test_a_worker_without_its_queue_lives_but_is_not_ready(worker: Worker) -> None:
    """To start it again would not bring the queue back."""
    worker.is_queue_there = False
    assert {} == worker.health.live_faults()
    assert {"queue": "no queue"} == worker.health.ready_faults()


def test_a_worker_that_loads_its_network_lives_but_is_not_ready() -> None:
    """Loading takes seconds, and minutes on a cold disk."""
    worker = Worker()
    assert {} == worker.health.live_faults()
    assert {"network": "is being loaded"} == worker.health.ready_faults()


def test_a_main_loop_that_stands_still_is_dead(worker: Worker) -> None:
    """But one that has not begun is only starting."""
    worker.seconds += 10 * STILL_SECONDS
    assert {} == worker.health.live_faults()
    worker.loop()
    worker.seconds += STILL_SECONDS + 1
    assert {"main loop": "has not turned for 91 s"} == worker.health.live_faults()
    worker.loop()
    assert {} == worker.health.live_faults()


def test_a_network_that_stands_still_is_dead(worker: Worker) -> None:
    """And what is dead is not ready."""
    worker.is_moving = False
    assert {"network"} == worker.health.live_faults().keys()
    assert {"network"} == worker.health.ready_faults().keys()


def test_a_worker_that_is_told_to_stop_is_not_ready(worker: Worker) -> None:
    """It lives until its last frame is done, though its main loop turns no more."""
    worker.loop()
    worker.seconds += 10 * STILL_SECONDS
    worker.is_ending = True
    assert {} == worker.health.live_faults()
    assert {"worker": "told to stop"} == worker.health.ready_faults()
