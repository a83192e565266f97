"""The figures that a cleaned drawing is judged by."""

from __future__ import annotations

import math

import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from douga_worker.training.measure import Agreement, average, compare_drawings

Drawing = NDArray[np.uint8]
HEIGHT, WIDTH = 350, 1000


def rows(*tops: int, thick: int = 4, first: int = 100, last: int = 900) -> Drawing:
    """Level lines of a true width, from one column to another."""
    drawing = np.zeros((HEIGHT, WIDTH), np.uint8)
    for top in tops:
        drawing[top : top + thick, first:last] = 255
    return drawing


def scene(thick: int = 4) -> Drawing:
    """Curves, a crossing and open ends."""
    drawing = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(drawing, (400, 170), (250, 110), 20, 0, 360, 255, thick, cv2.LINE_AA)
    cv2.line(drawing, (100, 30), (900, 300), 255, thick, cv2.LINE_AA)
    cv2.line(drawing, (150, 335), (850, 325), 255, thick, cv2.LINE_AA)
    return drawing


PERFECT = Agreement(
    precision_2px=1.0,
    recall_2px=1.0,
    f_2px=1.0,
    precision_4px=1.0,
    recall_4px=1.0,
    f_4px=1.0,
    chamfer_px=0.0,
    line_ends=1.0,
    junctions=1.0,
    length=1.0,
    ink_iou=1.0,
    width=1.0,
)
BLANK = np.zeros((HEIGHT, WIDTH), np.uint8)


def test_a_drawing_agrees_perfectly_with_itself() -> None:
    """Every figure has its best value."""
    assert PERFECT == compare_drawings(scene(), scene())


def test_a_shift_of_three_pixels_is_seen_within_two_and_forgiven_within_four() -> None:
    """The two radii tell a near miss from a miss."""
    agreement = compare_drawings(rows(103), rows(100))
    assert (0.0, 1.0) == (agreement.f_2px, agreement.f_4px)
    assert agreement.chamfer_px == pytest.approx(3.0, abs=0.01)


def test_a_missing_line_costs_recall_and_an_invented_one_costs_precision() -> None:
    """Exchanging result and target exchanges the two."""
    one, two = rows(100), rows(100, 300)
    missing, invented = compare_drawings(one, two), compare_drawings(two, one)
    assert 1.0 == missing.precision_4px
    assert missing.recall_4px == pytest.approx(0.5)
    assert (missing.precision_4px, missing.recall_4px) == (invented.recall_4px, invented.precision_4px)


def test_exchanging_result_and_target_keeps_distances_and_inverts_ratios() -> None:
    """F, distance and IoU are symmetric."""
    there, back = compare_drawings(rows(100, 200), scene()), compare_drawings(scene(), rows(100, 200))
    for field in ("f_2px", "f_4px", "chamfer_px", "ink_iou"):
        assert getattr(there, field) == pytest.approx(getattr(back, field))
    for field in ("line_ends", "length", "width"):
        assert getattr(there, field) == pytest.approx(1 / getattr(back, field))


def test_a_broken_line_has_more_ends_and_hardly_less_length() -> None:
    """Three gaps in one line make eight ends of two."""
    broken = rows(100)
    for gap in (300, 500, 700):
        broken[:, gap : gap + 12] = 0
    agreement = compare_drawings(broken, rows(100))
    assert agreement.line_ends == pytest.approx(4.0)
    assert 0.93 < agreement.length < 1.0


def test_a_doubled_line_is_twice_as_long() -> None:
    """Two passes left apart count as two lines, though each lies near the artist's."""
    agreement = compare_drawings(rows(97, 104, thick=3), rows(100, thick=3))
    assert agreement.length == pytest.approx(2.0, abs=0.02)
    assert agreement.precision_4px == pytest.approx(1.0)


def test_rungs_between_doubled_lines_are_junctions() -> None:
    """A ladder has two forks a rung."""
    target = rows(100, 200)
    target[100:204, 500:504] = 255
    ladder = target.copy()
    for rung in (300, 700):
        ladder[100:204, rung : rung + 4] = 255
    assert compare_drawings(ladder, target).junctions == pytest.approx(3.0)


def test_a_slanted_crossing_is_one_junction() -> None:
    """Thinning tears it into two forks a few pixels apart; they are counted once."""
    drawing = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.line(drawing, (300, 40), (600, 310), 255, 4, cv2.LINE_AA)
    cv2.line(drawing, (250, 320), (650, 30), 255, 4, cv2.LINE_AA)
    fork = rows(100)
    fork[100:300, 500:504] = 255
    assert compare_drawings(drawing, fork).junctions == pytest.approx(1.0)


