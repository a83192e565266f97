"""The Celery application of the farm: names of tasks and queues, and every delivery setting with its reason.

Producers send tasks by name and load nothing of the worker; workers register their functions under these
names. A queue is named after its show and priority: ``gpu.bebop.high``; the order in which a worker names its
queues is the order in which it serves them. In Redis the farm's name stands before every key
(``douga:gpu.normal``); in RabbitMQ two farms need two virtual hosts.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import redis
from celery import Celery
from kombu import Connection, Producer, Queue, compression
from kombu.exceptions import BatchPublishError, OperationalError  # type: ignore[attr-defined]
from kombu.utils.uuid import uuid

from douga_shared.errors import ConfigurationError, MessageRejected, QueueUnreachable
from douga_shared.jobs import Job, Priority
from douga_shared.messages import Chunk, decode_chunk, encode_chunk, inflate
from douga_shared.queue_inspection import (
    QueueDepth,
    QueuedMessage,
    QueueFigures,
    queue_depth,
    queue_figures,
    waiting_messages,
)
from douga_shared.settings import Settings, TransportKind
from douga_shared.tracing import current_headers

CLEAN_CHUNK = "douga.clean_chunk"
"""Task: clean the frames of one message."""
ACCOUNT_JOB = "douga.account_job"
"""Task: write the manifest and the report of a job that is complete."""


class Work(StrEnum):
    """Kinds of work, each with queues of its own."""

    GPU = "gpu"
    """Chunks of frames, for the network."""
    CPU = "cpu"
    """Accounts of jobs, in one queue; needs no GPU."""


QUARANTINE = f"{Work.GPU.value}.quarantine"
"""Queue of frames in whose company workers died; served last, one frame at a time."""


def queue_name(show: str = "", priority: Priority = Priority.NORMAL) -> str:
    """Return the queue of chunks, such as ``gpu.normal`` or ``gpu.bebop.high``."""
    return ".".join(part for part in (Work.GPU.value, show, priority.value) if part)


def served_queues(wanted: Sequence[str]) -> tuple[str, ...]:
    """Turn ``gpu,cpu,gpu.bebop`` into the queues that a worker serves, in the order in which it does.

    Accounts go first, being few and awaited; then the chunks of all shows by priority; quarantine last.

    Raises:
        ConfigurationError: a name is neither a kind of work nor a show's.
    """
    shows: list[str] = []
    for name in wanted:
        kind, dot, show = name.partition(".")
        if name != Work.CPU and (kind != Work.GPU or (dot and not is_show(show))):
            raise ConfigurationError(
                f"--queues: {name!r} is neither 'gpu', 'cpu' nor a show's queue such as 'gpu.bebop'"
            )
        if kind == Work.GPU:
            shows.append(show)
    names = [Work.CPU.value] * (Work.CPU.value in wanted)
    names += [queue_name(show, priority) for priority in Priority for show in shows]
    return tuple(dict.fromkeys(names + [QUARANTINE] * bool(shows)))


def is_show(name: str) -> bool:
    """Tell whether this can be the name of a show: letters, digits and dashes, 32 at most."""
    letters = name.replace("-", "")
    is_plain = letters.isascii() and letters.isalnum() and name == name.lower()
    return is_plain and len(name) <= 32 and name not in {*Priority, "quarantine"}


def make_app(
    settings: Settings,
    *,
    is_moving: Callable[[], bool] | None = None,
    on_lease_turn: Callable[[], None] | None = None,
) -> Celery:
    """Return the Celery application; connects to nothing yet.

    Args:
        settings: broker, transport and lease.
        is_moving: asked before leases are renewed; None renews them always.
        on_lease_turn: called every few seconds by the thread that keeps leases, where there is one.
    """
    app = Celery("douga", broker=settings.broker_url, set_as_current=False)
    if settings.transport is TransportKind.SAFE and not settings.broker_url.startswith("amqp"):
        kind = "SentinelTransport" if settings.broker_url.startswith("sentinel") else "Transport"
        app.conf.broker_transport = f"douga_shared.transport:{kind}"
    app.conf.update(
        # Only JSON is read: a pickle from the queue would be somebody else's code.
        task_serializer="json",
        accept_content=["json"],
        result_accept_content=["json"],
        # A chunk leaves the queue when its frames are settled, not when a worker has seen it.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        # What failed for good is a dead letter by then; redelivering it would fail again.
        task_acks_on_failure=True,
        # What became of a frame is in the store and the job store; results in Redis cost 357 bytes a task.
        task_ignore_result=True,
        task_store_eager_result=False,
        # No chunk waits in a worker that is busy while another worker is idle.
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        # Its socket is how stock Redis notices that the server went away: without it workers fall silent.
        worker_enable_remote_control=True,
        # A frame in the works is finished and acked when the broker is back, not thrown away.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=5,
        broker_transport_options=_transport_options(settings, is_moving, on_lease_turn),
        # Events cost the main loop time and tell of messages; our metrics tell of frames.
        worker_send_task_events=False,
        task_send_sent_event=False,
        # Douga configures logging itself.
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        task_default_queue=queue_name(),
        # Nobody but a worker's --queues decides which queues exist.
        task_create_missing_queues=True,
        task_default_queue_type="classic",
        enable_utc=True,
    )
    return app


def declare(app: Celery, names: Sequence[str]) -> None:
    """Make the application serve these queues, in this order."""
    app.conf.task_queues = [Queue(name, routing_key=name) for name in names]


# Kombu inflates whatever a stranger sends, to whatever size, and tells of a broken body by an error that ends
# the worker.
compression.register(zlib.compress, inflate, "application/x-gzip", aliases=["gzip", "zlib"])

_MESSAGES_AT_ONCE = 64
"""Sent in one round trip; 16 frames each, so that a thousand frames are one page of a bucket's listing."""


