"""From what a user types to an order: which scans, by which recipe, to what place."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from douga_producer.client import Farm
from douga_producer.scan_lists import STDIN, SUFFIXES, read_scan_list
from douga_producer.sources import FolderSource, ListSource, SingleSource, Source
from douga_producer.upload import UploadedSource
from douga_shared.broker import is_show
from douga_shared.errors import ConfigurationError, InputMissing
from douga_shared.frames import FrameRange
from douga_shared.jobs import Job, Priority, new_job_id
from douga_shared.object_keys import SCAN_SUFFIXES, file_suffix_of
from douga_shared.object_store.locate import StoreUrl, parse_stores
from douga_shared.object_store.protocol import ObjectStore
from douga_shared.palette import ANIMATION, Palette
from douga_shared.recipe import LineWeight, Output, Precision, Recipe, Vector
from douga_shared.shipped_networks import shipped_sha256

Filter = Callable[[Source, bool], Source]
DRAWINGS_FOLDER = "drawings/"
_LABEL_LETTERS = 24


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What is to be made of the scans; the defaults are those of the command line."""

    frames: FrameRange | None = None
    """The drawings to take, or None for all."""
    outputs: tuple[Output, ...] = (Output.PNG, Output.SVG)
    strength: float = 0.5
    vector: Vector = Vector.STROKES
    line_weight: LineWeight | float = LineWeight.KEEP
    palette: Palette = ANIMATION
    close_gaps_px: float | None = None
    drop_specks_px: float | None = None
    network: str = "fast"
    precision: Precision = Precision.AUTO
    priority: Priority = Priority.NORMAL
    show: str = ""
    has_report: bool = True
    max_megapixels: float = 400.0
    base: str = ""
    """The place that the names of a list lie below."""


@dataclass(frozen=True)
class Order:
    """A job and where its scans come from."""

    job: Job
    source: Source
    wishes: Wishes
    local_destination: Path | None = None
    """The folder of this machine that the drawings are for; until fetched they lie in ``job.drawings``."""


@dataclass(frozen=True)
class _Scans:
    """Where the scans are."""

    named: str
    """As the order's id knows them, and people."""
    store_url: str
    """What workers read."""
    source: Source
    selection: str = ""
    """What of them, for the order's id."""
    place: StoreUrl | None = field(default=None)
    """Where they lie for all to see, None on this machine."""


def plan(
    source: str,
    destination: str,
    wishes: Wishes,
    farm: Farm,
    *,
    on_scan: Callable[[int], None] = lambda _: None,
    filtered: Filter = lambda source, _: source,
) -> Order:
    """Work out what was ordered; nothing is written or sent yet.

    Args:
        source: as the user named it.
        destination: as the user named it.
        wishes: what is to be made.
        farm: where.
        on_scan: told of each scan of this machine how many bytes were uploaded, when its turn comes.
        filtered: may put something between the scans and their upload; told whether they lie in a bucket.

    Raises:
        ConfigurationError: an option cannot be used, or a setting is missing.
        InputMissing: the source is not there.
        StoreUnreachable: the store does not answer.
    """
    if wishes.show and not is_show(wishes.show):
        raise ConfigurationError(
            f"--show {wishes.show!r}: give small letters, digits and dashes, 32 at most, such as 'bebop'"
        )
    recipe = Recipe(
        network=wishes.network,
        network_sha256=shipped_sha256(wishes.network),
        strength=wishes.strength,
        vector=wishes.vector,
        line_weight=wishes.line_weight,
        palette=wishes.palette,
        close_gaps_px=wishes.close_gaps_px,
        drop_specks_px=wishes.drop_specks_px,
        precision=wishes.precision,
    )
    scans = _Finder(wishes, farm, on_scan, filtered).find(source)
    drawings, folder = _destination(destination.replace("{recipe}", recipe.fingerprint), farm)
    _check_places(scans, drawings, farm)
    job = Job(
        job_id=new_job_id(
            scans.named,
            str(drawings),
            _selection(scans, wishes),
            recipe,
            wishes.outputs,
            has_pictures=wishes.has_report,
            max_megapixels=wishes.max_megapixels,
        ),
        source=scans.named,
        scans=scans.store_url,
        drawings=str(drawings),
        recipe=recipe,
        outputs=wishes.outputs,
        has_pictures=wishes.has_report,
        max_megapixels=wishes.max_megapixels,
        show=wishes.show,
        priority=wishes.priority,
        submitted_at=time.time(),
    )
    return Order(job, scans.source, wishes, folder)


