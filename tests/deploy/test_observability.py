"""A real farm under a real Prometheus: every panel and every recorded figure has an answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
import yaml
from tests.cleaning import rough_png
from tests.deploy.dashboard_files import NAMES, Query, queries
from tests.deploy.watched_farm import PROMETHEUS, Prometheus, blank_png, start_watched_worker, watched
from tests.farm import FarmOfTests, bucket_farm
from tests.s3_server import SeaweedS3, fresh_prefix
from tests.servers import wait_until

NO_GPU = "there is no GPU here"
SILENT = {
    "GPU memory, by Douga": NO_GPU,
    "GPU utilisation": NO_GPU,
    "GPU memory, by NVIDIA": NO_GPU,
    "Energy a frame": NO_GPU,
    "GPU power": NO_GPU,
    "GPU temperature": NO_GPU,
    "GPU faults (XID)": NO_GPU,
}
"""Panels that cannot have an answer in this test."""
FRAMES = 24
NIGHT_SECONDS = 170
"""All of the test lies within."""


@pytest.fixture(scope="module")
def night(s3_server: SeaweedS3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Good scans, blank ones, broken ones and rubbish on the queue went through a watched farm."""
    folder = tmp_path_factory.mktemp("night")
    with bucket_farm(folder, s3_server, fresh_prefix("night"), DOUGA_CHUNK_FRAMES="4") as farm:
        worker = start_watched_worker(farm, "gpu", "gpu.bebop", "cpu", STUB_SECONDS="0.1")
        with watched(farm, worker) as prometheus:
            farm.wait_ready(farm.workers[0])
            _wait_for(prometheus, "douga_worker_ready == 1")
            _wait_for(prometheus, "douga_broker_up == 1")
            _run_a_batch(farm, prometheus)
            yield prometheus


def _run_a_batch(farm: FarmOfTests, prometheus: Prometheus) -> None:
    scans = {f"A{n:04d}.png": rough_png(seed=n, width=64, height=48) for n in range(1, FRAMES + 1)}
    scans |= {f"B{n:04d}.png": blank_png(n) for n in range(1, 4)}
    scans |= {f"C{n:04d}.png": b"no image" for n in range(1, 4)}
    farm.put_scans(scans)
    with redis.Redis(port=farm.valkey.port) as rubbish:
        rubbish.lpush("test:gpu.normal", b"nobody can read this")
    job_id = farm.order(show="bebop")
    farm.wait_complete(job_id)
    _wait_for(prometheus, f"sum(douga_frames_total) == {len(scans)}")
    _wait_for(prometheus, 'douga_jobs{state="finished"} == 1')
    _wait_for(prometheus, "farm:batch_verdict:code == 1")


def _wait_for(prometheus: Prometheus, expr: str) -> None:
    wait_until(lambda: bool(prometheus.latest(expr)), f"Prometheus says: {expr}", 60)


def _is_answered(prometheus: Prometheus, query: Query) -> bool:
    if query.is_instant:
        return bool(prometheus.latest(query.expr))
    return bool(prometheus.course(query.expr, NIGHT_SECONDS))


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_has_an_answer(night: Prometheus, name: str) -> None:
    """No query is misspelt, asks for a label that is not there, or joins what does not meet."""
    unanswered = [query for query in queries(name) if not _is_answered(night, query)]
    assert [] == [query for query in unanswered if query.panel not in SILENT]


def test_panels_that_are_excused_are_silent_indeed(night: Prometheus) -> None:
    """An excuse that is no longer needed is taken back."""
    asked = [query for name in NAMES for query in queries(name) if query.panel in SILENT]
    assert set(SILENT) == {query.panel for query in asked}
    assert [] == [query for query in asked if _is_answered(night, query)]


def test_every_recorded_figure_has_an_answer(night: Prometheus) -> None:
    """From what a real farm shows, not only from invented series."""
    rules = yaml.safe_load((PROMETHEUS / "rules/recording.yml").read_text())
    names = [rule["record"] for group in rules["groups"] for rule in group["rules"]]
    assert [] == [name for name in names if not night.course(name, NIGHT_SECONDS)]


def test_the_night_is_told_as_it_was(night: Prometheus) -> None:
    """Frames, failures and flags as they were sent; the batch is done."""
    told = {
        "all": "farm:frames_tonight:sum",
        "left": "farm:frames_left:sum",
        "failed": 'sum(state:douga_frames_tonight:sum{state="failed"})',
        "dead letters": 'sum(douga_dead_letters{show="bebop",reason="not_an_image"})',
        "blank scans": 'sum(douga_qc_flags_total{check="blank_scan"})',
        "verdict": "farm:batch_verdict:code",
        "workers": "douga_workers",
    }
    expected = {
        "all": 30,
        "left": 0,
        "failed": 3,
        "dead letters": 3,
        "blank scans": 3,
        "verdict": 1,
        "workers": 1,
    }
    assert expected == {name: float(night.latest(expr)[0]["value"][1]) for name, expr in told.items()}


def test_rubbish_on_the_queue_rings(night: Prometheus) -> None:
    """The alert comes from a real worker's metric, and is in the table of what is wrong now."""
    _wait_for(night, 'ALERTS{alertname="DougaMessagesRejected",alertstate="firing"}')
    (alerts,) = [query for query in queries("tonight") if query.panel == "Alerts"]
    assert "DougaMessagesRejected" in {row["metric"]["alertname"] for row in night.latest(alerts.expr)}
