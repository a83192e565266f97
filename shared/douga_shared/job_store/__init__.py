"""What is remembered of jobs while they run: one protocol, one file per kind of memory.

``RedisJobStore`` lies in ``job_store.redis`` and is not loaded from here, so that the client starts quickly.
"""

from douga_shared.job_store.memory import MemoryJobStore
from douga_shared.job_store.protocol import (
    SETTLED,
    Beginning,
    DeadLetter,
    JobStore,
    RejectedMessage,
    Standing,
)

__all__ = [
    "SETTLED",
    "Beginning",
    "DeadLetter",
    "JobStore",
    "MemoryJobStore",
    "RejectedMessage",
    "Standing",
]
