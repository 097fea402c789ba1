"""The clusters of a resource: one for each protocol, with its balancer, health checks, limits and connection pool."""

from typing import Final

from envoy.config.cluster.v3 import circuit_breaker_pb2, cluster_pb2
from envoy.config.core.v3 import address_pb2, config_source_pb2, protocol_pb2, socket_option_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2

from glm_operator.api.traffic import Affinity, CircuitBreaker, ConnectionPool, Failover
from glm_operator.api.types import duration_seconds
from glm_operator.gateway import names
from glm_operator.gateway.health_checks import heartbeat, outlier_detection
from glm_operator.gateway.names import Protocol
from glm_operator.gateway.protos import duration, packed, type_url
from glm_operator.gateway.traffic import ResourceTraffic

_UNLIMITED: Final = 2**32 - 1
_RETRY_SHARE: Final = 50.0
"""Per cent of the requests under way that may be second tries: one of two pods may fail, and an outage costs half."""
_RETRIES_AT_LEAST: Final = 20
_MIN_RING, _MAX_RING = 1024, 8192
"""The ring is built anew at each change of a weight. Envoy's own maximum of 8 million is reached with weights that are
a million apart.
"""
_TCP_LEVEL, _TCP_USER_TIMEOUT = 6, 18  # Linux
_PROBES: Final = 3
_INITIAL_FETCH_SECONDS: Final = 5.0


def cluster(resource: ResourceTraffic, protocol: Protocol) -> cluster_pb2.Cluster:
    """The cluster that one protocol's requests to a resource go to."""
    traffic = resource.traffic
    failover, pool, breaker = traffic.failover, traffic.connection_pool, traffic.circuit_breaker
    message = cluster_pb2.Cluster(
        name=names.cluster(resource.key, protocol),
        type=cluster_pb2.Cluster.EDS,
        eds_cluster_config=cluster_pb2.Cluster.EdsClusterConfig(
            eds_config=ads(), service_name=names.cluster(resource.key, protocol)
        ),
        connect_timeout=duration(max(duration_seconds(pool.connection_timeout), 0.001)),
        # Without these a weight waits up to a second, and few healthy pods make Envoy ask the sick ones too.
        common_lb_config=cluster_pb2.Cluster.CommonLbConfig(update_merge_window=duration(0)),
        # A pod that was taken away is gone at once, not when it stops answering health checks.
        ignore_health_on_host_removal=True,
        health_checks=[heartbeat(failover)],
        outlier_detection=outlier_detection(breaker, failover),
        circuit_breakers=_circuit_breakers(breaker, pool),
        upstream_connection_options=_keepalive(failover),
        upstream_bind_config=_user_timeout(failover),
        preconnect_policy=_preconnect(pool),
        typed_extension_protocol_options={
            type_url(http_protocol_options_pb2.HttpProtocolOptions).rpartition("/")[2]: packed(
                _protocol_options(pool, protocol)
            )
        },
    )
    message.common_lb_config.healthy_panic_threshold.value = 0.0
    _balance(message, traffic.affinity)
    if protocol == "http" and resource.partial_models():
        message.lb_subset_config.CopyFrom(_by_model())
    return message


def ads() -> config_source_pb2.ConfigSource:
    """Asks for a resource on the stream that all resources come by."""
    return config_source_pb2.ConfigSource(
        ads=config_source_pb2.AggregatedConfigSource(),
        resource_api_version=config_source_pb2.V3,
        initial_fetch_timeout=duration(_INITIAL_FETCH_SECONDS),
    )


def _balance(message: cluster_pb2.Cluster, affinity: Affinity) -> None:
    if affinity.mode == "ConsistentHash":
        message.lb_policy = cluster_pb2.Cluster.RING_HASH
        message.ring_hash_lb_config.minimum_ring_size.value = _MIN_RING
        message.ring_hash_lb_config.maximum_ring_size.value = _MAX_RING
    else:
        message.lb_policy = cluster_pb2.Cluster.LEAST_REQUEST


