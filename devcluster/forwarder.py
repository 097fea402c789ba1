"""Carries connections from the machine's own 127.0.0.1 to a port inside a sandbox.

Bytes only: TLS, watches and upgraded connections (`kubectl exec`, `logs -f`, `port-forward`) pass as they are. Run as
`python -m devcluster.forwarder NETWORK-NAMESPACE PORT`.
"""

import asyncio
import contextlib
import socket
import sys

from devcluster import namespaces

CHUNK = 65_536
BACKLOG = 512


def listen(port: int) -> socket.socket:
    """A listening socket on 127.0.0.1; 0 picks a free port."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(BACKLOG)
    return listener


async def serve(listener: socket.socket, target_port: int) -> None:
    """Carry every connection of `listener` to `target_port` on 127.0.0.1, until cancelled."""

    async def carry(near_reader: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await _carry(near_reader, near_writer, target_port)

    # It listens once more, and would shorten the queue to its own default.
    server = await asyncio.start_server(carry, sock=listener, limit=CHUNK, backlog=BACKLOG)
    async with server:
        await server.serve_forever()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target_port: int) -> None:
    """Carry one connection, both ways, until both ends are done or either breaks."""
    try:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target_port, limit=CHUNK)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, far_writer))
                both.create_task(_pump(far_reader, writer))
        except* OSError:
            far_writer.transport.abort()  # broken, not ended: the other end must learn the difference
            writer.transport.abort()
        finally:
            far_writer.close()
    finally:
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry one direction. Its end is passed on as an end, while the other direction goes on."""
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


def main() -> None:
    """Listen on the machine first, then move into the sandbox: a socket stays where it was made."""
    namespace, port = sys.argv[1], int(sys.argv[2])
    listener = listen(port)
    namespaces.enter_network(namespace)
    asyncio.run(serve(listener, port))


if __name__ == "__main__":
    main()
