"""Draw what a frame costs: CPU seconds of every step, what it was, and what the network takes at least."""

from __future__ import annotations

from collections.abc import Mapping

WIDTH, BAR_PX, NAME_PX, MARGIN = 840, 26, 150, 14
BEFORE_PX = 7
"""Height of the bar of before, right below the one of now."""
_COLOURS = ("#1f5fbf", "#bf7f1f", "#3f8f4f", "#999999")
_GROUPS = {
    "network": ("network",),
    "before it": ("fetch", "decode", "flatten", "inks"),
    "strokes": ("trace", "fit", "vectorise", "encode svg"),
}
"""Steps that are drawn as one; all others are what comes after the network."""
_BEFORE_COLOUR = "#c8c8c8"
_LEGEND_PX = (0, 130, 260, 390, 620)
_ROW_PX = BAR_PX + BEFORE_PX + 12
_REST = "check, redraw, encode, pictures"


Found = Mapping[str, Mapping[str, float]]
"""Of every case, figures by name."""


def draw_throughput(found: Found, cores: int, before: Found | None = None) -> str:
    """Return an SVG with one bar a case: its CPU seconds a frame, shared out by the seconds of its steps.

    Args:
        found: of every case the figure ``CPU s/frame`` and those of the steps (``network, s``); cases without
            are left out. Where there is ``limit by arithmetic, s``, a dashed line stands that far.
        cores: that the limits are for, all of them at work.
        before: the same of an earlier run; drawn as a narrow grey bar below, whole.
    """
    cases = {case: figures for case, figures in found.items() if "CPU s/frame" in figures}
    earlier = {case: (before or {}).get(case, {}).get("CPU s/frame", 0.0) for case in cases}
    longest = max(
        max(figures["CPU s/frame"], cores * _limit(figures), earlier[case]) for case, figures in cases.items()
    )
    px_per_second = (WIDTH - NAME_PX - MARGIN - 60) / longest
    parts = [_legend()]
    for number, (case, figures) in enumerate(cases.items()):
        top = 44 + number * _ROW_PX
        parts.append(_bar(case, figures, top, px_per_second, cores))
        parts.append(_before(earlier[case], top + BAR_PX + 1, px_per_second))
    height = 44 + len(cases) * _ROW_PX + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="12">'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n'
    )


def shares(figures: Mapping[str, float]) -> dict[str, float]:
    """Share of each group of steps in the seconds of all steps."""
    seconds = {name: sum(figures.get(f"{step}, s", 0.0) for step in steps) for name, steps in _GROUPS.items()}
    grouped = {step for steps in _GROUPS.values() for step in steps}
    seconds[_REST] = sum(
        value
        for name, value in figures.items()
        if name.endswith(", s") and not name.startswith("limit") and name.removesuffix(", s") not in grouped
    )
    whole = sum(seconds.values())
    return {name: part / whole for name, part in seconds.items()}


def _limit(figures: Mapping[str, float]) -> float:
    return max(figures.get("limit by arithmetic, s", 0.0), figures.get("limit by bytes, s", 0.0))


def _legend() -> str:
    names, colours = (*_GROUPS, _REST, "before, whole"), (*_COLOURS, _BEFORE_COLOUR)
    return "".join(
        f'<rect x="{MARGIN + left}" y="12" width="12" height="12" fill="{colour}"/>'
        f'<text x="{MARGIN + left + 17}" y="22">{name}</text>'
        for left, name, colour in zip(_LEGEND_PX, names, colours, strict=True)
    )


def _before(seconds: float, top: int, px_per_second: float) -> str:
    width = seconds * px_per_second
    return f'<rect x="{NAME_PX}" y="{top}" width="{width:.1f}" height="{BEFORE_PX}" fill="{_BEFORE_COLOUR}"/>'


def _bar(case: str, figures: Mapping[str, float], top: int, px_per_second: float, cores: int) -> str:
    parts = [f'<text x="{MARGIN}" y="{top + 17}">{case}</text>']
    left = float(NAME_PX)
    for (_, share), colour in zip(shares(figures).items(), _COLOURS, strict=True):
        width = share * figures["CPU s/frame"] * px_per_second
        parts.append(
            f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{BAR_PX}" fill="{colour}"/>'
        )
        left += width
    parts.append(f'<text x="{left + 5:.1f}" y="{top + 17}">{figures["CPU s/frame"]:.1f} s</text>')
    if limit := _limit(figures):
        x = NAME_PX + cores * limit * px_per_second
        parts.append(f'<path d="M{x:.1f} {top - 4}v{BAR_PX + 8}" stroke="black" stroke-dasharray="4 3"/>')
    return "".join(parts)
