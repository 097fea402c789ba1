"""Envoy's configuration as named resources with versions: what each GLMInference adds, and what all share."""

import hashlib
from dataclasses import dataclass
from typing import Final

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf.message import Message

from glm_operator.gateway import names
from glm_operator.gateway.clusters import cluster
from glm_operator.gateway.endpoints import cluster_load_assignment
from glm_operator.gateway.listeners import listener
from glm_operator.gateway.protos import packed, type_url
from glm_operator.gateway.routes import route_configuration, unknown_host, virtual_host
from glm_operator.gateway.traffic import GatewaySettings, ResourceKey, ResourceTraffic

CLUSTERS: Final = type_url(cluster_pb2.Cluster)
ENDPOINTS: Final = type_url(endpoint_pb2.ClusterLoadAssignment)
LISTENERS: Final = type_url(listener_pb2.Listener)
ROUTES: Final = type_url(route_pb2.RouteConfiguration)
VIRTUAL_HOSTS: Final = type_url(route_components_pb2.VirtualHost)
TYPES: Final = (CLUSTERS, ENDPOINTS, LISTENERS, ROUTES, VIRTUAL_HOSTS)
"""In the order in which additions are sent, so that nothing points at what is not there yet."""


@dataclass(frozen=True, slots=True)
class ConfigResource:
    """A resource as Envoy gets it. Its version is its content's hash: the same again is never sent."""

    type_url: str
    name: str
    version: str
    message: discovery_pb2.Resource
    needs: tuple[str, ...] = ()
    """Clusters that it sends requests to."""


def shared_resources(settings: GatewaySettings) -> tuple[ConfigResource, ...]:
    """The listener, the route table that all GLMInferences hang on, and what answers those who mean none."""
    return (
        config_resource(LISTENERS, names.LISTENER, listener(settings)),
        config_resource(ROUTES, names.ROUTES, route_configuration()),
        config_resource(VIRTUAL_HOSTS, names.UNKNOWN_HOST, unknown_host()),
    )


def inference_names(key: ResourceKey) -> tuple[tuple[str, str], ...]:
    """Types and names of all that one GLMInference adds."""
    clusters = [names.cluster(key, protocol) for protocol in names.PROTOCOLS]
    return (
        *((CLUSTERS, name) for name in clusters),
        *((ENDPOINTS, name) for name in clusters),
        (VIRTUAL_HOSTS, names.virtual_host(key)),
    )


def inference_resources(resource: ResourceTraffic, settings: GatewaySettings) -> tuple[ConfigResource, ...]:
    """Clusters, endpoints and the virtual host of one GLMInference."""
    clusters = {protocol: names.cluster(resource.key, protocol) for protocol in names.PROTOCOLS}
    return (
        *(config_resource(CLUSTERS, name, cluster(resource, protocol)) for protocol, name in clusters.items()),
        *endpoint_resources(resource, settings),
        config_resource(
            VIRTUAL_HOSTS,
            names.virtual_host(resource.key),
            virtual_host(resource, settings),
            needs=tuple(clusters.values()),
        ),
    )


def endpoint_resources(resource: ResourceTraffic, settings: GatewaySettings) -> tuple[ConfigResource, ...]:
    """The part of it that changes with the pods and their weights."""
    return tuple(
        config_resource(
            ENDPOINTS, names.cluster(resource.key, protocol), cluster_load_assignment(resource, protocol, settings)
        )
        for protocol in names.PROTOCOLS
    )


def config_resource(type_url: str, name: str, message: Message, needs: tuple[str, ...] = ()) -> ConfigResource:
    """A message with the version that its content gives it."""
    content = packed(message)
    version = hashlib.sha256(content.value).hexdigest()[:16]
    resource = discovery_pb2.Resource(name=name, version=version, resource=content)
    return ConfigResource(type_url, name, version, resource, needs)
