"""How rough people draw, in figures: what the synthesis of rough sketches is fitted to.

Every pen stroke is laid against the clean curve of the line that it means: which part of the line it
covers, and how far beside it it runs. The line's own fit is an average of its strokes, so lateral
figures are scatter about the mean line, not about what the artist meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing, gaussian_filter1d
from scipy.spatial import cKDTree

from douga_worker.training.strokestrip import PENCIL, OverSketch, Points, is_held_out, read_figures

Values = NDArray[np.float64]

STEP = 1 / 500
"""Spacing of the samples along a line, as a share of the figure's long edge: below a pencil's width."""
WORST_FIT = 0.03
"""Lines whose strokes stray further than this share of the long edge from the fit were fitted wrongly."""
MEETING = 0.03
"""A line's end within this share of the long edge of another line is meant to meet it."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One measured quantity over all figures."""

    name: str
    unit: str
    values: Values
    weights: Values

    def quantile(self, share: float) -> float:
        """The weighted quantile; 0 where nothing was measured."""
        if not self.values.size:
            return 0.0
        order = np.argsort(self.values)
        mass = np.cumsum(self.weights[order])
        return float(self.values[order][min(np.searchsorted(mass, share * mass[-1]), len(order) - 1)])

    @property
    def mean(self) -> float:
        """The weighted mean; 0 where nothing was measured."""
        return float(np.average(self.values, weights=self.weights)) if self.values.size else 0.0

    @property
    def n(self) -> int:
        """How many values there are."""
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Laid:
    """One pen stroke laid against its line."""

    covered: NDArray[np.bool_]
    """For every sample of the line whether the stroke runs along it."""
    offsets: Values
    """Signed distance beside the line at every sample of the stroke, share of the long edge."""
    length: float
    """Share of the long edge."""
    runs_forward: bool
    """Drawn in the line's own direction."""


@dataclass(frozen=True, slots=True)
class LaidLine:
    """A clean line with its strokes, everything as a share of the long edge."""

    samples: Points
    length: float
    is_closed: bool
    strokes: tuple[Laid, ...]

    @property
    def depth(self) -> NDArray[np.int64]:
        """How many strokes lie over every sample of the line."""
        return np.asarray(np.sum([stroke.covered for stroke in self.strokes], axis=0), dtype=np.int64)


def lay_strokes(figure: OverSketch) -> tuple[list[LaidLine], int]:
    """Lay every stroke of a figure against its line; returns the lines and how many fits were unusable."""
    unit = figure.long_edge
    lines, refused = [], 0
    for number, curve in zip(figure.clean_clusters, figure.clean_strokes, strict=True):
        pairs = zip(figure.rough_clusters, figure.rough_strokes, strict=True)
        line = _lay_line(curve / unit, [points / unit for cluster, points in pairs if cluster == number])
        if line is None:
            refused += 1
        else:
            lines.append(line)
    return lines, refused


def roughness_report(folder: Path) -> str:
    """Measure every figure of a StrokeStrip folder that is not held out; the report is Markdown.

    Raises:
        InputMissing: the folder holds no figure.
    """
    figures = [figure for figure in read_figures(folder) if not is_held_out(figure.name)]
    laid = [lay_strokes(figure) for figure in figures]
    drawings = [lines for lines, _ in laid]
    lines = [line for drawing in drawings for line in drawing]
    strokes = sum(len(line.strokes) for line in lines)
    basis = (
        f"{len(drawings)} figures, {len(lines)} lines, {strokes} pen strokes; "
        f"{sum(refused for _, refused in laid)} lines left out because their fit strays from their strokes."
    )
    tables = (_quantity_table(measure_roughness(drawings)), _count_table(lines), _length_table(lines))
    return "\n\n".join([basis, *tables]) + "\n"


def measure_roughness(drawings: Sequence[Sequence[LaidLine]]) -> list[Quantity]:
    """Measure drawings whose strokes are laid against their lines."""
    lines = [line for drawing in drawings for line in drawing]
    return [*_passes(lines), *_scatter(lines), *_pieces(lines), *_ends(lines), *_meetings(drawings)]


def _lay_line(curve: Points, strokes: Sequence[Points]) -> LaidLine | None:
    samples = _resample(curve, STEP)
    length = _length(curve)
    if len(samples) < 4 or not strokes:
        return None
    tangents = np.gradient(gaussian_filter1d(samples, 1.5, axis=0, mode="nearest"), axis=0)
    tangents /= np.hypot(*tangents.T)[:, None] + 1e-9
    tree = cKDTree(samples)
    is_closed = bool(np.hypot(*(samples[0] - samples[-1])) < 2 * STEP and length > 20 * STEP)
    laid = [_lay_stroke(points, samples, tangents, tree, is_closed) for points in strokes]
    if np.quantile(np.abs(np.concatenate([s.offsets for s in laid])), 0.97) > min(WORST_FIT, length / 4):
        return None
    return LaidLine(samples.astype(np.float32), length, is_closed, tuple(laid))


