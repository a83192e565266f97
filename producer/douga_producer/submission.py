"""Send scans to the farm: the client of pipeline code, and of ``douga submit``.

::

    from douga_producer import submit

    job = submit("s3://studio/cut012/scan/", "s3://studio/cut012/clean/", frames="1-200", strength=0.6)
    print(job.job_id, job.sent)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from douga_producer.client import Farm, open_farm
from douga_producer.feed import FeedProgress, JobFeed
from douga_producer.only_producer import only_producer
from douga_producer.orders import Filter, Wishes, plan
from douga_shared.cli_options import read_line_weight
from douga_shared.discover import Survey
from douga_shared.errors import ConfigurationError, QueueUnreachable, StoreUnreachable
from douga_shared.frames import FrameRange
from douga_shared.jobs import Priority
from douga_shared.manifest import LeftOut
from douga_shared.palette import ANIMATION, Palette, PaletteInk, read_palette
from douga_shared.recipe import LineWeight, Output, Precision, Vector
from douga_shared.tracing import span

OnProgress = Callable[[FeedProgress], None]


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What became of an order."""

    job_id: str
    drawings: str
    """URL of the destination that workers write to."""
    local_destination: Path | None
    """The folder of this machine that was named instead; ``douga fetch`` fills it."""
    total: int
    """Frames of the job."""
    is_new: bool
    """Nobody had submitted this order before."""
    progress: FeedProgress
    left_out: tuple[LeftOut, ...]
    """Files of the source that are no frames of the job."""
    superseded: tuple[str, ...]
    """Jobs that this one stopped, because they drew to the same destination by another recipe."""

    @property
    def sent(self) -> int:
        """Frames put on the queue by this call; 0 when everything was done or on its way."""
        return self.progress.sent


def submit(  # noqa: PLR0913 - one parameter an option
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    *,
    frames: FrameRange | str | None = None,
    outputs: Sequence[Output | str] = (Output.PNG, Output.SVG),
    strength: float = 0.5,
    vector: Vector | str = Vector.STROKES,
    line_weight: LineWeight | float | str = LineWeight.KEEP,
    palette: Sequence[PaletteInk] | str | os.PathLike[str] = ANIMATION,
    close_gaps_px: float | None = None,
    drop_specks_px: float | None = None,
    network: str = "fast",
    precision: Precision | str = Precision.AUTO,
    priority: Priority | str = Priority.NORMAL,
    show: str = "",
    has_report: bool = True,
    max_megapixels: float = 400.0,
    base: str = "",
    on_progress: OnProgress | None = None,
    farm: Farm | None = None,
) -> Submission:
    """Send every scan of a source to the farm. The same order is the same job: repeating it is free and safe.

    Returns when everything is on the queue, which for a huge source is long after the first drawings are
    done: it waits while the queue is deep.

    Args:
        source: ``s3://bucket/prefix/``; ``file:///folder/`` that all workers see; a folder or a scan of this
            machine, uploaded to ``DOUGA_STAGING`` by content; or a list of scans, see ``scan_lists``.
        destination: ``s3://``, ``file://``, or a folder of this machine, for which drawings go to
            ``DOUGA_STAGING`` until they are fetched. ``{recipe}`` in it becomes the recipe's fingerprint.
        frames: the drawings to take, such as ``"1-100x2,12a"``; None for all.
        outputs: what to write for each frame.
        strength: how much is simplified away, 0..1.
        vector: whether the SVG holds strokes, outlines, or there is a file of each.
        line_weight: ``keep``, ``variable``, ``normalised`` or a width in pixels of the scan.
        palette: coloured pencils told apart; a built-in palette's name, or a TOML file.
        close_gaps_px: ends of lines this near each other are joined; None decides by the drawing.
        drop_specks_px: specks up to this long are left out; None decides by the drawing.
        network: a shipped network's name.
        precision: number format of the network.
        priority: who goes first.
        show: whose queue the job waits in; empty for the common one.
        has_report: make the report and its pictures.
        max_megapixels: scans with more pixels are rejected.
        base: the place that the names of a list lie below.
        on_progress: told how far it is, from this thread.
        farm: an open farm; None opens the one that the environment names, and closes it.

    Raises:
        ConfigurationError: an option or a setting cannot be used; nothing was sent.
        InputMissing: the source is missing or holds no scan.
        QueueUnreachable, StoreUnreachable: something does not answer; the same call goes on from there.
    """
    wishes = Wishes(
        frames=FrameRange.parse(frames) if isinstance(frames, str) else frames,
        outputs=_chosen(Output, "outputs", outputs),
        strength=strength,
        vector=_chosen(Vector, "vector", [vector])[0],
        line_weight=read_line_weight(line_weight) if isinstance(line_weight, str) else line_weight,
        palette=_palette(palette),
        close_gaps_px=close_gaps_px,
        drop_specks_px=drop_specks_px,
        network=network,
        precision=_chosen(Precision, "precision", [precision])[0],
        priority=_chosen(Priority, "priority", [priority])[0],
        show=show,
        has_report=has_report,
        max_megapixels=max_megapixels,
        base=base,
    )
    with nullcontext(farm) if farm else open_farm() as opened:
        return Submitter(opened, os.fspath(source), os.fspath(destination), wishes, on_progress).run()


