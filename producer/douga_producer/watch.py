"""Sends scans as they arrive: a hot folder of this machine, or a prefix that a scanner writes to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator

from douga_producer.client import Farm
from douga_producer.orders import Wishes
from douga_producer.sources import Found, Source
from douga_producer.submission import Submission, Submitter
from douga_shared.discover import Survey
from douga_shared.errors import InputMissing, QueueUnreachable, StoreUnreachable
from douga_shared.jobs import JobState

EVERY_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 60.0

_log = logging.getLogger(__name__)


class Arrivals:
    """The scans of a source that are whole, and new or changed since they were sent."""

    def __init__(self, source: Source, *, is_whole_at_once: bool) -> None:
        """Look at a source.

        Args:
            source: what to look at.
            is_whole_at_once: what is seen is whole, as in a bucket. A file counts as arrived when it was
                the same at two looks: scanners and copies write slowly.
        """
        self._source = source
        self._is_whole_at_once = is_whole_at_once
        self._seen: dict[str, str] = {}
        self._arrived: dict[str, str] = {}
        self._sent: dict[str, str] = {}

    def look(self, survey: Survey) -> bool:
        """See what is there; tell whether something of it has arrived and was not sent.

        Raises what the source raises.
        """
        now = {found.scan: found.etag for page in self._source.pages(survey) for found in page}
        before = now if self._is_whole_at_once else self._seen
        self._seen = now
        self._arrived = {scan: etag for scan, etag in now.items() if etag and before.get(scan) == etag}
        return any(self._sent.get(scan) != etag for scan, etag in self._arrived.items())

    def pages(self, survey: Survey) -> Generator[list[Found]]:
        """See ``Source``: what had arrived at the last look, is still the same and was not sent."""
        for page in self._source.pages(survey):
            yield [found for found in page if self._is_due(found)]

    def confirm(self) -> None:
        """Say that all of that is sent."""
        self._sent |= self._arrived

    def _is_due(self, found: Found) -> bool:
        return self._arrived.get(found.scan) == found.etag != self._sent.get(found.scan)


def watch(
    farm: Farm,
    source: str,
    destination: str,
    wishes: Wishes,
    *,
    stopping: threading.Event,
    every_seconds: float = EVERY_SECONDS,
    on_sent: Callable[[Submission], None] = lambda _: None,
) -> None:
    """Send what arrives in a source, into one growing job, until told to stop or the job is cancelled.

    Outlasts stores and brokers that do not answer, and a folder whose disk is away.

    Args:
        farm: where to.
        source: ``s3://``, ``file://`` or a folder of this machine.
        destination: as in ``submit``.
        wishes: what is to be made.
        stopping: set from outside to end it.
        every_seconds: how often to look.
        on_sent: told of every submission that sent something.

    Raises:
        ConfigurationError: an option or a setting cannot be used.
        InputMissing: the source is not there at the start.
    """
    found: list[Arrivals] = []

    def arriving(inner: Source, is_bucket: bool) -> Source:
        found.append(Arrivals(inner, is_whole_at_once=is_bucket))
        return found[0]

    submitter = Submitter(farm, source, destination, wishes, filtered=arriving)
    watcher = _Watcher(farm, submitter, found[0], every_seconds, on_sent)
    while watcher.goes_on and not stopping.is_set():
        stopping.wait(watcher.look())


class _Watcher:
    """One source and its job."""

    def __init__(
        self,
        farm: Farm,
        submitter: Submitter,
        arrivals: Arrivals,
        every_seconds: float,
        on_sent: Callable[[Submission], None],
    ) -> None:
        self._farm = farm
        self._submitter = submitter
        self._arrivals = arrivals
        self._every_seconds = every_seconds
        self._on_sent = on_sent
        self._outage_seconds = 0.0
        self._has_sent = False
        self.goes_on = True

    def look(self) -> float:
        """Look once and send what arrived; returns the seconds to wait until the next look."""
        try:
            self._send()
        except (StoreUnreachable, QueueUnreachable, InputMissing) as fault:
            self._outage_seconds = min(
                _LONGEST_PAUSE_SECONDS, max(self._every_seconds, 2 * self._outage_seconds)
            )
            _log.warning("%s; trying again in %.0f s", fault, self._outage_seconds)
            return self._outage_seconds
        if self._outage_seconds:
            _log.warning("everything answers again")
            self._outage_seconds = 0.0
        return self._every_seconds

    def _send(self) -> None:
        order = self._submitter.order
        if not self._arrivals.look(Survey(order.wishes.frames, order.job.suffixes)):
            return
        if self._has_sent and self._is_stopped(order.job.job_id):
            self.goes_on = False
            return
        submission = self._submitter.run(may_be_empty=True)
        self._arrivals.confirm()
        self._has_sent = True
        self._on_sent(submission)

    def _is_stopped(self, job_id: str) -> bool:
        state = self._farm.jobs.state_of(job_id)
        if state in {JobState.CANCELLED, JobState.SUPERSEDED}:
            _log.warning("job %s is %s: nothing more is sent; start again to go on", job_id, state)
            return True
        return False
