"""Kombu's Redis transport made safe: no message is lost with a worker, no worker falls silent.

Celery uses it through ``broker_transport = "douga_shared.transport:Transport"`` (``SentinelTransport`` for
``sentinel://``); queues, messages and records stay those of kombu's own transport, which can drain them and
publish to them. What is different:

- A message is claimed in one step: stock pops it, then records it, and loses it when killed in between.
- Queues are served strictly in the order in which they are consumed, without rotation. They are polled every
  ``empty_poll_seconds`` while empty. The priority of single messages is not looked at: use queues.
- A claim is a lease. It is renewed while this process holds the message (see ``douga_shared.leases``); when
  nobody renews it, the message goes back to the served end of its queue, byte for byte. Only the server's
  clock counts.
- An ack that fails is sent later, and frees its place at once: stock never consumes again after that.
- When a connection breaks, messages in the works go on; they are put back only when the process stops.
- What is no message goes to the list ``<queue>.rubbish`` and stops nobody.

Transport options, besides kombu's: ``visibility_timeout``, seconds of a lease (60);
``unacked_restore_interval``, seconds between looks for expired leases (2); ``empty_poll_seconds`` (0.25);
``is_moving``, asked before leases are renewed; ``is_stopping``, asked when a connection closes, True puts
back what is not finished (by default: what Celery says of this worker); ``on_redelivery``, called with the
number of messages put back after their leases expired; ``on_turn``, called every few seconds by the thread
that keeps leases. ``priority_steps``, ``queue_order_strategy``,
``unacked_restore_throttle`` and ``unacked_mutex_*`` mean nothing here.

A consumer's user in Redis needs, on ``<prefix><queue>*``, ``<prefix>unacked*`` and ``<prefix>_kombu.*``:
EVALSHA, EVAL, TIME, RPOP, LPUSH, RPUSH, LTRIM, LLEN, ZADD, ZREM, ZRANGEBYSCORE, HGET, HMGET, HSET, HDEL,
SADD, SREM, SMEMBERS, EXISTS, and PING, HELLO, CLIENT, SELECT, INFO, MULTI, EXEC; with remote control also the
keys ``<prefix>*.celery.pidbox``, SCRIPT LOAD, SCRIPT EXISTS, SUBSCRIBE, PSUBSCRIBE, UNSUBSCRIBE, PUNSUBSCRIBE
and PUBLISH, on the channel ``<prefix>/<db>.celery.pidbox`` in just these letters, as Redis compares patterns.
A producer's user needs, on the same keys: LPUSH, LLEN, ZCARD, HSCAN, LRANGE, SADD, SMEMBERS, EXISTS, and
PING, HELLO, CLIENT, SELECT, INFO, MULTI, EXEC. Scripts are never loaded apart: a server that does not know
one (restarted, flushed) is sent the whole script.
"""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from collections.abc import Callable
from queue import Empty
from time import monotonic
from typing import Any, ClassVar

import redis
from kombu.transport import virtual
from kombu.utils.json import loads
from kombu.utils.objects import cached_property
from redis.exceptions import NoScriptError, ReadOnlyError, ResponseError

from douga_shared.leases import CLAIM, FAULTS, Claimed, LeaseOptions, Leases, Place, read_claim

# Its published types lack most of what a subclass has to do with.
stock: Any = importlib.import_module("kombu.transport.redis")

_log = logging.getLogger(__name__)

_REFUSED_SECONDS = 1.0
"""Pause after the server refused a claim: full, no permission, a key of another kind."""

_leases: dict[tuple[object, ...], Leases] = {}
_leases_lock = threading.Lock()


