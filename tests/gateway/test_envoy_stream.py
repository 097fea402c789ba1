"""The stream between operator and real Envoys: starts, ends, rejections, certificates."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)

from glm_operator.api.traffic import Traffic
from glm_operator.gateway import names
from glm_operator.gateway.configuration import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES, VIRTUAL_HOSTS, config_resource
from glm_operator.gateway.listeners import listener
from glm_operator.gateway.protos import packed
from glm_operator.gateway.routes import route_configuration
from glm_operator.gateway.store import ConfigStore
from glm_operator.gateway.tls import server_credentials
from glm_operator.gateway.traffic import ResourceTraffic
from loopback_gateway import BOT, Gateway, bot, eventually, loopback_gateway

CLIENT, SERVER = "glm-gateway", "glm-xds.sys.svc"


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with loopback_gateway() as gateway:
        yield gateway


async def test_an_envoy_is_told_nothing_before_all_resources_are_known(gateway):
    (pod,) = await gateway.with_pods(1)
    server = await gateway.serve()
    await gateway.start_envoy()
    await eventually("an Envoy", lambda: server.envoys)
    gateway.store.publish(bot([pod.endpoint()]))
    assert "INITIALIZING" in await gateway.envoys[0].admin(gateway.session, "/ready")
    assert server.programmed(BOT).in_step == 0
    gateway.store.publish_all([bot([pod.endpoint()])])
    await gateway.ready(healthy=1)
    assert (await gateway.ask()).pod == pod.name


async def test_traffic_flows_while_the_operator_is_away_and_after_it_is_back(gateway):
    """The new operator begins with an empty store, as after a restart, and must take nothing away."""
    one, two = await gateway.with_pods(2)
    server = await gateway.serve()
    await gateway.start_envoy()
    gateway.store.publish_all([bot([one.endpoint()])])
    await gateway.ready(healthy=1)
    await server.stop(0)
    assert await gateway.count(20) == {one.name: 20}
    gateway.store = ConfigStore(gateway.settings)
    server = await gateway.serve()
    await eventually("the Envoy's return", lambda: server.envoys)
    assert await gateway.count(20) == {one.name: 20}
    gateway.store.publish_all([bot([two.endpoint()])])
    answered = set()

    async def has_moved() -> bool:
        answered.add((await gateway.ask()).pod)
        return two.name in answered

    await eventually("the new configuration", has_moved, 5)
    assert answered <= {one.name, two.name}


async def test_after_a_restart_only_the_difference_is_sent(gateway):
    (pod,) = await gateway.with_pods(1)
    server = await gateway.serve()
    await gateway.start_envoy()
    gateway.store.publish_all([bot([pod.endpoint()])])
    await gateway.ready(healthy=1)

    async def updates() -> str:
        return await gateway.envoys[0].admin(gateway.session, "/stats?filter=update_success")

    before = await updates()
    await server.stop(0)
    gateway.store = ConfigStore(gateway.settings)
    await gateway.serve()
    gateway.store.publish_all([bot([pod.endpoint(200)])])
    await gateway.ready(healthy=1)
    changed = set((await updates()).splitlines()) - set(before.splitlines())
    names = {line.rpartition(".update_success")[0].removeprefix("cluster.") for line in changed}
    assert {"shop/bot/http", "shop/bot/grpc"} <= names
    assert not any("listener_manager" in name or "rds" in name for name in names)


async def test_a_resource_deleted_while_the_operator_was_away_is_taken_away(gateway):
    (pod,) = await gateway.with_pods(1)
    server = await gateway.serve()
    await gateway.start_envoy()
    gateway.store.publish_all([bot([pod.endpoint()]), ResourceTraffic("shop", "old", Traffic(), (pod.endpoint(),))])
    await gateway.ready(("shop", "old"), healthy=1)
    await server.stop(0)
    gateway.store = ConfigStore(gateway.settings)
    await gateway.serve()
    gateway.store.publish_all([bot([pod.endpoint()])])

    async def is_gone() -> bool:
        return "shop/old" not in await gateway.envoys[0].admin(gateway.session, "/clusters")

    await eventually("the end of the old resource", is_gone)
    assert (await gateway.ask(host="old-gateway.shop")).status == 404
    assert await gateway.count(5) == {pod.name: 5}


async def test_several_envoys_get_the_same(gateway):
    (pod,) = await gateway.with_pods(1)
    server = await gateway.serve()
    gateway.store.publish_all([bot([pod.endpoint()])])
    first = await gateway.start_envoy()
    second = await gateway.start_envoy()
    await gateway.ready(healthy=1)
    assert server.envoys == ("envoy-0", "envoy-1")
    dumps = [await envoy.admin(gateway.session, "/clusters?format=json") for envoy in (first, second)]
    assert all("127.0.1.1" in dump for dump in dumps)
    second.process.kill()
    await eventually("the end of one", lambda: server.envoys == ("envoy-0",))
    gateway.envoys.remove(second)
    second.process.wait(timeout=10)
    gateway.store.publish(bot([pod.endpoint(7)]))
    await gateway.ready()


@pytest.mark.parametrize(
    "traffic",
    [
        pytest.param(
            {"connectionPool": dict.fromkeys(("connectionTimeout", "idleTimeout", "maxLifetime"), "9" * 30 + "h")},
            id="the longest times",
        ),
        pytest.param(
            {"connectionPool": dict.fromkeys(("connectionTimeout", "idleTimeout", "maxLifetime"), "1ms")},
            id="the shortest times",
        ),
        pytest.param(
            {"connectionPool": dict.fromkeys(("connectionTimeout", "idleTimeout", "maxLifetime"), "0s")},
            id="no time at all",
        ),
        pytest.param(
            {"failover": {"heartbeatTimeoutSeconds": 600, "maxRetries": 10, "retryIntervalMilliseconds": 60_000}},
            id="a patient failover",
        ),
        pytest.param(
            {"failover": {"heartbeatTimeoutSeconds": 1, "maxRetries": 0, "retryIntervalMilliseconds": 0}},
            id="an impatient failover",
        ),
        pytest.param(
            {"failover": {"maxRetries": 1, "retryIntervalMilliseconds": 0, "standbyReplicas": 100}}, id="many standbys"
        ),
        pytest.param({"connectionPool": {"maxPoolSize": 100_000, "minPoolSize": 100_000}}, id="the largest pool"),
        pytest.param({"connectionPool": {"maxPoolSize": 1, "minPoolSize": 0}}, id="the smallest pool"),
        pytest.param({"rateLimit": {"tokensPerSecond": 10_000_000, "burst": 10_000_000}}, id="the highest rate"),
        pytest.param({"rateLimit": {"tokensPerSecond": 10_000_000, "burst": 1}}, id="a high rate with a small burst"),
        pytest.param(
            {
                "circuitBreaker": dict.fromkeys(
                    ("maxPendingRequests", "maxRequests", "consecutiveErrors", "openSeconds"), 1
                )
            },
            id="the tightest breaker",
        ),
        pytest.param(
            {
                "circuitBreaker": {
                    "maxPendingRequests": 1_000_000,
                    "maxRequests": 1_000_000,
                    "consecutiveErrors": 1000,
                    "openSeconds": 3600,
                }
            },
            id="the widest breaker",
        ),
        pytest.param({"affinity": {"mode": "ConsistentHash", "header": "-" * 128}}, id="the strangest header"),
    ],
)
async def test_envoy_takes_what_the_api_allows_and_answers(gateway, traffic):
    (pod,) = await gateway.with_pods(1)
    await gateway.serve()
    await gateway.start_envoy()
    spec = Traffic.model_validate(traffic)
    gateway.store.publish_all([bot([pod.endpoint()], [pod.endpoint()], spec, per_try_timeout=timedelta(seconds=15))])
    await gateway.ready(healthy=1)
    assert gateway.nacks == []
    assert (await gateway.ask()).pod == pod.name


def broken_header(name: str) -> ResourceTraffic:
    """A resource with a virtual host that Envoy rejects; the API would have refused it."""
    traffic = Traffic.model_validate({"affinity": {"mode": "ConsistentHash"}})
    affinity = traffic.affinity.model_copy(update={"header": "no\nheader"})
    return ResourceTraffic("shop", name, traffic.model_copy(update={"affinity": affinity}))


def broken_cluster(name: str) -> ResourceTraffic:
    """A resource with clusters that Envoy rejects."""
    traffic = Traffic()
    failover = traffic.failover.model_copy(update={"heartbeat_timeout_seconds": 0})
    return ResourceTraffic("shop", name, traffic.model_copy(update={"failover": failover}))


@pytest.mark.parametrize(
    ("broken", "rejected"),
    [
        pytest.param(broken_header, {(VIRTUAL_HOSTS, "kserve/bad.shop")}, id="a virtual host"),
        pytest.param(
            broken_cluster, {(CLUSTERS, "shop/bad/http"), (CLUSTERS, "shop/bad/grpc")}, id="the clusters of a resource"
        ),
    ],
)
async def test_what_an_envoy_rejects_is_reported_once_and_the_rest_goes_on(gateway, broken, rejected):
    (pod,) = await gateway.with_pods(1)
    await gateway.serve()
    await gateway.start_envoy()
    others = [ResourceTraffic("shop", f"other-{n}", Traffic(), (pod.endpoint(),)) for n in range(20)]
    gateway.store.publish_all([bot([pod.endpoint()]), broken("bad"), *others])
    for resource in (*others, bot()):
        await gateway.ready(resource.key)
    await eventually("the reports", lambda: len(gateway.nacks) >= len(rejected))
    gateway.store.publish(bot([pod.endpoint(200)]))
    await gateway.ready(healthy=1)
    assert {(nack.type_url, nack.name) for nack in gateway.nacks} == rejected
    assert len(gateway.nacks) == len(rejected)
    assert all(nack.node == "envoy-0" and nack.message for nack in gateway.nacks)
    assert await gateway.count(5) == {pod.name: 5}
    assert await gateway.count(5, host="other-19-gateway.shop") == {pod.name: 5}


async def test_the_last_good_configuration_stays_and_a_better_one_is_taken(gateway):
    one, two = await gateway.with_pods(2)
    server = await gateway.serve()
    await gateway.start_envoy()
    gateway.store.publish_all([bot([one.endpoint()])])
    await gateway.ready(healthy=1)
    bad = replace(broken_header("bot"), endpoints=(one.endpoint(),))
    gateway.store.publish(bad)
    await eventually("the report", lambda: gateway.nacks)
    assert await gateway.count(10) == {one.name: 10}
    programmed = server.programmed(BOT)
    assert (programmed.envoys, programmed.in_step) == (1, 0)
    assert programmed.rejections == tuple(gateway.nacks)
    assert [nack.key for nack in gateway.nacks] == [BOT]
    # Pods change, the rejected route stays as it was.
    gateway.store.publish(replace(bad, endpoints=(two.endpoint(),)))

    async def has_moved() -> bool:
        return (await gateway.ask()).pod == two.name

    await eventually("the new pod", has_moved)
    gateway.store.publish(bot([two.endpoint()]))
    await gateway.ready(healthy=1)
    assert server.programmed(BOT).rejections == ()
    assert len(gateway.nacks) == 1


async def test_rejected_endpoints_are_reported_and_the_rest_goes_on(gateway):
    (pod,) = await gateway.with_pods(1)
    await gateway.serve()
    await gateway.start_envoy()
    gateway.store.publish_all([bot([pod.endpoint()])])
    await gateway.ready(healthy=1)
    bad = pod.endpoint()
    object.__setattr__(bad, "address", "no-address")
    other = ResourceTraffic("shop", "other", Traffic(), (bad,))
    gateway.store.publish(other)
    await eventually("the reports", lambda: len(gateway.nacks) == 2)
    assert {nack.type_url for nack in gateway.nacks} == {ENDPOINTS}
    gateway.store.publish(bot([pod.endpoint(200)]))
    await gateway.ready(healthy=1)
    assert await gateway.count(5) == {pod.name: 5}
    gateway.store.publish(replace(other, endpoints=(pod.endpoint(),)))
    await gateway.ready(other.key)
    assert len(gateway.nacks) == 2


def other_routes():
    message = route_configuration()
    message.response_headers_to_add.add().header.key = "x-release"
    message.response_headers_to_add[0].header.value = "2"
    return config_resource(ROUTES, names.ROUTES, message)


def other_listener(settings):
    message = listener(settings)
    manager = HttpConnectionManager()
    message.filter_chains[0].filters[0].typed_config.Unpack(manager)
    manager.server_name = "release-2"
    message.filter_chains[0].filters[0].typed_config.CopyFrom(packed(manager))
    return config_resource(LISTENERS, names.LISTENER, message)


@pytest.mark.parametrize("part", ["route table", "listener"])
async def test_another_release_of_the_operator_changes_what_all_share_and_no_request_fails(gateway, part):
    """The virtual hosts are not sent again, so they must outlive the route table that they came for."""
    (pod,) = await gateway.with_pods(1)
    await gateway.serve()
    await gateway.start_envoy()
    gateway.store.publish_all([bot([pod.endpoint()])])
    await gateway.ready(healthy=1)
    change = other_routes() if part == "route table" else other_listener(gateway.settings)
    gateway.store._set([change])
    gateway.store._tell()
    statuses = set()

    async def is_in_force() -> bool:
        # A connection that is open stays with the listener that it was made at, which Envoy drains for ten minutes.
        answer = await gateway.ask(headers={"connection": "close"})
        statuses.add(answer.status)
        return "2" in (answer.headers.get("x-release"), answer.headers.get("server", "")[-1:])

    await eventually("the new release", is_in_force, 4)
    gateway.store.publish(bot([pod.endpoint()], per_try_timeout=timedelta(seconds=1)))
    await gateway.ready()
    assert await gateway.count(10) == {pod.name: 10}
    assert statuses == {200}


@dataclass(frozen=True)
class Identity:
    certificate: bytes
    key: bytes


class Authority:
    """Signs certificates for a test."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
        self.pem = self._sign(self._key, "test", authority=True, life=timedelta(hours=1)).certificate

    def issue(self, name: str, life: timedelta = timedelta(hours=1)) -> Identity:
        return self._sign(ec.generate_private_key(ec.SECP256R1()), name, authority=False, life=life)

    def _sign(self, key: ec.EllipticCurvePrivateKey, name: str, *, authority: bool, life: timedelta) -> Identity:
        now = datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=2)).not_valid_after(now + life)
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        signed = builder.sign(self._key, hashes.SHA256())
        return Identity(signed.public_bytes(serialization.Encoding.PEM), private)


