"""A dashboard as a picture, where no Grafana runs: what its queries answer, in the manner of its panels."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from tests.deploy.watched_farm import Prometheus

Json = dict[str, Any]

COLUMN, LINE, GAP = 62, 31, 6
PAPER, CARD, INK, FAINT, EDGE = "#f4f5f5", "#ffffff", "#24292e", "#6b7280", "#d8dade"
COLORS = {
    "green": "#3f9c4b",
    "yellow": "#d9a400",
    "orange": "#e87700",
    "red": "#d1273d",
    "blue": "#3274d9",
    "purple": "#8f3bb8",
    "text": INK,
}
PALETTE = ("#3f9c4b", "#d9a400", "#3274d9", "#e87700", "#8f3bb8", "#d1273d", "#14919b")


@dataclass(frozen=True)
class Box:
    """Where something is drawn, in pixels."""

    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True)
class Line:
    """A series over time."""

    name: str
    color: str
    points: tuple[tuple[float, float], ...]


def drawn_dashboard(dashboard: Json, prometheus: Prometheus, seconds: float) -> str:
    """Return a dashboard of the last seconds as SVG."""
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"]) * LINE
    body = "".join("".join(_drawn(panel, prometheus, seconds)) for panel in dashboard["panels"])
    title = _text(14, 27, dashboard["title"], size=18, weight="bold")
    width = 24 * COLUMN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height + 46}" '
        f'font-family="Liberation Sans, sans-serif"><rect width="100%" height="100%" fill="{PAPER}"/>{title}'
        f'<g transform="translate(0 40)">{body}</g></svg>'
    )


def _drawn(panel: Json, prometheus: Prometheus, seconds: float) -> Iterator[str]:
    place = panel["gridPos"]
    box = Box(
        place["x"] * COLUMN + GAP, place["y"] * LINE, place["w"] * COLUMN - GAP, place["h"] * LINE - GAP
    )
    if panel["type"] == "row":
        yield _text(box.x + 4, box.y + 20, panel["title"], size=15, weight="bold")
        return
    yield _rect(box, CARD, EDGE)
    yield _text(box.x + 9, box.y + 19, panel["title"], size=13, weight="bold")
    inner = Box(box.x + 10, box.y + 28, box.w - 20, box.h - 36)
    draw: dict[str, Callable[[Json, Prometheus, float, Box], Iterator[str]]] = {
        "stat": _stat,
        "bargauge": _bars,
        "table": _table,
        "timeseries": _series,
        "state-timeline": _states,
    }
    yield from draw[panel["type"]](panel, prometheus, seconds, inner)


def _stat(panel: Json, prometheus: Prometheus, seconds: float, box: Box) -> Iterator[str]:
    part = box.h / len(panel["targets"])
    for index, target in enumerate(panel["targets"]):
        fields = _fields(panel, target["legendFormat"])
        answer = prometheus.latest(target["expr"])
        value = float(answer[0]["value"][1]) if answer else None
        text, color = _said(value, fields)
        y = box.y + index * part
        is_filled = panel["options"]["colorMode"] == "background_solid"
        if is_filled:
            yield _rect(Box(box.x, y, box.w, part - 4), color)
        name = target["legendFormat"] if len(panel["targets"]) > 1 else ""
        size = min(
            34.0, part * 0.62, box.w / max(len(text) * (0.62 if name else 0.56), 1) * (0.6 if name else 1)
        )
        ink = "#ffffff" if is_filled else color
        if name:
            yield _text(box.x + 6, y + part / 2 + 5, name, size=14, color=ink if is_filled else FAINT)
            yield _text(
                box.x + box.w - 6, y + part / 2 + size * 0.35, text, size=size, color=ink, anchor="end"
            )
        else:
            yield _text(
                box.x + box.w / 2, y + part / 2 + size * 0.35, text, size=size, color=ink, anchor="middle"
            )


def _bars(panel: Json, prometheus: Prometheus, seconds: float, box: Box) -> Iterator[str]:
    answer = prometheus.latest(panel["targets"][0]["expr"])
    fields = panel["fieldConfig"]["defaults"]
    if not answer:
        yield _text(box.x + box.w / 2, box.y + box.h / 2, fields["noValue"], size=15, anchor="middle")
    most = max((float(row["value"][1]) for row in answer), default=1) or 1
    for index, row in enumerate(answer):
        value = float(row["value"][1])
        text, color = _said(value, fields)
        y = box.y + index * 34
        yield _text(box.x, y + 12, _named(panel["targets"][0]["legendFormat"], row["metric"]), size=12)
        yield _rect(Box(box.x, y + 16, (box.w - 40) * value / most, 12), color)
        yield _text(box.x + box.w, y + 27, text, size=13, color=color, anchor="end")


def _table(panel: Json, prometheus: Prometheus, seconds: float, box: Box) -> Iterator[str]:
    columns: dict[str, str] = panel["transformations"][-1]["options"]["renameByName"]
    rows = _merged(panel, prometheus)
    if not rows:
        words = panel["fieldConfig"]["defaults"]["noValue"]
        yield _text(box.x + box.w / 2, box.y + box.h / 2, words, size=15, anchor="middle")
        return
    shown = [name for name in columns if any(name in row for row in rows)]
    longest = {
        name: max(len(columns[name]), *(len(_cell(panel, columns[name], row.get(name))[0]) for row in rows))
        + 2
        for name in shown
    }
    scale = box.w / sum(longest.values())
    x = box.x
    for name in shown:
        yield _text(x, box.y + 13, columns[name], size=12, color=FAINT)
        for index, row in enumerate(rows[: int((box.h - 16) // 22)]):
            text, color = _cell(panel, columns[name], row.get(name))
            yield _text(x, box.y + 36 + index * 22, text, size=12, color=color)
        x += longest[name] * scale


def _merged(panel: Json, prometheus: Prometheus) -> list[dict[str, str | float]]:
    rows: dict[tuple[tuple[str, str], ...], dict[str, str | float]] = {}
    several = len(panel["targets"]) > 1
    for target in panel["targets"]:
        value = f"Value #{target['refId']}" if several else "Value"
        for found in prometheus.latest(target["expr"]):
            labels = {name: text for name, text in found["metric"].items() if name != "__name__"}
            row = rows.setdefault(tuple(sorted(labels.items())), dict(labels))
            row[value] = float(found["value"][1])
    return list(rows.values())


def _cell(panel: Json, column: str, value: str | float | None) -> tuple[str, str]:
    fields = _fields(panel, column)
    if value is None or isinstance(value, str):
        option = next((each["options"].get(value) for each in fields["mappings"]), None)
        return value or "", COLORS[option["color"]] if option else INK
    text, color = _said(value, fields)
    return text, color if fields["mappings"] or column == "failed" else INK


def _series(panel: Json, prometheus: Prometheus, seconds: float, box: Box) -> Iterator[str]:
    lines = _lines(panel, prometheus, seconds)
    fields = panel["fieldConfig"]["defaults"]
    plot = Box(box.x + 44, box.y + 6, box.w - 52, box.h - (50 if len(lines) < 6 else 76))
    is_stacked = fields["custom"]["stacking"]["mode"] == "normal"
    stacked = (
        _stacked(lines) if is_stacked else [(line, dict.fromkeys(dict(line.points), 0.0)) for line in lines]
    )
    tops = [low[t] + v for line, low in stacked for t, v in line.points]
    if not lines:
        is_zero = any(prometheus.course(target["expr"], seconds) for target in panel["targets"])
        words = "0 all the time" if is_zero else fields["noValue"]
        yield _text(box.x + box.w / 2, box.y + box.h / 2, words, size=15, anchor="middle")
        return
    most = fields.get("max") or max([*tops, 1e-9]) * 1.08
    end = time.time()

    def at(moment: float, value: float) -> str:
        x = plot.x + plot.w * (1 - (end - moment) / seconds)
        return f"{x:.1f},{plot.y + plot.h * (1 - min(value, most) / most):.1f}"

    for share in (0, 0.5, 1):
        y = plot.y + plot.h * (1 - share)
        yield f'<path d="M{plot.x} {y}h{plot.w}" stroke="{EDGE}"/>'
        yield _text(plot.x - 5, y + 4, _formatted(most * share, fields), size=10, color=FAINT, anchor="end")
    for share in (0, 0.5, 1):
        clock = time.strftime("%H:%M:%S", time.gmtime(end - seconds * (1 - share)))
        anchor = {0: "start", 0.5: "middle", 1: "end"}[share]
        yield _text(plot.x + plot.w * share, plot.y + plot.h + 13, clock, size=10, color=FAINT, anchor=anchor)
    for line, low in stacked:
        upper = [at(t, low[t] + v) for t, v in line.points]
        if is_stacked:
            lower = [at(t, low[t]) for t, _ in reversed(line.points)]
            yield f'<polygon points="{" ".join(upper + lower)}" fill="{line.color}" fill-opacity=".65"/>'
        yield f'<polyline points="{" ".join(upper)}" fill="none" stroke="{line.color}" stroke-width="1.6"/>'
    yield from _legend(lines, fields, Box(box.x, plot.y + plot.h + 18, box.w, 26))


def _states(panel: Json, prometheus: Prometheus, seconds: float, box: Box) -> Iterator[str]:
    rows = prometheus.course(panel["targets"][0]["expr"], seconds)
    begin = time.time() - seconds
    for index, row in enumerate(rows):
        y = box.y + index * 50
        yield _text(box.x, y + 12, _named(panel["targets"][0]["legendFormat"], row["metric"]), size=12)
        for moment, value in row["values"]:
            _, color = _said(float(value), panel["fieldConfig"]["defaults"])
            x = box.x + box.w * max(0.0, float(moment) - begin) / seconds
            yield _rect(Box(x, y + 17, box.w / seconds + 0.3, 20), color)


def _legend(lines: Sequence[Line], fields: Json, box: Box) -> Iterator[str]:
    x, y = box.x, box.y + 12
    for line in lines:
        text = f"{line.name}: {_formatted(line.points[-1][1], fields)}"
        wide = 20 + len(text) * 5.6
        if x + wide > box.x + box.w:
            x, y = box.x, y + 14
        yield _rect(Box(x, y - 8, 9, 9), line.color)
        yield _text(x + 13, y, text, size=11)
        x += wide


def _lines(panel: Json, prometheus: Prometheus, seconds: float) -> list[Line]:
    found: list[Line] = []
    for target in panel["targets"]:
        for row in prometheus.course(target["expr"], seconds):
            name = _named(target["legendFormat"], row["metric"])
            points = tuple((float(moment), float(value)) for moment, value in row["values"])
            points = tuple(point for point in points if not math.isnan(point[1]))
            if any(value for _, value in points):
                found.append(Line(name, _line_color(panel, name, len(found)), points))
    return found


def _line_color(panel: Json, name: str, index: int) -> str:
    for each in panel["fieldConfig"]["overrides"]:
        if each["matcher"]["options"] == name:
            for part in each["properties"]:
                if part["id"] == "color":
                    color: str = part["value"]["fixedColor"]
                    return COLORS.get(color, color)
    return PALETTE[index % len(PALETTE)]


def _stacked(lines: Sequence[Line]) -> list[tuple[Line, dict[float, float]]]:
    height: dict[float, float] = {}
    found = []
    for line in lines:
        found.append((line, {moment: height.get(moment, 0.0) for moment, _ in line.points}))
        for moment, value in line.points:
            height[moment] = height.get(moment, 0.0) + value
    return found


def _fields(panel: Json, name: str) -> Json:
    fields: Json = dict(panel["fieldConfig"]["defaults"])
    for each in panel["fieldConfig"]["overrides"]:
        if each["matcher"]["options"] == name:
            fields |= {part["id"]: part["value"] for part in each["properties"]}
    return fields


def _said(value: float | None, fields: Json) -> tuple[str, str]:
    if value is None:
        return fields["noValue"], FAINT
    for mapping in fields["mappings"]:
        if option := mapping["options"].get(f"{value:g}"):
            return option["text"], COLORS.get(option["color"], option["color"])
    color = INK
    for step in fields["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            color = COLORS.get(step["color"], step["color"])
    return _formatted(value, fields), color


def _formatted(value: float, fields: Json) -> str:
    match fields["unit"]:
        case "percentunit":
            return f"{value * 100:.0f} %"
        case "s":
            return (
                f"{value / 3600:.1f} h"
                if value >= 7200
                else f"{value:.0f} s"
                if value >= 10
                else f"{value:.1f} s"
            )
        case "bytes" | "Bps":
            return f"{value / 1e6:.1f} MB" if value >= 1e6 else f"{value / 1e3:.1f} kB"
        case "dateTimeAsLocal":
            return time.strftime("%H:%M:%S", time.gmtime(value / 1000))
        case "dateTimeFromNow":
            return f"{time.time() - value / 1000:.0f} seconds ago"
    places = fields.get("decimals", 0 if value >= 10 or value == round(value) else 1)
    return f"{value:,.{places}f}"


def _named(legend: str, labels: dict[str, str]) -> str:
    if legend == "__auto":
        return ", ".join(text for name, text in labels.items() if name != "__name__") or "value"
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), legend)


def _rect(box: Box, fill: str, edge: str = "none") -> str:
    return (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{max(box.w, 0):.1f}" height="{max(box.h, 0):.1f}" '
        f'rx="3" fill="{fill}" stroke="{edge}"/>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: float,
    color: str = INK,
    weight: str = "normal",
    anchor: str = "start",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:.1f}" fill="{color}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )
