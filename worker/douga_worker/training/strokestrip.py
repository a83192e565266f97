"""The over-sketched drawings of StrokeStrip: the one free source that says which strokes mean one line.

Every figure is a folder entry ``X_rough.svg`` (pen strokes, each labelled by hand with the line it
belongs to) beside ``X_clean_approx.svg`` (one fitted curve per line; a fit, not an artist's hand).
Source: "StrokeStrip: Joint Parameterization and Fitting of Stroke Clusters" (Van Mossel, Liu, Vining,
Bessmeltsev, Sheffer, 2021), example inputs, MIT licence.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from douga_shared.errors import InputMissing

Points = NDArray[np.float32]
"""(N, 2) x, y."""

ROUGH_SUFFIX = "_rough.svg"
CLEAN_SUFFIX = "_clean_approx.svg"

PENCIL = 1 / 420
"""Width of the pencil as a share of the long edge, as in the archive's own rough drawings."""
FINENESS = 4
"""Strokes are drawn this many times larger and averaged down, for soft edges of true width."""

SAME_SUBJECT = {"bug": "bee"}
"""Families that are one drawing under two names: Bug02 and Bee04 are strokes over the same insect."""

HELD_OUT = frozenset(
    {
        "BB04",
        "SharkArtistC02fxd01c",
        "baobab",
        "boeing737max",
        "carc",
        "coyote",
        "hand1",
        "lady",
        "phone",
        "ring",
    }
)
"""Ten of the 45 figures: never trained on, never measured for the synthesis.

The first families of ``hash_order`` over all figures, whole families only. Written down, so that a
figure added later cannot move the others.
"""


@dataclass(frozen=True, slots=True)
class OverSketch:
    """One over-sketched figure; x to the right, y down, the sheet's corner at 0, 0."""

    name: str
    rough_strokes: tuple[Points, ...]
    """Pen strokes in the order they were drawn."""
    rough_clusters: tuple[int, ...]
    """For every rough stroke the number of the line that it means."""
    clean_strokes: tuple[Points, ...]
    """One curve per line."""
    clean_clusters: tuple[int, ...]
    """For every clean stroke the number of its line."""
    width: float
    height: float
    """Size of the sheet in the units of the strokes."""

    @property
    def long_edge(self) -> float:
        """The longer side of the sheet."""
        return max(self.width, self.height)


def read_figures(folder: Path) -> list[OverSketch]:
    """Read every figure of a folder, by name.

    Args:
        folder: the unpacked archive, or its folder ``figures``.

    Raises:
        InputMissing: there is no ``X_rough.svg`` with its ``X_clean_approx.svg``.
    """
    home = folder / "figures" if (folder / "figures").is_dir() else folder
    roughs = sorted(home.glob(f"*{ROUGH_SUFFIX}"))
    names = [path.name.removesuffix(ROUGH_SUFFIX) for path in roughs]
    figures = [read_figure(home, name) for name in names if (home / f"{name}{CLEAN_SUFFIX}").is_file()]
    if not figures:
        raise InputMissing(
            f"{folder} holds no figure (X{ROUGH_SUFFIX} beside X{CLEAN_SUFFIX}): unpack strokestrip.tar.xz"
        )
    return figures


def read_figure(folder: Path, name: str) -> OverSketch:
    """Read one figure.

    Raises:
        InputMissing: a file is missing, is no SVG, or states no viewBox.
    """
    rough, origin, size = _read_paths(folder / f"{name}{ROUGH_SUFFIX}")
    clean, clean_origin, _ = _read_paths(folder / f"{name}{CLEAN_SUFFIX}")
    return OverSketch(
        name=name,
        rough_strokes=tuple(points - origin for _, points in rough),
        rough_clusters=tuple(cluster for cluster, _ in rough),
        clean_strokes=tuple(points - clean_origin for _, points in clean),
        clean_clusters=tuple(cluster for cluster, _ in clean),
        width=float(size[0]),
        height=float(size[1]),
    )