@dataclass(frozen=True)
class Certificates:
    certificate: bytes
    key: bytes
    client_authorities: bytes


@dataclass
class Present:
    """The certificates that the operator has at present."""

    certificates: Certificates | None

    def read(self) -> Certificates:
        if self.certificates is None:
            raise OSError("no certificates")
        return self.certificates


def certificates(server: Authority, clients: Authority) -> Certificates:
    identity = server.issue(SERVER)
    return Certificates(identity.certificate, identity.key, clients.pem)


def tls(folder: Path, trusted: Authority, identity: Identity | None) -> dict:
    """Envoy's side."""
    context: dict = {
        "validation_context": {
            "trusted_ca": {"inline_string": trusted.pem.decode()},
            "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": SERVER}}],
        }
    }
    if identity is not None:
        pair = {"certificate_chain": identity.certificate, "private_key": identity.key}
        context["tls_certificates"] = [{name: {"inline_string": pem.decode()} for name, pem in pair.items()}]
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": SERVER,
            "common_tls_context": context,
        },
    }


async def test_an_envoy_with_the_gateways_certificate_is_served(gateway):
    (pod,) = await gateway.with_pods(1)
    authority = Authority()
    present = Present(certificates(authority, authority))
    await gateway.serve(server_credentials(present.read), frozenset({CLIENT}))
    gateway.store.publish_all([bot([pod.endpoint()])])
    await gateway.start_envoy(tls(gateway.folder, authority, authority.issue(CLIENT)))
    await gateway.ready(healthy=1)
    assert (await gateway.ask()).pod == pod.name


