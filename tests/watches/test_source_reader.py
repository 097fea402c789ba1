"""Reading of users' ConfigMaps: a new version is seen at once, an old one is not read again, and room is bounded.

The API server is a stand-in that counts what it is asked for.
"""

import pytest
from aiohttp import web
from kubernetes.aio import client as aio_client

from glm_operator.clients.kubernetes import Cluster
from glm_operator.reconcile.source_reader import SourceReader


@pytest.fixture
async def api():
    """Objects by name, and the names whose content was asked for."""
    objects, read = {}, []

    async def handle(request):
        name = request.match_info["name"]
        if name not in objects:
            return web.json_response({"message": "none"}, status=404)
        version, text = objects[name]
        metadata = {"name": name, "uid": "u", "resourceVersion": str(version)}
        if "PartialObjectMetadata" in request.headers["Accept"]:
            return web.json_response({"metadata": metadata})
        read.append(name)
        return web.json_response({"metadata": metadata, "data": {"file": text}})

    app = web.Application()
    app.router.add_get("/api/v1/namespaces/shop/configmaps/{name}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    configuration = aio_client.Configuration(host=f"http://{host}:{port}")
    cluster = Cluster(aio_client.ApiClient(configuration), aio_client.ApiClient(configuration))
    yield cluster, objects, read
    await cluster.close()
    await runner.cleanup()


async def test_an_unchanged_configmap_is_read_once_and_a_changed_one_again(api):
    cluster, objects, read = api
    reader = SourceReader(cluster)
    assert await reader.read("shop", "a") is None
    for version, text in ((1, "old"), (1, "old"), (2, "new")):
        objects["a"] = (version, text)
        assert (await reader.read("shop", "a"))["data"] == {"file": text}
    assert read == ["a", "a"]
    del objects["a"]
    assert await reader.read("shop", "a") is None


async def test_what_does_not_fit_is_read_again_and_the_least_recently_used_goes_first(api):
    cluster, objects, read = api
    objects |= dict.fromkeys("abc", (1, "x" * 40))
    reader = SourceReader(cluster, kept_bytes=100)
    for name in "abaca":
        await reader.read("shop", name)
    assert read == ["a", "b", "c"]
    await reader.read("shop", "b")
    assert read == ["a", "b", "c", "b"]


async def test_one_that_is_larger_than_all_room_is_still_read(api):
    cluster, objects, read = api
    objects["a"] = (1, "x" * 1000)
    reader = SourceReader(cluster, kept_bytes=100)
    for _ in range(2):
        assert len((await reader.read("shop", "a"))["data"]["file"]) == 1000
    assert read == ["a", "a"]
