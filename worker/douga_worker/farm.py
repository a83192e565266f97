"""Farm entry: a Celery worker that cleans chunks of frames until it is told to stop."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NoReturn

from celery import Celery, signals
from celery.exceptions import SecurityWarning

from douga_shared import metrics
from douga_shared.broker import Work, declare, make_app, served_queues
from douga_shared.errors import ExitCode
from douga_shared.monitoring_port import MonitoringPort
from douga_shared.settings import Settings
from douga_shared.tracing import tracing
from douga_worker.consumer import MAIN_LOOP
from douga_worker.farm_wiring import open_farm_worker
from douga_worker.health import Beat, Health
from douga_worker.network.batching import CleanerFor
from douga_worker.patience import Patience
from douga_worker.rubbish import RubbishCollector
from douga_worker.tasks import Tasks

_WATCH_SECONDS = 1.0

# Its published types lack what is set here.
_celery_worker: Any = importlib.import_module("celery.apps.worker")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What somebody asked ``douga worker`` for."""

    queues: tuple[str, ...] = ("gpu", "cpu")
    concurrency: int | None = None
    """Chunks at once; None takes enough to keep the pipeline full."""
    device: str = "auto"
    process_count: int | None = None
    name: str = ""
    """Goes into every record; the host's name when empty."""


def run_worker(settings: Settings, options: WorkerOptions, cleaner_for: CleanerFor | None = None) -> ExitCode:
    """Work until SIGTERM or Ctrl-C; then finish what is begun, hand back the rest, and return.

    Args:
        settings: broker, stores, lease.
        options: what to serve, and with what.
        cleaner_for: gives the network of a recipe; None loads those that are shipped.

    Raises:
        ConfigurationError: a setting is missing or contradicts this machine.
    """
    # Until Celery listens; to a process 1, as in a container, it would mean nothing by itself.
    signal.signal(signal.SIGTERM, _leave)
    queues = served_queues(options.queues)
    patience = Patience(settings.grace_seconds)
    name = options.name or socket.gethostname()
    with open_farm_worker(
        settings,
        patience,
        device=options.device,
        process_count=options.process_count,
        worker_name=name,
        cleaner_for=cleaner_for,
    ) as worker:
        leases = Beat()
        app = make_app(settings, is_moving=worker.is_moving, on_lease_turn=leases)
        app.conf.worker_consumer = "douga_worker.consumer:Consumer"
        declare(app, queues)
        broken = threading.Event()
        tasks = Tasks(patience, give_up=lambda: _stop_as_told(broken))
        tasks.register(app, worker.clean_chunk, worker.account_job)
        RubbishCollector(app, queues, worker.jobs).start()
        concurrency = options.concurrency or worker.chunks_in_flight(settings.chunk_frames)
        threading.Thread(target=_watch, args=(worker.is_moving,), name="douga-watch", daemon=True).start()
        health = Health(
            beats={"main loop": MAIN_LOOP, "leases": leases},
            is_moving=worker.is_moving,
            questions=worker.questions,
            is_ending=lambda: patience.is_ending,
        )
        with tracing("douga-worker", is_wanted=settings.tracing), _watchable(settings.metrics_port, health):
            if cleaner_for is None and any(queue.startswith(Work.GPU) for queue in queues):
                worker.warm_up()
            health.warmed_up()
            _log.info("serving %s, %d chunks at once, as %s", ", ".join(queues), concurrency, name)
            _consume(app, patience, concurrency, name)
            _log.info("stopped")
        code = ExitCode.INTERNAL if broken.is_set() else ExitCode.OK
        if patience.is_over:
            _leave_behind(code)
    return code


def _leave(*_: object) -> NoReturn:
    raise SystemExit(ExitCode.OK)


def _stop_as_told(broken: threading.Event) -> None:
    """End in peace, as by SIGTERM, but not with its exit code."""
    broken.set()
    os.kill(os.getpid(), signal.SIGTERM)


def _consume(app: Celery, patience: Patience, concurrency: int, name: str) -> None:
    def stop(**_: object) -> None:
        _log.info("told to stop: finishing what is begun, handing back the rest")
        patience.end()

    def leave_logging(**_: object) -> None:
        """A receiver of this signal keeps Celery from setting up logging of its own."""

    # Celery prints its own word of a signal past the log, which may be read by machines; ``stop`` logs it.
    _celery_worker.safe_say = _say_nothing
    # It warns of root because of pickle, which is never read here.
    warnings.simplefilter("ignore", SecurityWarning)
    signals.worker_shutting_down.connect(stop)
    signals.setup_logging.connect(leave_logging)
    worker = app.Worker(
        # Threads: the network releases the interpreter's lock, and everything slow else is in processes.
        pool="threads",
        concurrency=concurrency,
        # Two workers on one host must not share a mailbox.
        hostname=f"{name}-{os.getpid()}@{socket.gethostname()}",
        # Workers need not know of each other; what a frame's state is, the job store says.
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
        loglevel="WARNING",
    )
    try:
        worker.start()
    finally:
        patience.end()


def _say_nothing(*_: object) -> None:
    """In place of printing."""


def _watch(is_moving: Callable[[], bool]) -> None:
    """End a worker whose network hangs; its leases run out, and whoever started it starts another."""
    while is_moving():
        time.sleep(_WATCH_SECONDS)
    _log.critical("the network has not moved for DOUGA_STALL_SECONDS: this worker ends itself")
    logging.shutdown()
    os._exit(ExitCode.INTERNAL)


def _watchable(port: int, health: Health) -> AbstractContextManager[object]:
    metrics.READY.set_function(lambda: not health.ready_faults())
    if not port:
        return nullcontext()
    probes = {"healthz": health.live_faults, "readyz": health.ready_faults}
    return MonitoringPort(port, metrics.WORKER, probes)


def _leave_behind(code: ExitCode) -> None:
    """End although a frame hangs in the works; its chunk was handed back, its processes end with us."""
    _log.warning("leaving a frame behind that did not finish in the grace period")
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)
