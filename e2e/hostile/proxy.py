"""A reverse proxy between an operator and the API server. It records every write, and can be as bad as a bad day.

It runs in a thread of the test, with its listening socket in the cluster's network. The operator comes with its own
credentials, which are passed on, so it may do what the chart's roles allow and no more.
"""

import asyncio
import json
import random
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from aiohttp import web

START_SECONDS: Final = 20
_PASSED_ON: Final = ("Authorization", "Accept", "Content-Type", "User-Agent")
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class DroppedError(Exception):
    """The connection is to be broken without an answer."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request of the operator."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_write(self) -> bool:
        """Whether it changes something."""
        return self.method in _WRITES

    @property
    def is_watch(self) -> bool:
        """Whether the answer is a stream of events."""
        return self.query.get("watch") in {"1", "true"}

    @property
    def namespace(self) -> str:
        """The namespace; empty for what is asked of all."""
        parts = self.path.strip("/").split("/")
        return parts[parts.index("namespaces") + 1] if "namespaces" in parts else ""

    @property
    def target(self) -> str:
        """Plural, name and subresource, as far as they are named: `deployments/echo`, `glminferences/echo/status`."""
        _, _, rest = self.path.partition(f"/namespaces/{self.namespace}/") if self.namespace else ("", "", self.path)
        return rest.strip("/")

    @property
    def plural(self) -> str:
        """The kind of object, as it stands in paths."""
        return self.target.split("/")[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; watches are passed on as they come."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Write:
    """A write that the API server has answered."""

    call: Call
    body: Any
    """As it was sent; None for a delete."""
    status: int

    def __str__(self) -> str:
        return f"{self.call.method} {self.call.target}"


Forward = Callable[[], Awaitable[Answer | None]]
"""Asks the API server; None for a watch, which is passed on only after the fault has let it through."""

Fault = Callable[[Call, Forward, random.Random], Awaitable[Answer | None]]
"""What stands between: it may forward, wait, invent an answer, or raise `DroppedError`."""

WriteHook = Callable[[Write, int], None]
"""Is told of a write and of its number, from 1 on."""


async def no_fault(_: Call, forward: Forward, __: random.Random) -> Answer | None:
    """A good day."""
    return await forward()


class _Stream:
    """A watch that is passed on."""

    def __init__(self, request: web.BaseRequest) -> None:
        self.request = request
        self.thawed = asyncio.Event()
        self.thawed.set()


class Proxy:
    """One proxy, for one operator. What is set here from outside takes effect with the next request."""

    def __init__(self, listener: socket.socket, upstream: str, context: ssl.SSLContext, seed: int = 0) -> None:
        self.fault: Fault = no_fault
        self.before_answer: WriteHook | None = None
        """Called when the API server has acted and the operator does not know yet."""
        self.after_answer: WriteHook | None = None
        """Called when the operator has been told."""
        self.writes: list[Write] = []
        """Writes that the API server has answered, in order; also those whose answer the operator never got."""
        self.watches_opened = 0
        self._listener = listener
        self._upstream = upstream
        self._context = context
        self._random = random.Random(seed)  # noqa: S311 - for faults, not for secrets
        self._watching: dict[int, _Stream] = {}
        self._ended = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens, inside the cluster's network."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        assert self._ready.wait(START_SECONDS), "the proxy did not start"

    def stop(self) -> None:
        """Break every connection and end."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(START_SECONDS)
        assert not self._thread.is_alive(), "the proxy did not end"

    def freeze_watches(self) -> None:
        """The watches that are open stay open and tell nothing any more, as over a link that has died silently."""
        self._loop.call_soon_threadsafe(lambda: [stream.thawed.clear() for stream in self._watching.values()])

    def break_watches(self) -> None:
        """Break every watch that is open now."""
        self._loop.call_soon_threadsafe(self._abort_watches)

    def own_writes(self) -> list[Write]:
        """Writes that are not Events."""
        return [write for write in self.writes if write.call.plural != "events"]

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        runner = web.ServerRunner(web.Server(self._handle), handler_cancellation=True, shutdown_timeout=0.1)
        connector = aiohttp.TCPConnector(ssl=self._context, limit=0)
        # Nothing is asked that this proxy would have to unpack.
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
            self._session = session
            await runner.setup()
            await web.SockSite(runner, self._listener).start()
            self._ready.set()
            await self._ended.wait()
            self._abort_watches()
            await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        call = Call(request.method, request.path, dict(request.query))
        body = await request.read()

        async def forward() -> Answer | None:
            return None if call.is_watch else await self._ask(call, request, body)

        try:
            answer = await self.fault(call, forward, self._random)
            if answer is None:
                return await self._stream(request)
        except (DroppedError, aiohttp.ClientError, OSError):
            _abort(request)
            return web.Response(status=502)
        return await self._answer(request, answer)

    async def _ask(self, call: Call, request: web.BaseRequest, body: bytes) -> Answer:
        async with self._session.request(
            call.method, self._upstream + request.path_qs, headers=_headers(request), data=body or None
        ) as response:
            answer = Answer(response.status, await response.read(), _told(response))
        if call.is_write:
            self.writes.append(Write(call, json.loads(body) if body else None, answer.status))
            _tell(self.before_answer, self.writes)
        return answer

    async def _answer(self, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
        count = len(self.writes)
        response = web.Response(status=answer.status, body=answer.body, headers=dict(answer.headers))
        await response.prepare(request)
        await response.write_eof()
        if request.method in _WRITES:
            _tell(self.after_answer, self.writes[:count])
        return response

    async def _stream(self, request: web.BaseRequest) -> web.StreamResponse:
        async with self._session.get(
            self._upstream + request.path_qs, headers=_headers(request), timeout=aiohttp.ClientTimeout(total=None)
        ) as upstream:
            response = web.StreamResponse(status=upstream.status, headers=_told(upstream))
            await response.prepare(request)
            self._watching[id(request)] = stream = _Stream(request)
            self.watches_opened += 1
            try:
                async for chunk in upstream.content.iter_any():
                    await stream.thawed.wait()
                    await response.write(chunk)
                await stream.thawed.wait()
                await response.write_eof()
            finally:
                self._watching.pop(id(request), None)
            return response

    def _abort_watches(self) -> None:
        for stream in list(self._watching.values()):
            _abort(stream.request)


def _tell(hook: WriteHook | None, writes: list[Write]) -> None:
    if hook is not None and writes:
        hook(writes[-1], len(writes))


def _headers(request: web.BaseRequest) -> dict[str, str]:
    return {name: request.headers[name] for name in _PASSED_ON if name in request.headers}


def _told(response: aiohttp.ClientResponse) -> dict[str, str]:
    return {"Content-Type": response.headers.get("Content-Type", "application/json")}


def _abort(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()
