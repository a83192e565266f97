"""From what the network drew, at its own size and with its own faults, to the scan's lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from douga_worker.steps.clear_fog import clear_fog
from douga_worker.steps.keep_blacks import keep_blacks
from douga_worker.steps.keep_dots import keep_dots
from douga_worker.steps.resample import to_scan_size, to_size_of
from douga_worker.steps.trim_edges import trim_edges


def lines_of_coverage(coverage: NDArray[np.uint8], ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Clear fog, trim the edges, fill hollow blacks, draw lost dots, bring to the scan's size.

    Args:
        coverage: (h, w) uint8 of the network.
        ink: (H, W) uint8 flattened scan.

    Returns:
        (H, W) uint8 line image, 0 = paper, 255 = full line, with edges one scan pixel soft.
    """
    working_ink = to_size_of(coverage, ink)
    lines = clear_fog(coverage, working_ink)
    # A sheet that was enlarged for the network has lost as much when it is shrunk again.
    if max(coverage.shape) <= max(ink.shape):
        lines = trim_edges(lines)
    lines = keep_dots(keep_blacks(lines, working_ink), working_ink)
    return to_scan_size(lines, (ink.shape[0], ink.shape[1]))