class Submitter:
    """Sends one order, once or, for ``douga watch``, again and again."""

    def __init__(
        self,
        farm: Farm,
        source: str,
        destination: str,
        wishes: Wishes,
        on_progress: OnProgress | None = None,
        **filters: Filter,
    ) -> None:
        """Work out the order; nothing is written or sent yet. See ``plan``, also for what is raised."""
        self._farm = farm
        self._on_progress = on_progress or (lambda _: None)
        self._feed: JobFeed | None = None
        self.order = plan(source, destination, wishes, farm, on_scan=self._count_upload, **filters)

    def run(self, *, may_be_empty: bool = False) -> Submission:
        """Send what is not done or on its way; safe to repeat, also in another process at the same time.

        Args:
            may_be_empty: a source without scans is no fault.

        Raises:
            InputMissing: the source is missing or holds no scan.
            ConfigurationError: the destination cannot be written.
            QueueUnreachable, StoreUnreachable: something does not answer; the message says how far it came.
        """
        order, job_id = self.order, self.order.job.job_id
        feed = self._feed = JobFeed(self._farm, order.job, self._on_progress)
        try:
            submitting = span("submit", {"douga.job": job_id})
            with submitting, only_producer(self._farm.jobs, job_id, feed.say) as hold:
                feed.on_beat = hold.renew
                left_out = self._send(feed, may_be_empty=may_be_empty)
        except (QueueUnreachable, StoreUnreachable) as fault:
            raise type(fault)(f"{fault}. {_how_far(feed.progress)}") from fault
        finally:
            self._feed = None
        return Submission(
            job_id=job_id,
            drawings=order.job.drawings,
            local_destination=order.local_destination,
            total=feed.total,
            is_new=feed.is_new,
            progress=feed.progress,
            left_out=left_out,
            superseded=feed.superseded,
        )

    def _send(self, feed: JobFeed, *, may_be_empty: bool) -> tuple[LeftOut, ...]:
        feed.load()
        survey = Survey(self.order.wishes.frames, self.order.job.suffixes)
        feed.claim_known(survey)
        with closing(self.order.source.pages(survey)) as pages:
            for page in pages:
                feed.take(page)
        if not may_be_empty:
            survey.check(f"'{self.order.job.source}'")
        feed.end(survey.left_out)
        return survey.left_out

    def _count_upload(self, size_bytes: int) -> None:
        if self._feed:
            self._feed.count_upload(size_bytes)


def _how_far(progress: FeedProgress) -> str:
    return f"{progress.sent:,} frames were sent; run the same command again to go on from there"


_Choice = TypeVar("_Choice", bound=StrEnum)


def _palette(palette: Sequence[PaletteInk] | str | os.PathLike[str]) -> Palette:
    return read_palette(os.fspath(palette)) if isinstance(palette, str | os.PathLike) else tuple(palette)


def _chosen(kind: type[_Choice], option: str, words: Sequence[str]) -> tuple[_Choice, ...]:
    """Read words of a fixed set, each once."""
    known = [word.value for word in kind]
    for word in words:
        if word not in known:
            raise ConfigurationError(f"{option}: {str(word)!r} is none of {', '.join(known)}")
    if not words:
        raise ConfigurationError(f"{option}: nothing is named; give some of {', '.join(known)}")
    return tuple(dict.fromkeys(kind(word) for word in words))
