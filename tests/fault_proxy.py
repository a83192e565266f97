"""A TCP proxy that fails on purpose, to stand between a client and a real server (Redis, S3, ...).

::

    with FaultProxy(server.port) as proxy:
        client = connect(port=proxy.port)     # all is well
        proxy.stall()                         # packets get lost: a partition without an end
        proxy.refuse()                        # the server is gone: refused, open connections reset
        proxy.reset()                         # open connections break, new ones are fine
        proxy.cut_answers(1000, times=2)      # the next two answers end after 1,000 bytes
        proxy.answer(b"HTTP/1.1 500 ...")     # the next HTTP request never gets to the server
        proxy.heal()                          # all is well again

Faults that are counted (``times``) use themselves up; ``faults_left`` tells whether all came to pass. They
strike the next request on whichever connection it comes, so arm them while no request is under way.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Coroutine
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Any, TypeVar

from tests.servers import free_port

T = TypeVar("T")
_READ_BYTES = 65_536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER of no seconds: the peer meets a reset, not an orderly end."""


class FaultProxy:
    """Forwards TCP connections on 127.0.0.1 until told to fail; all methods may be called by any thread."""

    def __init__(self, target_port: int) -> None:
        """Listen on ``port`` for a server on ``target_port``; neither ever changes."""
        self._target_port = target_port
        self.port = free_port()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port))
        self._listener.setblocking(False)
        self._links: set[_Link] = set()
        self._answers: list[bytes] = []
        self._answered = b""
        self._cuts: list[int] = []
        self._flowing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._accepting: asyncio.Task[None] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._thread.start()
        self.heal()

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def faults_left(self) -> int:
        """Counted faults that have not come to pass yet."""
        return len(self._answers) + len(self._cuts)

    def heal(self) -> None:
        """Forward everything again; what was stalled arrives late."""
        self._run(self._heal())

    def refuse(self) -> None:
        """Reset all connections and refuse new ones, as a machine does whose server is gone."""
        self._run(self._refuse())

    def stall(self) -> None:
        """Accept connections and what is sent, but pass nothing on, either way."""
        self._run(self._stall())

    def reset(self) -> None:
        """Break the connections that are open."""
        self._run(self._reset())

    def cut_answers(self, after_bytes: int, times: int = 1) -> None:
        """End each of the next answers, and its connection, after so many bytes.

        An HTTP answer's head counts too. With 0 the request arrives and is carried out, but nobody learns it.
        """
        self._cuts = [after_bytes] * times

    def answer(self, answer: bytes, times: int = 1, to: bytes = b"") -> None:
        """Keep the next HTTP requests from the server and answer them like this; empty: never.

        Only those whose beginning holds ``to``, such as ``b"/A0001.png "``.
        """
        self._answered = to
        self._answers = [answer] * times

    def close(self) -> None:
        """Break everything off and stop."""
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._listener.close()

    def _run(self, action: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(action, self._loop).result(30)

    async def _heal(self) -> None:
        self._answers, self._cuts = [], []
        self._flowing.set()
        if self._accepting is None:
            self._listener.listen(128)
            self._accepting = asyncio.create_task(self._accept())

    async def _refuse(self) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
            # Not closed: the port must stay ours. Linux refuses connections to it until `listen`.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._accepting = None
        await self._reset()

    async def _stall(self) -> None:
        self._flowing.clear()

    async def _reset(self) -> None:
        for link in list(self._links):
            link.reset()

    async def _close(self) -> None:
        await self._refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self) -> None:
        while True:
            connection, _ = await self._loop.sock_accept(self._listener)
            task = asyncio.create_task(self._serve(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket) -> None:
        client_reader, client_writer = await asyncio.open_connection(sock=connection)
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            client_writer.close()
            return
        link = _Link(client_reader, client_writer, server_reader, server_writer)
        self._links.add(link)
        pumps = [asyncio.create_task(pump(link)) for pump in (self._pump_requests, self._pump_answers)]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._links.discard(link)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            await link.close()

    async def _pump_requests(self, link: _Link) -> None:
        while data := await link.client_reader.read(_READ_BYTES):
            await self._flowing.wait()
            if self._answers and self._answered in data:
                await _swallow_request(link.client_reader, data)
                link.client_writer.write(self._answers.pop())
                await link.client_writer.drain()
            else:
                link.server_writer.write(data)
                await link.server_writer.drain()

    async def _pump_answers(self, link: _Link) -> None:
        left_bytes: int | None = None
        while data := await link.server_reader.read(_READ_BYTES):
            await self._flowing.wait()
            if left_bytes is None and self._cuts:
                left_bytes = self._cuts.pop()
            link.client_writer.write(data if left_bytes is None else data[:left_bytes])
            await link.client_writer.drain()
            if left_bytes is not None and len(data) >= left_bytes:
                return
            left_bytes = None if left_bytes is None else left_bytes - len(data)


class _Link:
    """A connection of a client and the one to the server that belongs to it."""

    def __init__(
        self,
        client_reader: asyncio.StreamReader,
        client_writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
    ) -> None:
        self.client_reader = client_reader
        self.client_writer = client_writer
        self.server_reader = server_reader
        self.server_writer = server_writer

    def reset(self) -> None:
        for writer in (self.client_writer, self.server_writer):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()

    async def close(self) -> None:
        for writer in (self.client_writer, self.server_writer):
            writer.close()
            with suppress(OSError):  # the other end may have broken it off
                await writer.wait_closed()


async def _swallow_request(reader: asyncio.StreamReader, begun: bytes) -> None:
    """Read the rest of an HTTP request, or its client would meet a broken connection and no answer."""
    while b"\r\n\r\n" not in begun:
        begun += await reader.readuntil(b"\r\n\r\n")
    head, _, body = begun.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    # Who waits for "100 Continue" sends no body when it gets another answer.
    if length and not re.search(rb"(?i)\r\nexpect: *100-continue", head):
        await reader.readexactly(max(0, int(length[1]) - len(body)))