class Sender:
    """Puts work on the queues. Thread-safe."""

    def __init__(self, app: Celery, settings: Settings) -> None:
        self._app = app
        self._where = settings.broker_url.rpartition("@")[2].removeprefix("redis://")

    def send_chunk(self, chunk: Chunk, job: Job) -> None:
        """Queue a chunk of a job.

        Raises:
            QueueUnreachable: the broker does not take it; nothing was sent, or it was sent and not confirmed.
        """
        name = queue_name(job.show, job.priority)
        self._send(CLEAN_CHUNK, encode_chunk(chunk), name)

    def send_chunks(self, chunks: Sequence[Chunk], job: Job) -> None:
        """Queue chunks of a job, in order, in as few round trips as the broker allows.

        Raises:
            QueueUnreachable: the broker does not take them; some may have been sent.
        """
        name = queue_name(job.show, job.priority)
        pool: Any = self._app.producer_pool
        with self._faults(), pool.acquire(block=True) as producer:
            if not producer.supports_batch_publish:
                for chunk in chunks:
                    self._put(CLEAN_CHUNK, encode_chunk(chunk), name, producer)
                return
            with _connection_faults(producer.connection), producer.batch(_MESSAGES_AT_ONCE):
                for chunk in chunks:
                    self._put_quickly(CLEAN_CHUNK, encode_chunk(chunk), name, producer)

    def waiting_chunks(self, queue: str) -> int:
        """Return the number of messages in a queue that nobody has claimed; a missing queue is empty.

        Raises:
            QueueUnreachable: the broker does not answer.
        """
        with self._connected() as (connection, channel):
            if _is_redis(channel):
                with redis.Redis(connection_pool=channel.pool) as client:
                    return queue_depth(client, [queue], channel.global_keyprefix).waiting[queue]
            try:
                return int(channel.queue_declare(queue, passive=True).message_count)
            except connection.channel_errors:
                return 0

    def queue_figures(self, queues: Sequence[str]) -> QueueFigures:
        """Return how many chunks wait in these queues and for how long; of RabbitMQ only how many.

        Raises:
            QueueUnreachable: the broker does not answer.
        """
        with self._connected() as (_, channel):
            if _is_redis(channel):
                with redis.Redis(connection_pool=channel.pool) as client:
                    return queue_figures(client, queues, channel.global_keyprefix)
        depths = {queue: self.waiting_chunks(queue) for queue in queues}
        return QueueFigures(QueueDepth(depths, None), {}, {})

    def queued_frames(self, job: Job) -> frozenset[int] | None:
        """Return the indexes of a job's frames that are queued or in the works; None if nobody can tell.

        None that is there all the time is missed. RabbitMQ shows nobody its messages.

        Raises:
            QueueUnreachable: the broker does not answer.
        """
        with self._connected() as (_, channel):
            if not _is_redis(channel):
                return None
            with redis.Redis(connection_pool=channel.pool) as client:
                names = [queue_name(job.show, priority) for priority in Priority]
                messages = waiting_messages(client, [*names, QUARANTINE], channel.global_keyprefix)
                return frozenset(_indexes_in(messages, job))

    def send_to_quarantine(self, chunk: Chunk) -> None:
        """Queue frames that are to be tried alone."""
        self._send(CLEAN_CHUNK, encode_chunk(chunk), QUARANTINE)

    def send_account(self, job_id: str, drawings: str) -> None:
        """Ask for manifest and report of the complete job of that destination."""
        self._send(ACCOUNT_JOB, {"job_id": job_id, "drawings": drawings}, Work.CPU.value)

    def _send(self, task: str, message: object, queue: str) -> None:
        with self._faults(), self._app.producer_pool.acquire(block=True) as producer:
            self._put(task, message, queue, producer)

    def _put(self, task: str, message: object, queue: str, producer: Producer) -> None:
        # The default would write the beginning of the message into its header a second time.
        self._app.send_task(
            task,
            args=[message],
            queue=queue,
            producer=producer,
            argsrepr="",
            kwargsrepr="",
            headers=current_headers(),
        )

    def _put_quickly(self, task: str, message: object, queue: str, producer: Any) -> None:
        """Do what ``send_task`` does at half its cost: without routes, signals and retries; we have none.

        Headers that say nothing are left out, and the body is compressed: a waiting frame takes less than
        half the room in the queue server so.
        """
        producer.publish(
            ([message], {}, {}),
            headers={"task": task, "id": uuid()} | current_headers(),
            exchange="",
            routing_key=queue,
            declare=[Queue(queue, routing_key=queue)],
            serializer="json",
            compression="zlib",
            delivery_mode="persistent",
        )

    @contextmanager
    def _connected(self) -> Iterator[tuple[Connection, Any]]:
        """Open a connection and its channel for a look at the queues; asks once, callers try again."""
        connection = self._app.connection_for_write()
        with self._faults(), connection, _connection_faults(connection), connection.channel() as channel:
            yield connection, channel

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, BatchPublishError) as fault:
            # A batch says only that it failed; why, its cause says.
            why = str(fault.__cause__ or fault)
            raise QueueUnreachable(
                f"the broker at {self._where} takes no message ({why}); {_remedy(why)}"
            ) from fault
        except redis.exceptions.NoPermissionError as fault:
            raise ConfigurationError(
                f"the broker at {self._where} does not let this user do what Douga must ({fault}); give the "
                "user the rights that the documentation lists for Redis ACLs"
            ) from fault
        except AttributeError as fault:
            if "'client'" not in str(fault):
                raise
            # The connection broke while kombu declared the queue: it sends on the channel that it closed.
            raise QueueUnreachable(f"the connection to the broker at {self._where} broke") from fault


