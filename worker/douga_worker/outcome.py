"""What becomes of a message when a worker has done with it what it can."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What becomes of a message."""

    SETTLED = "settled"
    """Nothing of it is left to do: ack."""
    REJECTED = "rejected"
    """Nobody can work on it; it is kept among the rejected messages: ack."""
    HANDED_BACK = "handed_back"
    """The worker stops; somebody else does the rest: requeue."""
