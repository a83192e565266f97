"""Paper away, ink stays: uneven light, yellowed paper and a phone's shadow become even white.

The paper's own brightness is found per colour channel as the upper envelope of a small copy of the
scan (a grey-scale closing, wider than any line); the scan is divided by it. The darkest channel
speaks loudest, so that red, blue and green pencils count as lines like graphite.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Darkness: TypeAlias = tuple[NDArray[np.uint8], ...]
"""(H, W) for each channel of a scan, one or three: 0 = as bright as the paper there, 255 = no light."""

ENVELOPE_PX = 480
"""Long edge of the small copy on which the paper is found: lines vanish there, light does not."""
WINDOW_SHARE = 0.075
"""Width of the closing as a share of the long edge: wider than a solid black that must survive."""
DARKEST_PAPER = 0.42
"""Paper is never darker than this share of the sheet's bright parts: below it lies a solid black."""
DARKEST_CHANNEL_SHARE = 0.65
"""How much the darkest channel says, the mean of all three the rest: a red line must count as a line,
but graphite around a coloured area must stay darker than the colour."""
FAINTEST_FULL_INK = 0.33
"""A sheet's pencil is stretched to full ink, but never by more than 1 / this: grain is no pencil."""


def flatten_paper(pixels: NDArray[np.uint8], *, window_share: float = WINDOW_SHARE) -> NDArray[np.uint8]:
    """Turn a scan into an ink image.

    Args:
        pixels: (H, W) grey or (H, W, 3) RGB scan, uint8.
        window_share: width of the paper window as a share of the long edge.

    Returns:
        (H, W) uint8: 0 = paper, 255 = the darkest pencil of the sheet. A blank sheet of any
        brightness gives near zero everywhere.
    """
    return ink_of(darkness_of(pixels, window_share=window_share))


def darkness_of(pixels: NDArray[np.uint8], *, window_share: float = WINDOW_SHARE) -> Darkness:
    """Divide every channel of a scan by its paper, and keep them apart.

    Args:
        pixels: (H, W) grey or (H, W, 3) RGB scan, uint8.
        window_share: width of the paper window as a share of the long edge.
    """
    if pixels.ndim == 2:
        return (_darkness(pixels, window_share),)
    return tuple(_darkness(np.ascontiguousarray(pixels[..., i]), window_share) for i in range(3))


def ink_of(darkness: Darkness) -> NDArray[np.uint8]:
    """Mix the channels into one ink image; see ``flatten_paper``."""
    if len(darkness) == 1:
        return _stretch(darkness[0])
    red, green, blue = darkness
    darkest = np.maximum(np.maximum(red, green), blue)
    mean = cv2.addWeighted(cv2.addWeighted(red, 0.5, green, 0.5, 0), 2 / 3, blue, 1 / 3, 0)
    mixed = cv2.addWeighted(darkest, DARKEST_CHANNEL_SHARE, mean, 1 - DARKEST_CHANNEL_SHARE, 0)
    return _stretch(np.asarray(mixed, dtype=np.uint8))


def _darkness(channel: NDArray[np.uint8], window_share: float) -> NDArray[np.uint8]:
    """1 - scan / paper as uint8; 0 where the scan is as bright as the paper around it."""
    height, width = channel.shape
    paper = cv2.resize(_paper(channel, window_share), (width, height), interpolation=cv2.INTER_LINEAR)
    share = cv2.divide(channel, paper, scale=255.0, dtype=cv2.CV_8U)
    return np.asarray(cv2.bitwise_not(share), dtype=np.uint8)


def _paper(channel: NDArray[np.uint8], window_share: float) -> NDArray[np.float32]:
    shrink = min(1.0, ENVELOPE_PX / max(channel.shape))
    size = (max(1, round(channel.shape[1] * shrink)), max(1, round(channel.shape[0] * shrink)))
    small = cv2.resize(channel, size, interpolation=cv2.INTER_AREA)
    small = cv2.medianBlur(small, 3) if min(size) >= 3 else small
    window = max(3, int(window_share * max(size))) | 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (window, window))
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, disc, borderType=cv2.BORDER_REPLICATE)
    bright = float(np.percentile(closed, 90))
    closed = np.maximum(closed.astype(np.float32), max(1.0, DARKEST_PAPER * bright))
    return np.asarray(cv2.GaussianBlur(closed, (0, 0), window / 5), dtype=np.float32)


def _stretch(darkness: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Set the paper's most frequent tone to 0 and the darkest pencil to 255."""
    sample = darkness[:: max(1, darkness.shape[0] // 700), :: max(1, darkness.shape[1] // 700)]
    counts = np.bincount(sample.ravel(), minlength=256).astype(np.float64)
    paper_tone = int(np.argmax(np.convolve(counts[:110], np.ones(3), mode="same")))
    ink = sample[sample > paper_tone + 40]
    darkest = float(np.percentile(ink, 90)) if ink.size > 20 else 255.0
    full = max(darkest - paper_tone, FAINTEST_FULL_INK * 255)
    tones = (np.arange(256) - paper_tone) * (255.0 / full)
    return np.asarray(cv2.LUT(darkness, tones.round().clip(0, 255).astype(np.uint8)), dtype=np.uint8)
