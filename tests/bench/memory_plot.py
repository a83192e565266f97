"""Draw memory against frames done: an SVG that shows at a glance whether something grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 840, 300, 56, 14, 34, 42
_COLOURS = ("#1f5fbf", "#bf7f1f", "#3f8f4f", "#999999")
_GRID = "#dddddd"
_LINES = 5


def draw_memory(frames: Sequence[float], megabytes: Mapping[str, Sequence[float]]) -> str:
    """Return an SVG with a curve for each process; the axis of memory begins at nothing.

    Args:
        frames: done at each of the moments, ascending, two at least.
        megabytes: of each process, by name, its memory at the same moments.
    """
    highest = 1.15 * max(max(curve) for curve in megabytes.values())
    across = [LEFT + (WIDTH - LEFT - RIGHT) * done / frames[-1] for done in frames]
    parts = [_grid(frames[-1], highest)]
    for number, (name, curve) in enumerate(megabytes.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        ups = [_up(value, highest) for value in curve]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(across, ups, strict=True))
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        x = LEFT + 210 * number
        parts.append(f'<rect x="{x}" y="10" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 17}" y="20">{name}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="11">'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n'
    )


def _grid(most_frames: float, highest: float) -> str:
    parts = []
    for line in range(_LINES + 1):
        value, y = highest * line / _LINES, _up(highest * line / _LINES, highest)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{_GRID}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{value:.0f} MB</text>')
        done = most_frames * line / _LINES
        x = LEFT + (WIDTH - LEFT - RIGHT) * line / _LINES
        anchor = "end" if line == _LINES else "middle"
        parts.append(
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="{anchor}">{done:,.0f}</text>'
        )
    parts.append(f'<text x="{WIDTH // 2}" y="{HEIGHT - 8}" text-anchor="middle">frames done</text>')
    return "".join(parts)


def _up(value: float, highest: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / highest
