"""Sheets to draw on and cameras to look at them with: everything between pencil and pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from douga_shared.errors import InputMissing

Grey = NDArray[np.float32]
"""(H, W) in 0..1, 1 = white."""
Relief = NDArray[np.float32]
"""(H, W) around 1: a paper's tone over its own smooth light."""

RELIEF_PX = 256
"""Edge of the part of a paper that a sheet is covered with; smaller pictures are of no use."""
LIGHT_PX = 60
"""Whatever changes over more than this on a picture of paper is light, not paper."""


def read_papers(folder: Path) -> list[Relief]:
    """Read the PNG pictures of empty paper anywhere below a folder, those of at least ``RELIEF_PX``.

    Raises:
        InputMissing: the folder is missing, or holds no such picture.
    """
    papers = [relief for path in sorted(folder.rglob("*.png")) if (relief := _read_relief(path)) is not None]
    if not papers:
        raise InputMissing(
            f"'{folder}' holds no PNG picture of paper of {RELIEF_PX} x {RELIEF_PX} px or more; "
            "give another folder, or none: paper is then made up"
        )
    return papers


def noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> Grey:
    """Gaussian noise of mean 0 and about unit spread, (H, W), blurred by ``sigma`` px."""
    # Drawn even where only the small field below is used: the order of draws makes a seed's sample.
    field = rng.standard_normal(shape, dtype=np.float32)
    if sigma > 8:
        small = noise(
            rng, (shape[0] * 4 // int(sigma) + 4, shape[1] * 4 // int(sigma) + 4), 4 * sigma / int(sigma)
        )
        return np.asarray(cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC), dtype=np.float32)
    if sigma > 0.2:
        field = np.asarray(cv2.GaussianBlur(field, (0, 0), sigma), dtype=np.float32)
    return np.asarray(field / (field.std() + 1e-6), dtype=np.float32)


def lay_paper(rng: np.random.Generator, size: int, papers: Sequence[Relief]) -> Grey:
    """An empty sheet under a lamp: tone, grain or a real paper's relief, uneven light, a shadow.

    Returns:
        (size, size); a relief's bright grains may exceed 1.
    """
    sheet = np.full((size, size), rng.uniform(0.72, 1.0), np.float32)
    if papers and rng.random() < 0.6:
        relief = papers[int(rng.integers(len(papers)))]
        y, x = (int(rng.integers(0, side - RELIEF_PX + 1)) for side in relief.shape)
        part = relief[y : y + RELIEF_PX, x : x + RELIEF_PX]
        crop = cv2.resize(part, (size, size), interpolation=cv2.INTER_LINEAR)
        sheet *= 1 + rng.uniform(0.1, 0.7) * (np.rot90(crop, int(rng.integers(4))) - 1)
    else:
        sheet += noise(rng, (size, size), rng.uniform(0.5, 2.5)) * rng.uniform(0, 0.02)
    if rng.random() < 0.5:
        sheet -= np.abs(noise(rng, (size, size), size / 2)) * rng.uniform(0, 0.12)
    if rng.random() < 0.08:
        sheet *= _shadow_edge(rng, size)
    if rng.random() < 0.05:
        sheet *= _fold(rng, size)
    return sheet


def table_edge(rng: np.random.Generator, size: int) -> tuple[Grey, Grey]:
    """A photographed sheet that ends within the picture, straight, with a table and a shadow beyond it.

    Returns:
        How far every pixel belongs to the sheet, 0..1, and the table, both (size, size).
    """
    ys, xs = np.mgrid[0:size, 0:size].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    beyond = (xs - size / 2) * np.cos(angle) + (ys - size / 2) * np.sin(angle) - rng.uniform(0.2, 0.45) * size
    inside = (0.5 - beyond / rng.uniform(1, 3)).clip(0, 1)
    tone, grain = rng.uniform(0.1, 0.8), rng.uniform(0, 0.06)
    table = tone + grain * noise(rng, (size, size), rng.uniform(0.8, 6))
    shadow = rng.uniform(0, 0.7) * np.exp(-beyond.clip(0, None) / rng.uniform(1, 8))
    return np.asarray(inside, dtype=np.float32), np.asarray(table * (1 - shadow), dtype=np.float32)


def scan(rng: np.random.Generator, picture: Grey) -> NDArray[np.uint8]:
    """Look at a drawn sheet with a scanner or a phone: blur, resampling, tone, noise, compression.

    Args:
        rng: source of chance.
        picture: (S, S) the lit sheet with its drawing; values above 1 are clipped.

    Returns:
        (S, S) uint8, 0 = black, 255 = white; one in sixteen is a scan in two tones.
    """
    size = picture.shape[0]
    if rng.random() < 0.55:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.1)), dtype=np.float32)
    if rng.random() < 0.3:
        side = int(size * rng.uniform(0.45, 0.95))
        small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        picture = np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
    picture = np.power(picture.clip(0, 1), np.float32(rng.uniform(0.7, 1.5)))
    picture = picture + noise(rng, picture.shape, rng.uniform(0, 0.8)) * rng.uniform(0, 0.035) ** 1.3
    pixels = np.asarray((picture.clip(0, 1) * 255).round(), dtype=np.uint8)
    if rng.random() < 0.06:
        paper, ink = (float(v) for v in np.percentile(pixels, (90, 1)))
        level = paper - rng.uniform(0.42, 0.6) * (paper - ink)
        return np.asarray(np.where(pixels < level, 0, 255), dtype=np.uint8)
    if rng.random() < 0.3:
        packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))])[1]
        decoded = cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)
        assert decoded is not None
        pixels = np.asarray(decoded, dtype=np.uint8)
    return pixels


def _read_relief(path: Path) -> Relief | None:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None or min(picture.shape) < RELIEF_PX:
        return None
    tone = picture.astype(np.float32) / 255
    return np.asarray(tone / (cv2.GaussianBlur(tone, (0, 0), LIGHT_PX) + 1e-3), dtype=np.float32)


def _fold(rng: np.random.Generator, size: int) -> Grey:
    """Light to be multiplied with: a straight soft valley, with a brighter ridge beside it."""
    ys, xs = np.mgrid[0:size, 0:size].astype(np.float32)
    angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(1, 4)
    across = (xs - size / 2) * np.cos(angle) + (ys - size / 2) * np.sin(angle) - rng.uniform(-0.4, 0.4) * size
    valley, ridge = np.exp(-((across / reach) ** 2)), np.exp(-((across / reach - 2) ** 2))
    return np.asarray(1 - rng.uniform(0.03, 0.15) * (valley - 0.5 * ridge), dtype=np.float32)


def _shadow_edge(rng: np.random.Generator, size: int) -> Grey:
    """Light to be multiplied with: 1 on one side of a straight edge, darker on the other."""
    ys, xs = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    side = (xs * np.cos(angle) + ys * np.sin(angle) - rng.uniform(-0.4, 0.4)) / rng.uniform(0.01, 0.2)
    return np.asarray(1 - rng.uniform(0.05, 0.3) / (1 + np.exp(-side.clip(-30, 30))), dtype=np.float32)