def test_bumps_on_a_line_add_neither_ends_nor_junctions() -> None:
    """Spurs of the centre line are cut in both drawings."""
    bumpy = rows(100)
    for bump in range(150, 850, 50):
        bumpy[97:100, bump : bump + 2] = 255
    agreement = compare_drawings(bumpy, rows(100))
    assert (1.0, 1.0) == (agreement.line_ends, agreement.junctions)


def test_specks_count_as_line_ends() -> None:
    """A dot is a line with both ends in one place."""
    specked = rows(100)
    for x in (200, 400, 600):
        specked[300:302, x : x + 2] = 255
    assert compare_drawings(specked, rows(100)).line_ends == pytest.approx(4.0)


@pytest.mark.parametrize(("thick", "ratio"), [(8, 2.0), (6, 1.5), (4, 1.0), (2, 0.5)])
def test_line_width_is_a_true_ratio(thick: int, ratio: float) -> None:
    """Twice as thick is 2, not what is left of it on whole pixels."""
    agreement = compare_drawings(rows(100, 200, thick=thick), rows(100, 200, thick=4))
    assert agreement.width == pytest.approx(ratio, rel=0.1)


def test_the_size_of_the_picture_does_not_matter() -> None:
    """Large and small scans of one drawing give the same figures, to half a pixel."""

    def at(scale: float) -> Agreement:
        size = (round(WIDTH * scale), round(HEIGHT * scale))
        result, target = (
            cv2.resize(d, size, interpolation=cv2.INTER_AREA) for d in (rows(106, 300), rows(100, 300))
        )
        return compare_drawings(np.asarray(result, np.uint8), np.asarray(target, np.uint8))

    for scale in (0.7, 2.0, 3.0):
        agreement = at(scale)
        assert agreement.f_4px == pytest.approx(0.5, abs=0.01)
        assert agreement.chamfer_px == pytest.approx(3.0, abs=0.5)
        assert agreement.width == pytest.approx(1.0, abs=0.15)


def test_ink_is_what_is_darker_than_three_quarters_grey() -> None:
    """A line of coverage 0.24 is paper, one of 0.26 is ink."""
    faint, dark = rows(100), rows(100)
    faint[faint > 0], dark[dark > 0] = 61, 66
    assert 0.0 == compare_drawings(faint, rows(100)).f_4px
    assert 1.0 == compare_drawings(dark, rows(100)).f_4px


def test_two_blank_drawings_agree_perfectly() -> None:
    """A blank sheet cleaned to a blank sheet is right."""
    assert PERFECT == compare_drawings(BLANK, BLANK)


@pytest.mark.parametrize(("result", "target"), [(BLANK, scene()), (scene(), BLANK)], ids=["lost", "invented"])
def test_a_blank_sheet_against_a_drawing_is_as_bad_as_can_be_and_finite(
    result: Drawing, target: Drawing
) -> None:
    """No figure is infinite or undefined."""
    agreement = compare_drawings(result, target)
    assert (0.0, 0.0, 0.0, 1000.0) == (
        agreement.f_2px,
        agreement.f_4px,
        agreement.ink_iou,
        agreement.chamfer_px,
    )
    assert all(math.isfinite(value) for value in msgspec.structs.astuple(agreement))


def test_a_closed_shape_without_line_ends_gives_a_finite_ratio() -> None:
    """Ends that the artist does not have are counted against one."""
    circle = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(circle, (500, 175), 130, 255, 4, cv2.LINE_AA)
    opened = circle.copy()
    opened[:170, 490:510] = 0
    assert (1.0, 2.0) == (
        compare_drawings(circle, circle).line_ends,
        compare_drawings(opened, circle).line_ends,
    )


def test_drawings_of_different_sizes_are_not_compared() -> None:
    """Laying them over each other is the caller's decision."""
    with pytest.raises(ValueError, match="one size"):
        compare_drawings(BLANK, BLANK[:-1])


def test_one_drawing_gone_wrong_does_not_speak_for_the_average_ratio() -> None:
    """Shares are averaged, ratios give their median."""
    broken = msgspec.structs.replace(PERFECT, f_2px=0.4, line_ends=40.0)
    mean = average([PERFECT, PERFECT, broken])
    assert mean.f_2px == pytest.approx(0.8)
    assert 1.0 == mean.line_ends


def test_an_average_of_nothing_is_refused() -> None:
    """There is no figure that would be true of it."""
    with pytest.raises(ValueError, match="no drawing"):
        average([])
