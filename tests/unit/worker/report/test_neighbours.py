"""A frame unlike its level is flagged, and no other."""

from __future__ import annotations

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
