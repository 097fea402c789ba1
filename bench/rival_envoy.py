"""Plain Envoys as an expert would set them up by hand: what the gateway is measured against. Pure."""

from collections.abc import Sequence
from typing import Any, Final

POLICIES: Final = ("round-robin", "least-request", "round-robin-tuned", "least-request-tuned")
FIRST_PORT: Final = 19100
_ROUTER: Final = {
    "name": "envoy.filters.http.router",
    "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
}
_MANAGER: Final = (
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)
_PREVIOUS_HOSTS: Final = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
_TRIES: Final = {
    "retry_on": "5xx,reset,connect-failure",
    "num_retries": 2,
    "per_try_timeout": "0.3s",
    "retry_host_predicate": [
        {"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": {"@type": _PREVIOUS_HOSTS}}
    ],
    # Fewer draws leave retries at the pod that failed.
    "host_selection_retry_max_attempts": 100,
}
_EJECTION: Final = {
    "consecutive_5xx": 5,
    "interval": "1s",
    "base_ejection_time": "5s",
    "max_ejection_percent": 50,
}


def port_of(policy: str) -> int:
    """Where the policy's listener is."""
    return FIRST_PORT + POLICIES.index(policy)


def bootstrap(addresses: Sequence[str], port: int) -> dict[str, Any]:
    """One Envoy with a listener for each policy, all in front of the same pods."""
    return {
        "static_resources": {
            "listeners": [_listener(policy) for policy in POLICIES],
            "clusters": [_cluster(policy, addresses, port) for policy in POLICIES],
        },
        "layered_runtime": {
            "layers": [{"name": "static", "static_layer": {"overload": {"global_downstream_max_connections": 50_000}}}]
        },
    }


def _is_tuned(policy: str) -> bool:
    return policy.endswith("-tuned")


def _listener(policy: str) -> dict[str, Any]:
    route: dict[str, Any] = {"cluster": policy, "timeout": "0s"}
    if _is_tuned(policy):
        route["retry_policy"] = _TRIES
    virtual_host = {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": route}]}
    manager = {
        "@type": _MANAGER,
        "stat_prefix": policy,
        "route_config": {"virtual_hosts": [virtual_host]},
        "http_filters": [_ROUTER],
    }
    return {
        "name": policy,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port_of(policy)}},
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def _cluster(policy: str, addresses: Sequence[str], port: int) -> dict[str, Any]:
    endpoints = [
        {"endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}}} for address in addresses
    ]
    cluster: dict[str, Any] = {
        "name": policy,
        "type": "STATIC",
        "connect_timeout": "1s",
        "lb_policy": "ROUND_ROBIN" if policy.startswith("round-robin") else "LEAST_REQUEST",
        "load_assignment": {"cluster_name": policy, "endpoints": [{"lb_endpoints": endpoints}]},
        "circuit_breakers": {
            "thresholds": [{"max_connections": 5000, "max_pending_requests": 5000, "max_requests": 5000}]
        },
    }
    if _is_tuned(policy):
        cluster["outlier_detection"] = _EJECTION
    return cluster
