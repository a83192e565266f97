"""What every process beside the network needs; importing it is loading it.

It is imported once, by the process from which all others are forked: they start in milliseconds then, and
share its memory. Loops never compiled on this machine are left to the first frame, which can be interrupted.
"""

from __future__ import annotations

import douga_worker.steps.finish_drawing
import douga_worker.steps.prepare_scan  # noqa: F401
from douga_worker.strokes.warm_up import is_compiled, warm_up

if is_compiled():
    warm_up()
