"""Wrap the rules of deploy/prometheus for the Prometheus operator; ``python -m tools.prometheus_rule``.

kustomize takes no file from outside its folder, and a second copy kept by hand would grow apart from the
first. A test compares what is written with what would be.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

HOUSE = Path(__file__).parents[1]
WRITTEN = HOUSE / "k8s" / "components" / "monitoring" / "prometheus-rule.yaml"

_HEADING = (
    "# Made from deploy/prometheus/rules by `python -m tools.prometheus_rule`; change those, not this.\n"
)


def main() -> int:
    """Write the file."""
    WRITTEN.write_text(prometheus_rule(), encoding="utf-8")
    return 0


def prometheus_rule() -> str:
    """Return the object that holds all groups of rules, as YAML."""
    labels = {
        "app.kubernetes.io/name": "douga",
        "app.kubernetes.io/component": "monitoring",
        "app.kubernetes.io/part-of": "douga",
    }
    wrapped = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "douga", "labels": labels},
        "spec": {"groups": _groups()},
    }
    return _HEADING + yaml.safe_dump(wrapped, sort_keys=False, width=110, allow_unicode=True)


def _groups() -> list[dict[str, Any]]:
    files = sorted((HOUSE / "deploy" / "prometheus" / "rules").glob("*.yml"))
    contents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]
    return [group for content in contents for group in content["groups"]]


if __name__ == "__main__":
    sys.exit(main())