def _by_model() -> cluster_pb2.Cluster.LbSubsetConfig:
    """Requests for a model that not every pod has go to the pods that have it.

    Where none has it any pod is asked, for its server can tell why.
    """
    config = cluster_pb2.Cluster.LbSubsetConfig
    selector = config.LbSubsetSelector(keys=[names.MODEL_KEY])
    return config(fallback_policy=config.ANY_ENDPOINT, subset_selectors=[selector], list_as_any=True)


def _circuit_breakers(breaker: CircuitBreaker, pool: ConnectionPool) -> circuit_breaker_pb2.CircuitBreakers:
    whole = circuit_breaker_pb2.CircuitBreakers.Thresholds()
    whole.max_connections.value = _UNLIMITED
    whole.max_pending_requests.value = breaker.max_pending_requests
    whole.max_requests.value = breaker.max_requests
    whole.retry_budget.budget_percent.value = _RETRY_SHARE
    whole.retry_budget.min_retry_concurrency.value = _RETRIES_AT_LEAST
    each = circuit_breaker_pb2.CircuitBreakers.Thresholds()
    each.max_connections.value = pool.max_pool_size
    return circuit_breaker_pb2.CircuitBreakers(thresholds=[whole], per_host_thresholds=[each])


def _protocol_options(pool: ConnectionPool, protocol: Protocol) -> http_protocol_options_pb2.HttpProtocolOptions:
    explicit = http_protocol_options_pb2.HttpProtocolOptions.ExplicitHttpConfig()
    if protocol == "grpc":
        # No pings: Triton's gRPC server hangs up on clients that ping more often than every five minutes.
        explicit.http2_protocol_options.SetInParent()
    else:
        explicit.http_protocol_options.SetInParent()
    return http_protocol_options_pb2.HttpProtocolOptions(
        explicit_http_config=explicit,
        common_http_protocol_options=protocol_pb2.HttpProtocolOptions(
            idle_timeout=duration(duration_seconds(pool.idle_timeout)),
            max_connection_duration=duration(duration_seconds(pool.max_lifetime)),
        ),
    )


def _preconnect(pool: ConnectionPool) -> cluster_pb2.Cluster.PreconnectPolicy:
    """Connections are opened ahead of the requests, by the share of the pool that is to be kept open."""
    policy = cluster_pb2.Cluster.PreconnectPolicy()
    policy.per_upstream_preconnect_ratio.value = 1.0 + min(pool.min_pool_size / pool.max_pool_size, 1.0)
    return policy


def _keepalive(failover: Failover) -> cluster_pb2.UpstreamConnectionOptions:
    """A node that is gone is noticed on idle connections, and on those that wait for an answer.

    Linux refuses more than 127 probes, and then the whole connection.
    """
    options = cluster_pb2.UpstreamConnectionOptions()
    options.tcp_keepalive.keepalive_time.value = failover.heartbeat_timeout_seconds
    options.tcp_keepalive.keepalive_interval.value = max(failover.heartbeat_timeout_seconds // _PROBES, 1)
    options.tcp_keepalive.keepalive_probes.value = _PROBES
    return options


def _user_timeout(failover: Failover) -> address_pb2.BindConfig:
    """And on those that just sent a request, which else wait for a quarter of an hour.

    The pod's kernel acknowledges for it, so a slow answer is none the worse for it.
    """
    option = socket_option_pb2.SocketOption(
        description="TCP_USER_TIMEOUT: how long what was sent may stay unacknowledged",
        level=_TCP_LEVEL,
        name=_TCP_USER_TIMEOUT,
        int_value=failover.heartbeat_timeout_seconds * 1000,
        state=socket_option_pb2.SocketOption.STATE_PREBIND,
    )
    return address_pb2.BindConfig(socket_options=[option])
