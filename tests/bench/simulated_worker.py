"""A worker of the farm whose network is simulated: ``python -m tests.bench.simulated_worker QUEUE...``.

Queue, job store, stores and everything that keeps their books are the product. What happens to a frame
between them is said by the environment:

``SIMULATED=nothing``   it is done at once: what remains is queue and job store
``SIMULATED=markers``   its done marker is looked for and written, too: all the bookkeeping there is
``SIMULATED=network``   it waits for the network, and nothing is stored
``SIMULATED=whole``     its scan is fetched, it waits for the network, two drawings and the marker are stored

``SIMULATED_SECONDS``   how long the network takes for a batch, whatever is in it
``SIMULATED_BATCH``     most frames in a batch
``SIMULATED_TIMES``     a file for what was counted and timed, as JSON, written ten times a second
"""

from __future__ import annotations

import functools
import json
import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from douga_shared import object_keys
from douga_shared.manifest import FrameRecord, FrameState, OutputRecord
from douga_shared.recipe import Output
from douga_worker import accounts, chunks, pipeline, wiring
from douga_worker.pipeline import Order, Pipeline

if TYPE_CHECKING:
    from douga_shared.recipe import Recipe

FRAMES_AT_NETWORK = 48
"""As many frames are on their way as in a worker with a GPU."""
SCAN_BYTES = DRAWING_BYTES = 4_096
"""Of scans and drawings: requests are what is counted here, bytes are arithmetic."""
_TELL_SECONDS = 0.1
_PX = 64


