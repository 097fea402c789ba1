"""GET over HTTP/1.1 from servers that run images of users', a thousand a second.

Why not aiohttp, which the rest uses: the requests of one round over 1,000 pods took it about 0.55 s of a core, and a
protocol such as this one 0.2 s, on a busy machine; and two things that matter here can't be had from its connection
pool: all connections to a pod closed at once when it leaves, and no connection left behind on Triton's HTTP port, where
an idle one holds up the server's end for the whole exit timeout (30 s, then exit code 1). On its metrics port an idle
one doesn't, so that one is kept.

What is understood is what Triton sends: a status, headers, and a body whose length was told before. A body without a
told length can't be told from one that was cut off, and is refused.
"""

import asyncio
import re
import socket
import struct
from typing import Final, NamedTuple

MAX_HEADER_BYTES: Final = 16 * 1024
MAX_BODY_BYTES: Final = 2 * 1024 * 1024
"""Triton tells about a kilobyte a model; a resource has at most 128."""
_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})[ \r]")
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*(?=\r\n)", re.IGNORECASE)
_OTHER_LENGTH: Final = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_CLOSE: Final = re.compile(rb"\r\nconnection:[ \t]*close[ \t]*(?=\r\n)", re.IGNORECASE)
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_NO_BODY: Final = frozenset({204, 304})


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    body: bytes


class AnswerError(Exception):
    """The server's answer can't be used; the message says why."""


class _Head(NamedTuple):
    status: int
    length: int
    keeps: bool
    """The connection can be used again."""


class _Exchange(asyncio.Protocol):
    """A connection on which one request at a time is answered."""

    def __init__(self, max_body: int) -> None:
        self.transport: asyncio.Transport | None = None
        self._max_body = max_body
        self._answered: asyncio.Future[Answer] | None = None
        self._buffer = bytearray()
        self._head: _Head | None = None
        self._body_at = 0

    @property
    def open(self) -> bool:
        """Whether another request can be sent."""
        return self.transport is not None and not self.transport.is_closing()

    async def ask(self, request: bytes) -> Answer:
        """Send a request; the answer.

        Raises:
            ConnectionError: the connection ended before the answer did.
            AnswerError: the answer can't be used.
        """
        if self.transport is None or self.transport.is_closing():
            raise ConnectionError("the connection is closed")
        self._answered = asyncio.get_running_loop().create_future()
        self._buffer, self._head = bytearray(), None
        self.transport.write(request)
        try:
            return await self._answered
        except asyncio.CancelledError:
            # Its answer would be taken for the next request's.
            self.end()
            raise

    def end(self) -> None:
        """Close at once."""
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what TCP connections are
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(ConnectionError(f"the connection was closed: {exc}" if exc else "the connection was closed"))
        self.transport = None

    def data_received(self, data: bytes) -> None:
        if self._answered is None or self._answered.done():
            self.end()  # nothing was asked
            return
        self._buffer += data
        try:
            if self._head is None:
                self._take_head()
            if self._head is not None and len(self._buffer) >= self._body_at + self._head.length:
                self._take_body(self._head)
        except AnswerError as error:
            self._fail(error)
            self.end()

    def _take_head(self) -> None:
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEADER_BYTES)
        if end >= 0:
            self._head = _head(bytes(self._buffer[: end + 4]), self._max_body)
            self._body_at = end + 4
        elif len(self._buffer) >= MAX_HEADER_BYTES:
            raise AnswerError(f"its headers don't end within {MAX_HEADER_BYTES} bytes")

    def _take_body(self, head: _Head) -> None:
        end = self._body_at + head.length
        if len(self._buffer) > end:
            raise AnswerError("it goes on behind its end")
        if not head.keeps:
            self.end()
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(Answer(head.status, bytes(self._buffer[self._body_at : end])))
        self._buffer = bytearray()

    def _fail(self, error: Exception) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error)


class KeptConnection:
    """A connection to one server, kept from one request to the next and made anew when it was lost."""

    def __init__(self, address: str, port: int, max_body: int = MAX_BODY_BYTES) -> None:
        self._address, self._port, self._max_body = address, port, max_body
        self._exchange: _Exchange | None = None

    async def get(self, path: str) -> Answer:
        """The answer to a GET. One that is cancelled closes the connection.

        Raises:
            OSError: the server can't be reached, or broke the connection off.
            AnswerError: the answer can't be used.
        """
        request = _request(self._address, path, "keep-alive")
        if self._exchange is not None and self._exchange.open:
            try:
                return await self._exchange.ask(request)
            except ConnectionError:
                pass  # The server may have closed it while nothing was asked; a new one tells.
        self._exchange = await _connect(self._address, self._port, self._max_body)
        return await self._exchange.ask(request)

    def close(self) -> None:
        """Close it."""
        if self._exchange is not None:
            self._exchange.end()
            self._exchange = None


async def get_once(address: str, port: int, path: str, max_body: int = MAX_BODY_BYTES) -> Answer:
    """The answer to a GET on a connection of its own, which is gone afterwards.

    It is reset and not closed: at a thousand connections a second, those that wait for their last packets would fill
    the tables of the node's connection tracking.

    Raises:
        OSError: the server can't be reached, or broke the connection off.
        AnswerError: the answer can't be used.
    """
    exchange = await _connect(address, port, max_body)
    try:
        return await exchange.ask(_request(address, path, "close"))
    finally:
        exchange.end()


async def _connect(address: str, port: int, max_body: int) -> _Exchange:
    transport, exchange = await asyncio.get_running_loop().create_connection(lambda: _Exchange(max_body), address, port)
    if (sock := transport.get_extra_info("socket")) is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    return exchange


def _request(address: str, path: str, connection: str) -> bytes:
    host = f"[{address}]" if ":" in address else address
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: {connection}\r\n\r\n".encode("ascii")


def _head(text: bytes, max_body: int) -> _Head:
    status, lengths = _STATUS.match(text), _LENGTH.findall(text)
    if status is None:
        raise AnswerError("it isn't HTTP/1.1")
    code = int(status[2])
    if _OTHER_LENGTH.search(text) or (len(lengths) != 1 and code not in _NO_BODY):
        raise AnswerError("it doesn't tell its length")
    length = int(lengths[0]) if lengths else 0
    if length > max_body:
        raise AnswerError(f"it has {length} bytes; at most {max_body} are read")
    return _Head(code, length, keeps=status[1] == b"1" and _CLOSE.search(text) is None)
