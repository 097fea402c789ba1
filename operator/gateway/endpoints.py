"""The endpoints of a resource's clusters: pods with weights, standbys one priority below."""

from collections.abc import Iterable
from typing import Final

from envoy.config.core.v3 import address_pb2, health_check_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2

from glm_operator.gateway import names
from glm_operator.gateway.names import Protocol
from glm_operator.gateway.traffic import GatewayEndpoint, GatewaySettings, ResourceTraffic

MAX_WEIGHT_SUM: Final = 2**32 - 1
"""Envoy refuses endpoints whose weights add up to more."""
_ONE_IS_ENOUGH: Final = 100
"""Per cent, times the number of endpoints: Envoy multiplies the healthy share by it, and 100 means no standbys yet."""
_ENDPOINTS_AT_MOST: Final = 1000
"""With more, standbys join when less than a thousandth is healthy. Envoy multiplies in 32 bits."""


def cluster_load_assignment(
    resource: ResourceTraffic, protocol: Protocol, settings: GatewaySettings
) -> endpoint_pb2.ClusterLoadAssignment:
    """Where the requests of one cluster go.

    Pods that get no new requests are listed as draining rather than left out: their connections stay, and they come
    back without a health check.
    """
    priorities = [_locality(resource, resource.endpoints, 0, protocol, settings)]
    if resource.standbys:
        priorities.append(_locality(resource, resource.standbys, 1, protocol, settings))
    policy = endpoint_pb2.ClusterLoadAssignment.Policy()
    policy.overprovisioning_factor.value = _ONE_IS_ENOUGH * min(max(len(resource.endpoints), 1), _ENDPOINTS_AT_MOST)
    return endpoint_pb2.ClusterLoadAssignment(
        cluster_name=names.cluster(resource.key, protocol), endpoints=priorities, policy=policy
    )


def _locality(
    resource: ResourceTraffic,
    endpoints: Iterable[GatewayEndpoint],
    priority: int,
    protocol: Protocol,
    settings: GatewaySettings,
) -> endpoint_components_pb2.LocalityLbEndpoints:
    ordered = sorted(endpoints, key=lambda endpoint: (endpoint.pod, endpoint.address))
    weights = fitting_weights([max(endpoint.weight or 0, 1) for endpoint in ordered])
    return endpoint_components_pb2.LocalityLbEndpoints(
        priority=priority,
        lb_endpoints=[
            _lb_endpoint(resource, endpoint, weight, protocol, settings)
            for endpoint, weight in zip(ordered, weights, strict=True)
        ],
    )


def fitting_weights(weights: list[int]) -> list[int]:
    """The weights, made smaller in proportion where their sum would not fit; none falls below 1."""
    total = sum(weights)
    if total <= MAX_WEIGHT_SUM:
        return weights
    room = MAX_WEIGHT_SUM - len(weights)
    return [max(weight * room // total, 1) for weight in weights]


def _lb_endpoint(
    resource: ResourceTraffic,
    endpoint: GatewayEndpoint,
    weight: int,
    protocol: Protocol,
    settings: GatewaySettings,
) -> endpoint_components_pb2.LbEndpoint:
    port = settings.pod_http_port if protocol == "http" else settings.pod_grpc_port
    message = endpoint_components_pb2.LbEndpoint(
        endpoint=endpoint_components_pb2.Endpoint(
            address=address_pb2.Address(
                socket_address=address_pb2.SocketAddress(address=endpoint.address, port_value=port)
            ),
            hostname=endpoint.pod,
            # The server's health is asked for by HTTP, whatever the cluster speaks.
            health_check_config=endpoint_components_pb2.Endpoint.HealthCheckConfig(port_value=settings.pod_http_port),
        ),
        health_status=health_check_pb2.UNKNOWN if endpoint.open else health_check_pb2.DRAINING,
    )
    message.load_balancing_weight.value = weight
    if protocol == "http" and resource.partial_models():
        models = {names.MODEL_KEY: resource.partial_models(endpoint.pod)}
        message.metadata.filter_metadata[names.SUBSET_FILTER].update(models)
    return message
