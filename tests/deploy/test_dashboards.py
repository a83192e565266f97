"""The dashboards are what Grafana takes, and what the code shows."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from tests.deploy.dashboard_files import GRAFANA, NAMES, panels, path_of, queries, read
from tests.deploy.watched_farm import PROMETHEUS
from tools.dashboards.__main__ import DASHBOARDS, written

from douga_shared import metrics

SCHEMA = Path(__file__).parent / "grafana_schema" / "dashboard.schema.json"
TARGET = {"refId", "datasource", "expr", "legendFormat", "instant", "range", "format"}
"""What Prometheus' queries may hold: their type is in none of Grafana's published packages."""
FROM_ELSEWHERE = ("DCGM_FI_", "ALERTS", "up", "process_", "farm:", "state:")


def faults_of(dashboard: dict[str, Any]) -> list[str]:
    """Return what Grafana's schema has against a dashboard, its panels' options and fields included."""
    faults = _faults("dashboard", dashboard)
    for panel in panels(dashboard):
        kind = panel["type"].replace("-", "")
        faults += _faults(f"{kind}Options", panel["options"])
        if "custom" in panel["fieldConfig"]["defaults"]:
            faults += _faults(f"{kind}Field", panel["fieldConfig"]["defaults"]["custom"])
        faults += [
            f"unknown in a query: {name}" for each in panel["targets"] for name in each.keys() - TARGET
        ]
    return faults


def _faults(part: str, value: object) -> list[str]:
    return [
        f"{part}: {error.json_path}: {error.message[:300]}" for error in _validator(part).iter_errors(value)
    ]


@cache
def _validator(part: str) -> Draft7Validator:
    schema = json.loads(SCHEMA.read_text())
    return Draft7Validator(schema["definitions"]["Checked"]["properties"][part])


def test_there_are_no_other_dashboards() -> None:
    """What is not made here is not tested here."""
    assert sorted(NAMES) == sorted(path.stem for path in (GRAFANA / "dashboards").iterdir())
    assert set(NAMES) == set(DASHBOARDS)


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_is_what_the_program_writes(name: str) -> None:
    """Remake with ``python -m tools.dashboards``."""
    assert written(name) == path_of(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_follows_grafanas_own_schema(name: str) -> None:
    """The types that Grafana publishes, of the version that compose starts."""
    assert [] == faults_of(read(name))


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ((), "refrsh"),
        (("panels", 1), "descripton"),
        (("panels", 1, "gridPos"), "width"),
        (("panels", 1, "options"), "colourMode"),
        (("panels", 1, "fieldConfig", "defaults"), "units"),
        (("panels", 11, "fieldConfig", "defaults", "custom"), "lineThickness"),
        (("panels", 1, "targets", 0), "query"),
        (("panels", 11, "options", "legend"), "position"),
    ],
)
def test_an_unknown_word_in_a_dashboard_is_caught(path: tuple[str | int, ...], key: str) -> None:
    """Grafana itself would silently leave it out."""
    dashboard = deepcopy(read("tonight"))
    place: Any = dashboard
    for step in path:
        place = place[step]
    place[key] = 1
    assert faults_of(dashboard)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("panels", 1, "options", "colorMode"), "backgruond"),
        (("panels", 1, "gridPos", "w"), "wide"),
        (("panels", 11, "fieldConfig", "defaults", "custom", "drawStyle"), "lines"),
        (("schemaVersion",), "42"),
    ],
)
def test_a_wrong_value_in_a_dashboard_is_caught(path: tuple[str | int, ...], value: object) -> None:
    """Not only words, also what they may be."""
    dashboard = deepcopy(read("tonight"))
    place: Any = dashboard
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert faults_of(dashboard)


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_says_what_it_means(name: str) -> None:
    """A title, a description in sentences, a unit, words for 'no answer', thresholds."""
    for panel in panels(read(name)):
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["description"].endswith((".", ").")), panel["title"]
        assert all((defaults["unit"], defaults["noValue"], defaults["thresholds"]["steps"])), panel["title"]


@pytest.mark.parametrize("name", NAMES)
def test_panels_are_told_apart_and_do_not_overlap(name: str) -> None:
    """Each has a number, a title and a place of its own."""
    found = panels(read(name))
    assert len(found) == len({panel["id"] for panel in found}) == len({panel["title"] for panel in found})
    cells = [cell for panel in found for cell in _cells(**panel["gridPos"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def _cells(x: int, y: int, w: int, h: int) -> list[tuple[int, int]]:
    return [(column, line) for column in range(x, x + w) for line in range(y, y + h)]


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_is_used_and_known(name: str) -> None:
    """No list above the dashboard that does nothing, no ``$name`` that nobody fills in."""
    known = {variable["name"] for variable in read(name)["templating"]["list"]}
    used = {word for query in queries(name) for word in re.findall(r"\$(\w+)", query.expr)}
    assert known == used - {"__rate_interval", "__range", "__interval"}


@pytest.mark.parametrize("name", NAMES)
def test_queries_ask_for_the_data_source_that_is_provisioned(name: str) -> None:
    """Grafana finds it by its uid."""
    provisioned = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text())
    uids = {source["uid"] for source in provisioned["datasources"]}
    found = panels(read(name))
    asked = {part["datasource"]["uid"] for panel in found for part in (panel, *panel["targets"])}
    assert uids == asked


def test_links_between_dashboards_lead_to_one() -> None:
    """By uid, which no other dashboard of ours has."""
    uids = [read(name)["uid"] for name in NAMES]
    links = {link["url"].removeprefix("/d/") for name in NAMES for link in read(name)["links"]}
    assert len(uids) == len(set(uids))
    assert set(uids) == links


def test_queries_name_metrics_that_exist() -> None:
    """A metric renamed in the table is renamed here."""
    known = {_shown_name(metric) for metric in metrics.WORKER.collect()}
    known |= {metric.name for metric in metrics.FARM_METRICS} | {metrics.GPU_MEMORY_BYTES}
    rules = [rule["expr"] for rule in _rules()]
    exprs = [query.expr for name in NAMES for query in queries(name)] + rules
    asked = {word for expr in exprs for word in re.findall(r"(?<![\w:\"/-])douga_\w+(?![\w:])", expr)}
    assert set() == {re.sub(r"_(bucket|sum|count|total|info)$", "", word) for word in asked} - known


def _shown_name(metric: Any) -> str:
    return re.sub(r"_(total|info)$", "", str(metric.name))


def _rules() -> list[dict[str, Any]]:
    files = sorted((PROMETHEUS / "rules").glob("*.yml"))
    return [
        rule
        for file in files
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    ]


def test_every_metric_of_the_table_is_looked_at() -> None:
    """A figure that nobody shows is a figure that nobody needs."""
    exprs = " ".join(
        [query.expr for name in NAMES for query in queries(name)] + [rule["expr"] for rule in _rules()]
    )
    ours = {_shown_name(metric) for metric in metrics.WORKER.collect() if metric.name.startswith("douga_")}
    ours |= {metric.name for metric in metrics.FARM_METRICS} | {metrics.GPU_MEMORY_BYTES}
    assert set() == {name for name in ours if not re.search(rf"\b{name}(_\w+)?\b", exprs)}


def test_every_recorded_figure_is_used() -> None:
    """By a panel, an alert or another figure."""
    recorded = {rule["record"] for rule in _rules() if "record" in rule}
    exprs = " ".join(
        [query.expr for name in NAMES for query in queries(name)] + [rule["expr"] for rule in _rules()]
    )
    assert set() == {name for name in recorded if name not in exprs}