class QoS(stock.QoS):  # type: ignore[misc]
    """What a channel has delivered and not seen acked: counts places, and leaves Redis to the leases."""

    def append(self, message: Any, delivery_tag: str) -> None:
        """A message was delivered; the claim has recorded it."""
        virtual.QoS.append(self, message, delivery_tag)
        self.channel.leases.hold(delivery_tag, message)

    def ack(self, delivery_tag: str) -> None:
        """Settle a message. Never fails, also after this channel was closed."""
        self.channel.leases.ack(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Settle a message, or give it back to be served next. Never fails."""
        if not requeue:
            return self.ack(delivery_tag)
        self.channel.leases.put_back([delivery_tag])
        return virtual.QoS.ack(self, delivery_tag)

    def discard(self, delivery_tag: str) -> None:
        """Move a message that nobody can read to the rubbish. Never fails."""
        self.channel.leases.discard(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)

    def restore_unacked(self, *_: object, **__: object) -> None:
        """The channel closes: put back what is unfinished if the process stops, else keep it in the works."""
        if self.channel.is_stopping():
            self.channel.leases.put_back(self._delivered)
        self._delivered.clear()

    def restore_visible(self, *_: object, **__: object) -> None:
        """Put back messages whose leases expired; the thread of the leases does so by itself."""
        self.channel.leases.sweep(self.channel.visibility_timeout)

    def restore_by_tag(self, tag: str, *_: object, **__: object) -> None:
        """Put a message back."""
        self.channel.leases.put_back([tag])


class _ClaimingChannel(stock.Channel):  # type: ignore[misc]
    """A channel that claims by script."""

    QoS = QoS
    visibility_timeout = 60
    unacked_restore_interval = 2.0
    empty_poll_seconds = 0.25
    # One list a queue: the order of queues is the only priority.
    priority_steps: ClassVar = [0]
    socket_timeout = 15.0
    socket_connect_timeout = 5.0
    socket_keepalive = True
    health_check_interval = 10
    is_moving: Callable[[], bool] = staticmethod(lambda: True)
    on_redelivery: Callable[[int], None] = staticmethod(lambda _: None)
    on_turn: Callable[[], None] = staticmethod(lambda: None)
    from_transport_options = (
        *(name for name in stock.Channel.from_transport_options if name != "priority_steps"),
        *("unacked_restore_interval", "empty_poll_seconds", "is_moving", "is_stopping", "on_redelivery"),
        "on_turn",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._claimable_at = 0.0
        self._claimed_queues: list[str] = []
        self._unrecorded: set[str] = set()
        # The first claim brings the script along, the others name it.
        self._sends_source = True
        self._is_keeping = False
        super().__init__(*args, **kwargs)

    @cached_property
    def leases(self) -> Leases:
        """What this process holds of the server: the same object on every channel."""
        about = self.connection.client
        server = tuple(sorted(about.alt)) if about.alt else (about.hostname, about.port)
        identity = (server, about.virtual_host, self._place)
        with _leases_lock:
            if identity not in _leases:
                _leases[identity] = Leases(self._get_pool(), self._place)
            return _leases[identity]

    def is_stopping(self) -> bool:
        """Tell whether a closing connection means that the process stops, and not that the server is away."""
        state = sys.modules.get("celery.worker.state")
        if state is None:
            # No worker: a plain consumer closes when it is done.
            return True
        flags = (state.should_stop, state.should_terminate)
        return any(flag is not None and flag is not False for flag in flags)

    def basic_consume(self, queue: str, no_ack: bool = False, *args: Any, **kwargs: Any) -> Any:
        """Consume from a queue, after those that are consumed already."""
        answer = super().basic_consume(queue, no_ack, *args, **kwargs)
        if no_ack:
            # Replies to remote control: nobody acks them, so they must not come back.
            self._unrecorded.add(queue)
        elif not self._is_keeping:
            self._is_keeping = True
            self.leases.start(self._lease_options())
        return answer

    def basic_get(self, queue: str, no_ack: bool = False, **kwargs: Any) -> Any:
        """Take a message off a queue, or None."""
        message = super().basic_get(queue, no_ack, **kwargs)
        if message is not None and no_ack:
            self.leases.ack(message.delivery_tag)
        return message

    def close(self) -> None:
        """Close the channel, whatever the server says to it."""
        self._drop_claim()
        try:
            super().close()
        except (*FAULTS, *self.connection_errors, AttributeError) as fault:
            _log.warning("a channel to the queue server could not be closed in good order: %s", fault)
            self._abandon()
        # Closing in good order takes a connection once more.
        self._disconnect_pools()
        if self._is_keeping:
            self._is_keeping = False
            self.leases.release(is_final=self.is_stopping())

    def _abandon(self) -> None:
        self.closed = True
        transport = self.connection
        if transport is not None:
            transport.cycle.discard(self)
        self._close_clients()
        if self._qos is not None:
            self._qos.restore_unacked_once()
        if transport is not None:
            transport.close_channel(self)

    def _basic_cancel(self, consumer_tag: str) -> None:
        super()._basic_cancel(consumer_tag)
        if not self.active_queues:
            # Its loop may turn no more: a worker that stops first finishes what is in the works.
            self._drop_claim()

    def _restore(self, message: Any, *_: object, **__: object) -> None:
        self.leases.put_back([message.delivery_tag])

    def _get(self, queue: str) -> Any:
        while (claimed := self.leases.claim(queue)) is not None:
            payload = self._payload_of(claimed)
            if payload is not None:
                return payload
        raise Empty

    def _brpop_start(self, *_: object) -> None:
        """Send a claim; named after what stock sends, as its poller calls it."""
        if monotonic() < self._claimable_at or not self.active_queues:
            return
        self._claimed_queues = list(self.active_queues)
        command = ("EVAL", CLAIM.source) if self._sends_source else ("EVALSHA", CLAIM.sha)
        self._in_poll = self.client.connection
        self._brpop_sent_at = monotonic()
        self._in_poll.send_command(*command, *self._place.claim_call(self._claimed_queues, self._unrecorded))

    def _brpop_read(self, **options: Any) -> bool:
        """Read the answer to a claim and deliver the message.

        Raises:
            Empty: there was none.
        """
        try:
            claimed = self._read_claim(**options)
        finally:
            self._in_poll = None
            # As stock does: a renewed credential is sent while no answer is awaited.
            self._flush_brpop_reauth()
        if claimed is None:
            raise Empty
        payload = self._payload_of(claimed)
        if payload is not None:
            self.connection._deliver(payload, claimed.queue)
        return True

    def _read_claim(self, **options: Any) -> Claimed | None:
        """Read the answer to a claim; None where there was no message or the server refused."""
        connection = self.client.connection
        try:
            answer = self.client.parse_response(connection, "EVALSHA", **options)
        except NoScriptError:
            self._sends_source = True
            return None
        except ReadOnlyError as fault:
            connection.disconnect()
            raise redis.ConnectionError("the queue server has become a replica") from fault
        except ResponseError as fault:
            _log.warning("the queue server refuses to hand out messages: %s", fault)
            self._claimable_at = monotonic() + _REFUSED_SECONDS
            return None
        except FAULTS:
            connection.disconnect()
            raise
        self._sends_source = False
        claimed = read_claim(answer, self._claimed_queues)
        if claimed is None:
            self._claimable_at = monotonic() + self.empty_poll_seconds
        return claimed

    def _drop_claim(self) -> None:
        """Read the answer that nobody waits for any more, and put the message back."""
        if not self._in_poll:
            return
        try:
            claimed = self._read_claim()
        except FAULTS as fault:
            _log.debug("a claim was lost with its connection, its lease will expire: %s", fault)
            return
        finally:
            self._in_poll = None
        if claimed is not None:
            self.leases.put_back([claimed.tag])

    def _payload_of(self, claimed: Claimed) -> Any:
        """Return the message as kombu reads it, or None after it went to the rubbish."""
        try:
            payload = loads(claimed.item)
            # Celery looks into these without asking what they are.
            self.Message(payload, channel=self).delivery_info.get("routing_key")
        except (ValueError, TypeError, AttributeError, KeyError, ArithmeticError, RecursionError) as fault:
            # ArithmeticError: kombu makes decimals of what says that it is one.
            _log.error("no message, moved to the rubbish of the queue %s: %r", claimed.queue, fault)
            self.leases.discard(claimed.tag)
            return None
        return payload

    @property
    def _place(self) -> Place:
        return Place(self.global_keyprefix, self.unacked_key, self.unacked_index_key)

    def _lease_options(self) -> LeaseOptions:
        return LeaseOptions(
            lease_seconds=float(self.visibility_timeout),
            sweep_seconds=float(self.unacked_restore_interval),
            is_moving=self.is_moving,
            on_redelivery=self.on_redelivery,
            on_turn=self.on_turn,
        )


class Channel(_ClaimingChannel):
    """A channel to one Redis."""


class SentinelChannel(_ClaimingChannel, stock.SentinelChannel):  # type: ignore[misc]
    """A channel to the Redis that the sentinels name."""

    from_transport_options = tuple(
        dict.fromkeys(_ClaimingChannel.from_transport_options + stock.SentinelChannel.from_transport_options)
    )


class _Poller(stock.MultiChannelPoller):  # type: ignore[misc]
    """Waits for answers to claims; a claim is answered at once, so nothing is ever paused for long."""

    def get(self, callback: Any, timeout: float | None = None) -> None:
        """Wait for an event, but not beyond the next claim."""
        pauses = [channel.empty_poll_seconds for channel in self._channels if channel.active_queues]
        super().get(callback, min([*pauses, *([] if timeout is None else [timeout])], default=None))

    def on_poll_init(self, poller: Any) -> None:
        """Take the event loop's poller."""
        self.poller = poller

    def maybe_restore_messages(self) -> None:
        """The thread of the leases does that."""

    def on_readable(self, fileno: int) -> None:
        """Read an answer, also when no place is free any more: the message is claimed and must be held."""
        channel, kind = self._fd_to_chan.get(fileno, (None, None))
        if channel is None or kind != "BRPOP":
            super().on_readable(fileno)
        elif channel._in_poll:
            channel.handlers[kind]()
        else:
            # Nothing was asked, so the server has hung up: connected again with the next claim.
            channel.client.connection.disconnect()

    def _update_brpop_polling(self) -> None:
        """Pause nothing."""


class Transport(stock.Transport):  # type: ignore[misc]
    """Redis, by ``redis://``, ``rediss://`` or a socket's path."""

    Channel = Channel

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cycle = _Poller()

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Let a Celery worker's loop wait for claims."""
        cycle = self.cycle
        super().register_with_event_loop(connection, loop)
        options = connection.client.transport_options
        pause = options.get("empty_poll_seconds", _ClaimingChannel.empty_poll_seconds)
        # The loop sends the next claim each time it turns; while all is quiet this turns it.
        cycle._empty_poll_tref = loop.call_repeatedly(pause, lambda: None)
        # Stock looks as seldom as it pings: too late for a server that was frozen for seconds.
        cycle._brpop_health_tref.cancel()
        cycle._brpop_health_tref = loop.call_repeatedly(1, cycle.maybe_check_brpop_health)


class SentinelTransport(Transport):
    """The Redis that sentinels name, by ``sentinel://one:26379;sentinel://two:26379`` and ``master_name``."""

    default_port = 26379
    Channel = SentinelChannel
