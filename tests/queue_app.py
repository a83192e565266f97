"""A small Celery worker for tests of the queue: it writes what it does into a ledger in a Redis of its own.

Everything is said by environment variables, since the worker is another process; see ``QueueWorker``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import redis
from celery import Celery
from tests.servers import Valkey

ROOT = Path(__file__).parent.parent
STOCK = "stock"
OURS = "ours"


def _make_app(broker: str, transport: str, lease_seconds: float, remote_control: bool = False) -> Celery:
    app = Celery("queue_app", broker=broker, set_as_current=False)
    if transport == OURS:
        app.conf.broker_transport = "douga_shared.transport:Transport"
        app.conf.worker_consumer = "douga_worker.consumer:Consumer"
    app.conf.update(
        task_default_queue="frames",
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_enable_remote_control=remote_control,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": lease_seconds,
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
            "unacked_mutex_expire": 5,
            "socket_timeout": 5,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 5,
        },
    )
    return app


def make_producer(broker: str, transport: str = OURS) -> Celery:
    """Return an application that sends to the workers."""
    return _make_app(broker, transport, 60)


class QueueWorker:
    """A worker in a process of its own, started again at will; a context manager that kills it in the end."""

    def __init__(
        self,
        broker: Valkey,
        ledger: Valkey,
        log: Path,
        *,
        transport: str = OURS,
        lease_seconds: float = 60,
        threads: int = 2,
        queues: str = "frames",
        remote_control: bool = False,
    ) -> None:
        self._environment = os.environ | {
            "QUEUE_BROKER": broker.url,
            "QUEUE_LEDGER": str(ledger.port),
            "QUEUE_TRANSPORT": transport,
            "QUEUE_LEASE": str(lease_seconds),
            "QUEUE_REMOTE_CONTROL": "1" if remote_control else "",
            "PYTHONPATH": os.pathsep.join([str(ROOT), *(str(ROOT / part) for part in ("shared", "worker"))]),
        }
        self._command = [
            *(sys.executable, "-m", "celery", "-A", "tests.queue_app:app", "worker", "-l", "INFO"),
            *("-P", "threads", "-c", str(threads), "-Q", queues, "-n", f"{log.stem}@test"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ]
        self.log = log
        self.process = self._start()

    def __enter__(self) -> QueueWorker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)

    @property
    def has_died(self) -> bool:
        """It ended, and not by ``kill``."""
        return self.process.poll() is not None

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait(30)

    def terminate(self, seconds: float = 60) -> int:
        """SIGTERM; return the exit code, or the negative number of SIGKILL after so long."""
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def freeze(self) -> None:
        """SIGSTOP."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def start_again(self) -> None:
        """After ``kill`` or ``terminate``."""
        self.process = self._start()

    def cpu_seconds(self) -> float:
        """Processor time that the process has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _make_worker_app() -> Celery:
    ledger = redis.Redis(port=int(os.environ["QUEUE_LEDGER"]), decode_responses=True)
    app = _make_app(
        os.environ["QUEUE_BROKER"],
        os.environ["QUEUE_TRANSPORT"],
        float(os.environ["QUEUE_LEASE"]),
        bool(os.environ["QUEUE_REMOTE_CONTROL"]),
    )

    @app.task(name="work")
    def work(frame: str, seconds: float = 0.0) -> None:
        begun = time.time()
        ledger.hincrby("starts", frame, 1)
        time.sleep(seconds)
        with ledger.pipeline() as both:
            both.hincrby("done", frame, 1)
            both.rpush(f"runs:{frame}", f"{begun} {time.time()}")
            both.execute()

    @app.task(name="wait")
    def wait(frame: str, gate: str) -> None:
        """Work until the gate is open."""
        ledger.hincrby("starts", frame, 1)
        while not ledger.exists(gate):
            time.sleep(0.02)
        ledger.hincrby("done", frame, 1)

    return app


if "QUEUE_LEDGER" in os.environ:
    app = _make_worker_app()
