"""What the benches found: kept as JSON, compared with the last results that were committed. Judges nothing.

Every bench ends with ``save(name, figures)``: it writes ``out/bench/NAME.json``, prints the figures and,
where ``tests/bench/committed/NAME.json`` is committed, how each compares with it. When the new ones are to be
the ones that later runs are compared with::

    python -m tests.bench.results [NAME ...]

copies them there, to be committed with the change that they measure.

Whether more is better is read from a figure's name, at whose end its unit stands. Frames and megabytes a
second (``frames/s``), ``x`` (times as fast) and ``share`` are the better the more; seconds, bytes and what is
counted for each frame (``CPU ms/frame``) the better the fewer. Of anything else only the ratio is told.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

Figures = Mapping[str, Mapping[str, float]]
"""Of every case, figures by name; the name ends with the unit."""

FOUND = Path(__file__).parents[2] / "out" / "bench"
"""What this checkout's benches found last."""
COMMITTED = Path(__file__).parent / "committed"
"""What later runs are compared with. Not called as this module is, or mypy takes it for that."""

SAME = 0.03
"""A difference of less than this share is called the same: two runs on one machine differ as much."""
_MORE = re.compile(r"(/s|\bx|\bshare|\btimes as fast)$")
_FEWER = re.compile(r"(\b(s|ms|us|seconds|bytes|kB|MB|GB)|/(frame|page|sheet|chunk|job|megapixel))$")


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure beside the committed one."""

    case: str
    figure: str
    value: float
    committed: float | None
    """None: there is none."""

    @property
    def ratio(self) -> float | None:
        """How many times the committed figure; None where that says nothing."""
        return self.value / self.committed if self.committed else None

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, ``same``, ``other`` (nobody knows which way is better), or ``new``."""
        if self.committed is None:
            return "new"
        if abs(self.value - self.committed) <= SAME * abs(self.committed):
            return "same"
        is_more = self.value > self.committed
        if _MORE.search(self.figure):
            return "better" if is_more else "worse"
        if _FEWER.search(self.figure):
            return "worse" if is_more else "better"
        return "other"


def save(
    name: str, figures: Figures, *, device: str = "", found: Path = FOUND, committed: Path = COMMITTED
) -> None:
    """Write what a bench found, and print it beside the results committed last.

    Args:
        name: of the bench; the file is named after it.
        figures: what it found. Numbers that are no numbers (NaN) are left out.
        device: a GPU or what else it ran on, besides this machine's processor.
        found: folder to write to.
        committed: folder of the results to compare with.
    """
    figures = {
        case: {figure: float(value) for figure, value in rows.items() if value == value}  # noqa: PLR0124 - NaN
        for case, rows in figures.items()
    }
    found.mkdir(parents=True, exist_ok=True)
    record = {"machine": machine(device), "day": datetime.now(UTC).date().isoformat(), "figures": figures}
    path = found / f"{name}.json"
    path.write_text(json.dumps(record, indent=1, sort_keys=False) + "\n")
    before = _read(committed / f"{name}.json")
    show(name, compare(figures, last_committed(name, committed)), _about(record, before))
    Console().print(f"written to {path}")


def last_committed(name: str, committed: Path = COMMITTED) -> Figures:
    """Figures of a bench as they were committed last; none where there are none."""
    return _read(committed / f"{name}.json").get("figures", {})


def compare(figures: Figures, committed: Figures) -> list[Compared]:
    """Put every figure beside the committed one of the same case and name."""
    return [
        Compared(case, figure, value, committed.get(case, {}).get(figure))
        for case, rows in figures.items()
        for figure, value in rows.items()
    ]


def show(name: str, compared: list[Compared], about: str, console: Console | None = None) -> None:
    """Print a table of figures."""
    table = Table("figure", title=f"{name}: {about}", title_justify="left")
    for column in ("now", "committed", "ratio", ""):
        table.add_column(column, justify="right")
    for case in dict.fromkeys(row.case for row in compared):
        table.add_row(f"[bold]{escape(case)}")
        for row in compared:
            if row.case == case:
                table.add_row(f"  {escape(row.figure)}", *_cells(row))
        table.add_section()
    (console or Console()).print(table)


def keep(names: list[str], *, found: Path = FOUND, committed: Path = COMMITTED) -> Iterator[Path]:
    """Copy results to where they are committed, all of them where none is named; yields the new files."""
    committed.mkdir(parents=True, exist_ok=True)
    for path in [found / f"{name}.json" for name in names] or sorted(found.glob("*.json")):
        yield Path(shutil.copyfile(path, committed / path.name))


def machine(device: str = "") -> str:
    """Name what a bench runs on."""
    return ", ".join(part for part in (device, _processor(), f"{os.cpu_count()} cores") if part)


def _processor() -> str:
    cpus = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*:\s*(.+)$", cpus.read_text() if cpus.exists() else "", re.MULTILINE)
    return names[0] if names else platform.processor() or platform.machine()


def _read(path: Path) -> dict[str, dict[str, dict[str, float]]]:
    return json.loads(path.read_text()) if path.exists() else {}


def _about(record: Mapping[str, object], before: Mapping[str, object]) -> str:
    if not before:
        return "nothing committed to compare with"
    where = "" if before["machine"] == record["machine"] else f", on another machine ({before['machine']})"
    return f"compared with {before['day']}{where}"


def _cells(row: Compared) -> Iterator[str]:
    yield _number(row.value)
    if row.committed is None:
        yield from ("", "", row.verdict)
        return
    yield _number(row.committed)
    yield "" if row.ratio is None else f"{row.ratio:.2f}"
    yield row.verdict


def _number(value: float) -> str:
    return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="keep the last results, to be committed")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of benches; all by default")
    for kept in keep(parser.parse_args().names):
        Console().print(f"kept {kept}")
