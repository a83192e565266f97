"""Cleans roughs whose clean version by an artist is known, and says how close the result comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from douga_shared.errors import ConfigurationError, DougaError, ExitCode, FrameRejected, InputMissing
from douga_worker.steps.read_scan import read_scan
from douga_worker.training.measure import Agreement, average, compare_drawings

Cleaner = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""(H, W) grey or (H, W, 3) RGB scan -> (H, W) line image, 0 = paper, 255 = full line."""

CLEANED_BY = "douga"
"""Name of the product's own rows."""
ASPECT_TOLERANCE = 0.01
"""Two exports of one drawing differ by rounding; a larger difference means another crop."""
VECTOR_SUFFIX = ".svg"
VECTOR_LONG_EDGE_PX = 1400
"""A rough drawn as vectors is rasterised like an A5 sheet at 170 dpi: lines of some 3 px."""
PICTURE_SUFFIXES = frozenset(
    {VECTOR_SUFFIX, ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".tga", ".bmp", ".webp"}
)

MOST_REFUSALS = 10
"""Named below the table; the JSON names all."""

COLUMNS: Mapping[str, tuple[str, str]] = {
    "f_2px": ("F 2 px", ".3f"),
    "f_4px": ("F 4 px", ".3f"),
    "chamfer_px": ("distance px", ".2f"),
    "line_ends": ("line ends", ".2f"),
    "junctions": ("junctions", ".2f"),
    "length": ("length", ".2f"),
    "ink_iou": ("ink IoU", ".3f"),
    "width": ("width", ".2f"),
}
"""What the table shows, in the order of the guide; precision and recall are in the JSON only."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A rough and the artist's clean version of it, as files."""

    name: str
    rough: Path
    clean: Path


class PairRefused(DougaError):
    """Rough and clean version cannot be read, or cannot be laid over each other."""

    exit_code = ExitCode.SOME_FRAMES_FAILED


class Refusal(msgspec.Struct, frozen=True):
    """A drawing that could not be compared."""

    name: str
    message: str
    """What is wrong and what to do."""


class Row(msgspec.Struct, frozen=True):
    """One drawing, cleaned in one way."""

    name: str
    cleaned_by: str
    agreement: Agreement


class Evaluation(msgspec.Struct, frozen=True):
    """All that ``douga evaluate`` found; ``msgspec.json.encode`` writes it."""

    rows: tuple[Row, ...]
    averages: dict[str, Agreement]
    """By way of cleaning; see ``measure.average`` for how."""
    refusals: tuple[Refusal, ...] = ()


def evaluate_folders(
    rough_folder: Path, clean_folder: Path, clean: Cleaner, *, baselines: Mapping[str, Cleaner] | None = None
) -> Evaluation:
    """Pair the drawings of two folders by name and evaluate them.

    Raises:
        InputMissing: a folder is missing, or not a single pair is found.
        ConfigurationError: an SVG needs the ``train`` extra.
    """
    pairs, alone = find_pairs(rough_folder, clean_folder)
    if not pairs:
        raise InputMissing(
            f"no drawing of {rough_folder} has a clean version of the same name in {clean_folder}: "
            "A0001.png belongs to A0001.png, A0001.tif or A0001.svg"
        )
    found = evaluate(pairs, clean, baselines=baselines)
    return msgspec.structs.replace(found, refusals=(*alone, *found.refusals))


def find_pairs(rough_folder: Path, clean_folder: Path) -> tuple[list[Pair], list[Refusal]]:
    """Pair the drawings of two folders by their name without its suffix.

    Returns:
        The pairs by name, and the drawings that are alone or have several partners.

    Raises:
        InputMissing: a folder is missing.
    """
    roughs, cleans = _by_stem(rough_folder), _by_stem(clean_folder)
    pairs, refusals = [], []
    for name in sorted(roughs.keys() | cleans.keys()):
        rough, clean = roughs.get(name, []), cleans.get(name, [])
        if len(rough) == 1 and len(clean) == 1:
            pairs.append(Pair(name, rough[0], clean[0]))
        else:
            refusals.append(Refusal(name, _why_no_pair(rough, clean)))
    return pairs, refusals


def evaluate(
    pairs: Iterable[Pair], clean: Cleaner, *, baselines: Mapping[str, Cleaner] | None = None
) -> Evaluation:
    """Clean every rough and compare it with the artist's drawing.

    Args:
        pairs: see ``find_pairs``.
        clean: the product's way from scan to line image.
        baselines: further ways to clean, by name, measured on the same pairs.

    Returns:
        The figures; a pair that cannot be read or does not match is refused, the others go on.

    Raises:
        ConfigurationError: an SVG needs the ``train`` extra.
    """
    cleaners = {CLEANED_BY: clean, **(baselines or {})}
    rows: list[Row] = []
    refusals: list[Refusal] = []
    for pair in pairs:
        try:
            pixels, target = read_pair(pair)
            rows += [
                Row(pair.name, name, compare_drawings(way(pixels), target)) for name, way in cleaners.items()
            ]
        except (FrameRejected, PairRefused) as error:
            refusals.append(Refusal(pair.name, str(error)))
    return Evaluation(tuple(rows), dict(_averages(rows)), tuple(refusals))


