"""Writes deploy/grafana/dashboards: ``python -m tools.dashboards`` after a change here; a test compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tools.dashboards.quality import quality
from tools.dashboards.tonight import tonight
from tools.dashboards.workers import workers

FOLDER = Path(__file__).parents[2] / "deploy/grafana/dashboards"
DASHBOARDS = {"tonight": tonight, "workers": workers, "quality": quality}


def written(name: str) -> str:
    """Return the text of a dashboard's file."""
    return json.dumps(DASHBOARDS[name](), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in DASHBOARDS:
        (FOLDER / f"{name}.json").write_text(written(name), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
