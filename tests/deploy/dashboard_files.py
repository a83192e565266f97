"""The dashboards as Grafana reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.watched_farm import HOUSE

GRAFANA = HOUSE / "deploy" / "grafana"
NAMES = ("tonight", "workers", "quality")


@dataclass(frozen=True)
class Query:
    """One query of one panel."""

    panel: str
    expr: str
    is_instant: bool


def read(name: str) -> dict[str, Any]:
    """Return a dashboard."""
    found: dict[str, Any] = json.loads(path_of(name).read_text(encoding="utf-8"))
    return found


def path_of(name: str) -> Path:
    """Return where a dashboard lies."""
    return GRAFANA / "dashboards" / f"{name}.json"


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the panels that show something."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries(name: str) -> Iterator[Query]:
    """Yield every query of a dashboard."""
    for panel in panels(read(name)):
        for target in panel["targets"]:
            yield Query(panel["title"], target["expr"], target["instant"])
