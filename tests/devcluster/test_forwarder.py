import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from devcluster import forwarder

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def answer_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers with the number of bytes, once the caller has ended its direction: it takes a half-closed connection."""
    writer.write(str(len(await reader.read())).encode())
    writer.close()


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@asynccontextmanager
async def forwarded(handler: Handler) -> AsyncIterator[int]:
    """The port that leads to a server with this handler."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0, backlog=forwarder.BACKLOG)
    listener = forwarder.listen(0)
    running = asyncio.create_task(forwarder.serve(listener, server.sockets[0].getsockname()[1]))
    try:
        yield listener.getsockname()[1]
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        server.close()


async def call(port: int, content: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(content)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


async def answer_or_break(port: int) -> bytes:
    """What comes back; nothing when the connection breaks, which shows as an error or as an end."""
    with suppress(ConnectionError):
        return await call(port, b"hello")
    return b""


@pytest.mark.parametrize("size", [0, 1, forwarder.CHUNK * 50 + 1])
async def test_an_answer_comes_back_after_the_caller_has_ended(size: int) -> None:
    async with forwarded(answer_at_the_end) as port:
        assert await call(port, b"x" * size) == str(size).encode()


async def test_the_caller_may_go_on_after_the_server_has_ended() -> None:
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def end_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"done")
        writer.write_eof()
        received.set_result(await reader.read())
        writer.close()

    async with forwarded(end_first) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b"done"
        writer.write(b"late")
        writer.write_eof()
        assert await asyncio.wait_for(received, 5) == b"late"
        writer.close()


async def test_many_connections_at_once() -> None:
    async with forwarded(answer_at_the_end) as port:
        answers = await asyncio.gather(*[call(port, b"x" * size) for size in range(300)])
    assert answers == [str(size).encode() for size in range(300)]


async def test_a_broken_connection_ends_and_the_next_one_works() -> None:
    async with forwarded(hang_up) as port:
        for _ in range(2):
            assert await answer_or_break(port) == b""


async def test_a_server_that_is_not_there_ends_the_connection() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = unused.getsockname()[1]
    listener = forwarder.listen(0)
    running = asyncio.create_task(forwarder.serve(listener, nowhere))
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
    assert await reader.read() == b""
    writer.close()
    running.cancel()
