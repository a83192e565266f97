"""What Grafana's dashboards are built of, with everything that all of ours have in common.

Each function returns a piece of a dashboard's JSON, as Grafana's schema of version 13.2.3 has it. A panel is
made without its place; ``dashboard`` puts one after another, row by row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict, Unpack

Json = dict[str, Any]

GREEN, YELLOW, ORANGE, RED = "green", "yellow", "orange", "red"
BLUE, PURPLE, GREY = "blue", "purple", "#8e8e8e"
COLUMNS = 24
"""A dashboard is so wide."""
TONIGHT, WORKERS, QUALITY = "douga-tonight", "douga-workers", "douga-quality"
"""What the dashboards are called in addresses."""
A_WORKER = 'job=~"(.*/)?douga-worker"'
"""Selects what workers say of themselves, however they were found."""
_SOURCE: Json = {"type": "prometheus", "uid": "prometheus"}
_SCHEMA_VERSION = 42
"""Of Grafana 13; it brings older ones up to date by itself."""
_TOOLTIP: Json = {"mode": "multi", "sort": "desc"}


class Look(TypedDict, total=False):
    """How figures are shown."""

    unit: str
    """Grafana's name of it; ``short`` unless given."""
    thresholds: Json
    """From ``steps``; all green unless given."""
    mappings: Sequence[Json]
    """From ``words``."""
    overrides: Sequence[Json]
    """From ``override``."""
    none: str
    """What is said where there is no answer; ``no data`` unless given."""
    decimals: int
    """Places behind the point."""


def query(expr: str, legend: str = "", *, is_table: bool = False, is_latest: bool = False) -> Json:
    """A query, without its letter.

    Args:
        expr: PromQL.
        legend: the name of what comes back; ``{{label}}`` stands for a label's value.
        is_table: one row for each series.
        is_latest: the latest figures only, not their course.
    """
    is_instant = is_table or is_latest
    return {
        "datasource": _SOURCE,
        "expr": _one_line(expr),
        "legendFormat": legend or "__auto",
        "instant": is_instant,
        "range": not is_instant,
        "format": "table" if is_table else "time_series",
    }


def steps(*bounds: tuple[float | None, str]) -> Json:
    """Colours from a value on; the first bound is None."""
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in bounds]}


