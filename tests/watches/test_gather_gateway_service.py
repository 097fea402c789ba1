"""Which Service is taken for a resource's own under the gateway's name, and when the API server is asked for it."""

import pytest
from aiohttp import web
from kubernetes.aio import client as aio_client

from glm_operator.api import group
from glm_operator.clients.kubernetes import Cluster
from glm_operator.reconcile.gather import Gatherer
from glm_operator.reconcile.informer import Informers
from glm_operator.reconcile.source_watch import SourceWatch
from glm_operator.resources.children import CHILD_KINDS, GATEWAY_SERVICE
from observations import resource

CLAIM = {"persistentVolumeClaim": {"name": "models"}}
ECHO = resource(repository=CLAIM)
ALONE = resource(repository=CLAIM, traffic={"provider": "None"})


def service(uid, owner="echo"):
    """As a watch tells of it: with our label."""
    return {
        "kind": "Service",
        "metadata": {
            "name": "echo-gateway",
            "namespace": ECHO.namespace,
            "resourceVersion": "5",
            "labels": {group.LABEL_INFERENCE: owner},
            "ownerReferences": [{"uid": uid, "controller": True}],
        },
    }


@pytest.fixture
async def api():
    """An API server that has nothing, and the names that it was asked for."""
    asked = []

    async def handle(request):
        asked.append(request.path.rpartition("/")[2])
        return web.json_response({"message": "none"}, status=404)

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    configuration = aio_client.Configuration(host=f"http://{host}:{port}")
    cluster = Cluster(aio_client.ApiClient(configuration), aio_client.ApiClient(configuration))
    yield cluster, asked
    await cluster.close()
    await runner.cleanup()


@pytest.mark.parametrize(
    ("inference", "has_gateway", "known", "found"),
    [
        pytest.param(ECHO, True, service(ECHO.uid), True, id="its own"),
        pytest.param(ECHO, True, service("other"), True, id="another's, which is in the way"),
        pytest.param(ALONE, True, service(ALONE.uid), True, id="its own, which it has no use for any more"),
        pytest.param(ECHO, False, service(ECHO.uid), True, id="its own, of a gateway that is gone"),
        pytest.param(
            ALONE, True, service("other", owner="echo-gateway"), False, id="not another's where none is wanted"
        ),
        pytest.param(ECHO, False, service("other", owner="echo-gateway"), False, id="nor where there is no gateway"),
    ],
)
async def test_what_is_taken_for_it(api, inference, has_gateway, known, found):
    cluster, asked = api
    informers = Informers(cluster, (*CHILD_KINDS, "Pod"), (None,), "")
    informers.cache("Service", inference.namespace).told(known)
    observed = await Gatherer(cluster, informers, SourceWatch(cluster, [None]), has_gateway=has_gateway).gather(
        inference, {}
    )
    assert (observed.children[GATEWAY_SERVICE] is not None) is found
    assert "echo-gateway" not in asked


@pytest.mark.parametrize(
    ("inference", "has_gateway", "asks"),
    [
        pytest.param(ECHO, True, True, id="one that no watch told of may be somebody else's"),
        pytest.param(ALONE, True, False, id="where none is wanted nobody needs to know"),
        pytest.param(ECHO, False, False, id="nor where there is no gateway"),
    ],
)
async def test_when_the_api_server_is_asked(api, inference, has_gateway, asks):
    cluster, asked = api
    informers = Informers(cluster, (*CHILD_KINDS, "Pod"), (None,), "")
    await Gatherer(cluster, informers, SourceWatch(cluster, [None]), has_gateway=has_gateway).gather(inference, {})
    assert ("echo-gateway" in asked) is asks