@asynccontextmanager
async def turned_away(gateway: Gateway, identity: Identity | None, authority: Authority) -> AsyncIterator[str]:
    """The log of an Envoy that has called several times in vain."""
    present = Present(certificates(authority, authority))
    server = await gateway.serve(server_credentials(present.read), frozenset({CLIENT}))
    gateway.store.publish_all([bot()])
    envoy = await gateway.start_envoy(tls(gateway.folder, authority, identity))

    async def calls() -> bool:
        filters = "cluster.operator.(upstream_rq_total|upstream_cx_total)"
        text = await envoy.admin(gateway.session, f"/stats?filter={filters}")
        return sum(int(line.rpartition(": ")[2]) for line in text.splitlines()) >= 4

    await eventually("calls", calls)
    assert server.envoys == ()
    assert "shop/bot" not in await envoy.admin(gateway.session, "/clusters")
    yield envoy.log.read_text()


@pytest.mark.parametrize(
    "identity_of",
    [
        pytest.param(lambda _: None, id="no certificate"),
        pytest.param(lambda _: Authority().issue(CLIENT), id="a stranger's authority"),
        pytest.param(lambda own: own.issue(CLIENT, timedelta(hours=-1)), id="an expired certificate"),
    ],
)
async def test_a_client_that_cannot_prove_itself_is_told_nothing(gateway, identity_of):
    authority = Authority()
    async with turned_away(gateway, identity_of(authority), authority):
        pass


