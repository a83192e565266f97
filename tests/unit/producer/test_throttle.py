"""How a producer holds back while the queue is deep."""

from __future__ import annotations

from douga_producer.throttle import CHECK_SECONDS, Throttle


class Queue:
    """A queue of chunks of ten frames, and a clock that goes while somebody sleeps."""

    def __init__(self, chunks: int) -> None:
        self.chunks = chunks
        self.seconds = 0.0
        self.looks = 0
        self.told: list[int] = []
        self.throttle = Throttle(
            self.look, chunk_frames=10, most_frames=100, clock=lambda: self.seconds, sleep=self.sleep
        )

    def look(self) -> int:
        self.looks += 1
        return self.chunks

    def sleep(self, seconds: float) -> None:
        """A worker takes two chunks meanwhile."""
        self.seconds += seconds
        self.chunks = max(0, self.chunks - 2)

    def wait(self, frame_count: int) -> None:
        self.throttle.wait(frame_count, self.told.append)


def test_frames_pass_while_there_is_room() -> None:
    """Nobody is told of a wait that is none."""
    queue = Queue(chunks=5)
    queue.wait(50)
    assert ([], 0.0) == (queue.told, queue.seconds)


def test_frames_wait_until_there_is_room() -> None:
    """Told at every look how many are queued."""
    queue = Queue(chunks=9)
    queue.wait(50)
    assert ([90, 70], 2 * CHECK_SECONDS) == (queue.told, queue.seconds)


def test_what_was_sent_since_the_last_look_counts() -> None:
    """Without a look at the queue for every page."""
    queue = Queue(chunks=0)
    for _ in range(5):
        queue.wait(20)
    assert (1, []) == (queue.looks, queue.told)
    queue.wait(20)
    assert [100] == queue.told


def test_the_queue_is_looked_at_twice_a_second() -> None:
    """However many pages come."""
    queue = Queue(chunks=0)
    for _ in range(100):
        queue.wait(1)
        queue.seconds += 0.01
    assert queue.looks <= 3


def test_more_than_the_limit_passes_an_empty_queue() -> None:
    """Or a small limit would stop everything for ever."""
    queue = Queue(chunks=3)
    queue.wait(1_000)
    assert [30, 10] == queue.told
