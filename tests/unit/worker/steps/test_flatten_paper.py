"""Paper away, ink stays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from douga_worker.steps.flatten_paper import flatten_paper

Pixels = NDArray[np.uint8]
HEIGHT, WIDTH = 420, 600


def pencil(width_px: int = 3) -> Pixels:
    """Coverage of three crossing lines, 0 or 255."""
    lines = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(lines, (300, 210), (200, 120), 20, 0, 360, 255, width_px)
    cv2.line(lines, (40, 40), (560, 380), 255, width_px)
    cv2.line(lines, (40, 380), (560, 60), 255, width_px)
    return lines


LINES = pencil() > 0
AWAY_FROM_LINES = ~LINES


def scan(paper: float | NDArray[np.float64], darkness: float = 0.75, grain: float = 0.0) -> Pixels:
    """Draw the pencil on paper: (H, W) or (H, W, 3) of any tones, with noise of a standard deviation."""
    tones = np.broadcast_to(np.asarray(paper, np.float64), (HEIGHT, WIDTH, *np.shape(paper)[2:])).copy()
    tones[LINES] *= 1 - darkness
    tones += np.random.default_rng(3).normal(0, 1, tones.shape) * grain
    return np.rint(tones).clip(0, 255).astype(np.uint8)


def blank(tone: float, grain: float = 0.0) -> Pixels:
    """Paper nobody drew on."""
    return scan(tone, darkness=0, grain=grain)


def assert_lines_on_white(ink: Pixels, *, most_paper: int = 20, least_line: int = 200) -> None:
    """Nearly all paper is nearly 0, and nearly all pencil nearly 255."""
    assert (HEIGHT, WIDTH, np.uint8) == (*ink.shape, ink.dtype.type)
    assert np.percentile(ink[AWAY_FROM_LINES], 99) <= most_paper
    assert np.percentile(ink[LINES], 5) >= least_line


@pytest.mark.parametrize("tone", [30, 60, 128, 200, 240, 255])
def test_blank_paper_of_any_brightness_is_empty(tone: int) -> None:
    """Grey paper is paper."""
    assert 0 == flatten_paper(blank(tone)).max()


@pytest.mark.parametrize(
    ("tone", "grain", "most"),
    [(250, 2, 10), (250, 4, 15), (200, 2, 10), (200, 4, 20), (128, 2, 15), (60, 2, 30)],
)
def test_grain_of_blank_paper_is_not_stretched_into_pencil(tone: int, grain: float, most: int) -> None:
    """99 of 100 pixels stay below these tones of 255. Grain of a tenth of the paper's tone would not."""
    assert np.percentile(flatten_paper(blank(tone, grain)), 99) <= most


def test_yellowed_paper_is_white() -> None:
    """Though its blue channel is dark."""
    yellow = np.full((HEIGHT, WIDTH, 3), (235.0, 215.0, 160.0))
    assert 0 == flatten_paper(yellow.astype(np.uint8)).max()
    assert_lines_on_white(flatten_paper(scan(yellow)))


def test_a_lamp_to_one_side_is_evened_out() -> None:
    """The bright side is twice as bright as the dark one."""
    light = np.linspace(120, 245, WIDTH)[None, :] * np.linspace(1, 0.8, HEIGHT)[:, None]
    assert_lines_on_white(flatten_paper(scan(light, grain=1.5)))


@pytest.mark.parametrize(("softness_px", "most_at_edge"), [(25, 10), (10, 20), (3, 60)])
def test_the_shadow_of_a_phone_is_no_line(softness_px: float, most_at_edge: int) -> None:
    """Its edge stays far fainter than pencil, the harder it is the less so."""
    light = np.full((HEIGHT, WIDTH), 230.0)
    light[:, 330:] = 150
    soft = np.asarray(cv2.GaussianBlur(light, (0, 0), softness_px), np.float64)
    ink = flatten_paper(scan(soft))
    assert ink[AWAY_FROM_LINES].max() <= most_at_edge
    assert np.percentile(ink[LINES], 5) >= 200


COLOURED_PENCILS = {
    "red": (205, 80, 85),
    "blue": (90, 110, 215),
    "light blue": (125, 160, 235),
    "green": (70, 160, 90),
    "orange": (240, 150, 60),
}


@pytest.mark.parametrize("colour", COLOURED_PENCILS.values(), ids=COLOURED_PENCILS.keys())
def test_coloured_pencil_is_a_line_beside_graphite(colour: tuple[int, int, int]) -> None:
    """Well above half of full ink, and no darker than the graphite."""
    page = np.full((HEIGHT, WIDTH, 3), 245, np.uint8)
    cv2.line(page, (50, 50), (550, 50), (60, 60, 60), 6)
    cv2.line(page, (50, 250), (550, 250), colour, 6)
    ink = flatten_paper(page)
    assert 120 < ink[250, 300] <= ink[50, 300]
    assert 250 <= ink[50, 300]
    assert 0 == ink[150].max()


def test_a_coloured_pencil_alone_is_full_ink() -> None:
    """A sheet of light blue lines is stretched like any other."""
    page = np.full((HEIGHT, WIDTH, 3), 245, np.uint8)
    page[LINES] = (150, 180, 240)
    assert_lines_on_white(flatten_paper(page))


@pytest.mark.parametrize(("darkness", "least"), [(0.4, 200), (0.3, 200), (0.25, 150), (0.2, 110)])
def test_faint_pencil_is_stretched_and_the_grain_under_it_is_not(darkness: float, least: int) -> None:
    """Down to a fifth of the way to black; fainter than that is not told from paper's own marks."""
    assert_lines_on_white(flatten_paper(scan(240, darkness, grain=2)), most_paper=20, least_line=least)


@pytest.mark.parametrize("diameter_px", [20, 60, 120])
def test_a_solid_black_stays_solid(diameter_px: int) -> None:
    """Hair and night, up to a fifth of the sheet and more than the paper's window."""
    page = blank(240)
    cv2.circle(page, (300, 210), diameter_px // 2, 20, -1)
    inside = cv2.circle(np.zeros((HEIGHT, WIDTH), np.uint8), (300, 210), diameter_px // 2 - 2, 1, -1) > 0
    assert flatten_paper(page)[inside].min() >= 220


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (700, 1), (2, 2), (3, 5), (1, 1, 3), (2, 7, 3)])
def test_the_smallest_images_pass(shape: tuple[int, ...]) -> None:
    """Each is its own paper."""
    ink = flatten_paper(np.full(shape, 255, np.uint8))
    assert (shape[:2], 0) == (ink.shape, ink.max())


def _noise(*shape: int) -> Pixels:
    return np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)


VIEWS = {
    "every other pixel": _noise(200, 300)[::2, ::3],
    "upside down": _noise(90, 80)[::-1],
    "mirrored": _noise(90, 80)[:, ::-1],
    "turned": _noise(90, 80).T,
    "planes of colour": np.moveaxis(_noise(3, 90, 80), 0, 2),
    "without alpha": _noise(90, 80, 4)[..., :3],
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_the_layout_in_memory_makes_no_difference(view: Pixels) -> None:
    """Views into other arrays are read like copies of them, and not written to."""
    copy = np.ascontiguousarray(view)
    view.setflags(write=False)
    np.testing.assert_array_equal(flatten_paper(copy), flatten_paper(view))
