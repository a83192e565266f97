"""Alerts come when they should, stay away when they should, and say what to do."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.components import needs_program
from tests.deploy.watched_farm import HOUSE, PROMETHEUS

REMEDY = "apt-get install prometheus"
RUNBOOK = "docs/runbook.md"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))


def _promtool(*arguments: str | Path) -> None:
    program = needs_program("promtool", REMEDY)
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr


def _alerts() -> dict[str, dict[str, Any]]:
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def test_prometheus_takes_the_configuration() -> None:
    """With the rules that it names."""
    _promtool("check", "config", PROMETHEUS / "prometheus.yml")


def test_no_rule_is_written_twice() -> None:
    """The linter of promtool finds it."""
    _promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_rules_do_what_their_own_tests_say(file: Path) -> None:
    """On invented series, as promtool runs them."""
    _promtool("test", "rules", file)


def test_every_alert_is_seen_to_come_and_to_stay_away() -> None:
    """Two cases for each at least."""
    cases = [
        case
        for file in TESTS
        for test in yaml.safe_load(file.read_text())["tests"]
        for case in test.get("alert_rule_test", ())
    ]
    assert set(_alerts()) == {case["alertname"] for case in cases if case["exp_alerts"]}
    assert set(_alerts()) == {case["alertname"] for case in cases if not case["exp_alerts"]}


@pytest.mark.parametrize("name", sorted(_alerts()))
def test_an_alert_says_how_bad_it_is_and_where_to_read_on(name: str) -> None:
    """Severity, summary, description, and the section of its name."""
    alert = _alerts()[name]
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert {"summary", "description", "runbook_url"} == set(alert["annotations"])
    assert f"{RUNBOOK}#{name.lower()}" == alert["annotations"]["runbook_url"]


def test_the_runbook_has_a_section_for_every_alert_and_none_besides() -> None:
    """What it means, what to look at, what to do: all three, in each."""
    text = (HOUSE / RUNBOOK).read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### (Douga\w+)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL))
    assert sorted(_alerts()) == sorted(sections)
    for name, section in sections.items():
        assert [] == [part for part in ("**Means**", "**Look at**", "**Do**") if part not in section], name


def test_prometheus_looks_where_the_services_of_compose_answer() -> None:
    """By their names, at the ports that they are told."""
    services = yaml.safe_load((HOUSE / "deploy/compose.yaml").read_text())["services"]
    jobs = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    asked = {
        name: str(found["port"])
        for job in jobs
        for found in job.get("dns_sd_configs", ())
        for name in found["names"]
    }
    assert {"worker", "exporter"} == set(asked)
    assert asked == {name: services[name]["environment"]["DOUGA_METRICS_PORT"] for name in asked}