class Times:
    """How often each step was taken, its seconds and CPU seconds, by all threads together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spent: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
        self._requests: Counter[str] = Counter()

    def watch(self, owner: Any, name: str, step: str) -> None:
        """Time every call of a function or method."""
        original = getattr(owner, name)

        @functools.wraps(original)
        def timed(*args: Any, **options: Any) -> Any:
            wall, cpu = time.perf_counter(), time.thread_time()
            try:
                return original(*args, **options)
            finally:
                self._add(step, time.perf_counter() - wall, time.thread_time() - cpu)

        setattr(owner, name, timed)

    def watch_requests(self) -> None:
        """Count the requests to buckets, by kind."""
        from botocore.client import BaseClient  # noqa: PLC0415 - only here

        original = vars(BaseClient)["_make_api_call"]

        def counted(client: Any, operation: str, options: Any) -> Any:
            with self._lock:
                self._requests[operation] += 1
            return original(client, operation, options)

        vars_of: Any = BaseClient
        vars_of._make_api_call = counted

    def write(self, path: Path) -> None:
        """Write all of it, whole or not at all."""
        with self._lock:
            found = {"spent": dict(self._spent), "requests": dict(self._requests)}
        scratch = path.with_suffix(".new")
        scratch.write_text(json.dumps(found | {"CPU seconds": time.process_time()}))
        scratch.replace(path)

    def _add(self, step: str, wall: float, cpu: float) -> None:
        with self._lock:
            spent = self._spent[step]
            spent[0] += 1
            spent[1] += wall
            spent[2] += cpu


class SimulatedCleaner:
    """A GPU of fixed speed: one batch at a time, each as long as every other."""

    def __init__(self, seconds: float, batch_frames: int) -> None:
        self._seconds = seconds
        self.batch_megapixels = (batch_frames + 0.5) * _PX * _PX / 1e6

    def clean(
        self, inks: list[NDArray[np.uint8]], strength: float, beat: Callable[[], None]
    ) -> list[NDArray[np.uint8]]:
        """Take the time of a batch."""
        time.sleep(self._seconds)
        return inks


def cleaner_for(recipe: Recipe) -> SimulatedCleaner:
    """The same for every recipe."""
    return SimulatedCleaner(
        float(os.environ.get("SIMULATED_SECONDS", "0")), int(os.environ.get("SIMULATED_BATCH", "16"))
    )


def _nothing(self: Pipeline, order: Order) -> Future[FrameRecord]:
    future: Future[FrameRecord] = Future()
    future.set_result(_record(order))
    return future


def _submitted(journey: Callable[[Pipeline, Order], FrameRecord]) -> Callable[..., Future[FrameRecord]]:
    def submit(self: Pipeline, order: Order) -> Future[FrameRecord]:
        return self._threads.submit(journey, self, order)

    return submit


def _markers(self: Pipeline, order: Order) -> FrameRecord:
    record = _record(order)
    look: Any = vars(pipeline)["_outputs"]
    look(order.drawings, record, {})
    write: Any = vars(pipeline)["write_done_marker"]
    write(order.drawings, record)
    return record


def _network(self: Pipeline, order: Order) -> FrameRecord:
    self._batcher.clean(np.zeros((_PX, _PX), np.uint8), order.instructions.recipe, order.origin)
    return _record(order)


def _whole(self: Pipeline, order: Order) -> FrameRecord:
    order.scans.read(order.object_key or order.frame.scan)
    _network(self, order)
    for output in (Output.PNG, Output.SVG):
        order.drawings.write(object_keys.drawing(order.frame.stem, output), bytes(DRAWING_BYTES))
    return _markers(self, order)


JOURNEYS: dict[str, Callable[..., Future[FrameRecord]]] = {
    "nothing": _nothing,
    "markers": _submitted(_markers),
    "network": _submitted(_network),
    "whole": _submitted(_whole),
}


def _record(order: Order) -> FrameRecord:
    """As long as a real one."""
    frame, digest = order.frame, "0" * 64
    return FrameRecord(
        scan=frame.scan,
        stem=frame.stem,
        state=FrameState.DONE,
        scan_sha256=digest,
        scan_etag=frame.info.etag,
        recipe_fingerprint=order.instructions.recipe.fingerprint,
        width_px=2339,
        height_px=1654,
        outputs={output: (_file(frame.stem, output, digest),) for output in (Output.PNG, Output.SVG)},
        seconds=dict.fromkeys(("fetch", "decode", "network", "vectorise", "encode", "write"), 0.1234),
        has_pictures=False,
    )


def _file(stem: str, output: Output, digest: str) -> OutputRecord:
    object_key = object_keys.drawing(stem, output)
    return OutputRecord(object_key=object_key, sha256=digest, size_bytes=DRAWING_BYTES)


def watch_steps(times: Times) -> None:
    """Time what the worker does around a frame."""
    from douga_shared import transport  # noqa: PLC0415
    from douga_shared.job_store.redis import RedisJobStore  # noqa: PLC0415
    from douga_shared.leases import Leases  # noqa: PLC0415

    channel: Any = vars(transport)["_ClaimingChannel"]
    for name in ("_brpop_start", "_read_claim", "_payload_of"):
        times.watch(channel, name, "claim")
    times.watch(chunks, "decode_chunk", "read message")
    times.watch(RedisJobStore, "begin", "begin")
    times.watch(RedisJobStore, "settle", "settle")
    times.watch(Leases, "ack", "ack")
    times.watch(pipeline, "_outputs", "look for marker")
    times.watch(pipeline, "write_done_marker", "write marker")
    times.watch(accounts, "write_account", "account")
    times.watch_requests()


def _tell(times: Times, path: Path) -> None:
    while True:
        time.sleep(_TELL_SECONDS)
        times.write(path)


def main() -> None:
    """Start it with the settings of the environment; arguments are the queues."""
    from tests import farm_worker  # noqa: PLC0415

    Pipeline.submit = JOURNEYS[os.environ.get("SIMULATED", "nothing")]  # type: ignore[method-assign]
    at_network: Any = vars(wiring)["_FRAMES_AT_NETWORK"]
    at_network["cpu"] = FRAMES_AT_NETWORK
    if path := os.environ.get("SIMULATED_TIMES"):
        times = Times()
        watch_steps(times)
        threading.Thread(target=_tell, args=(times, Path(path)), daemon=True).start()
    farm_worker.stub_cleaner_for = cleaner_for  # type: ignore[assignment]
    farm_worker.main()


if __name__ == "__main__":
    main()