async def test_a_client_with_another_name_is_told_so(gateway):
    authority = Authority()
    async with turned_away(gateway, authority.issue("somebody"), authority) as log:
        assert "this certificate is not one of the gateway's" in log


async def test_new_certificates_are_used_without_a_restart(gateway):
    old, new = Authority(), Authority()
    present = Present(certificates(old, old))
    server = await gateway.serve(server_credentials(present.read), frozenset({CLIENT}))
    gateway.store.publish_all([bot()])
    present.certificates = certificates(new, new)
    await gateway.start_envoy(tls(gateway.folder, new, new.issue(CLIENT)))
    await eventually("an Envoy with the new certificates", lambda: server.envoys)


async def test_certificates_that_cannot_be_read_leave_the_old_ones_in_use(gateway):
    authority = Authority()
    present = Present(certificates(authority, authority))
    server = await gateway.serve(server_credentials(present.read), frozenset({CLIENT}))
    gateway.store.publish_all([bot()])
    present.certificates = None
    await gateway.start_envoy(tls(gateway.folder, authority, authority.issue(CLIENT)))
    await eventually("an Envoy", lambda: server.envoys)


async def test_names_cannot_be_asked_for_without_tls(gateway):
    with pytest.raises(ValueError, match="without TLS"):
        await gateway.serve(None, frozenset({CLIENT}))


async def test_a_taken_address_is_said(gateway):
    await gateway.serve()
    first = gateway.server
    with pytest.raises(OSError, match="cannot listen on"):
        await gateway.serve()
    gateway.server = first