@contextmanager
def _connection_faults(connection: Connection) -> Iterator[None]:
    """Give whatever a transport makes of a broker that does not answer its common name."""
    try:
        yield
    except connection.connection_errors as fault:
        raise OperationalError(str(fault)) from fault


def _is_redis(channel: object) -> bool:
    return hasattr(channel, "global_keyprefix")


def _indexes_in(messages: Iterable[QueuedMessage], job: Job) -> Iterator[int]:
    for message in messages:
        try:
            chunk = decode_chunk(message.args[0])
        except (MessageRejected, IndexError):
            continue
        if (chunk.job_id, chunk.seal) == (job.job_id, job.seal):
            yield from (frame.index for frame in chunk.frames)


def _remedy(why: str) -> str:
    if "OOM command" in why:
        return "it has reached its 'maxmemory': wait until workers have emptied the queue, or enlarge it"
    return "check DOUGA_BROKER_URL and the server"


def _transport_options(
    settings: Settings, is_moving: Callable[[], bool] | None, on_lease_turn: Callable[[], None] | None
) -> dict[str, object]:
    options: dict[str, object] = {
        # Half-open connections are noticed, also while the server is frozen.
        "socket_timeout": 15,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 10,
    }
    if settings.broker_url.startswith("amqp"):
        return {"confirm_publish": True}
    if settings.broker_url.startswith("sentinel"):
        options["master_name"] = settings.sentinel_master
    options |= {
        "global_keyprefix": f"{settings.farm}:",
        "visibility_timeout": settings.lease_seconds,
        # Look for expired leases every two seconds; the default looks every hundred.
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
        # Stock transport: a worker killed while it looks must not keep the others from looking for long.
        "unacked_mutex_expire": 10,
        # Stock transport: serve the queues in the order they are named.
        "queue_order_strategy": "priority",
    }
    if settings.transport is TransportKind.SAFE:
        calls = {"is_moving": is_moving, "on_turn": on_lease_turn}
        return options | {name: call for name, call in calls.items() if call}
    # Without renewal the lease must outlast the slowest chunk, or it is done twice.
    return options | {"visibility_timeout": max(600.0, settings.lease_seconds)}
