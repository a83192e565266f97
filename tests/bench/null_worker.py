"""A worker whose frames are done at once and cost nothing: what remains is queue and bookkeeping.

``python -m tests.bench.null_worker gpu``; settings as ever from the environment.
"""

from __future__ import annotations

from concurrent.futures import Future

from douga_shared.manifest import FrameRecord, FrameState
from douga_worker.pipeline import Order, Pipeline


def _submit(self: Pipeline, order: Order) -> Future[FrameRecord]:
    frame = order.frame
    future: Future[FrameRecord] = Future()
    future.set_result(FrameRecord(scan=frame.scan, stem=frame.stem, state=FrameState.DONE))
    return future


if __name__ == "__main__":
    from tests.farm_worker import main

    Pipeline.submit = _submit  # type: ignore[method-assign]
    main()
