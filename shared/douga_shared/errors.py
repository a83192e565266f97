"""Every error Douga raises on purpose; its class decides what happens next.

::

    DougaError
    ├── ConfigurationError      stop at the start: the command cannot be meant like this   exit 2
    ├── InputMissing            stop: there is nothing (readable) to work on               exit 4
    ├── StoreUnreachable        try again later: a passing fault of the store              exit 5
    ├── QueueUnreachable        try again later: a passing fault of the queue or job store exit 5
    ├── MessageRejected         a message on the queue is none of ours: to the dead letters
    └── FrameRejected           this frame only: recorded with its reason, the rest go on  exit 3

A message names the frame (or the option) and the remedy.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class ExitCode(IntEnum):
    """What the command tells a render farm; 137 and 256+ are left alone, farms give them meanings."""

    OK = 0
    """Every frame is done, now or before."""
    INTERNAL = 1
    """A fault of Douga's own; please report it."""
    USAGE = 2
    """The command line cannot be understood or contradicts itself."""
    SOME_FRAMES_FAILED = 3
    """The run went through, but some frames were rejected; the last lines name them."""
    INPUT_MISSING = 4
    """The source is missing, unreadable or holds no scan."""
    UNREACHABLE = 5
    """The store or the queue does not answer; trying again may help."""
    OUT_OF_MEMORY = 33
    """Memory ran out; OpenCue reads this code as 'try again with more memory'."""
    INTERRUPTED = 130
    """Ctrl-C."""
    TERMINATED = 143
    """SIGTERM."""


class Reason(StrEnum):
    """Why a frame was rejected: a bounded set, fit for a metric's label."""

    EMPTY = "empty"
    """The file has no bytes, or the image no pixels."""
    NOT_AN_IMAGE = "not_an_image"
    """The bytes are of no image format that Douga reads."""
    DAMAGED = "damaged"
    """An image of a known format that cannot be decoded to its end."""
    TOO_LARGE = "too_large"
    """More pixels than the limit."""
    MULTI_PAGE = "multi_page"
    """Several pages or animation frames in one file."""
    UNREADABLE = "unreadable"
    """The store refuses to hand out the object (permissions, a folder of that name)."""
    VANISHED = "vanished"
    """The scan was listed but is gone."""
    NAME_COLLISION = "name_collision"
    """Another scan would give a drawing of the same name."""
    CRASHED = "crashed"
    """A process working on this frame died or hung, more than once."""
    OUT_OF_MEMORY = "out_of_memory"
    """Memory ran out on this frame, even alone."""
    WRITE_FAILED = "write_failed"
    """The drawing could not be written (disk full, permissions)."""
    STORE_UNREACHABLE = "store_unreachable"
    """The store answers, but not for this frame, however often it was asked."""
    UNKNOWN_NETWORK = "unknown_network"
    """The worker does not have the network that the recipe names, or has another of that name."""
    INTERNAL = "internal"
    """A fault of Douga's own on this frame; please report it."""
    KILLED_WORKERS = "killed_workers"
    """Workers died whenever they worked on this frame, in the end on it alone."""


class DougaError(Exception):
    """Base of all errors that Douga raises on purpose."""

    exit_code: ExitCode = ExitCode.INTERNAL


class ConfigurationError(DougaError):
    """An option, a recipe or a weights file cannot be used; nothing was started."""

    exit_code = ExitCode.USAGE


class InputMissing(DougaError):
    """The source of the job is missing, unreadable or empty."""

    exit_code = ExitCode.INPUT_MISSING


class StoreUnreachable(DougaError):
    """The store did not answer; the same call may go through later."""

    exit_code = ExitCode.UNREACHABLE


class QueueUnreachable(DougaError):
    """The queue or the job store did not answer; the same call may go through later."""

    exit_code = ExitCode.UNREACHABLE


class MessageRejected(DougaError):
    """A message cannot be worked on, whoever tries: malformed, forged, or of another version of Douga."""


class FrameRejected(DougaError):
    """One frame cannot be cleaned; its neighbours go on.

    ``reason`` is the bounded label, the message says to a person what is wrong and what to do.
    """

    exit_code = ExitCode.SOME_FRAMES_FAILED

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return self.message