def _lay_stroke(points: Points, samples: Values, tangents: Values, tree: cKDTree, is_closed: bool) -> Laid:
    dense = _resample(points, STEP / 2)
    _, nearest = tree.query(dense)
    beside = dense - samples[nearest]
    normals = np.stack([-tangents[:, 1], tangents[:, 0]], 1)[nearest]
    covered = np.zeros(len(samples), bool)
    covered[nearest] = True
    covered = binary_closing(np.pad(covered, 4, mode="wrap" if is_closed else "constant"), np.ones(7))[4:-4]
    along = (
        np.einsum("ij,ij->i", np.gradient(dense, axis=0), tangents[nearest]) if len(dense) > 1 else np.ones(1)
    )
    inner = (nearest > 1) & (nearest < len(samples) - 2)
    offsets = np.einsum("ij,ij->i", beside, normals)
    return Laid(
        covered=covered,
        offsets=offsets[inner] if inner.any() else offsets,
        length=_length(points),
        runs_forward=bool(along.sum() > 0),
    )


def _passes(lines: Sequence[LaidLine]) -> list[Quantity]:
    counts = np.array([len(line.strokes) for line in lines], np.float64)
    lengths = np.array([line.length for line in lines])
    depth = np.concatenate([line.depth for line in lines]).astype(np.float64)
    drawn = np.array([sum(s.length for s in line.strokes) / line.length for line in lines])
    return [
        _evenly("strokes per line", "count", counts),
        Quantity("strokes per line, long lines counting more", "count", counts, lengths),
        _evenly("strokes lying over a place on a line", "count", depth),
        Quantity("length drawn / length of the line", "ratio", drawn, lengths),
        _evenly("line length", "long edges", lengths),
    ]


def _scatter(lines: Sequence[LaidLine]) -> list[Quantity]:
    several = [line for line in lines if len(line.strokes) > 1]
    whole = np.array([_rms(line) for line in several]) / PENCIL
    lengths = np.array([line.length for line in several])
    # Below ten samples neither a tilt nor a wander can be told.
    strokes = [s for line in several for s in line.strokes if len(s.offsets) >= 10]
    weights = np.array([s.length for s in strokes])
    shapes = np.array([_shape(s.offsets) for s in strokes]).reshape(-1, 3)
    return [
        Quantity("scatter of a line's strokes about the line (RMS)", "pencils", whole, lengths),
        Quantity("a stroke's mean distance beside its line", "pencils", shapes[:, 0] / PENCIL, weights),
        Quantity("a stroke's tilt against its line", "degrees", shapes[:, 1], weights),
        Quantity("a stroke's wander after offset and tilt (RMS)", "pencils", shapes[:, 2] / PENCIL, weights),
    ]


def _rms(line: LaidLine) -> float:
    return float(np.sqrt(np.mean(np.concatenate([s.offsets for s in line.strokes]) ** 2)))


def _shape(offsets: Values) -> tuple[float, float, float]:
    """Mean offset, tilt in degrees, and what is left after both."""
    places = np.arange(len(offsets)) * STEP / 2
    slope, base = np.polyfit(places, offsets, 1)
    wander = float(np.std(offsets - (slope * places + base)))
    return abs(float(offsets.mean())), float(np.degrees(np.arctan(abs(slope)))), wander


def _pieces(lines: Sequence[LaidLine]) -> list[Quantity]:
    several = [line for line in lines if len(line.strokes) > 1]
    shares = np.array([s.length / line.length for line in several for s in line.strokes])
    lengths = np.array([s.length for line in lines for s in line.strokes])
    successive = [pair for line in several for pair in pairwise(line.strokes)]
    common = np.array([int((a.covered & b.covered).sum()) for a, b in successive], np.float64)
    shorter = np.array([max(1, min(a.covered.sum(), b.covered.sum())) for a, b in successive])
    same_way = np.array([float(a.runs_forward == b.runs_forward) for a, b in successive])
    meeting = common > 0
    return [
        _evenly("stroke length / line length (lines of 2 strokes or more)", "ratio", shares),
        _evenly("stroke length", "long edges", lengths),
        _evenly("successive strokes that overlap", "yes = 1", meeting.astype(np.float64)),
        _evenly("overlap of successive strokes / the shorter one", "ratio", (common / shorter)[meeting]),
        _evenly("overlap of successive strokes", "pencils", common[meeting] * STEP / PENCIL),
        _evenly("successive strokes drawn the same way", "yes = 1", same_way),
    ]


