"""Parts for tests of the training: small drawings, material that needs no folder, a tiny network."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from douga_worker.network.architecture import Shape, SimplificationNetwork
from douga_worker.network.weights import write_weights
from douga_worker.training.line_art import Drawing, Stroke
from douga_worker.training.synthesis import Material, WorkingPair

TINY = Shape(channels=(4, 8), blocks=(1, 1))
"""Learns in seconds; its pages are multiples of 4 px."""

FACE_SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 200">
<g fill="none" stroke="black" stroke-width="4" stroke-linecap="round">
<circle cx="100" cy="100" r="80"/><path d="M60 130 Q100 170 140 130"/>
<path d="M100 85 L92 110 L104 112"/><path d="M55 65 L85 60"/><path d="M115 60 L145 65"/></g>
<circle cx="70" cy="85" r="11"/><circle cx="130" cy="85" r="11"/></svg>"""


def write_line_art(folder: Path, count: int = 3) -> Path:
    """A folder of SVG drawings."""
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"face{number}.svg").write_text(FACE_SVG.replace('r="80"', f'r="{80 - number}"'))
    return folder


@cache
def face() -> Drawing:
    """A drawing of strokes of several lengths and weights, with one solid."""
    turn = np.linspace(0, 2 * np.pi, 80)
    around = np.stack([np.cos(turn), np.sin(turn)], 1)
    strokes = [
        0.5 + 0.4 * around,
        np.linspace([0.25, 0.7], [0.75, 0.7], 20),
        np.linspace([0.5, 0.2], [0.45, 0.6], 20),
        np.linspace([0.2, 0.35], [0.4, 0.3], 10),
        np.linspace([0.6, 0.3], [0.8, 0.35], 10),
    ]
    weights = (0.012, 0.008, 0.008, 0.012, 0.016)
    return Drawing(
        name="face",
        strokes=tuple(
            Stroke(points=points.astype(np.float32), widths=np.full(len(points), width, np.float32))
            for points, width in zip(strokes, weights, strict=True)
        ),
        solids=((np.array([0.35, 0.45]) + 0.06 * around[:-1]).astype(np.float32),),
    )


@cache
def drawn_material() -> Material:
    """Line art alone."""
    return Material(drawings=[face()])


@cache
def pair_material() -> Material:
    """One pair whose rough is its own clean version: quick to cut samples from, easy to learn."""
    lines = pair_of_lines()
    return Material(drawings=(), pairs=[WorkingPair(ink=lines, target=lines)])


def pair_of_lines() -> NDArray[np.uint8]:
    """(400, 360) lines that are nowhere their own mirror image."""
    lines = np.zeros((400, 360), np.uint8)
    for step, start in enumerate((20, 75, 145, 230, 320)):
        lines[start : start + 4, 10 * step : 340] = 255
        lines[30 : 380 - 15 * step, start : start + 3] = 255
    return lines


def shift_between(rough: NDArray[Any], clean: NDArray[Any]) -> NDArray[np.float64]:
    """How far two images lie apart, (x, y) in px of them, by phase correlation.

    Both are blurred first: of many strokes side by side the correlation would else pick a single one.
    """
    blurred = [cv2.GaussianBlur(np.asarray(side, dtype=np.float32), (0, 0), 4) for side in (rough, clean)]
    window = cv2.createHanningWindow(rough.shape[::-1], cv2.CV_32F)
    shift, _ = cv2.phaseCorrelate(blurred[0], blurred[1], window)
    return np.array(shift)


def tiny_network(seed: int = 0) -> SimplificationNetwork:
    """A network that has learnt nothing."""
    torch.manual_seed(seed)
    return SimplificationNetwork(TINY)


def write_tiny_weights(path: Path) -> Path:
    """Write a weights file of a network that has learnt nothing."""
    write_weights(path, tiny_network(), {"training": "none"})
    return path
