"""What a studio's machine installs: the `douga` command and the client of the farm.

Pipeline code orders drawings with ``douga_producer.submit(...)``.

Light on purpose: no torch, no OpenCV, not even indirectly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from douga_producer.submission import Submission, submit

__all__ = ["Submission", "submit"]


def __getattr__(name: str) -> Any:
    """Load the client when it is asked for: `douga --help` must not wait for it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from douga_producer import submission  # noqa: PLC0415

    return getattr(submission, name)
