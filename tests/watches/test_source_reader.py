"""Reading of users' ConfigMaps: a new version is seen at once, an old one is not read again, and room is bounded.

The API server is a stand-in that counts what it is asked for.
"""

import pytest
from aiohttp import web
from kubernetes.aio import client as aio_client

from glm_operator.clients.kubernetes import Cluster
from glm_operator.reconcile.object_cache import Name
from glm_operator.reconcile.source_reader import SourceReader


@pytest.fixture
async def api():
    """Objects by name as version and text, and the names whose content was asked for."""
    objects, read = {}, []

    async def handle(request):
        name = request.match_info["name"]
        if name not in objects:
            return web.json_response({"message": "none"}, status=404)
        version, text = objects[name]
        read.append(name)
        return web.json_response({"metadata": {"name": name, "resourceVersion": str(version)}, "data": {"file": text}})

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


def named(name):
    return Name("shop", name)


@pytest.mark.parametrize(
    ("there", "told", "read"),
    [
        pytest.param(3, 3, 1, id="what the watch told of is read once"),
        pytest.param(3, 2, 1, id="a watch that is behind makes nobody read again"),
        pytest.param(3, 4, 3, id="a version that the API server does not tell of yet is asked for again"),
        pytest.param(3, None, 3, id="as is one that the watch has not told of at all"),
        pytest.param(None, 3, 0, id="what is gone is not there, whatever the watch says"),
        pytest.param(None, None, 0, id="nothing is there"),
    ],
)
async def test_how_often_a_configmap_is_read_in_three_looks(api, there, told, read):
    cluster, objects, reads = api
    reader = SourceReader(cluster, lambda _: told)
    if there is not None:
        objects["a"] = (there, "text")
    found = [await reader.read(named("a")) for _ in range(3)]
    assert [each and each["data"] for each in found] == [there and {"file": "text"}] * 3
    assert len(reads) == read


async def test_a_changed_one_is_read_again_and_one_that_is_gone_is_forgotten(api):
    cluster, objects, read = api
    versions = {named("a"): 1}
    reader = SourceReader(cluster, versions.get)
    for version, text in ((1, "old"), (1, "old"), (2, "new")):
        objects["a"], versions[named("a")] = (version, text), version
        assert (await reader.read(named("a")))["data"] == {"file": text}
    assert read == ["a", "a"]
    del objects["a"], versions[named("a")]
    assert await reader.read(named("a")) is None


async def test_what_does_not_fit_is_read_again_and_the_least_recently_used_goes_first(api):
    cluster, objects, read = api
    objects |= dict.fromkeys("abc", (1, "x" * 40))
    reader = SourceReader(cluster, lambda _: 1, kept_bytes=100)
    for name in "abaca":
        await reader.read(named(name))
    assert read == ["a", "b", "c"]
    await reader.read(named("b"))
    assert read == ["a", "b", "c", "b"]


async def test_one_that_is_larger_than_all_room_is_still_read(api):
    cluster, objects, read = api
    objects["a"] = (1, "x" * 1000)
    reader = SourceReader(cluster, lambda _: 1, kept_bytes=100)
    for _ in range(2):
        assert len((await reader.read(named("a")))["data"]["file"]) == 1000
    assert read == ["a", "a"]