def write_pairs(
    figures: Iterable[OverSketch], folder: Path, *, long_edge_px: int = 1400, line_px: float | None = None
) -> int:
    """Draw figures as ``folder/rough/X.png`` and ``folder/clean/X.png``, for ``douga evaluate``.

    Both are drawn with one pencil, without pressure and grain, which the source does not have.

    Args:
        figures: what to draw.
        folder: is made; pictures of the same names are replaced.
        long_edge_px: longer side of the pictures.
        line_px: width of the pencil; by default ``PENCIL`` of the long edge.

    Returns:
        How many pairs were written.
    """
    count = 0
    for figure in figures:
        for kind, strokes in (("rough", figure.rough_strokes), ("clean", figure.clean_strokes)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            ink = draw_strokes(strokes, figure, long_edge_px=long_edge_px, line_px=line_px)
            Image.fromarray(255 - ink).save(folder / kind / f"{figure.name}.png")
        count += 1
    return count


def draw_strokes(
    strokes: Iterable[Points], figure: OverSketch, *, long_edge_px: int, line_px: float | None = None
) -> NDArray[np.uint8]:
    """Draw strokes on a figure's sheet.

    Returns:
        (H, W) uint8 coverage, 0 = paper, 255 = ink.
    """
    scale = long_edge_px / figure.long_edge
    width, height = max(1, round(figure.width * scale)), max(1, round(figure.height * scale))
    line = max(1, round(FINENESS * (line_px or PENCIL * long_edge_px)))
    sheet = np.zeros((FINENESS * height, FINENESS * width), np.uint8)
    points = [(stroke * (scale * FINENESS * 16)).round().astype(np.int32)[:, None] for stroke in strokes]
    # OpenCV's 4 fractional bits keep the polygon's corners off the pixel grid.
    cv2.polylines(sheet, points, isClosed=False, color=255, thickness=line, shift=4)
    return np.asarray(cv2.resize(sheet, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def family(name: str) -> str:
    """The subject of a figure, the same for all its variants.

    >>> family("Bunny08fxd01c"), family("LbkEagle02"), family("Giraffe03")
    ('bunny', 'eagle', 'giraffe')
    """
    subject = re.match(r"(?:GO|Lbk)?([A-Za-z]+?)(?:Artist\w*|\d.*|fxd.*)?$", name)
    plain = (subject.group(1) if subject else name).lower()
    return SAME_SUBJECT.get(plain, plain)


def is_held_out(name: str) -> bool:
    """Tell whether a figure is kept for evaluation."""
    return name in HELD_OUT


def hash_order(names: list[str]) -> list[str]:
    """Families in the order of their hash: the draw that no look at a drawing can sway."""
    return sorted({family(name) for name in names}, key=lambda f: hashlib.sha256(f.encode()).hexdigest())


def _read_paths(path: Path) -> tuple[list[tuple[int, Points]], Points, Points]:
    """Read (line number, points) of every path, then the viewBox's corner and its size."""
    try:
        root = ElementTree.fromstring(path.read_bytes())  # noqa: S314 - a data set the user trusts
    except (OSError, ElementTree.ParseError) as error:
        raise InputMissing(
            f"{path.name} cannot be read as SVG ({error}): unpack the archive again"
        ) from error
    box = np.array(_numbers(root.get("viewBox", "")), np.float32)
    if box.size != 4:
        raise InputMissing(f"{path.name} states no viewBox: is it a StrokeStrip figure?")
    paths = [
        (int(element.get("data-cluster", "-1")), _points(element.get("d", "")))
        for element in root.iter("{http://www.w3.org/2000/svg}path")
    ]
    return [entry for entry in paths if len(entry[1]) > 1], box[:2], box[2:]


def _numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", text)]


def _points(data: str) -> Points:
    """The points of ``M x,y L x,y ...``."""
    return np.array(_numbers(data), np.float32).reshape(-1, 2)
