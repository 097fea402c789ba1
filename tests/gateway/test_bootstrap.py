"""The chart's bootstrap in a real Envoy: when it is ready, whom it trusts, what it shows, and how it ends."""

import base64
import http.client
import subprocess
import sys

import grpc
import pytest
from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2

from demo.paths import ROOT
from demo.wait import wait_for
from real_envoy import POD, SERVER_NAME, free_port, made

ANSWER = b'{"model_version": "of the control plane"}'
DRAIN = ROOT / "images/envoy/drain.py"


def test_without_the_operator_it_runs_and_is_not_ready(place):
    place.mount(made())
    place.envoy()
    wait_for("tries", lambda: (place.statistic("cluster.operator.upstream_cx_connect_fail") or None, place.log()), 20)
    assert place.admin("/ready") in {"PRE_INITIALIZING\n", "INITIALIZING\n"}
    assert place.probe() is None


def test_an_empty_configuration_makes_it_ready_and_the_operator_sees_the_pods_name(place):
    credentials = made()
    place.mount(credentials)
    operator = place.control_plane(credentials)
    place.envoy()
    place.is_ready()
    assert operator.nodes() == [{"node": POD, "cluster": "glm-gateway"}]


def test_what_it_was_told_goes_on_without_the_operator(place):
    credentials, port = made(), free_port()
    place.mount(credentials)
    operator = place.control_plane(credentials, port)
    place.envoy()
    place.is_ready()
    operator.stop()
    wait_for("the break", lambda: (place.statistic("control_plane.connected_state") == 0 or None, "connected"), 20)
    assert place.probe() == 200
    assert answer(port) == (200, ANSWER)


def test_renewed_certificates_are_taken_without_a_restart(place):
    """Nothing of the old ones is of any use to the new operator: both sides must have the new ones."""
    before, after = made(), made()
    place.mount(before)
    operator = place.control_plane(before)
    place.envoy()
    place.is_ready()
    operator.stop()
    place.mount(after)
    operator = place.control_plane(after)
    wait_for("a stream", lambda: (operator.nodes() or None, place.log()), 30)


def test_a_server_that_is_not_the_operator_is_told_nothing(place):
    """It has a certificate of the right authority, for another name."""
    credentials = made("glm-gateway")
    place.mount(credentials)
    operator = place.control_plane(credentials)
    place.envoy()
    wait_for("a refusal", lambda: (place.statistic("cluster.operator.ssl.fail_verify_san") or None, place.log()), 20)
    assert operator.nodes() == []


def test_a_server_of_another_authority_is_told_nothing(place):
    place.mount(made())
    operator = place.control_plane(made())
    place.envoy()
    wait_for("a refusal", lambda: (place.statistic("cluster.operator.ssl.fail_verify_error") or None, place.log()), 20)
    assert operator.nodes() == []


def first_answer(place, credentials, shown):
    """What a client with this key and certificate, each None or PEM, is told first."""
    trusted = grpc.ssl_channel_credentials(credentials.for_server.client_authorities, *shown)
    options = [("grpc.ssl_target_name_override", SERVER_NAME)]
    request = discovery_pb2.DeltaDiscoveryRequest(type_url="type.googleapis.com/envoy.config.listener.v3.Listener")
    with grpc.secure_channel(f"127.0.0.1:{place.xds_port}", trusted, options) as channel:
        return next(ads_pb2_grpc.AggregatedDiscoveryServiceStub(channel).DeltaAggregatedResources(iter([request])))


def key_and_certificate(credentials, name):
    data = credentials.to_secret()
    return [base64.b64decode(data[f"{name}.{part}"]) for part in ("key", "crt")]


def test_a_pod_with_the_gateways_certificate_gets_its_configuration(place):
    credentials = made()
    place.control_plane(credentials)
    assert first_answer(place, credentials, key_and_certificate(credentials, "client")).nonce == "1"


@pytest.mark.parametrize(
    ("whose", "client"),
    [
        pytest.param(None, "", id="no certificate"),
        pytest.param("foreign", "client", id="a certificate of a foreign authority"),
        pytest.param("own", "server", id="the operator's own certificate, which is for a server"),
    ],
)
def test_a_pod_without_the_gateways_certificate_gets_none(place, whose, client):
    credentials = made()
    operator = place.control_plane(credentials)
    shown = key_and_certificate({"own": credentials, "foreign": made()}[whose], client) if whose else (None, None)
    with pytest.raises(grpc.RpcError) as refused:
        first_answer(place, credentials, shown)
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    assert operator.nodes() == []


def test_the_metrics_port_shows_metrics_and_readiness_and_nothing_else(place):
    credentials = made()
    place.mount(credentials)
    place.control_plane(credentials)
    place.envoy()
    place.is_ready()
    asked = [("/stats/prometheus", "GET"), ("/config_dump", "GET"), ("/quitquitquit", "POST"), ("/ready", "POST")]
    assert [place.probe(target, method) for target, method in asked] == [200, 404, 404, 404]


def test_a_pod_that_ends_waits_for_its_clients_and_takes_no_new_ones_for_long(place):
    credentials, port = made(), free_port()
    place.mount(credentials)
    place.control_plane(credentials, port)
    place.envoy()
    place.is_ready()
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    client.connect()
    wait_for("a client", lambda: (connections(place, port) or None, "none"), 20)
    draining = subprocess.Popen([sys.executable, str(DRAIN), place.socket, "60", str(place.metrics_port)])
    try:
        wait_for("readiness to fail", lambda: (place.probe() == 503 or None, "ready"), 20)
        # Who comes while the nodes don't know yet is served, and told not to come again by this connection.
        assert answer(port) == (200, ANSWER)
        assert draining.poll() is None
        client.request("GET", "/")
        response = client.getresponse()
        assert (response.status, response.getheader("connection")) == (200, "close")
        client.close()
        assert draining.wait(timeout=30) == 0
    finally:
        draining.kill()


def test_a_drain_without_envoy_says_so(tmp_path):
    ended = subprocess.run(
        [sys.executable, str(DRAIN), str(tmp_path / "no.sock"), "5", "8002"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "does not answer" in ended.stderr
    assert "Traceback" not in ended.stderr


def connections(place, port: int) -> int:
    return place.statistic(f"listener.0.0.0.0_{port}.downstream_cx_active")


def answer(port: int) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/v2/health/ready")
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
