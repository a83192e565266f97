"""Memory of a running command and of the processes that it has begun."""

from __future__ import annotations

from pathlib import Path


def family(pid: int) -> list[int]:
    """A process and all its descendants, the eldest first; empty when it is gone."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        below = [int(child) for child in children.read_text().split()]
    except OSError:
        return []
    return [pid, *(member for child in below for member in family(child))]


def proportional_megabytes(pid: int) -> float:
    """Memory of a process, what it shares with others in equal parts (PSS); 0 when it is gone."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    kilobytes = (int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return next(kilobytes, 0) / 1024
