"""A worker with the stub network that notes when it begins a frame and when it has one done.

``python -m tests.soak_worker``, as ``tests.farm_worker``. ``SOAK_LOG`` names its notes: a line for each,
``begun 1700000000.123 A00001`` or ``done ...``, written at once, so that a killed worker's notes are whole.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future

    from douga_shared.manifest import FrameRecord
    from douga_worker.pipeline import Order, Pipeline


def _take_notes(path: str) -> None:
    from douga_worker.pipeline import Pipeline  # noqa: PLC0415 - not in the processes beside the network

    notes = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    submit = Pipeline.submit

    def note(what: str, stem: str) -> None:
        os.write(notes, f"{what} {time.time():.3f} {stem}\n".encode())

    def submit_and_note(self: Pipeline, order: Order) -> Future[FrameRecord]:
        stem = order.frame.stem
        begun: list[str] = []

        def is_wanted() -> bool:
            # Asked first when the frame is begun, long before anything of it is stored.
            if not begun:
                begun.append(stem)
                note("begun", stem)
            return order.is_wanted()

        def note_end(future: Future[FrameRecord]) -> None:
            if not future.cancelled() and future.exception() is None:
                note("done", stem)

        future = submit(self, replace(order, is_wanted=is_wanted))
        future.add_done_callback(note_end)
        return future

    Pipeline.submit = submit_and_note  # type: ignore[method-assign]


if __name__ == "__main__":
    from tests.farm_worker import main

    _take_notes(os.environ["SOAK_LOG"])
    main()