def _ends(lines: Sequence[LaidLine]) -> list[Quantity]:
    """How far the longest-reaching stroke stands alone at the end of a line drawn several times."""
    tails = []
    for line in lines:
        depth = line.depth
        if line.is_closed or np.median(depth) < 2:
            continue
        for direction in (depth, depth[::-1]):
            several = np.flatnonzero(direction >= 2)
            tails.append(float(several[0]) * STEP)
    return [_evenly("tail of a single stroke at a line's end", "pencils", np.array(tails) / PENCIL)]


def _meetings(drawings: Sequence[Sequence[LaidLine]]) -> list[Quantity]:
    """Where a line ends near another one: how far it shoots over, or stays short."""
    reaches = np.array([reach for drawing in drawings for reach in _reaches(drawing)]) / PENCIL
    # Within one pencil's width the line simply ends on the other one.
    over, short = reaches > 1, reaches < -1
    return [
        _evenly("line ends near another line: shoots over it", "yes = 1", over.astype(np.float64)),
        _evenly("overshoot beyond the crossed line", "pencils", reaches[over]),
        _evenly("line ends near another line: stays short", "yes = 1", short.astype(np.float64)),
        _evenly("distance left to the line that is not reached", "pencils", -reaches[short]),
    ]


def _reaches(lines: Sequence[LaidLine]) -> Iterable[float]:
    open_lines = [line for line in lines if not line.is_closed and line.length > 2 * MEETING]
    for line in open_lines:
        others = [other.samples for other in lines if other is not line]
        if not others:
            continue
        tree = cKDTree(np.concatenate(others))
        for samples in (line.samples, line.samples[::-1]):
            distance, _ = tree.query(samples[: int(MEETING / STEP) + 1])
            # Samples of two crossing lines miss each other by up to 0.7 of their spacing.
            touching = np.flatnonzero(distance < 0.75 * STEP)
            if touching.size and touching[0] > 0:
                yield float(touching[0]) * STEP
            elif distance[0] < MEETING:
                yield -float(distance[0])


QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LENGTH_CLASSES = (0.0, 0.03, 0.06, 0.12, 0.25, 0.5, np.inf)


def _quantity_table(quantities: Sequence[Quantity]) -> str:
    header = ["quantity", "unit", *(f"{100 * share:.0f} %" for share in QUANTILES), "mean", "n"]
    return _markdown(
        header,
        [
            [q.name, q.unit, *(f"{q.quantile(share):.2f}" for share in QUANTILES), f"{q.mean:.2f}", str(q.n)]
            for q in quantities
        ],
    )


def _count_table(lines: Sequence[LaidLine]) -> str:
    per_line = np.array([len(line.strokes) for line in lines])
    depth = np.concatenate([line.depth for line in lines])
    counts = range(1, 8)
    rows = [
        [name, *(f"{np.mean(values == count):.2f}" for count in counts), f"{np.mean(values > 7):.2f}"]
        for name, values in (("strokes per line", per_line), ("strokes lying over a place", depth))
    ]
    return _markdown(["share with", *map(str, counts), "8 or more"], rows)


def _length_table(lines: Sequence[LaidLine]) -> str:
    header = ["line length", "lines", "strokes per line, 25 / 50 / 75 / 90 %", "mean depth"]
    rows = []
    for low, high in pairwise(LENGTH_CLASSES):
        chosen = [line for line in lines if low <= line.length < high]
        if chosen:
            scatter = [_rms(line) / PENCIL for line in chosen if len(line.strokes) > 1]
            depth = np.concatenate([line.depth for line in chosen]).mean()
            counts = _quartiles([len(line.strokes) for line in chosen], ".0f")
            name = f"{low:g} to {high:g}" if np.isfinite(high) else f"over {low:g}"
            rows.append([name, str(len(chosen)), counts, f"{depth:.2f}", _quartiles(scatter, ".2f")])
    return _markdown([*header, "scatter in pencils, 25 / 50 / 75 / 90 %"], rows)


def _quartiles(values: Sequence[float], style: str) -> str:
    if not values:
        return "-"
    return " / ".join(format(q, style) for q in np.quantile(values, (0.25, 0.5, 0.75, 0.9)))


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows))


def _evenly(name: str, unit: str, values: Values) -> Quantity:
    return Quantity(name, unit, values, np.ones(len(values)))


def _length(points: Points) -> float:
    return float(np.hypot(*np.diff(points, axis=0).T).sum())


def _resample(points: Points, step: float) -> Values:
    along = np.r_[0, np.cumsum(np.hypot(*np.diff(points.astype(np.float64), axis=0).T))]
    places = np.linspace(0, along[-1], max(2, int(along[-1] / step) + 1))
    return np.stack([np.interp(places, along, points[:, axis]) for axis in (0, 1)], 1)
