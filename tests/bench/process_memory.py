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
    return _rollup(pid).get("Pss", 0.0)


def own_megabytes(pid: int) -> float:
    """The same without files: libraries count for less while other programs have loaded them, too."""
    rollup = _rollup(pid)
    return rollup.get("Pss_Anon", 0.0) + rollup.get("Pss_Shmem", 0.0)


def _rollup(pid: int) -> dict[str, float]:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}
