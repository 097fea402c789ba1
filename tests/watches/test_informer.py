"""The informer against a server that plays the API's list and watch protocol, faults included.

A stand-in, since the real API server doesn't break its streams on demand; e2e has the real one.
"""

import asyncio
import json

import pytest
from aiohttp import web
from kubernetes.aio import client as aio_client

from glm_operator.api import group
from glm_operator.clients.kubernetes import Cluster
from glm_operator.reconcile import informer as module
from glm_operator.reconcile.informer import Informer, Informers
from glm_operator.reconcile.object_cache import ObjectCache, Owner


def service(name, version):
    metadata = {
        "name": name,
        "namespace": "shop",
        "resourceVersion": str(version),
        "labels": {group.LABEL_INFERENCE: "bot"},
    }
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata}


def event(kind, body):
    return json.dumps({"type": kind, "object": body}).encode() + b"\n"


ERROR_410 = event("ERROR", {"code": 410, "message": "too old"})


class Server:
    """Answers lists and watches from scripts; a watch whose script is used up stays open."""

    def __init__(self, lists, watches):
        self.lists, self.watches = list(lists), list(watches)
        self.watched_from = []

    async def handle(self, request):
        if "watch" not in request.query:
            answer = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
            if isinstance(answer, int):
                return web.json_response({"message": "no"}, status=answer)
            pages, version = answer
            page = int(request.query.get("continue", 0))
            metadata = {"resourceVersion": str(version)}
            if page + 1 < len(pages):
                metadata["continue"] = str(page + 1)
            return web.json_response({"apiVersion": "v1", "metadata": metadata, "items": pages[page]})
        self.watched_from.append(request.query["resourceVersion"])
        response = web.StreamResponse()
        script = self.watches.pop(0) if self.watches else [None]
        if isinstance(script, int):
            return web.json_response({"message": "no"}, status=script)
        await response.prepare(request)
        for line in script:
            if line is None:
                await asyncio.Event().wait()
            await response.write(line)
        return response


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(module, "backoff_seconds", lambda _: 0.01)
    monkeypatch.setattr(module, "REOPEN_SECONDS", 0.01)


@pytest.fixture
async def start(aiohttp_server_at):
    tasks = []

    async def run(lists, watches):
        server = Server(lists, watches)
        address = await aiohttp_server_at(server.handle)
        configuration = aio_client.Configuration(host=address)
        cluster = Cluster(aio_client.ApiClient(configuration), aio_client.ApiClient(configuration))
        informer = Informer(cluster, "Service", "shop", group.LABEL_INFERENCE, ObjectCache())
        changes = asyncio.Queue()

        async def on_change(_, owner):
            await changes.put(owner)

        tasks.append((asyncio.create_task(informer.run(on_change, lambda _: None)), cluster))
        return server, informer, changes

    yield run
    for task, cluster in tasks:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await cluster.close()


@pytest.fixture
async def aiohttp_server_at():
    runners = []

    async def serve(handler):
        app = web.Application()
        app.router.add_get("/{path:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        runners.append(runner)
        host, port = runner.addresses[0][:2]
        return f"http://{host}:{port}"

    yield serve
    for runner in runners:
        await runner.cleanup()


async def changed(changes):
    return await asyncio.wait_for(changes.get(), 5)


def version(informer, name):
    found = informer.cache.get("shop", name)
    return None if found is None else found["metadata"]["resourceVersion"]


async def test_all_pages_of_a_list_are_known_before_it_counts_as_synced(start):
    _, informer, _ = await start([([[service("a", 1)], [service("b", 2)]], 5)], [])
    await asyncio.wait_for(informer.synced.wait(), 5)
    assert [version(informer, name) for name in "ab"] == ["1", "2"]


async def test_events_change_what_is_known_and_tell_whom_they_concern(start):
    events = [event("ADDED", service("b", 6)), event("DELETED", service("a", 7)), None]
    _, informer, changes = await start([([[service("a", 1)]], 5)], [events])
    assert [await changed(changes) for _ in range(3)] == [Owner("shop", "bot")] * 3
    assert [version(informer, name) for name in "ab"] == [None, "6"]


BREAKS = [
    pytest.param([event("ADDED", service("b", 6))], ["5", "6"], id="a stream that ends goes on from its last event"),
    pytest.param([event("ADDED", service("b", 6)), b'{"type": "ADD'], ["5", "6"], id="one that is cut in a line too"),
    pytest.param([event("BOOKMARK", service("", 9))], ["5", "9"], id="a bookmark moves the place to go on from"),
    pytest.param(500, ["5", "5"], id="a refused watch is tried again from the same place"),
    pytest.param([ERROR_410], ["5", "8"], id="a place that is too old leads to a new list"),
    pytest.param(410, ["5", "8"], id="also when the watch is refused for it"),
]


@pytest.mark.parametrize(("script", "places"), BREAKS)
async def test_a_watch_that_breaks_off_is_taken_up_again(start, script, places):
    last = [event("ADDED", service("last", 20)), None]
    server, informer, changes = await start([([[]], 5), ([[service("new", 7)]], 8)], [script, last])
    while version(informer, "last") is None:
        await changed(changes)
    assert server.watched_from == places
    assert (version(informer, "new") == "7") == (places[1] == "8")


async def test_a_list_that_is_refused_is_tried_again_and_its_reason_is_there(start):
    _, informer, changes = await start([403, ([[service("a", 1)]], 5)], [])
    await changed(changes)
    assert informer.synced.is_set()


async def test_what_could_not_be_listed_yet_is_told_with_its_reason(aiohttp_server_at):
    address = await aiohttp_server_at(Server([403], []).handle)
    configuration = aio_client.Configuration(host=address)
    cluster = Cluster(aio_client.ApiClient(configuration), aio_client.ApiClient(configuration))
    informers = Informers(cluster, ["Service"], [None], "")

    async def ignore(_, __):
        return

    task = asyncio.create_task(informers.run(ignore, lambda _: None))
    try:
        async with asyncio.timeout(5):
            while "HTTP 403" not in informers.unsynced():
                await asyncio.wait([task], timeout=0.01)
        assert informers.unsynced() == "Service: no (HTTP 403)"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await cluster.close()
