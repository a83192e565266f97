"""From folders that a user names to the material that samples are made from."""

from __future__ import annotations

import hashlib
import multiprocessing as mp
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from douga_shared.errors import FrameRejected, InputMissing
from douga_worker.steps.flatten_paper import flatten_paper
from douga_worker.steps.measure_pencil import pencil_width_px, working_scale
from douga_worker.steps.resample import to_working_size
from douga_worker.training.evaluate import Pair, PairRefused, Refusal, find_pairs, read_pair
from douga_worker.training.line_art import Drawing, follow_drawing, read_library, write_library
from douga_worker.training.paper import read_papers
from douga_worker.training.plan import Sources
from douga_worker.training.strokestrip import OverSketch, is_held_out, read_figures
from douga_worker.training.synthesis import Material, WorkingPair


def gather(sources: Sources, *, cache: Path, report: Callable[[str], None]) -> Material:
    """Read everything that training needs.

    Args:
        sources: the folders; of the over-sketches, the held-out figures are left out.
        cache: folder where followed line art is kept: following takes a third of a second a drawing.
        report: told what was found, and which pairs were left out and why.

    Raises:
        InputMissing: a folder is missing or holds nothing of its kind, or there is nothing to learn
            lines from.
    """
    material = Material(
        drawings=_drawings(sources, cache, report) if sources.lines else (),
        over_sketches=_over_sketches(Path(sources.over_sketches)) if sources.over_sketches else (),
        papers=read_papers(Path(sources.papers)) if sources.papers else (),
        pairs=_working_pairs(*sources.pairs, report) if sources.pairs else (),
    )
    report(
        f"{len(material.drawings)} drawings, {len(material.over_sketches)} over-sketches, "
        f"{len(material.papers)} papers, {len(material.pairs)} pairs"
    )
    if not material.drawings and not material.pairs:
        raise InputMissing("nothing to learn from: give folders of SVG line art, or --pairs ROUGH CLEAN")
    return material


def _drawings(sources: Sources, cache: Path, report: Callable[[str], None]) -> list[Drawing]:
    files = [path for folder in sources.lines for path in _chosen(Path(folder), sources)]
    kept = cache / f"line-art-{_fingerprint(files)}.npz"
    if not kept.exists():
        report(f"following the strokes of {len(files)} drawings ...")
        found = _follow_all(files)
        if not found:
            raise InputMissing(f"none of {len(files)} SVG files is a line drawing")
        write_library(kept, found)
    return read_library(kept)


def _follow_all(files: Sequence[Path]) -> list[Drawing]:
    with mp.get_context("spawn").Pool(initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        return [drawing for drawing in pool.imap(_follow, files, chunksize=8) if drawing is not None]


def _chosen(folder: Path, sources: Sources) -> list[Path]:
    """The folder's drawings; where it may give so many only, the same random ones on every machine."""
    apart = set(sources.kept_apart)
    files = [path for path in _svgs(folder) if path.relative_to(folder.parent).as_posix() not in apart]
    count = sources.most_drawings.get(folder.name, len(files))
    if count >= len(files):
        return files
    return sorted(random.Random(0).sample(files, count))


def _svgs(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputMissing(f"'{folder}' is no folder; give a folder of SVG line art")
    return sorted(folder.rglob("*.svg"))


def _fingerprint(files: Sequence[Path]) -> str:
    names = "\n".join(f"{path} {path.stat().st_size}" for path in files)
    return hashlib.sha256(names.encode()).hexdigest()[:12]


def _follow(path: Path) -> Drawing | None:
    try:
        return follow_drawing(path.name, path.read_text(encoding="utf-8", errors="replace"))
    except ValueError:
        # One of thousands that resvg cannot draw: the others are enough.
        return None


def _over_sketches(folder: Path) -> list[OverSketch]:
    return [figure for figure in read_figures(folder) if not is_held_out(figure.name)]


def _working_pairs(rough: str, clean: str, report: Callable[[str], None]) -> list[WorkingPair]:
    pairs, refusals = find_pairs(Path(rough), Path(clean))
    found = []
    for pair in pairs:
        try:
            found.append(_working_pair(pair))
        except (FrameRejected, PairRefused) as fault:
            refusals.append(Refusal(pair.name, str(fault)))
    for refusal in refusals:
        report(f"left out: {refusal.message}")
    if not found:
        raise InputMissing(
            f"no drawing of '{rough}' has a usable clean version of the same name in '{clean}'"
        )
    return found


def _working_pair(pair: Pair) -> WorkingPair:
    """Bring a pair to the size that ``douga clean`` would clean the rough at."""
    pixels, clean = read_pair(pair)
    ink = flatten_paper(pixels)
    scale = working_scale(pencil_width_px(ink))
    working_ink = to_working_size(ink, scale)
    target = cv2.resize(clean, working_ink.shape[::-1], interpolation=cv2.INTER_AREA)
    return WorkingPair(ink=working_ink, target=np.asarray(target, dtype=np.uint8))
