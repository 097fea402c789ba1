"""Servers on loopback that stand for pods, well and badly behaved. Raw sockets: an HTTP library would not misbehave."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from glm_operator.telemetry.http import MAX_BODY_BYTES
from glm_operator.telemetry.target import Target
from telemetry.samples import BEFORE

Answerer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
LIVE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Type: text/plain\r\n\r\n"


def response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers])
    return head.encode() + b"\r\n\r\n" + body


def says(data: bytes) -> Answerer:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return answer


def says_and_closes(data: bytes) -> Answerer:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()

    return answer


async def never(_: bytes, __: asyncio.StreamWriter) -> None:
    """Takes the request and stays silent."""


async def breaks(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def byte_by_byte(_: bytes, writer: asyncio.StreamWriter) -> None:
    for byte in response(BEFORE):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.01)


async def without_end(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X-Header: more\r\n" * 64)
        await writer.drain()


MISBEHAVIOURS: dict[str, Answerer] = {
    "never answers": never,
    "answers byte by byte": byte_by_byte,
    "sends 10 MB": says(response(b"x" * 10_000_000)),
    "sends as much as is read, of rubbish": says(response(b"x" * MAX_BODY_BYTES)),
    "sends headers without an end": without_end,
    "cuts the connection": breaks,
    "cuts the text": says_and_closes(response(BEFORE)[:-1000]),
    "closes after a text of no told length": says_and_closes(b"HTTP/1.1 200 OK\r\n\r\n" + BEFORE),
    "sends chunks": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    "tells two lengths": says(response(BEFORE, "200 OK", "Content-Length: 3")),
    "goes on behind the end": says(response(BEFORE) + b"more"),
    "answers 500": says(response(BEFORE, "500 Internal Server Error")),
    "redirects": says(response(b"", "302 Found", "Location: http://127.0.0.1:1/")),
    "answers rubbish": says(b"\x00\xff" * 100 + b"\r\n\r\n"),
    "answers a web page": says(response(b"<html>nothing here</html>\n")),
    "answers not a number": says(response(b'nv_inference_request_success{model="a"} NaN\n')),
}


class Pod:
    """A server with Triton's two ports; what it answers may be changed."""

    def __init__(self, metrics: Answerer, live: Answerer) -> None:
        self.metrics, self.live = metrics, live
        self.connections = {"metrics": 0, "live": 0}
        self.open = {"metrics": 0, "live": 0}
        self.ports = {"metrics": 0, "live": 0}
        self.writers: set[asyncio.StreamWriter] = set()

    def target(self, uid: str, **fields: object) -> Target:
        known = {"incarnation": f"{uid}/0", "namespace": "shop", "name": uid, "address": "127.0.0.1"}
        ports = {"http_port": self.ports["live"], "metrics_port": self.ports["metrics"]}
        return Target(uid=uid, **(known | ports | fields))

    async def serve(self, kind: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections[kind] += 1
        self.open[kind] += 1
        self.writers.add(writer)
        try:
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                await getattr(self, kind)(request, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.open[kind] -= 1
            self.writers.discard(writer)
            writer.close()


@asynccontextmanager
async def pod(metrics: Answerer | None = None, live: Answerer | None = None) -> AsyncIterator[Pod]:
    """A pod; a sound one where nothing else is said."""
    made = Pod(metrics or says(response(BEFORE)), live or says(LIVE))
    servers = []
    for kind in ("metrics", "live"):
        server = await asyncio.start_server(lambda r, w, kind=kind: made.serve(kind, r, w), "127.0.0.1", 0)
        made.ports[kind] = server.sockets[0].getsockname()[1]
        servers.append(server)
    try:
        yield made
    finally:
        for writer in list(made.writers):
            writer.transport.abort()
        for server in servers:
            server.close()
            await server.wait_closed()
