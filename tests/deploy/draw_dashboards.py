"""Draws docs/images/dashboard-*.png: ``python -m tests.deploy.draw_dashboards``, some two minutes.

A farm of two workers is given a batch with blank and broken scans, one worker is killed, and in the midst of
it the dashboards are drawn from what Prometheus answers to their queries.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from resvg_py import svg_to_bytes
from tests.cleaning import rough_png
from tests.deploy.dashboard_files import NAMES, read
from tests.deploy.drawn_panels import drawn_dashboard
from tests.deploy.watched_farm import HOUSE, Prometheus, blank_png, start_watched_worker, watched
from tests.farm import FarmOfTests
from tests.farm_corners import folder_farm
from tests.servers import wait_until

from douga_producer import submit

PICTURES = HOUSE / "docs" / "images"
GOOD_FRAMES = 420
STUB_SECONDS = "0.35"


def main() -> int:
    """Run the batch and draw."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with folder_farm(folder, DOUGA_CHUNK_FRAMES="8") as farm:
            for place in ("scans", "staging"):
                (folder / "data" / place).mkdir()
            workers = [
                start_watched_worker(farm, "gpu", "gpu.bebop", "cpu", STUB_SECONDS=STUB_SECONDS)
                for _ in range(2)
            ]
            with watched(farm, *workers) as prometheus:
                _wait_for(prometheus, "sum(douga_worker_ready) == 2")
                seconds = _stopped_in_the_midst(farm, prometheus)
                for board in NAMES:
                    svg = drawn_dashboard(read(board), prometheus, seconds)
                    png = bytes(svg_to_bytes(svg_string=svg, font_family="Liberation Sans"))
                    (PICTURES / f"dashboard-{board}.png").write_bytes(png)
    return 0


def _stopped_in_the_midst(farm: FarmOfTests, prometheus: Prometheus) -> float:
    """Return how many seconds there is something to see of."""
    began = time.monotonic()
    scans = {f"A{n:04d}.png": rough_png(seed=n % 7, width=64, height=48) for n in range(1, GOOD_FRAMES + 1)}
    scans |= {f"A{n:04d}.png": b"no image" for n in range(90, 300, 40)}
    farm.put_scans(scans | {f"A{n:04d}.png": blank_png(n) for n in range(20, 300, 30)})
    farm.order(show="bebop")
    with farm.opened() as client:
        submit(farm.scans, f"{farm.root}retakes/", frames="1-60", priority="low", farm=client)
    _wait_for(prometheus, 'sum(state:douga_frames_tonight:sum{state="done"}) > 150')
    farm.kill(farm.workers[0])
    _wait_for(prometheus, 'sum(state:douga_frames_tonight:sum{state="done"}) > 290')
    return time.monotonic() - began + 8


def _wait_for(prometheus: Prometheus, expr: str) -> None:
    wait_until(lambda: bool(prometheus.latest(expr)), f"Prometheus says: {expr}", 300)


if __name__ == "__main__":
    sys.exit(main())