@dataclass(frozen=True)
class _Finder:
    """Finds out what the user means by a source."""

    wishes: Wishes
    farm: Farm
    on_scan: Callable[[int], None]
    filtered: Filter

    def find(self, source: str) -> _Scans:
        if _is_list(source):
            return self._listed(source)
        if self.wishes.base:
            raise ConfigurationError("--base belongs to a list of scans; SRC is none")
        return self._shared(source) if "://" in source else self._local(source)

    def _shared(self, source: str) -> _Scans:
        url = StoreUrl.parse(source)
        store, name = _open_place(url, self.farm)
        place = StoreUrl(url.bucket, url.path.removesuffix(f"{name}/")) if name else url
        found = self.filtered(_source(store, name), bool(url.bucket))
        return _Scans(str(url), str(place), found, place=place)

    def _local(self, source: str) -> _Scans:
        path = Path(source).absolute()
        if not path.exists():
            raise InputMissing(
                f"'{source}' does not exist; give a folder of scans, one scan, or s3://bucket/folder/"
            )
        name = path.name if path.is_file() else ""
        if name and file_suffix_of(name) not in SCAN_SUFFIXES:
            raise InputMissing(f"'{source}' is neither a scan nor a list of scans by its name")
        local = self.farm.open_store(str(path.parent if name else path))
        # Names on a disk need not be Unicode; a record must.
        named = os.fsencode(path).decode("utf-8", "backslashreplace")
        return self._uploaded(named, _source(local, name), local)

    def _listed(self, path: str) -> _Scans:
        scans = read_scan_list(path, self.wishes.base)
        store = self.farm.open_store(str(scans.place))
        source = ListSource(store, scans.names)
        digest = hashlib.sha256(msgspec.json.encode(sorted(scans.names))).hexdigest()[:16]
        if scans.is_local:
            return self._uploaded(scans.place.path, source, store, f"list {digest}")
        return _Scans(str(scans.place), str(scans.place), source, f"list {digest}", scans.place)

    def _uploaded(self, named: str, source: Source, local: ObjectStore, selection: str = "") -> _Scans:
        why = f"the scans in '{named}' are uploaded to it; where all workers see them, name them by URL; "
        staging = _staging(self.farm, why)
        store = self.farm.open_store(str(staging), create=True)
        uploaded = UploadedSource(self.filtered(source, False), local, store, self.on_scan)
        return _Scans(named, str(staging), uploaded, selection)


def _is_list(source: str) -> bool:
    if source == STDIN:
        return True
    return "://" not in source and Path(source).suffix.lower() in SUFFIXES and not Path(source).is_dir()


def _open_place(url: StoreUrl, farm: Farm) -> tuple[ObjectStore, str]:
    """Open a folder, or the folder of a single scan; the scan's name is empty where a folder is meant."""
    text = url.path.removesuffix("/")
    name = text.rpartition("/")[2]
    if file_suffix_of(name) in SCAN_SUFFIXES:
        parent = farm.open_store(str(StoreUrl(url.bucket, text.removesuffix(name))))
        if parent.stat(name) is not None:
            return parent, name
    return farm.open_store(str(url)), ""


def _source(store: ObjectStore, name: str) -> Source:
    return SingleSource(store, name) if name else FolderSource(store)


def _destination(destination: str, farm: Farm) -> tuple[StoreUrl, Path | None]:
    if "://" in destination:
        return StoreUrl.parse(destination), None
    folder = Path(destination).absolute()
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"'{destination}' is a file; the drawings need a folder")
    staging = _staging(farm, f"drawings for '{destination}' lie there until they are fetched; ")
    # A folder of its own for each folder of each machine, whatever job draws to it: what is done is found.
    digest = hashlib.sha256(f"{platform.node()}:{folder}".encode(errors="surrogateescape")).hexdigest()[:10]
    label = re.sub(r"[^a-z0-9]+", "-", folder.name.lower())[-_LABEL_LETTERS:].strip("-")
    path = f"{staging.path}{DRAWINGS_FOLDER}{'-'.join(filter(None, (label, digest)))}/"
    return StoreUrl(staging.bucket, path), folder


def _staging(farm: Farm, why: str) -> StoreUrl:
    if not farm.settings.staging:
        raise ConfigurationError(
            f"DOUGA_STAGING is not set: {why}name a place as s3://bucket/folder/ or file:///folder/"
        )
    return StoreUrl.parse(farm.settings.staging)


def _check_places(scans: _Scans, drawings: StoreUrl, farm: Farm) -> None:
    if scans.place == drawings:
        raise ConfigurationError(
            f"'{drawings}' holds the scans, which the drawings could overwrite; give another destination"
        )
    allowed = parse_stores(farm.settings.stores)
    for place in (scans.store_url, str(drawings)):
        if allowed and not StoreUrl.parse(place).is_within(allowed):
            raise ConfigurationError(
                f"'{place}' lies outside DOUGA_STORES ({farm.settings.stores}), where workers refuse to work"
            )


def _selection(scans: _Scans, wishes: Wishes) -> str:
    frames = str(wishes.frames).replace(" ", "") if wishes.frames else ""
    return "; ".join(filter(None, (frames, scans.selection)))
