"""Single-machine entry: the farm's pipeline over a folder; no broker, no bucket, no configuration."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from douga_shared import __version__, object_keys
from douga_shared.discover import Discovery, Frame, discover
from douga_shared.done_markers import is_finished, read_done_marker
from douga_shared.errors import ConfigurationError, ExitCode, InputMissing
from douga_shared.frames import FrameRange
from douga_shared.manifest import FrameRecord, FrameState, Manifest
from douga_shared.object_store import FolderStore
from douga_shared.palette import ANIMATION, Palette
from douga_shared.progress import Progress
from douga_shared.recipe import LineWeight, Output, Precision, Recipe, Vector, file_suffixes
from douga_worker.isolated import PROCESS_MEGABYTES
from douga_worker.pipeline import Instructions, Order, failed
from douga_worker.report.neighbours import flag_odd_frames
from douga_worker.report.page import render_report
from douga_worker.steps.read_scan import MAX_MEGAPIXELS
from douga_worker.wiring import find_sha256, open_pipeline

LOCK = ".douga/lock"
MANIFEST_SECONDS = 10.0
"""How often the manifest is brought up to date while frames are worked on."""


@dataclass(frozen=True, slots=True)
class CleanOptions:
    """What somebody asked ``douga clean`` for."""

    frames: FrameRange | None = None
    outputs: tuple[Output, ...] = (Output.PNG, Output.SVG)
    network: str = "fast"
    strength: float = 0.5
    vector: Vector = Vector.STROKES
    line_weight: LineWeight | float = LineWeight.KEEP
    palette: Palette = ANIMATION
    close_gaps_px: float | None = None
    drop_specks_px: float | None = None
    device: str = "auto"
    precision: Precision = Precision.AUTO
    has_report: bool = True
    is_forced: bool = False
    max_megapixels: float = 400.0
    process_count: int | None = None


@dataclass(frozen=True, slots=True)
class CleanResult:
    """What became of the job."""

    manifest: Manifest
    already_done_count: int
    exit_code: ExitCode
    report: Path | None


def clean_folder(source: Path, destination: Path, options: CleanOptions, progress: Progress) -> CleanResult:
    """Clean every scan of a folder, or one scan; frames already done under this recipe are left alone.

    Whatever ends it, the manifest in ``destination`` tells the truth: outputs are written whole, a
    frame is marked done after its outputs, and the manifest is the sum of those marks.

    Args:
        source: a folder of scans, or one scan.
        destination: where drawings, manifest and report go; made if missing.
        options: what to make.
        progress: told of every frame.

    Raises:
        ConfigurationError: options that contradict each other or this machine.
        InputMissing: no scan to work on.
    """
    scans, prefix = _open_source(source)
    suffixes = file_suffixes(options.outputs, options.vector, options.palette)
    discovery = discover(scans, prefix, options.frames, suffixes)
    _check_apart(source if not prefix else source.parent, destination)
    recipe = _recipe(options)
    drawings = FolderStore(destination, create=True)
    with _only_writer(destination):
        # What a killed run left half written; nobody else is writing now.
        drawings.sweep(older_than_seconds=0)
        job = _Job(str(source), recipe, discovery, drawings, has_report=options.has_report)
        _do(job, scans, options, progress)
    return job.result()


def _recipe(options: CleanOptions) -> Recipe:
    return Recipe(
        network=options.network,
        network_sha256=find_sha256(options.network),
        strength=options.strength,
        vector=options.vector,
        line_weight=options.line_weight,
        palette=options.palette,
        close_gaps_px=options.close_gaps_px,
        drop_specks_px=options.drop_specks_px,
        precision=options.precision,
    )


def _do(job: _Job, scans: FolderStore, options: CleanOptions, progress: Progress) -> None:
    waiting = job.take_over(scans, options)
    progress.began(len(job.records), job.already_done_count)
    for record in job.records.values():
        if record.state is FrameState.FAILED:
            progress.settled(record)
    with job.kept_true():
        if waiting:
            _work(job, waiting, scans, options, progress)


def _work(
    job: _Job, waiting: list[Frame], scans: FolderStore, options: CleanOptions, progress: Progress
) -> None:
    instructions = Instructions(job.recipe, options.outputs, options.has_report, options.max_megapixels)
    with (
        open_pipeline(
            device=options.device,
            recipe=job.recipe,
            process_count=options.process_count,
            # Who allows larger scans than usual allows them their memory.
            memory_megabytes=PROCESS_MEGABYTES if options.max_megapixels <= MAX_MEGAPIXELS else None,
        ) as pipeline,
        closing(
            pipeline.run(Order(frame, scans, job.drawings, instructions) for frame in waiting)
        ) as records,
    ):
        for record in records:
            job.settle(record)
            progress.settled(record)


class _Job:
    """The records of every frame, and the manifest and report made from them."""

    def __init__(
        self, source: str, recipe: Recipe, discovery: Discovery, drawings: FolderStore, *, has_report: bool
    ) -> None:
        self.recipe = recipe
        self.drawings = drawings
        self._source = source
        self._left_out = discovery.left_out
        self._has_report = has_report
        self.already_done_count = 0
        self._written = 0.0
        self._order = sorted(
            [*discovery.frames, *(frame for frame, _ in discovery.rejected)], key=lambda frame: frame.frame_id
        )
        self.records = {frame.scan: _waiting(frame, recipe) for frame in self._order}
        for frame, rejection in discovery.rejected:
            self.records[frame.scan] = failed(self.records[frame.scan], rejection)

    def take_over(self, scans: FolderStore, options: CleanOptions) -> list[Frame]:
        """Adopt what earlier runs finished; returns the frames that are left to do."""
        left = []
        for frame in self._order:
            if self.records[frame.scan].state is FrameState.FAILED:
                continue
            record = None if options.is_forced else read_done_marker(self.drawings, frame.stem)
            if record and is_finished(
                record,
                frame,
                scans=scans,
                drawings=self.drawings,
                fingerprint=self.recipe.fingerprint,
                outputs=options.outputs,
                needs_pictures=options.has_report,
            ):
                self.records[frame.scan] = record
                self.already_done_count += 1
            else:
                left.append(frame)
        return left

    def settle(self, record: FrameRecord) -> None:
        """Take the record of a frame that came out of the pipeline."""
        self.records[record.scan] = record
        if record.state is FrameState.FAILED:
            # An older drawing of a scan that is broken now must not pass for its drawing.
            self.drawings.delete(object_keys.done_marker(record.stem))
        if time.monotonic() - self._written > MANIFEST_SECONDS:
            self._write_manifest()

    @contextmanager
    def kept_true(self) -> Iterator[None]:
        """Write manifest and report whatever happens in between."""
        self._write_manifest()
        try:
            yield
        finally:
            self._adopt_marked()
            self._write_manifest()
            if self._has_report:
                self.drawings.write(object_keys.REPORT_PAGE, render_report(self.manifest))

    def _adopt_marked(self) -> None:
        """Take in frames that were marked done after the last one that came out: the run was stopped."""
        for frame in self._order:
            if self.records[frame.scan].state is FrameState.WAITING:
                marked = read_done_marker(self.drawings, frame.stem)
                now = (self.recipe.fingerprint, frame.info.etag)
                if marked and (marked.recipe_fingerprint, marked.scan_etag) == now:
                    self.records[frame.scan] = marked

    @property
    def manifest(self) -> Manifest:
        """Where every frame stands now."""
        records = flag_odd_frames([self.records[frame.scan] for frame in self._order])
        return Manifest(
            douga=__version__,
            source=self._source,
            recipe=self.recipe,
            recipe_fingerprint=self.recipe.fingerprint,
            is_complete=all(record.state is not FrameState.WAITING for record in records),
            frames=records,
            left_out=self._left_out,
        )

    def result(self) -> CleanResult:
        """Sum up."""
        manifest = self.manifest
        has_failures = manifest.count(FrameState.FAILED) > 0
        report = Path(str(self.drawings)) / object_keys.REPORT_PAGE if self._has_report else None
        code = ExitCode.SOME_FRAMES_FAILED if has_failures else ExitCode.OK
        return CleanResult(manifest, self.already_done_count, code, report)

    def _write_manifest(self) -> None:
        text = msgspec.json.format(msgspec.json.encode(self.manifest), indent=1)
        self.drawings.write(object_keys.MANIFEST, text)
        self._written = time.monotonic()


def _waiting(frame: Frame, recipe: Recipe) -> FrameRecord:
    return FrameRecord(
        scan=frame.scan, stem=frame.stem, state=FrameState.WAITING, recipe_fingerprint=recipe.fingerprint
    )


def _open_source(source: Path) -> tuple[FolderStore, str]:
    """A folder and no prefix, or a file's folder and its name."""
    if source.is_file():
        return FolderStore(source.parent), source.name
    if not source.exists():
        raise InputMissing(f"'{source}' does not exist; give a folder of scans, or one scan")
    return FolderStore(source), ""


@contextmanager
def _only_writer(destination: Path) -> Iterator[None]:
    """Keep a second run out of the same destination; the lock dies with its process, even by SIGKILL."""
    path = destination / LOCK
    try:
        path.parent.mkdir(exist_ok=True)
        opened = path.open("w")
    except OSError as error:
        raise ConfigurationError(
            f"the folder '{destination}' cannot be written ({error.strerror}); "
            "change its permissions or give another folder"
        ) from error
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"another 'douga clean' is writing to '{destination}'; wait for it, or give another folder"
            ) from None
        yield


def _check_apart(source: Path, destination: Path) -> None:
    try:
        is_same = source.resolve() == destination.resolve()
    except FileNotFoundError:
        raise ConfigurationError(
            "the current folder is gone; change to another, or give full paths"
        ) from None
    if is_same:
        raise ConfigurationError(
            f"'{destination}' holds the scans, which the drawings could overwrite; give another folder"
        )
