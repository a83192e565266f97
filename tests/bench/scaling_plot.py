"""Draw how a farm grows: an SVG of frames a second against workers, beside the pace of their GPUs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

WIDTH, HEIGHT, MARGIN = 420, 280, 46
_INK, _IDEAL, _GRID = "#1f5fbf", "#999999", "#dddddd"


def draw_scaling(found: Mapping[str, Mapping[str, float]], kinds: Sequence[tuple[str, float]]) -> str:
    """Return an SVG with one panel a kind; both axes are of powers of two.

    Args:
        found: of ``kind: N workers`` the figures ``workers`` and ``frames/s``.
        kinds: names, and frames a second of one simulated GPU.
    """
    panels = [_panel(name, pace, _points(found, name)) for name, pace in kinds]
    shifted = [
        f'<g transform="translate({number * WIDTH},0)">{panel}</g>' for number, panel in enumerate(panels)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{len(panels) * WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="11">'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(shifted)}</svg>\n'
    )


def _points(found: Mapping[str, Mapping[str, float]], name: str) -> list[tuple[float, float]]:
    return [
        (figures["workers"], figures["frames/s"])
        for case, figures in found.items()
        if case.startswith(f"{name}: ") and "workers" in figures
    ]


def _panel(name: str, pace: float, points: Sequence[tuple[float, float]]) -> str:
    workers = [count for count, _ in points]
    ideal = [(count, count * pace) for count in workers]
    lowest = min(value for _, value in [*points, *ideal]) / 1.3
    highest = max(value for _, value in ideal) * 1.3
    across = _scale(workers[0] / 1.2, workers[-1] * 1.2, MARGIN, WIDTH - 14)
    up = _scale(lowest, highest, HEIGHT - MARGIN, 30)
    parts = [f'<text x="{MARGIN}" y="18" font-weight="bold">{name}: {pace:g} frames/s a GPU</text>']
    for count in workers:
        x = across(count)
        parts.append(f'<path d="M{x:.1f} 30V{HEIGHT - MARGIN}" stroke="{_GRID}"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - MARGIN + 16}" text-anchor="middle">{count:g}</text>')
    for value in [value for _, value in ideal]:
        y = up(value)
        parts.append(f'<path d="M{MARGIN} {y:.1f}H{WIDTH - 14}" stroke="{_GRID}"/>')
        parts.append(f'<text x="{MARGIN - 4}" y="{y + 4:.1f}" text-anchor="end">{value:,.0f}</text>')
    parts.append(f'<text x="{WIDTH // 2}" y="{HEIGHT - 10}" text-anchor="middle">workers</text>')
    parts.append(_line([(across(x), up(y)) for x, y in ideal], f'stroke="{_IDEAL}" stroke-dasharray="4 3"'))
    measured = [(across(x), up(y)) for x, y in points]
    parts.append(_line(measured, f'stroke="{_INK}" stroke-width="2"'))
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_INK}"/>' for x, y in measured]
    return "".join(parts)


def _scale(low: float, high: float, first_px: float, last_px: float) -> Callable[[float], float]:
    """Map a logarithmic axis to pixels."""
    whole = math.log(high / low)
    return lambda value: first_px + (last_px - first_px) * math.log(value / low) / whole


def _line(points: Sequence[tuple[float, float]], style: str) -> str:
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f'<path d="M{path}" fill="none" {style}/>'