def read_pair(pair: Pair) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read a rough and its clean version, the latter at the rough's size.

    Returns:
        The rough's pixels, (H, W) or (H, W, 3) uint8, and the target's line image, (H, W) uint8. A
        target in colours is read by its darkest channel, so that coloured lines count in full.

    Raises:
        FrameRejected: a file cannot be decoded.
        PairRefused: a file is unreadable, or the two differ in proportions by more than 1 %.
        ConfigurationError: an SVG needs the ``train`` extra.
    """
    rough = _read_pixels(pair.rough, VECTOR_LONG_EDGE_PX)
    height, width = rough.shape[:2]
    target = _ink(_read_pixels(pair.clean, max(height, width)))
    stretch = (target.shape[1] / target.shape[0]) / (width / height)
    # A small picture's sides are rounded by more than 1 %.
    if abs(stretch - 1) > max(ASPECT_TOLERANCE, 1.5 / min(height, width, *target.shape)):
        raise PairRefused(
            f"{pair.rough.name} is {width} x {height} px, its clean version {pair.clean.name} "
            f"{target.shape[1]} x {target.shape[0]}: not the same proportions. "
            "Export both with the same crop."
        )
    return rough, _resized(target, width, height)


def as_table(evaluation: Evaluation) -> Table:
    """The figures as a table: a row per drawing and way of cleaning, then the averages."""
    table = Table(title="Compared with the artist's lines, at a long edge of 1000 px")
    table.add_column("drawing")
    table.add_column("cleaned by")
    for title, _ in COLUMNS.values():
        table.add_column(title, justify="right")
    for row in evaluation.rows:
        table.add_row(row.name, row.cleaned_by, *_cells(row.agreement))
    table.add_section()
    for cleaned_by, agreement in evaluation.averages.items():
        table.add_row("average", cleaned_by, *_cells(agreement), style="bold")
    if evaluation.refusals:
        refusals = [f"{refusal.name}: {refusal.message}" for refusal in evaluation.refusals]
        table.caption = "\n".join(["Not compared:", *refusals[:MOST_REFUSALS]])
    return table


def _cells(agreement: Agreement) -> list[str]:
    return [format(getattr(agreement, field), style) for field, (_, style) in COLUMNS.items()]


def _averages(rows: list[Row]) -> Iterator[tuple[str, Agreement]]:
    for name in dict.fromkeys(row.cleaned_by for row in rows):
        yield name, average([row.agreement for row in rows if row.cleaned_by == name])


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    if not folder.is_dir():
        raise InputMissing(f"{folder} is no folder: give a folder of roughs and one of clean drawings")
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith("."):
            found.setdefault(path.stem, []).append(path)
    return found


def _why_no_pair(rough: list[Path], clean: list[Path]) -> str:
    if not clean:
        return f"{rough[0].name} has no clean version of the same name: add it, or leave the rough out"
    if not rough:
        return f"{clean[0].name} has no rough of the same name: add it, or leave the clean version out"
    several = rough if len(rough) > 1 else clean
    return f"{' and '.join(path.name for path in several)} have one name: keep one of them"


def _read_pixels(path: Path, vector_long_edge_px: int) -> NDArray[np.uint8]:
    if path.suffix.lower() == VECTOR_SUFFIX:
        return _rasterised(path, vector_long_edge_px)
    return read_scan(_read_bytes(path), path.name).pixels


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PairRefused(f"{path.name} cannot be read ({error}): check its permissions") from error


def _rasterised(path: Path, long_edge_px: int) -> NDArray[np.uint8]:
    try:
        # Late, so that a worker without the train extra can evaluate pictures.
        from douga_worker.training.line_art import rasterise  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            f"{path.name}: reading SVG needs the extra douga[train]: pip install 'douga[train]'"
        ) from error
    svg = _read_bytes(path).decode("utf-8", "replace")
    try:
        return np.asarray(255 - rasterise(svg, long_edge_px), dtype=np.uint8)
    except ValueError as error:
        raise PairRefused(f"{path.name} cannot be drawn ({error}): save it as plain SVG") from error


def _ink(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    darkest = pixels if pixels.ndim == 2 else pixels.min(axis=2)
    return np.asarray(255 - darkest, dtype=np.uint8)


def _resized(drawing: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    if drawing.shape == (height, width):
        return drawing
    how = cv2.INTER_AREA if drawing.shape[0] > height else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(drawing, (width, height), interpolation=how), dtype=np.uint8)
