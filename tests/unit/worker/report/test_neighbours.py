"""A frame unlike its level is flagged, and no other."""

from __future__ import annotations

from msgspec.structs import replace

from douga_shared.manifest import FrameRecord, FrameState, Quality
from douga_worker.report.neighbours import flag_odd_frames


def _frame(stem: str, size: tuple[int, int] = (1654, 2339), dpi: float | None = 200.0) -> FrameRecord:
    quality = Quality(
        scan_ink_share=0.05,
        line_ink_share=0.04,
        uncovered_share=0.0,
        invented_share=0.0,
        speck_count=0,
        grey_share=0.0,
        pencil_width_px=3.0,
    )
    width, height = size
    return FrameRecord(
        scan=f"{stem}.png",
        stem=stem,
        state=FrameState.DONE,
        width_px=width,
        height_px=height,
        dpi=dpi,
        quality=quality,
    )


def _flags(*frames: FrameRecord) -> list[tuple[str, ...]]:
    return [frame.quality.flags if frame.quality else () for frame in flag_odd_frames(frames)]


def test_the_one_sheet_of_another_size_is_flagged() -> None:
    """A turned or cropped scan will not register with its level."""
    frames = [_frame("A0001"), _frame("A0002", size=(2339, 1654)), _frame("A0003")]
    assert [(), ("odd_size",), ()] == _flags(*frames)


def test_the_one_scan_of_another_resolution_is_flagged() -> None:
    """A scanner's setting changed between two sheets is found; rounding in the file is not."""
    frames = [_frame("A1"), _frame("A2", dpi=300.0), _frame("A3", dpi=199.9), _frame("A4")]
    assert [(), ("odd_dpi",), (), ()] == _flags(*frames)


def test_levels_are_compared_with_themselves_only() -> None:
    """A pan background may be as large as it likes."""
    frames = [
        _frame("A1"),
        _frame("A2"),
        _frame("A3"),
        _frame("B1", size=(4000, 2339)),
        _frame("c/A1", (9, 9)),
    ]
    assert [()] * 5 == _flags(*frames)


def test_without_a_majority_nobody_is_odd() -> None:
    """Two against two, or a pair, say nothing."""
    small, large = (100, 100), (200, 200)
    frames = [_frame("A1", small), _frame("A2", small), _frame("A3", large), _frame("A4", large)]
    assert [()] * 4 == _flags(*frames)
    assert [(), ()] == _flags(_frame("A1", small), _frame("A2", large))


def test_flagging_twice_flags_once() -> None:
    """The report of a manifest already flagged shows no flag twice."""
    frames = [_frame("A1"), _frame("A2"), _frame("A3", size=(5, 5), dpi=72.0)]
    once = flag_odd_frames(frames)
    assert once == flag_odd_frames(once)


def _with_regions(*counts: int | None, step: int = 1) -> list[FrameRecord]:
    frames = [_frame(f"A{1 + n * step:04d}") for n in range(len(counts))]
    return [
        replace(frame, quality=replace(frame.quality, region_count=count))
        for frame, count in zip(frames, counts, strict=True)
        if frame.quality
    ]


def test_a_frame_with_far_fewer_areas_than_its_neighbours_is_flagged() -> None:
    """Its lines broke; or far more, where grain was taken for drawing."""
    assert [(), (), ("odd_regions",), (), ()] == _flags(*_with_regions(50, 52, 20, 49, 51))
    assert [(), (), ("odd_regions",), (), ()] == _flags(*_with_regions(50, 52, 130, 49, 51))


def test_motion_is_no_oddity() -> None:
    """An arm that crosses the body makes a third more areas; of few areas one is half."""
    assert [()] * 5 == _flags(*_with_regions(50, 55, 66, 60, 47))
    assert [()] * 5 == _flags(*_with_regions(3, 3, 7, 2, 3))


def test_a_drawing_that_changes_for_good_is_not_flagged() -> None:
    """A second figure enters."""
    assert [()] * 6 == _flags(*_with_regions(20, 21, 20, 80, 81, 80))


def test_frames_far_apart_or_uncounted_are_not_compared() -> None:
    """A report of the worst frames alone shows no neighbours."""
    assert [()] * 5 == _flags(*_with_regions(50, 52, 20, 49, 51, step=10))
    assert [()] * 5 == _flags(*_with_regions(50, None, 20, None, 51))
