"""The loop that keeps the gateway's certificates, against a stand-in of the API server with one Secret."""

import base64
import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from aiohttp import web
from kubernetes.aio import client as aio_client
from prometheus_client import CollectorRegistry

from glm_operator.clients.errors import ClusterError
from glm_operator.clients.kubernetes import Cluster
from glm_operator.gateway.certificates import read_secret
from glm_operator.observability.metrics import Metrics
from glm_operator.reconcile.gateway_certificates import GatewayCertificates, SecretMissingError, SecretName

NAMES = ("xds.glm-system.svc",)
BEGIN = datetime(2026, 11, 24, tzinfo=UTC)
PLACE = SecretName("glm-system", "gateway")
PATH = f"/api/v1/namespaces/{PLACE.namespace}/secrets/{PLACE.name}"


class World:
    """The Secret as the API server has it, the time, and what the operator's server was told to show."""

    def __init__(self) -> None:
        self.secret = {"metadata": {"resourceVersion": "1"}, "type": "Opaque"}
        self.writes = []
        self.refuse = None
        self.stale = None
        self.now = BEGIN
        self.shown = []
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.cluster = None

    async def get(self, _):
        found = self.stale or self.secret
        return web.json_response(found or {"message": "none"}, status=200 if found else 404)

    async def patch(self, request):
        body = yaml.safe_load(await request.text())
        if self.refuse:
            return web.json_response({"message": self.refuse}, status=403)
        if body["metadata"]["resourceVersion"] != self.secret["metadata"]["resourceVersion"]:
            return web.json_response({"message": "it was changed meanwhile"}, status=409)
        self.writes.append(dict(request.query))
        version = str(int(self.secret["metadata"]["resourceVersion"]) + 1)
        self.secret = self.secret | {"metadata": {"resourceVersion": version}, "data": body["data"]}
        return web.json_response(self.secret)

    def change(self, **data):
        version = str(int(self.secret["metadata"]["resourceVersion"]) + 1)
        self.secret = self.secret | {"metadata": {"resourceVersion": version}, "data": data}

    def operator(self):
        return GatewayCertificates(self.cluster, PLACE, NAMES, self.shown.append, self.metrics, lambda: self.now)


@pytest.fixture
async def world():
    world = World()
    app = web.Application()
    app.router.add_get(PATH, world.get)
    app.router.add_patch(PATH, world.patch)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    configuration = aio_client.Configuration(host=f"http://{host}:{port}")
    world.cluster = Cluster(aio_client.ApiClient(configuration), aio_client.ApiClient(configuration))
    yield world
    await world.cluster.close()
    await runner.cleanup()


async def test_an_empty_secret_is_filled_once_by_our_own_field_manager(world):
    operator = world.operator()
    for _ in range(3):
        await operator.look()
    assert world.writes == [{"fieldManager": "glm-operator", "force": "true"}]
    assert world.shown == [read_secret(world.secret["data"]).for_server] == [operator.current]


async def test_an_operator_that_is_started_anew_goes_on_with_what_is_there(world):
    await world.operator().look()
    await world.operator().look()
    assert len(world.writes) == 1
    assert world.shown[0] == world.shown[1]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param({}, id="emptied"),
        pytest.param({"ca.crt": base64.b64encode(b"nonsense").decode()}, id="overwritten"),
    ],
)
async def test_a_secret_that_is_damaged_gets_the_same_again_and_no_stream_breaks(world, damage):
    operator = world.operator()
    await operator.look()
    before = world.secret["data"]
    world.change(**damage)
    await operator.look()
    assert world.secret["data"] == before
    assert len(world.shown) == 1


async def test_a_damaged_secret_that_nobody_remembers_is_made_anew(world):
    world.change(**{"ca.crt": "%"})
    await world.operator().look()
    assert read_secret(world.secret["data"]).for_server == world.shown[0]


async def test_certificates_of_another_operator_are_taken_over(world):
    first, second = world.operator(), world.operator()
    await first.look()
    world.change()
    await second.look()
    await first.look()
    assert first.current == second.current
    assert len(world.writes) == 2


async def test_newer_certificates_are_not_written_over(world):
    operator, late = world.operator(), world.operator()
    await operator.look()
    theirs, world.stale = world.secret["data"], {"metadata": {"resourceVersion": "1"}}
    with pytest.raises(ClusterError, match="changed meanwhile"):
        await late.look()
    assert (late.current, world.secret["data"]) == (None, theirs)
    world.stale = None
    await late.look()
    assert late.current == operator.current


async def test_leaves_are_renewed_in_time_and_the_server_is_told(world):
    operator = world.operator()
    await operator.look()
    world.now += timedelta(days=61)
    await operator.look()
    assert len(world.shown) == 2
    assert world.shown[0].client_authorities == world.shown[1].client_authorities
    ends = {
        name: world.registry.get_sample_value("glm_gateway_certificate_end_timestamp_seconds", {"certificate": name})
        for name in ("authority", "server", "client")
    }
    renewed = (BEGIN + timedelta(days=61 + 90)).timestamp()
    assert ends == {"authority": (BEGIN + timedelta(days=365)).timestamp(), "server": renewed, "client": renewed}


async def test_a_missing_secret_says_what_makes_it(world):
    operator = world.operator()
    await operator.look()
    world.secret = None
    with pytest.raises(SecretMissingError, match="glm-system/gateway is missing: `helm upgrade`"):
        await operator.look()
    assert operator.current == world.shown[0]


async def test_what_may_not_be_written_is_not_shown_either(world):
    """A server with certificates that no gateway can get would turn all of them away."""
    operator = world.operator()
    world.refuse = "secrets is forbidden"
    with pytest.raises(ClusterError, match="forbidden"):
        await operator.look()
    assert (operator.current, world.shown) == (None, [])


async def test_nothing_secret_is_logged(world, caplog):
    caplog.set_level(logging.DEBUG, logger="glm_operator")
    operator = world.operator()
    await operator.look()
    world.change()
    await operator.look()
    records = [json.dumps(record.__dict__, default=str) for record in caplog.records]
    assert len(records) == 2
    assert not any("PRIVATE" in record or "BEGIN" in record for record in records)
    assert not any(text in record for text in world.secret["data"].values() for record in records)