def words(meanings: Mapping[int, tuple[str, str]]) -> list[Json]:
    """Words and colours in place of figures."""
    options = {
        str(value): {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(meanings.items())
    }
    return [{"type": "value", "options": options}]


def override(name: str, **properties: Any) -> Json:
    """Properties of the field of this name; ``_`` in their names stands for a dot."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key.replace("_", "."), "value": value} for key, value in properties.items()],
    }


def colored(colors: Mapping[str, str]) -> list[Json]:
    """One colour for each name, the same everywhere."""
    return [override(name, color={"mode": "fixed", "fixedColor": color}) for name, color in colors.items()]


def stat(
    title: str,
    description: str,
    queries: Sequence[Json],
    *,
    size: tuple[int, int],
    is_filled: bool = False,
    has_course: bool = False,
    **look: Unpack[Look],
) -> Json:
    """Large figures.

    Args:
        title: of the panel.
        description: what it says and what to make of it.
        queries: one figure each.
        size: width (of 24) and height.
        is_filled: paint the panel, not the figure.
        has_course: draw a line behind the figure.
        look: see ``Look``.
    """
    options = {
        "colorMode": "background_solid" if is_filled else "value",
        "graphMode": "area" if has_course else "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showPercentChange": False,
        "textMode": "value_and_name" if len(queries) > 1 else "auto",
        "wideLayout": True,
    }
    return _panel("stat", (title, description), queries, size, options, look=look, defaults={})


def series(
    title: str,
    description: str,
    queries: Sequence[Json],
    *,
    size: tuple[int, int] = (8, 8),
    is_stacked: bool = False,
    is_bars: bool = False,
    most: float | None = None,
    **look: Unpack[Look],
) -> Json:
    """Lines over time; stacked, filled areas or bars where asked for. ``most`` is the scale's upper end."""
    defaults: Json = {"color": {"mode": "palette-classic"}, "min": 0}
    if most is not None:
        defaults["max"] = most
    defaults["custom"] = {
        "drawStyle": "bars" if is_bars else "line",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 60 if is_bars or is_stacked else 8,
        "showPoints": "never",
        # A worker that is away leaves a gap.
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "normal" if is_stacked else "none"},
        "thresholdsStyle": {"mode": "dashed" if "thresholds" in look else "off"},
    }
    options = {
        "legend": {"calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "bottom"}
        | {"showLegend": True},
        "tooltip": _TOOLTIP,
    }
    return _panel("timeseries", (title, description), queries, size, options, look=look, defaults=defaults)


def bars(
    title: str,
    description: str,
    queries: Sequence[Json],
    *,
    size: tuple[int, int],
    **look: Unpack[Look],
) -> Json:
    """One bar for each series, the latest figures."""
    options = {
        "displayMode": "basic",
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
        "maxVizHeight": 40,
        "minVizHeight": 14,
        "minVizWidth": 8,
        "namePlacement": "left",
        "orientation": "horizontal",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showUnfilled": True,
        "sizing": "auto",
        "valueMode": "color",
    }
    return _panel("bargauge", (title, description), queries, size, options, look=look, defaults={"min": 0})


def table(
    title: str,
    description: str,
    queries: Sequence[Json],
    *,
    size: tuple[int, int],
    columns: Mapping[str, str],
    sort_by: tuple[str, bool] | None = None,
    **look: Unpack[Look],
) -> Json:
    """One row for each series.

    Args:
        title: of the panel.
        description: what it says and what to make of it.
        queries: made with ``is_table``; several are joined by their labels.
        size: width and height.
        columns: label (or ``Value``, ``Value #B``) to the column's title, in this order; others are hidden.
        sort_by: a column's title, and whether the largest comes first.
        look: see ``Look``.
    """
    transformations: list[Json] = [{"id": "merge", "options": {}}] if len(queries) > 1 else []
    transformations += [
        {
            "id": "filterFieldsByName",
            "options": {"include": {"pattern": "^(" + "|".join(map(re.escape, columns)) + ")$"}},
        },
        {
            "id": "organize",
            "options": {
                "excludeByName": {},
                "indexByName": {name: index for index, name in enumerate(columns)},
                "renameByName": dict(columns),
            },
        },
    ]
    defaults: Json = {
        "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False, "filterable": False}
    }
    options: Json = {"cellHeight": "sm", "frameIndex": 0, "showHeader": True}
    if sort_by:
        options["sortBy"] = [{"displayName": sort_by[0], "desc": sort_by[1]}]
    panel = _panel("table", (title, description), queries, size, options, look=look, defaults=defaults)
    return panel | {"transformations": transformations}


def states(
    title: str,
    description: str,
    queries: Sequence[Json],
    *,
    size: tuple[int, int],
    **look: Unpack[Look],
) -> Json:
    """A coloured band over time for each series."""
    defaults: Json = {"custom": {"fillOpacity": 70, "lineWidth": 0}}
    options = {
        "alignValue": "left",
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
        "mergeValues": True,
        "rowHeight": 0.9,
        "showValue": "never",
        "tooltip": _TOOLTIP,
    }
    return _panel(
        "state-timeline", (title, description), queries, size, options, look=look, defaults=defaults
    )


def quantiles(histogram: str, selection: str) -> list[Json]:
    """Median, 95 and 99 % of a histogram, of the series that are selected."""
    return [
        query(
            f"""histogram_quantile({share}, sum by (le)
            (rate({histogram}_bucket{{{selection}}}[$__rate_interval])))""",
            name,
        )
        for share, name in ((0.5, "median"), (0.95, "95 %"), (0.99, "99 %"))
    ]


def row(title: str) -> Json:
    """A heading; what follows it belongs to it."""
    return {"type": "row", "title": title, "collapsed": False, "panels": []}


def choice(name: str, label: str, values: str) -> Json:
    """A list above the dashboard from which some or all values are taken; ``values`` is Prometheus' query."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": _SOURCE,
        "query": {"query": values, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def link(title: str, uid: str) -> Json:
    """A way to another dashboard, at the same time."""
    return {
        "asDropdown": False,
        "icon": "dashboard",
        "includeVars": False,
        "keepTime": True,
        "tags": [],
        "targetBlank": False,
        "title": title,
        "tooltip": "",
        "type": "link",
        "url": f"/d/{uid}",
    }


def dashboard(
    uid: str,
    title: str,
    description: str,
    panels: Iterable[Json],
    *,
    hours: int,
    links: Sequence[Json],
    variables: Sequence[Json] = (),
) -> Json:
    """A whole dashboard of the last ``hours``."""
    return {
        "uid": uid,
        "title": title,
        "description": _one_line(description),
        "tags": ["douga"],
        "schemaVersion": _SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": f"now-{hours}h", "to": "now"},
        "timezone": "browser",
        "links": list(links),
        "templating": {"list": list(variables)},
        "annotations": {"list": []},
        "panels": list(_placed(panels)),
    }


def _panel(
    kind: str,
    naming: tuple[str, str],
    queries: Sequence[Json],
    size: tuple[int, int],
    options: Json,
    *,
    look: Look,
    defaults: Json,
) -> Json:
    title, description = naming
    width, height = size
    fields = {
        "unit": look.get("unit", "short"),
        "noValue": look.get("none", "no data"),
        "color": {"mode": "thresholds"},
        "thresholds": look.get("thresholds", steps((None, GREEN))),
        "mappings": list(look.get("mappings", ())),
        **({"decimals": look["decimals"]} if "decimals" in look else {}),
        **defaults,
    }
    return {
        "type": kind,
        "title": title,
        "description": _one_line(description),
        "datasource": _SOURCE,
        "gridPos": {"w": width, "h": height},
        "targets": [{"refId": chr(ord("A") + index), **each} for index, each in enumerate(queries)],
        "fieldConfig": {"defaults": fields, "overrides": list(look.get("overrides", ()))},
        "options": options,
    }


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _placed(panels: Iterable[Json]) -> Iterable[Json]:
    """Put panels side by side as long as there is room, and below where there is none."""
    x = y = tallest = 0
    for number, panel in enumerate(panels, start=1):
        place = panel.get("gridPos", {"w": COLUMNS, "h": 1})
        if x + place["w"] > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        yield panel | {"id": number, "gridPos": {"x": x, "y": y, **place}}
        x, tallest = x + place["w"], max(tallest, place["h"])
